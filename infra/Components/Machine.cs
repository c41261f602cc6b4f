// One virtual machine, and what the rest of the program knows of it. All machines are made here, so all are made alike.

using Pulumi;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using CI = Pulumi.Oci.Core.Inputs;
using Core = Pulumi.Oci.Core;

namespace RedisHaInfra.Components;

/// <summary>What makes a machine.</summary>
public sealed record MachineArgs
{
    /// <summary>Name, address, size, place, and what becomes of the machine that exists.</summary>
    public required PlannedMachine Plan { get; init; }

    /// <summary>What it is for, in the node table.</summary>
    public required string Role { get; init; }

    /// <summary>The subnet.</summary>
    public required Input<string> SubnetId { get; init; }

    /// <summary>The security group.</summary>
    public required Input<string> SecurityGroupId { get; init; }

    /// <summary>OCID of the key that encrypts the boot volume; null for Oracle's own.</summary>
    public string? KmsKeyId { get; init; }

    /// <summary>Whether Oracle's agent sends its logs to OCI's Logging.</summary>
    public bool SendsLogs { get; init; }

    /// <summary>Whether it gets a public address.</summary>
    public bool IsPublic { get; init; }

    /// <summary>Its SSH host key, which is in the user data.</summary>
    public required Output<HostKey> HostKey { get; init; }

    /// <summary>cloud-init user data, base64.</summary>
    public required Input<string> UserData { get; init; }
}

/// <summary>A virtual machine.</summary>
public sealed class Machine
{
    // Changes of these would take the machine's disk with them: the provider replaces an instance whose metadata changed, and
    // wipes the boot volume in place when the image did. Three machines at once would take the data. New payloads arrive by
    // Rollout instead, one machine after the other.
    private static readonly string[] AcceptedDrift = ["metadata", "sourceDetails.sourceId"];

    /// <summary>Name and private address.</summary>
    public NodeAddress Node { get; }

    /// <summary>The instance.</summary>
    public Core.Instance Instance { get; }

    /// <summary>Its SSH host key's public half: TYPE BASE64.</summary>
    public Output<string> HostKey { get; }

    /// <summary>Its line in the node table.</summary>
    public Output<NodeDescription> Description { get; }

    /// <summary>Creates the machine.</summary>
    public Machine(
        Deployed deployed, ComputeSettings settings, SshSettings ssh, Region region, MachineArgs args, Resource parent, InputList<Resource> dependsOn)
    {
        Node = args.Plan.Node;
        MachineSize size = args.Plan.Size;
        Placement place = args.Plan.Place;
        HostKey = Output.Unsecret(args.HostKey.Apply(key => key.PublicKey));
        MachineImage image = region.Images[size.Shape];
        Instance = new Core.Instance(Node.Name, new Core.InstanceArgs
        {
            CompartmentId = deployed.CompartmentId,
            DisplayName = deployed.DisplayName(Node.Name),
            AvailabilityDomain = place.AvailabilityDomain,
            FaultDomain = place.FaultDomain!,
            Shape = size.Shape,
            ShapeConfig = ShapeConfig(size),
            CreateVnicDetails = new CI.InstanceCreateVnicDetailsArgs
            {
                SubnetId = args.SubnetId,
                PrivateIp = Node.Address,
                HostnameLabel = Node.Name,
                NsgIds = { args.SecurityGroupId },
                AssignPublicIp = args.IsPublic ? "true" : "false",
                DisplayName = deployed.DisplayName(Node.Name),
                FreeformTags = deployed.Tags,
                DefinedTags = deployed.DefinedTags,
            },
            SourceDetails = new CI.InstanceSourceDetailsArgs
            {
                SourceType = "image",
                SourceId = image.Id,
                KmsKeyId = args.KmsKeyId!,
                BootVolumeSizeInGbs = settings.BootVolumeGb.ToString(System.Globalization.CultureInfo.InvariantCulture),
            },
            Metadata =
            {
                ["ssh_authorized_keys"] = ssh.PublicKey,
                ["user_data"] = args.UserData,
            },
            // Version 1 of the metadata service answers any process that can be talked into a plain GET.
            InstanceOptions = new CI.InstanceInstanceOptionsArgs { AreLegacyImdsEndpointsDisabled = true },
            AvailabilityConfig = new CI.InstanceAvailabilityConfigArgs { IsLiveMigrationPreferred = true, RecoveryAction = "RESTORE_INSTANCE" },
            AgentConfig = AgentConfig(args.SendsLogs),
            IsPvEncryptionInTransitEnabled = true,
            PreserveBootVolume = false,
            // A change that needs a restart is refused by OCI unless the program knows of it and orders it (RollingUpdate): otherwise all
            // machines of a kind would restart at once.
            UpdateOperationConstraint = args.Plan.Change == MachineChange.Restart ? "ALLOW_DOWNTIME" : "AVOID_DOWNTIME",
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, new CustomResourceOptions
        {
            Parent = parent,
            DependsOn = dependsOn,
            // The successor takes the same address.
            DeleteBeforeReplace = true,
            IgnoreChanges = [.. AcceptedDrift],
            AdditionalSecretOutputs = { "metadata" },
        });

        // The image that it really runs: older than the newest one as soon as Oracle publishes another.
        Output<string?> running = Instance.SourceDetails.Apply(details => (string?)details?.SourceId);
        Output<string?> faultDomain = Instance.FaultDomain.Apply(domain => (string?)domain);
        Description = Output.Tuple(running, faultDomain).Apply(known =>
        {
            (string? current, string? domain) = known;
            if (current is not null && current != image.Id)
            {
                Log.Info($"{Node.Name} runs image {current}; a newer one exists: {image.Name} ({image.Id}).", Instance);
            }
            return new NodeDescription(
                Node, args.Role, place with { FaultDomain = domain ?? place.FaultDomain }, current is null || current == image.Id ? image.Name : current);
        });
    }

    private static CI.InstanceAgentConfigArgs AgentConfig(bool sendsLogs)
    {
        var agent = new CI.InstanceAgentConfigArgs { IsMonitoringDisabled = false, IsManagementDisabled = false };
        if (sendsLogs)
        {
            agent.PluginsConfigs.Add(new CI.InstanceAgentConfigPluginsConfigArgs { Name = Logs.AgentPlugin, DesiredState = "ENABLED" });
        }
        return agent;
    }

    // OCI refuses it for shapes of a fixed size.
    private static Input<CI.InstanceShapeConfigArgs>? ShapeConfig(MachineSize size)
    {
        if (!size.IsFlexible)
        {
            return null;
        }
        return new CI.InstanceShapeConfigArgs { Ocpus = size.Ocpus, MemoryInGbs = size.MemoryGb };
    }
}

/// <summary>A line of the node table.</summary>
/// <param name="Node">Name and private address.</param>
/// <param name="Role">What it is for.</param>
/// <param name="Place">Where it runs.</param>
/// <param name="Image">What it booted.</param>
public sealed record NodeDescription(NodeAddress Node, string Role, Placement Place, string Image);
