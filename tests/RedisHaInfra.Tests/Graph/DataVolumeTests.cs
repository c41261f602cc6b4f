// The data volumes of the Redis nodes, as the cloud is asked for them: off by default, in the machine's own availability domain, on hand before the
// payload, growing in use, and never on their way out by a changed setting.

using Pulumi;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class DataVolumeTests(DefaultDeployment deployment)
{
    private const string Volume = "oci:Core/volume:Volume";
    private const string Attachment = "oci:Core/volumeAttachment:VolumeAttachment";
    private const string Assignment = "oci:Core/volumeBackupPolicyAssignment:VolumeBackupPolicyAssignment";

    private static readonly Dictionary<string, string?> On = new() { ["redisDataVolumeGb"] = "100" };

    [Fact]
    public void There_are_none_by_default()
    {
        Assert.Empty(deployment.Run.Cloud.All(Volume).Concat(deployment.Run.Cloud.All(Attachment)).Concat(deployment.Run.Cloud.All(Assignment)));
        Assert.DoesNotContain(deployment.Run.Cloud.Calls, call => call.Token!.Contains("Volume", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Each_redis_node_has_one_before_its_payload_comes()
    {
        StackRun run = await StackRun.Of(new(On)
        {
            ["kmsKeyId"] = "ocid1.key.oc1.eu-frankfurt-1.aaaa",
            ["redisDataVolumeBackupPolicy"] = "silver",
            ["freeformTags"] = """["owner=platform"]""",
        });

        Assert.Equal(["redis1-data", "redis2-data", "redis3-data"], run.Cloud.All(Volume).Select(volume => volume.Name).Order(StringComparer.Ordinal));
        foreach (string node in new[] { "redis1", "redis2", "redis3" })
        {
            RecordedResource volume = run.Cloud.One(Volume, $"{node}-data");
            Assert.Equal(
                ("100", "ocid1.key.oc1.eu-frankfurt-1.aaaa", "platform", run.Cloud.One(Types.Instance, node).Text("availabilityDomain")),
                (volume.Text("sizeInGbs"), volume.Text("kmsKeyId"), volume.Text("freeformTags.owner"), volume.Text("availabilityDomain")));
            RecordedResource attachment = run.Cloud.One(Attachment, $"{node}-data");
            Assert.Equal(("paravirtualized", "/dev/oracleoci/oraclevdb", $"{node}-id", $"{node}-data-id"), (attachment.Text("attachmentType"),
                attachment.Text("device"), attachment.Text("instanceId"), attachment.Text("volumeId")));
            Assert.True(run.Options[(Attachment, $"{node}-data")] is CustomResourceOptions { DeleteBeforeReplace: true });
            Assert.Equal(("policy-silver", $"{node}-data-id"), (run.Cloud.One(Assignment, $"{node}-data-backups").Text("policyId"),
                run.Cloud.One(Assignment, $"{node}-data-backups").Text("assetId")));
            int attached = run.Cloud.Resources.ToList().IndexOf(attachment);
            int payload = run.Cloud.Resources.ToList().IndexOf(run.Cloud.One(Types.Command, $"{node}-reachable"));
            Assert.True(attached < payload, $"{node}: attached at {attached}, payload at {payload}");
            Assert.Contains("REDIS_HA_DATA_GB=100\n", run.Cloud.One(Types.Command, $"{node}-ready").Text("stdin"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task They_come_and_grow_without_touching_a_machine_and_stay_when_a_machine_is_replaced()
    {
        StackRun on = await deployment.Run.Again(On);
        Assert.DoesNotContain(on.Cloud.Plan, step => step is "redis1: InPlace" or "redis1: Replace" or "redis1: Reboot");
        Assert.Contains("redis1-data: create", on.Cloud.Plan);
        Assert.Contains("redis1-ready: InPlace", on.Cloud.Plan);

        StackRun larger = await on.Again(new() { ["redisDataVolumeGb"] = "200" });
        Assert.Equal(["redis1-data: InPlace", "redis2-data: InPlace", "redis3-data: InPlace"],
            larger.Cloud.Plan.Where(step => step.Contains("-data:", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Contains("redis1-ready: InPlace", larger.Cloud.Plan);

        StackRun moved = await on.Again(new(On) { ["redisAddresses"] = """["172.31.235.131","172.31.235.132","172.31.235.139"]""" });
        Assert.Contains("redis3: Replace", moved.Cloud.Plan);
        Assert.Equal((null, RedisHaCloud.Effect.Replace),
            (moved.Cloud.One(Volume, "redis3-data").Step?.Effect, moved.Cloud.One(Attachment, "redis3-data").Step?.Effect));
    }

    [Theory]
    [InlineData("60", "redisMemoryGb", "4")]
    [InlineData("0", "redisMemoryGb", "8")]
    public async Task They_neither_shrink_nor_go(string gigabytes, string other, string value)
    {
        StackRun on = await deployment.Run.Again(On);
        RecordedCloud next = await on.Next();

        RunException error = await Assert.ThrowsAnyAsync<RunException>(
            () => StackRun.Run(new() { ["redisDataVolumeGb"] = gigabytes, [other] = value }, next));

        Assert.Contains($"redisDataVolumeGb = {gigabytes}: data volumes can grow, never shrink", error.Message, StringComparison.Ordinal);
        Assert.Contains("pulumi config set redis-ha:redisDataVolumeGb 100", error.Message, StringComparison.Ordinal);
        Assert.Empty(next.Resources);
    }

    [Fact]
    public async Task A_region_without_the_policy_is_told_before_anything_is_made()
    {
        var cloud = new RecordedCloud { FailingLookUps = new Dictionary<string, string> { ["getVolumeBackupPolicies"] = "404-NotAuthorizedOrNotFound" } };

        RunException error = await Assert.ThrowsAnyAsync<RunException>(
            () => StackRun.Run(new(On) { ["redisDataVolumeBackupPolicy"] = "gold" }, cloud));

        Assert.Contains("asked for: volume backup policies", error.Message, StringComparison.Ordinal);
        Assert.Empty(cloud.Resources);
    }
}
