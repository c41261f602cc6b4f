// Backups as resources: nothing while they are off, least rights when they are on, and what survives the stack. And the protection of the data.

using Pulumi;
using Pulumi.Utilities;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class BackupBucketTests(DefaultDeployment deployment)
{
    private static readonly Dictionary<string, string?> On = new() { ["backupSchedule"] = "02:30,14:30" };

    [Fact]
    public async Task While_they_are_off_there_is_nothing_of_them()
    {
        Assert.Equal("bundles", Assert.Single(deployment.Run.Cloud.All(Types.Bucket)).Name);
        Assert.Single(deployment.Run.Cloud.All(Types.Preauthrequest));
        Assert.Empty(deployment.Run.Cloud.All(Types.LifecyclePolicy));
        Assert.Equal(string.Empty, await OutputUtilities.GetValueAsync(deployment.Run.Stack.Backups));
        Assert.Equal(string.Empty, await OutputUtilities.GetValueAsync(deployment.Run.Stack.BackupAddress));
    }

    [Fact]
    public async Task Nodes_only_write_and_operators_only_read()
    {
        StackRun run = await StackRun.Of(On);

        RecordedResource write = run.Cloud.One(Types.Preauthrequest, "backup-write"), read = run.Cloud.One(Types.Preauthrequest, "backup-read");
        Assert.Equal(("AnyObjectWrite", null), (write.Text("accessType"), write["bucketListingAction"]));
        Assert.Equal(("AnyObjectRead", "ListObjects"), (read.Text("accessType"), read.Text("bucketListingAction")));
        Assert.All([write, read], request => Assert.Equal("2036-01-01T00:00:00Z", request.Text("timeExpires")));
        string nodes = string.Concat(run.Cloud.All(Types.Command).Select(command => command["stdin"] as string));
        Assert.Contains(Secrets.BackupToken("backup-write"), nodes, StringComparison.Ordinal);
        Assert.DoesNotContain(Secrets.BackupToken("backup-read"), nodes, StringComparison.Ordinal);
        Assert.True(await Output.IsSecretAsync(run.Stack.BackupAddress));
        Assert.Contains(Secrets.BackupToken("backup-read"), await OutputUtilities.GetValueAsync(run.Stack.BackupAddress), StringComparison.Ordinal);
        // Neither is in any machine's metadata, which others may read.
        Assert.All(run.Cloud.All(Types.Instance), machine => Assert.DoesNotContain("Tok3nOfbackup", MachineTests.Text(machine), StringComparison.Ordinal));
        Assert.All(run.Cloud.All(Types.Command).Where(command => command.Name.StartsWith("proxy", StringComparison.Ordinal)),
            command => Assert.DoesNotContain("Tok3nOfbackup", (string)command["stdin"]!, StringComparison.Ordinal));
        Assert.All(new[] { "backup-write", "backup-read" },
            name => Assert.Equal(["fullPath", "accessUri"], ((CustomResourceOptions)run.Options[(Types.Preauthrequest, name)]).AdditionalSecretOutputs));
    }

    [Fact]
    public async Task Overwritten_bytes_stay_for_a_week_and_old_backups_go_by_themselves()
    {
        StackRun run = await StackRun.Of(new(On) { ["backupRetentionDays"] = "30", ["kmsKeyId"] = "ocid1.key.oc1.eu-frankfurt-1.aaaa" });

        RecordedResource bucket = run.Cloud.One(Types.Bucket, "backups"), policy = Assert.Single(run.Cloud.All(Types.LifecyclePolicy));
        Assert.Equal(("Enabled", "NoPublicAccess", "ocid1.key.oc1.eu-frankfurt-1.aaaa"),
            (bucket.Text("versioning"), bucket.Text("accessType"), bucket.Text("kmsKeyId")));
        Assert.StartsWith("redis-ha-test-backups-", bucket.Text("name"), StringComparison.Ordinal);
        Assert.Equal(("DELETE", "objects", "30", "DAYS"), Rule(policy, 0));
        Assert.Equal(("DELETE", "previous-object-versions", "7", "DAYS"), Rule(policy, 1));
        Assert.Empty((await StackRun.Of(new(On) { ["backupRetentionDays"] = "0" })).Cloud.All(Types.LifecyclePolicy));
    }

    private static (string, string, string, string) Rule(RecordedResource policy, int index) =>
        (policy.Text($"rules.{index}.action"), policy.Text($"rules.{index}.target"),
            policy.Text($"rules.{index}.timeAmount"), policy.Text($"rules.{index}.timeUnit"));

    [Fact]
    public async Task The_backups_survive_the_stack_and_the_addresses_do_not()
    {
        StackRun run = await StackRun.Of(On);

        Assert.True(run.Options[(Types.Bucket, "backups")].RetainOnDelete);
        Assert.True(run.Options[(Types.LifecyclePolicy, "backup-retention")].RetainOnDelete);
        Assert.NotEqual(true, run.Options[(Types.Preauthrequest, "backup-write")].RetainOnDelete);
        Assert.NotEqual(true, run.Options[(Types.Bucket, "bundles")].RetainOnDelete);

        StackRun other = await StackRun.Of(new(On) { ["backupBucket"] = "redis-ha-production-backups-0123abcd" });
        Assert.Equal("bundles", Assert.Single(other.Cloud.All(Types.Bucket)).Name);
        Assert.Empty(other.Cloud.All(Types.LifecyclePolicy));
        Assert.Equal("redis-ha-production-backups-0123abcd", other.Cloud.One(Types.Preauthrequest, "backup-write").Text("bucket"));
    }

    [Fact]
    public async Task A_second_run_changes_nothing_and_another_date_renews_both_addresses()
    {
        StackRun first = await StackRun.Of(On);

        Assert.Empty((await first.Again(On)).Cloud.Plan);
        StackRun renewed = await first.Again(new(On) { ["backupAddressesExpire"] = "2037-01-01T00:00:00Z" });
        Assert.Equal(["backup-read: Replace", "backup-write: Replace"],
            renewed.Cloud.Plan.Where(step => step.EndsWith("Replace", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(renewed.Cloud.Plan, step => step.StartsWith("redis1:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_data_is_protected_when_it_is_said_and_machines_are_not()
    {
        (string, string) data = ("redis-ha:infra:Data", "data-of-the-stack");
        StackRun guarded = await StackRun.Of(new() { ["protectData"] = "yes" });
        Assert.True(guarded.Options[data].Protect);
        Assert.Equal(data, Assert.Single(guarded.Options, pair => pair.Value.Protect == true).Key);
        Assert.DoesNotContain(deployment.Run.Options, pair => pair.Value.Protect == true);
    }

    // Destroying must not wait for a machine: it may be gone, or not reachable.
    [Fact]
    public async Task No_command_has_anything_to_do_when_the_stack_goes()
    {
        foreach (StackRun run in new[] { deployment.Run, await deployment.Run.Again(new(On) { ["redisMemoryGb"] = "10" }) })
        {
            Assert.All(run.Cloud.All(Types.Command), command => Assert.Null(command["delete"]));
        }
    }
}
