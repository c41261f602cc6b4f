// The logs of Redis nodes and proxies in OCI's Logging: a group with one custom log, and the configuration by which Oracle's agent on the machines
// sends it what their syslog services write down: all that comes to the journal, redis-server, Sentinel and the proxy among it.

using System.Globalization;
using Pulumi;
using RedisHaInfra.Settings;
using LI = Pulumi.Oci.Logging.Inputs;
using Logging = Pulumi.Oci.Logging;

namespace RedisHaInfra.Components;

/// <summary>The logs.</summary>
public sealed class Logs : ComponentResource
{
    /// <summary>Name of the agent's part that sends custom logs (Oracle Cloud Agent, "Available Plugins").</summary>
    public const string AgentPlugin = "Custom Logs Monitoring";

    /// <summary>OCID of the log.</summary>
    public Output<string> LogId { get; }

    /// <summary>Makes group, log and the agents' configuration.</summary>
    /// <param name="deployed">The deployment.</param>
    /// <param name="settings">Whose agents send, and how long it is kept.</param>
    /// <param name="system">The machines' operating system.</param>
    public Logs(Deployed deployed, LogSettings settings, NodeOperatingSystem system)
        : base("redis-ha:infra:Logs", "logs")
    {
        var child = new CustomResourceOptions { Parent = this };
        var group = new Logging.LogGroup("log-group", new Logging.LogGroupArgs
        {
            CompartmentId = deployed.CompartmentId,
            DisplayName = deployed.DisplayName("logs"),
            Description = $"Logs of {deployed.Name}",
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);
        var log = new Logging.Log("log", new Logging.LogArgs
        {
            DisplayName = deployed.DisplayName("log"),
            LogGroupId = group.Id,
            LogType = "CUSTOM",
            IsEnabled = true,
            RetentionDuration = settings.RetentionDays,
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);
        _ = new Logging.UnifiedAgentConfiguration("log-agent", new Logging.UnifiedAgentConfigurationArgs
        {
            CompartmentId = deployed.CompartmentId,
            DisplayName = deployed.DisplayName("log-agent"),
            Description = string.Create(CultureInfo.InvariantCulture, $"Sends {system.SystemLog} of {deployed.Name}"),
            IsEnabled = true,
            GroupAssociation = new LI.UnifiedAgentConfigurationGroupAssociationArgs { GroupLists = { settings.MachinesGroupId } },
            ServiceConfiguration = new LI.UnifiedAgentConfigurationServiceConfigurationArgs
            {
                ConfigurationType = "LOGGING",
                Destination = new LI.UnifiedAgentConfigurationServiceConfigurationDestinationArgs { LogObjectId = log.Id },
                Sources =
                {
                    new LI.UnifiedAgentConfigurationServiceConfigurationSourceArgs
                    {
                        SourceType = "LOG_TAIL",
                        Name = "system_log",
                        Paths = { system.SystemLog },
                        // Lines as they are: both systems write them in their own form, and people search for words.
                        Parser = new LI.UnifiedAgentConfigurationServiceConfigurationSourceParserArgs { ParserType = "NONE" },
                    },
                },
            },
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);
        LogId = log.Id;
        RegisterOutputs();
    }
}
