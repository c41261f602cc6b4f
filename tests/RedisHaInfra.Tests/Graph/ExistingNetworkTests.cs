// A stack in a network that exists: it is judged first, and nothing of it is made or changed.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Utilities;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class ExistingNetworkTests(DefaultDeployment deployment)
{
    private static readonly Dictionary<string, string?> Settings = new()
    {
        ["vcnId"] = ExistingVcn.VcnId,
        ["publicSubnetId"] = ExistingVcn.PublicId,
        ["privateSubnetId"] = ExistingVcn.PrivateId,
    };

    [Fact]
    public async Task Nothing_of_it_is_made_and_the_security_groups_are_ours()
    {
        RecordedCloud cloud = (await StackRun.Of(Settings)).Cloud;

        string[] network = [Types.Vcn, Types.Subnet, Types.RouteTable, Types.SecurityList, Types.InternetGateway, Types.NatGateway, Types.ServiceGateway];
        Assert.DoesNotContain(cloud.Resources, resource => network.Contains(resource.Type));
        Assert.Equal(ExistingVcn.PublicId, cloud.One(Types.Instance, "bastion").Text("createVnicDetails.subnetId"));
        Assert.All(cloud.All(Types.Instance).Where(machine => machine.Name != "bastion"),
            machine => Assert.Equal(ExistingVcn.PrivateId, machine.Text("createVnicDetails.subnetId")));
        Assert.Equal(ExistingVcn.PrivateId, cloud.One(Types.LoadBalancer, "load-balancer").Text("subnetId"));
        Assert.All(cloud.All(Types.Group), group => Assert.Equal(ExistingVcn.VcnId, group.Text("vcnId")));
        Assert.Equal(deployment.Run.Cloud.All(Types.Rule).Select(rule => rule.Name).Order(), cloud.All(Types.Rule).Select(rule => rule.Name).Order());
    }

    [Fact]
    public async Task Without_a_bastion_it_needs_no_public_subnet()
    {
        RecordedCloud cloud = (await StackRun.Of(
            new() { ["vcnId"] = ExistingVcn.VcnId, ["privateSubnetId"] = ExistingVcn.PrivateId, ["bastion"] = "none" })).Cloud;

        Assert.DoesNotContain(cloud.Calls, call => call.Args.ContainsValue(ExistingVcn.PublicId));
        Assert.Equal(5, cloud.All(Types.Instance).Count);
    }

    public static TheoryData<string, object, string, string> Unfit => new()
    {
        { $"{ExistingVcn.VcnId} cidrBlocks", ImmutableArray.Create<object>("10.1.0.0/16"), "the VCN's networks are 10.1.0.0/16, not 172.31.235.0/24",
            "pulumi config set redis-ha:vcnCidr 10.1.0.0/16" },
        { $"{ExistingVcn.PrivateId} vcnId", "ocid1.vcn.other", "this subnet lies in the VCN ocid1.vcn.other", "by redis-ha:privateSubnetId" },
        { $"{ExistingVcn.PrivateId} cidrBlock", "172.31.235.64/26", "the subnet's network is 172.31.235.64/26, not 172.31.235.128/25",
            "pulumi config set redis-ha:privateSubnetCidr 172.31.235.64/26" },
        { $"{ExistingVcn.PublicId} cidrBlock", "172.31.235.0/26", "the subnet's network is 172.31.235.0/26",
            "pulumi config set redis-ha:publicSubnetCidr 172.31.235.0/26" },
        { $"{ExistingVcn.PrivateId} availabilityDomain", "lab:AD-2", "of the availability domain lab:AD-2 alone", "a regional subnet" },
        { $"{ExistingVcn.PrivateId} prohibitPublicIpOnVnic", false, "the subnet allows public addresses", "a private subnet" },
        { $"{ExistingVcn.PublicId} prohibitPublicIpOnVnic", true, "the subnet prohibits public addresses", "redis-ha:bastion to service or none" },
        { $"{ExistingVcn.PrivateId} dnsLabel", "", "the subnet has no DNS label", "a subnet with a DNS label" },
        { $"{ExistingVcn.PublicId} routeTableId", "other", "no route to an internet gateway", "by redis-ha:publicSubnetId" },
    };

    [Theory]
    [MemberData(nameof(Unfit))]
    public async Task What_does_not_fit_ends_the_run_before_anything_is_made(string property, object value, string answer, string remedy)
    {
        string message = await RefusalAsync(new ExistingVcn { Different = new Dictionary<string, object> { [property] = value } });

        Assert.Contains(answer, message, StringComparison.Ordinal);
        Assert.Contains(remedy, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_private_subnet_must_lead_out_and_not_be_led_in()
    {
        string open = await RefusalAsync(new ExistingVcn { Internet = "ocid1.internetgateway.oc1..aaaa" });
        Assert.Contains("leads to an internet gateway", open, StringComparison.Ordinal);
        string shut = await RefusalAsync(new ExistingVcn { Internet = null, ReachesServices = false });
        Assert.Contains("neither packages nor the proxy", shut, StringComparison.Ordinal);
        // A gateway of the user's own, or Oracle's mirrors alone, will do.
        var behind = new ExistingVcn { Internet = "ocid1.drg.oc1..aaaa", ReachesServices = false };
        Assert.NotEmpty((await StackRun.Of(Settings, new RecordedCloud { ExistingVcn = behind })).Cloud.Resources);
        Assert.NotEmpty((await StackRun.Of(Settings, new RecordedCloud { ExistingVcn = new() { Internet = null } })).Cloud.Resources);
    }

    [Fact]
    public async Task Addresses_of_others_are_not_taken_and_those_of_our_machines_are_our_own()
    {
        string message = await RefusalAsync(new ExistingVcn { Taken = [("172.31.235.132", "database"), ("172.31.235.141", "proxy1")] });

        Assert.Contains("addresses are taken: redis2's 172.31.235.132\n", message + "\n", StringComparison.Ordinal);
        Assert.DoesNotContain("proxy1", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_network_that_is_not_found_is_named()
    {
        string message = (await Assert.ThrowsAsync<RunException>(() => StackRun.Run(Settings, new RecordedCloud
        {
            FailingLookUps = new Dictionary<string, string> { ["getVcn"] = "404-NotAuthorizedOrNotFound" },
        }))).Message;

        Assert.Contains("check redis-ha:vcnId", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_cannot_change_to_another_network()
    {
        string message = (await Assert.ThrowsAsync<RunException>(async () => await StackRun.Run(Settings, await deployment.Run.Next()))).Message;

        Assert.Contains("redis-ha:vcnId", message, StringComparison.Ordinal);
        Assert.Contains("pulumi config rm redis-ha:vcnId", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_endpoints_name_is_a_zone_of_its_own_in_the_networks_view()
    {
        StackRun run = await StackRun.Of(new() { ["endpointName"] = "redis.example.internal" });

        RecordedResource zone = run.Cloud.One(Types.Zone, "endpoint-zone");
        Assert.Equal(("redis.example.internal", "PRIVATE", "PRIMARY", "view-of-resolver-of-vcn-id"),
            (zone.Text("name"), zone.Text("scope"), zone.Text("zoneType"), zone.Text("viewId")));
        RecordedResource record = run.Cloud.One(Types.Rrset, "endpoint-record");
        Assert.Equal(("redis.example.internal", "A", "endpoint-zone-id"), (record.Text("domain"), record.Text("rtype"), record.Text("zoneNameOrId")));
        Assert.Equal(("172.31.235.188", 60.0), (record.Text("items.0.rdata"), record["items.0.ttl"]));
        Assert.Equal("redis.example.internal:6379", await OutputUtilities.GetValueAsync(run.Stack.EndpointName));
        Assert.Equal(string.Empty, await OutputUtilities.GetValueAsync(deployment.Run.Stack.EndpointName));
    }

    private static async Task<string> RefusalAsync(ExistingVcn network)
    {
        var cloud = new RecordedCloud { ExistingVcn = network };
        string message = (await Assert.ThrowsAsync<RunException>(() => StackRun.Run(Settings, cloud))).Message;
        Assert.Empty(cloud.Resources);
        return message;
    }
}
