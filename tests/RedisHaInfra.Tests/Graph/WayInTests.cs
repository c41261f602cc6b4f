// The way to the machines: through the bastion, OCI's Bastion service, or none of both.

using System.Collections.Immutable;
using Pulumi.Utilities;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class WayInTests(DefaultDeployment deployment)
{
    [Theory]
    [InlineData("none")]
    [InlineData("service")]
    public async Task Without_the_machine_nothing_is_public(string bastion)
    {
        RecordedCloud cloud = (await StackRun.Of(new() { ["bastion"] = bastion })).Cloud;

        Assert.Empty(cloud.All(Types.InternetGateway));
        Assert.Equal(["private-subnet"], cloud.All(Types.Subnet).Select(subnet => subnet.Name));
        Assert.Equal(true, cloud.One(Types.Subnet, "private-subnet")["prohibitPublicIpOnVnic"]);
        Assert.Equal(["private-routes"], cloud.All(Types.RouteTable).Select(table => table.Name));
        Assert.Equal(5, cloud.All(Types.Instance).Count);
        Assert.All(cloud.All(Types.Instance), machine => Assert.Equal("false", machine.Text("createVnicDetails.assignPublicIp")));
        Assert.DoesNotContain(cloud.All(Types.Group), group => group.Name.Contains("bastion", StringComparison.Ordinal));
        // Packages and Oracle's services are reached as ever.
        Assert.Equal(deployment.Run.Cloud.One(Types.RouteTable, "private-routes").Inputs["routeRules"].ToString(),
            cloud.One(Types.RouteTable, "private-routes").Inputs["routeRules"].ToString());
        Assert.Single(cloud.All(Types.NatGateway));
        Assert.Equal(bastion == "service" ? 1 : 0, cloud.All(Types.Bastion).Count);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("service")]
    public async Task Without_the_machine_commands_go_to_the_nodes_themselves(string bastion)
    {
        RecordedCloud cloud = (await StackRun.Of(new() { ["bastion"] = bastion })).Cloud;

        string[] addresses = ["172.31.235.131", "172.31.235.132", "172.31.235.133", "172.31.235.141", "172.31.235.142"];
        Assert.All(cloud.All(Types.Command), command =>
        {
            Assert.Contains(command.Text("connection.host"), addresses);
            Assert.Null(command["connection.proxy"]);
            Assert.StartsWith("ecdsa-sha2-nistp256 ", command.Text("connection.hostKey"), StringComparison.Ordinal);
        });
        Assert.Equal("172.31.235.131", cloud.One(Types.Command, "endpoint-check").Text("connection.host"));
        // Every other step is there, in the same order.
        Assert.Equal(
            deployment.Run.Cloud.All(Types.Command).Select(command => command.Name)
                .Where(name => name != "bastion-ready" && !name.EndsWith("-reachable", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
            cloud.All(Types.Command).Select(command => command.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_service_lets_administrators_in_and_its_sessions_reach_SSH_alone()
    {
        RecordedCloud cloud = (await StackRun.Of(new() { ["bastion"] = "service" })).Cloud;

        RecordedResource service = cloud.One(Types.Bastion, "bastion");
        Assert.Equal(["203.0.113.0/24"], ((ImmutableArray<object>)service["clientCidrBlockAllowLists"]!).Cast<string>());
        Assert.Equal(("private-subnet-id", "ENABLED", 10800.0, "redishatestbastion"),
            (service.Text("targetSubnetId"), service.Text("dnsProxyStatus"), service["maxSessionTtlInSeconds"], service.Text("name")));
        Assert.Equal(["proxy-in-22-bastion-service", "redis-in-22-bastion-service"], cloud.All(Types.Rule)
            .Where(rule => (string?)rule["source"] == "172.31.235.200/32").Select(rule => rule.Name).Order(StringComparer.Ordinal));
        RecordedResource list = cloud.One(Types.SecurityList, "bastion-service-list");
        Assert.Equal(("172.31.235.128/25", 22.0, 22.0), (list.Text("egressSecurityRules.0.destination"), list["egressSecurityRules.0.tcpOptions.min"],
            list["egressSecurityRules.0.tcpOptions.max"]));
        Assert.Equal(["security-list-id", "bastion-service-list-id"],
            ((ImmutableArray<object>)cloud.One(Types.Subnet, "private-subnet")["securityListIds"]!).Cast<string>());
    }

    [Fact]
    public async Task The_outputs_name_the_way_that_there_is()
    {
        RedisHaStack direct = (await StackRun.Of(new() { ["bastion"] = "none" })).Stack;

        Assert.Equal(string.Empty, await OutputUtilities.GetValueAsync(direct.BastionAddress));
        Assert.Equal("ssh -N -L 6379:172.31.235.188:6379 ubuntu@172.31.235.131", await OutputUtilities.GetValueAsync(direct.Tunnel));
        Assert.Equal("ssh ubuntu@172.31.235.131", await OutputUtilities.GetValueAsync(direct.Shell));
        string config = await OutputUtilities.GetValueAsync(direct.SshConfig);
        Assert.StartsWith("Host redis1\n  HostName 172.31.235.131\n\nHost redis2\n", config, StringComparison.Ordinal);
        Assert.DoesNotContain("bastion", config, StringComparison.Ordinal);
        Assert.StartsWith("172.31.235.131 ecdsa", await OutputUtilities.GetValueAsync(direct.KnownHosts), StringComparison.Ordinal);
        Assert.Equal(5, (await OutputUtilities.GetValueAsync(direct.Nodes)).Length);

        RedisHaStack service = (await StackRun.Of(new() { ["bastion"] = "service" })).Stack;
        Assert.Equal("bastion-id", await OutputUtilities.GetValueAsync(service.BastionService));
        Assert.Contains("Bastion service (bastion-id)", await OutputUtilities.GetValueAsync(service.Readme), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_changes_both_ways_and_no_node_is_replaced()
    {
        StackRun there = await deployment.Run.Again(new() { ["bastion"] = "none" });
        StackRun back = await there.Again();

        foreach (StackRun run in new[] { there, back })
        {
            Assert.DoesNotContain(run.Cloud.Plan, step => step.Contains("Replace", StringComparison.Ordinal));
            Assert.DoesNotContain(run.Cloud.Plan, step => step.Contains("Reboot", StringComparison.Ordinal));
        }
        Assert.Contains("bastion: delete", there.Cloud.Plan);
        Assert.Contains("bastion: create", back.Cloud.Plan);
    }

    [Theory]
    [InlineData("publicSubnetCidr", "172.31.235.0/25")]
    [InlineData("bastionAddress", "172.31.235.2")]
    public void What_belongs_to_the_machine_goes_with_it_alone(string key, string value)
    {
        SettingsProblemIs(key, "goes with bastion vm alone", (key, value), ("bastion", "none"));
        SettingsProblemIs("bastion", "one of vm, service, none", ("bastion", "vpn"));
    }

    private static void SettingsProblemIs(string key, string rule, params (string, string?)[] settings)
    {
        Settings.SettingProblem problem = Assert.Single(GoodSettings.Problems(settings));
        Assert.Equal((key, rule), (problem.Key, problem.Rule));
    }
}
