// Service limits before a new stack: what it needs of each, whom it asks, and that no answer stops a run.

using Pulumi.Testing;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class CapacityTests(DefaultDeployment deployment)
{
    private static readonly string[] Domains = ["AD-1", "AD-2", "AD-3"];

    [Fact]
    public void A_stack_needs_what_its_machines_add_up_to_in_each_availability_domain()
    {
        Assert.Equal(
        [
            "AD-1 block-storage total-storage-gb 150", "AD-1 compute standard-e5-core-count 3", "AD-1 compute standard-e5-memory-count 14",
            "AD-2 block-storage total-storage-gb 100", "AD-2 compute standard-e5-core-count 2", "AD-2 compute standard-e5-memory-count 12",
            "AD-3 block-storage total-storage-gb 50", "AD-3 compute standard-e5-core-count 1", "AD-3 compute standard-e5-memory-count 8",
            "region vcn vcn-count 1",
        ], Needs(Domains));
        // One domain, other shapes, data volumes, somebody else's network.
        Assert.Equal(
        [
            "AD-1 block-storage total-storage-gb 600", "AD-1 compute standard-a1-core-count 6", "AD-1 compute standard-a1-memory-count 48",
            "AD-1 compute standard-e3-core-ad-count 2", "AD-1 compute standard-e3-memory-count 8",
        ], Needs(["AD-1"], ("redisShape", "VM.Standard.A1.Flex"), ("redisOcpus", "2"), ("redisMemoryGb", "16"), ("redisMaxMemory", "4gb"),
            ("redisDataVolumeGb", "100"), ("proxyShape", "VM.Standard.E3.Flex"), ("bastionShape", "VM.Standard2.1"), ("vcnId", ExistingVcn.VcnId),
            ("publicSubnetId", ExistingVcn.PublicId), ("privateSubnetId", ExistingVcn.PrivateId)));
    }

    [Theory]
    [InlineData(3, null)]
    [InlineData(4, null)]
    [InlineData(2, "The service limit standard-e5-core-count in AD-1 leaves 2, and this stack needs 3 (redis1, proxy1, bastion): pulumi up would end with "
        + "LimitExceeded.")]
    [InlineData(0, "leaves 0, and this stack needs 3")]
    public void What_is_too_little_is_one_sentence_with_both_figures(int left, string? words)
    {
        string? said = new LimitNeed(new ServiceLimit("compute", "standard-e5-core-count", "AD-1"), 3, "redis1, proxy1, bastion").Shortage(left);

        Assert.Equal(words is null, said is null);
        Assert.Contains(words ?? string.Empty, said ?? string.Empty, StringComparison.Ordinal);
        Assert.Contains(words is null ? string.Empty : "Request a service limit increase", said ?? string.Empty, StringComparison.Ordinal);
    }

    // This cloud has nothing left of anything.
    [Fact]
    public async Task A_new_stack_asks_and_goes_on_and_one_that_runs_does_not_ask()
    {
        MockCallArgs[] asked = [.. deployment.Run.Cloud.Calls.Where(IsLimit)];
        Assert.Equal(10, asked.Length);
        Assert.All(asked, call => Assert.Equal(call.Args["serviceName"] is "vcn", !call.Args.ContainsKey("availabilityDomain")));
        Assert.All(asked, call => Assert.Equal("ocid1.compartment.oc1..aaaatest", call.Args["compartmentId"]));

        Assert.DoesNotContain((await deployment.Run.Again()).Cloud.Calls, IsLimit);
        StackRun unanswered = await StackRun.Of(cloud: new RecordedCloud
        {
            FailingLookUps = new Dictionary<string, string> { ["Limits"] = "404-NotAuthorizedOrNotFound" },
        });
        Assert.Equal(deployment.Run.Cloud.Resources.Count, unanswered.Cloud.Resources.Count);

        static bool IsLimit(MockCallArgs call) => call.Token!.StartsWith("oci:Limits/", StringComparison.Ordinal);
    }

    private static IEnumerable<string> Needs(string[] domains, params (string Key, string? Value)[] settings)
    {
        StackSettings read = GoodSettings.Read(settings);
        return LimitNeed.Of(read, MachinePlan.Of(new Dictionary<string, string>(), read, domains, domains))
            .Select(need => $"{need.Limit.AvailabilityDomain ?? "region"} {need.Limit.Service} {need.Limit.Name} {need.Amount}").Order(StringComparer.Ordinal);
    }
}
