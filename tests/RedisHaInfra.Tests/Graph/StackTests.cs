// The stack as a whole: what it asks the cloud for with nothing but the required settings.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Utilities;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class StackTests(DefaultDeployment deployment)
{
    private RecordedCloud Cloud => deployment.Run.Cloud;

    [Fact]
    public void Every_part_of_the_picture_is_there()
    {
        var counts = Cloud.Resources.Where(resource => !resource.Type.StartsWith("redis-ha:", StringComparison.Ordinal))
            .CountBy(resource => resource.Type).ToDictionary(group => group.Key, group => group.Value);
        Assert.Equal(1, counts[Types.Vcn]);
        Assert.Equal(1, counts[Types.InternetGateway]);
        Assert.Equal(1, counts[Types.NatGateway]);
        Assert.Equal(1, counts[Types.ServiceGateway]);
        Assert.Equal(2, counts[Types.RouteTable]);
        Assert.Equal(1, counts[Types.SecurityList]);
        Assert.Equal(2, counts[Types.Subnet]);
        Assert.Equal(4, counts[Types.Group]);
        Assert.Equal(SecurityRules.For(GoodSettings.Read().Network).Length, counts[Types.Rule]);
        Assert.Equal(6, counts[Types.Instance]);
        Assert.Equal(1, counts[Types.LoadBalancer]);
        Assert.Equal(1, counts[Types.BackendSet]);
        Assert.Equal(1, counts[Types.Listener]);
        Assert.Equal(1, counts[Types.Bucket]);
        Assert.Equal(1, counts[Types.StorageObject]);
        Assert.Equal(1, counts[Types.Preauthrequest]);
        Assert.Equal(7, counts[Types.Password]);
        Assert.Equal(16, counts.Count - counts.Keys.Count(type => type is Types.Command or Types.Password));
    }

    [Fact]
    public void Everything_goes_into_the_one_compartment_and_is_tagged()
    {
        foreach (RecordedResource resource in Cloud.Resources.Where(resource => resource.Inputs.ContainsKey("compartmentId")))
        {
            Assert.Equal("ocid1.compartment.oc1..aaaatest", resource.Text("compartmentId"));
            Assert.Equal("redis-ha-test", resource.Text("freeformTags.deployment"));
        }
    }

    [Fact]
    public void Tags_that_the_tenancy_adds_are_accepted_everywhere()
    {
        var oci = deployment.Run.Options.Where(pair => pair.Key.Type.StartsWith("oci:", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(oci);
        Assert.All(oci, pair => Assert.Contains("definedTags", pair.Value.IgnoreChanges));
    }

    [Fact]
    public async Task Outputs_say_how_to_reach_it()
    {
        RedisHaStack stack = deployment.Run.Stack;

        Assert.Equal("172.31.235.188:6379", await Value(stack.Endpoint));
        Assert.Equal("198.51.100.4", await Value(stack.BastionAddress));
        Assert.Equal("ubuntu", await Value(stack.SshUser));
        Assert.Equal("ssh -N -L 6379:172.31.235.188:6379 ubuntu@198.51.100.4", await Value(stack.Tunnel));
        Assert.Equal("ssh -N -L 1936:172.31.235.141:1936 ubuntu@198.51.100.4", await Value(stack.StatsTunnel));
        Assert.Equal("ssh -J ubuntu@198.51.100.4 ubuntu@172.31.235.131", await Value(stack.Shell));
        Assert.Contains("redis-cli -h 127.0.0.1 -p 6379", await Value(stack.RedisCli), StringComparison.Ordinal);
        Assert.Equal("http://127.0.0.1:1936/stats", await Value(stack.StatsPage));
        Assert.Equal(Secrets.PasswordOf("client-password"), await Value(stack.Password));
        Assert.Equal(Secrets.PasswordOf("admin-password"), await Value(stack.AdminPassword));
    }

    [Fact]
    public async Task The_node_table_has_every_machine()
    {
        ImmutableArray<ImmutableDictionary<string, string>> nodes = await Value(deployment.Run.Stack.Nodes);

        Assert.Equal(["bastion", "redis1", "redis2", "redis3", "proxy1", "proxy2"], nodes.Select(node => node["name"]));
        ImmutableDictionary<string, string> second = nodes[2];
        Assert.Equal(("redis", "172.31.235.132", "lab:AD-2", "FAULT-DOMAIN-2", "Canonical Ubuntu-24.04-2026"),
            (second["role"], second["address"], second["availabilityDomain"], second["faultDomain"], second["image"]));
    }

    [Fact]
    public async Task A_machine_on_an_older_image_shows_it_and_stays()
    {
        StackRun run = await StackRun.Of(cloud: new RecordedCloud { RunningImage = "ocid1.image.old" });

        Assert.All(await Value(run.Stack.Nodes), node => Assert.Equal("ocid1.image.old", node["image"]));
    }

    [Fact]
    public async Task A_bad_configuration_registers_nothing()
    {
        var cloud = new RecordedCloud();

        var error = await Assert.ThrowsAsync<RunException>(() => StackRun.Run(new() { ["compartmentId"] = null, ["sentinelQuorum"] = "9", ["nonsense"] = "1" }, cloud));

        Assert.Contains("The stack configuration has 3 problems; nothing was changed.", error.Message, StringComparison.Ordinal);
        Assert.Contains("redis-ha:nonsense", error.Message, StringComparison.Ordinal);
        Assert.Empty(cloud.Resources);
        Assert.Empty(cloud.Calls);
    }

    [Fact]
    public async Task A_preview_works_with_all_that_the_cloud_has_yet_to_say()
    {
        StackRun run = await StackRun.Of(cloud: new RecordedCloud { IsPreview = true });

        Assert.Equal(deployment.Run.Cloud.Resources.Select(resource => (resource.Type, resource.Name)).Order(),
            run.Cloud.Resources.Select(resource => (resource.Type, resource.Name)).Order());
        Assert.False(run.Cloud.One(Types.Instance, "redis1").Inputs.ContainsKey("metadata") && run.Cloud.One(Types.Instance, "redis1")["metadata.user_data"] is not null);
        Assert.False(await OutputUtilities.GetIsKnownAsync(run.Stack.Password));
        Assert.False(await OutputUtilities.GetIsKnownAsync(run.Stack.Tunnel));
    }

    [Fact]
    public async Task An_availability_domain_that_the_region_lacks_is_named()
    {
        var cloud = new RecordedCloud { AvailabilityDomains = ["lab:AD-1"] };

        var error = await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(new() { ["availabilityDomains"] = "[1,3]" }, cloud));

        Assert.Contains("availabilityDomains names number 3, but this region has 1: lab:AD-1", error.ToString(), StringComparison.Ordinal);
        Assert.Empty(cloud.All(Types.Instance));
    }

    private static Task<T> Value<T>(Output<T> output) => OutputUtilities.GetValueAsync(output);
}
