// The alarms, as the cloud is asked for them: none by default, to one place, on metrics of exactly this stack's machines and balancer.

using System.Text.RegularExpressions;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class AlarmTests(DefaultDeployment deployment)
{
    private const string Alarm = "oci:Monitoring/alarm:Alarm";
    private const string Topic = "oci:Ons/notificationTopic:NotificationTopic";
    private const string Subscription = "oci:Ons/subscription:Subscription";

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
