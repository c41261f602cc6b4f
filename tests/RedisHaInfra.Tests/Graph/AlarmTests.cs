// The alarms, as the cloud is asked for them: none by default, to one place, on metrics of exactly this stack's machines and balancer.

using System.Text.RegularExpressions;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class AlarmTests(DefaultDeployment deployment)
{
    private const string Alarm = "oci:Monitoring/alarm:Alarm";
    private const string Topic = "oci:Ons/notificationTopic:NotificationTopic";
    private const string Subscription = "oci:Ons/subscription:Subscription";

    /// <summary>The alarms on custom metrics, as the cloud is asked for them.</summary>
    internal static readonly Dictionary<string, string> CustomQueries = new()
    {
        ["alarm-disk"] = "DiskUsed[1m]{deployment = \"redis-ha-test\"}.groupBy(node).max() > 85",
        ["alarm-failover"] = "Failovers[1m]{deployment = \"redis-ha-test\"}.groupBy(deployment).max() > 0",
        ["alarm-no-metrics"] = "WritesTaken[1m]{deployment = \"redis-ha-test\"}.groupBy(deployment).absent()",
        ["alarm-replica-lost"] = "ReplicasLost[1m]{deployment = \"redis-ha-test\"}.groupBy(deployment).max() > 0",
        ["alarm-writes-refused"] = "WritesTaken[1m]{deployment = \"redis-ha-test\"}.groupBy(deployment).max() < 1",
    };

    [Fact]
    public void There_are_none_by_default() =>
        Assert.DoesNotContain(deployment.Run.Cloud.Resources, resource => resource.Type is Alarm or Topic or Subscription);

    [Fact]
    public async Task An_address_gets_a_topic_of_the_stacks_own()
    {
        StackRun run = await StackRun.Of(new() { ["alarmEmail"] = "oncall@example.com", ["freeformTags"] = """["owner=platform"]""" });

        RecordedResource topic = Assert.Single(run.Cloud.All(Topic));
        Assert.Matches("^redis-ha-test-alarms-[0-9a-f]{8}$", topic.Text("name"));
        RecordedResource subscription = Assert.Single(run.Cloud.All(Subscription));
        Assert.Equal(("EMAIL", "oncall@example.com", topic.Id, "platform"),
            (subscription.Text("protocol"), subscription.Text("endpoint"), subscription.Text("topicId"), subscription.Text("freeformTags.owner")));
        Assert.All(run.Cloud.All(Alarm), alarm => Assert.Equal(topic.Id, alarm.Text("destinations.0")));
    }

    [Fact]
    public async Task A_topic_that_exists_gets_every_alarm_and_each_asks_for_this_stacks_machines_or_balancer_only()
    {
        StackRun run = await deployment.Run.Again(new() { ["alarmTopicId"] = "ocid1.onstopic.oc1.eu-frankfurt-1.aaaa" });

        Assert.Empty(run.Cloud.All(Topic).Concat(run.Cloud.All(Subscription)));
        Assert.All(run.Cloud.Plan, step => Assert.Matches("^alarm(s|-[a-z-]+): create$", step));
        string machines = string.Join('|', new[] { "bastion", "redis1", "redis2", "redis3", "proxy1", "proxy2" }.Select(name => $"redis-ha-test-{name}"));
        Assert.Equal(
            new[]
            {
                "alarm-infrastructure oci_compute_infrastructure_health "
                    + "instance_status[1m]{resourceDisplayName =~ \"MACHINES\"}.groupBy(resourceDisplayName).max() > 0",
                "alarm-machine-down oci_compute_instance_health "
                    + "instance_accessibility_status[1m]{resourceDisplayName =~ \"MACHINES\"}.groupBy(resourceDisplayName).max() > 0",
                "alarm-memory oci_computeagent MemoryUtilization[5m]{resourceDisplayName =~ \"MACHINES\"}.groupBy(resourceDisplayName).mean() > 95",
                "alarm-no-proxy oci_nlb HealthyBackends[1m]{resourceId = \"load-balancer-id\"}.max() < 1",
                "alarm-proxy-unhealthy oci_nlb UnhealthyBackends[1m]{resourceId = \"load-balancer-id\"}.max() > 0",
            }.Select(line => line.Replace("MACHINES", machines, StringComparison.Ordinal)),
            run.Cloud.All(Alarm).Select(alarm => $"{alarm.Name} {alarm.Text("namespace")} {alarm.Text("query")}").Order(StringComparer.Ordinal));
        Assert.Equal(5, run.Cloud.All(Alarm).Count);
        AllSayWhatToDo(run);
    }

    [Fact]
    public async Task Custom_metrics_bring_alarms_of_their_own_and_a_unit_on_the_redis_nodes_only()
    {
        StackRun run = await StackRun.Of(new() { ["alarmTopicId"] = "ocid1.onstopic.oc1.eu-frankfurt-1.aaaa", ["customMetrics"] = "yes" });

        Assert.Equal(CustomQueries, run.Cloud.All(Alarm).Where(alarm => alarm.Text("namespace") == "redis_ha")
            .ToDictionary(alarm => alarm.Name, alarm => alarm.Text("query")));
        Assert.Equal(10, run.Cloud.All(Alarm).Count);
        AllSayWhatToDo(run);
        foreach (string node in new[] { "redis1", "redis2", "redis3", "proxy1" })
        {
            Assert.Equal(node != "proxy1", run.Cloud.One(Types.Command, $"{node}-ready").Text("stdin").Contains(
                "REDIS_HA_METRICS_NAMESPACE=redis_ha\nREDIS_HA_COMPARTMENT=ocid1.compartment.oc1..aaaatest\nREDIS_HA_DEPLOYMENT=redis-ha-test\n",
                StringComparison.Ordinal));
        }
    }

    // Without a place to send alarms to there is nothing to alarm, but the metrics are there to look at.
    [Fact]
    public async Task Custom_metrics_need_no_alarms() =>
        Assert.Empty((await StackRun.Of(new() { ["customMetrics"] = "yes" })).Cloud.All(Alarm));

    private static void AllSayWhatToDo(StackRun run)
    {
        foreach (RecordedResource alarm in run.Cloud.All(Alarm))
        {
            Assert.Equal("ocid1.onstopic.oc1.eu-frankfurt-1.aaaa", alarm.Text("destinations.0"));
            Assert.Equal(true, alarm["isEnabled"]);
            // Whoever is woken knows what to do: a page and a script that exist.
            foreach (Match named in Regex.Matches(alarm.Text("body"), @"\./(scripts/[a-z-]+)|(docs/[a-z-]+\.md)"))
            {
                Assert.True(File.Exists(Path.Combine(Repository.Root, named.Value)), named.Value);
            }
            Assert.Matches(@"scripts/|docs/", alarm.Text("body"));
        }
    }
}
