// The logs in OCI's Logging, as the cloud is asked for them: nothing by default, and otherwise one log that the agents of Redis nodes and proxies fill.

using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class LogTests(DefaultDeployment deployment)
{
    private const string Group = "oci:Logging/logGroup:LogGroup";
    private const string Log = "oci:Logging/log:Log";
    private const string Agent = "oci:Logging/unifiedAgentConfiguration:UnifiedAgentConfiguration";

    private static readonly Dictionary<string, string?> On = new() { ["logsDynamicGroupId"] = "ocid1.dynamicgroup.oc1..aaaa" };

    [Fact]
    public void There_are_none_by_default()
    {
        Assert.DoesNotContain(deployment.Run.Cloud.Resources, resource => resource.Type is Group or Log or Agent);
        Assert.All(deployment.Run.Cloud.All(Types.Instance), machine => Assert.Null(machine["agentConfig.pluginsConfigs.0.name"]));
    }

    [Theory]
    [InlineData("ubuntu-24.04", "/var/log/syslog")]
    [InlineData("oracle-linux-9", "/var/log/messages")]
    public async Task The_agents_of_the_group_send_their_system_log_to_one_log(string system, string file)
    {
        StackRun run = await StackRun.Of(new(On) { ["operatingSystem"] = system, ["logsRetentionDays"] = "90", ["freeformTags"] = """["owner=platform"]""" });

        RecordedResource group = Assert.Single(run.Cloud.All(Group));
        RecordedResource log = Assert.Single(run.Cloud.All(Log));
        RecordedResource agent = Assert.Single(run.Cloud.All(Agent));
        Assert.Equal(("redis-ha-test-logs", "platform"), (group.Text("displayName"), group.Text("freeformTags.owner")));
        Assert.Equal((group.Id, "CUSTOM", "90", true), (log.Text("logGroupId"), log.Text("logType"), $"{log["retentionDuration"]}", log["isEnabled"]));
        Assert.Equal(("ocid1.dynamicgroup.oc1..aaaa", true), (agent.Text("groupAssociation.groupLists.0"), agent["isEnabled"]));
        Assert.Equal(("LOGGING", log.Id, "LOG_TAIL", file, "NONE"), (agent.Text("serviceConfiguration.configurationType"),
            agent.Text("serviceConfiguration.destination.logObjectId"), agent.Text("serviceConfiguration.sources.0.sourceType"),
            agent.Text("serviceConfiguration.sources.0.paths.0"), agent.Text("serviceConfiguration.sources.0.parser.parserType")));
        foreach (RecordedResource machine in run.Cloud.All(Types.Instance))
        {
            Assert.Equal(machine.Name == "bastion" ? null : "Custom Logs Monitoring ENABLED",
                machine["agentConfig.pluginsConfigs.0.name"] is { } name ? $"{name} {machine["agentConfig.pluginsConfigs.0.desiredState"]}" : null);
        }
    }

    [Fact]
    public async Task Turned_on_for_a_stack_that_runs_they_restart_no_machine()
    {
        StackRun run = await deployment.Run.Again(new(On));

        Assert.Equal(
            [
                "log-agent: create", "log-group: create", "log: create", "logs: create",
                "proxy1: InPlace", "proxy2: InPlace", "redis1: InPlace", "redis2: InPlace", "redis3: InPlace",
            ],
            run.Cloud.Plan.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("logsDynamicGroupId", "redis-ha-machines", "the OCID of the machines' dynamic group", "ocid1.dynamicgroup.oc1..aaaa")]
    [InlineData("logsDynamicGroupId", "ocid1.group.oc1..aaaa", "the OCID of the machines' dynamic group", "ocid1.dynamicgroup.oc1..aaaa")]
    [InlineData("logsRetentionDays", "45", "a multiple of 30", "30")]
    [InlineData("logsRetentionDays", "179", "a multiple of 30", "150")]
    [InlineData("logsRetentionDays", "365", "from 30 to 180", "90")]
    public void A_bad_value_is_one_problem(string key, string value, string words, string example)
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems((key, value)));

        Assert.Equal((key, $"pulumi config set redis-ha:{key} {example}"), (problem.Key, problem.Example));
        Assert.Contains(words, problem.Rule, StringComparison.Ordinal);
    }
}
