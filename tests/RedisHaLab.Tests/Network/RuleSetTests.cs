// The rules as text, without a kernel: what a reader of the rule set would look for.

using RedisHaLab.Network;
using RedisHaLab.State;
using Xunit;

namespace RedisHaLab.Tests.Network;

public sealed class RuleSetTests
{
    private static readonly NetworkModel Model = new()
    {
        Subnets =
        [
            new Subnet("subnet.public", "10.0.0.0/25", "vcn", "routes.public", ["list"], null, ProhibitPublicAddress: false),
            new Subnet("subnet.private", "10.0.0.128/25", "vcn", "routes.private", ["list"], null, ProhibitPublicAddress: true),
        ],
        Routes =
        [
            new Route("routes.public", "0.0.0.0/0", GatewayKind.Internet),
            new Route("routes.private", Addresses.ServicesCidrBlock, GatewayKind.Service),
        ],
        Vnics =
        [
            new Vnic { Name = "bastion", Address = "10.0.0.2", SubnetId = "subnet.public", GroupIds = ["group.bastion"], PublicAddress = "203.0.113.101" },
            new Vnic { Name = "inner", Address = "10.0.0.3", SubnetId = "subnet.public", GroupIds = ["group.none"] },
            new Vnic { Name = "redis", Address = "10.0.0.131", SubnetId = "subnet.private", GroupIds = ["group.redis"] },
        ],
        Rules =
        [
            Rule("group.redis", Direction.Ingress, PeerKind.Group, "group.bastion", 22),
            Rule("group.bastion", Direction.Egress, PeerKind.Group, "group.redis", 22),
            Rule("group.bastion", Direction.Ingress, PeerKind.Cidr, "203.0.113.10/32", 22),
            new SecurityRule { OwnerId = "list", Direction = Direction.Ingress, Protocol = "1", PeerKind = PeerKind.Cidr, Peer = "0.0.0.0/0", IcmpType = 3,
                IcmpCode = 4 },
        ],
    };

    [Fact]
    public void Each_interface_has_the_rules_of_its_groups_and_of_its_subnets_lists()
    {
        Assert.Equal(["ip saddr 203.0.113.10/32 tcp dport 22-22 return", "ip saddr 0.0.0.0/0 icmp type 3 icmp code 4 return", "counter drop"],
            Chain("in_0a000002"));
        Assert.Equal(["ip saddr 0.0.0.0/0 icmp type 3 icmp code 4 return", "counter drop"], Chain("in_0a000003"));
        Assert.Equal(["counter drop"], Chain("out_0a000003"));
    }

    [Fact]
    public void A_group_stands_for_the_addresses_of_its_members()
    {
        Assert.Equal(["ip saddr @group_0 tcp dport 22-22 return", "ip saddr 0.0.0.0/0 icmp type 3 icmp code 4 return", "counter drop"], Chain("in_0a000083"));
        Assert.Contains("set group_0 { type ipv4_addr; elements = { 10.0.0.2 }; }", RuleSet.ForNetwork(Model), StringComparison.Ordinal);
    }

    [Fact]
    public void Out_of_the_network_goes_only_who_has_a_route_and_through_the_internet_gateway_only_a_public_address() =>
        Assert.Equal(["ip saddr 10.0.0.2 ip daddr 0.0.0.0/0 return", $"ip saddr 10.0.0.128/25 ip daddr {Addresses.ServicesCidr} return", "drop"],
            Chain("gateways"));

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_cut_or_dead_interface_is_silent(bool cut, bool dead)
    {
        var model = Model with { Vnics = Model.Vnics.Select(vnic => vnic.Name == "redis" ? vnic with { IsCut = cut, IsDead = dead } : vnic).ToList() };
        Assert.Contains("set silent { type ipv4_addr; elements = { 10.0.0.131 }; }", RuleSet.ForNetwork(model), StringComparison.Ordinal);
        Assert.Contains("set silent { type ipv4_addr; }", RuleSet.ForNetwork(Model), StringComparison.Ordinal);
    }

    [Fact]
    public void The_internet_does_not_reach_private_addresses() =>
        Assert.Contains("iifname \"outside\" ip daddr @interfaces drop", Chain("anti_spoof"));

    [Fact]
    public void Over_the_vpn_come_and_go_only_addresses_whose_subnet_has_a_route_to_it()
    {
        Assert.Contains("set answers_office { type ipv4_addr; }", RuleSet.ForNetwork(Model), StringComparison.Ordinal);
        Assert.Equal(["drop"], Chain("vpn"));

        var model = Model with { Routes = [.. Model.Routes, new Route("routes.private", Addresses.OfficeCidr, GatewayKind.Vpn)] };

        Assert.Contains("set answers_office { type ipv4_addr; elements = { 10.0.0.131 }; }", RuleSet.ForNetwork(model), StringComparison.Ordinal);
        Assert.Equal([$"ip saddr 10.0.0.128/25 ip daddr {Addresses.OfficeCidr} return", "drop"], Chain("vpn", model));
        Assert.Equal(Chain("gateways"), Chain("gateways", model));
    }

    [Fact]
    public void A_balancer_sends_only_new_connections_to_a_backend()
    {
        var set = new BackendSet
        {
            Name = "set",
            Backends = [new Backend("one", "10.0.0.131", 7000, false, false)],
            HealthCheck = new HealthCheck("TCP", 0,
            "/", 200, TimeSpan.Zero, TimeSpan.Zero, 1)
        };
        var rules = RuleSet.ForBalancer(
            new Balancer { Id = "id", VnicName = "balancer", Address = "10.0.0.200", Listeners = [new Listener("l", 6379, "set")], BackendSets = [set] },
            new Dictionary<string, IReadOnlyList<Backend>> { ["set"] = set.Backends });
        Assert.Contains("ip daddr 10.0.0.200 tcp dport 6379 tcp flags & (fin | syn | rst | ack) == syn jump listener_6379", rules, StringComparison.Ordinal);
    }

    [Fact]
    public void What_no_resource_made_any_more_is_forgotten()
    {
        var less = Model.Only(id => id is not ("subnet.private" or "group.bastion"));
        Assert.Equal(["subnet.public"], less.Subnets.Select(subnet => subnet.Id));
        Assert.DoesNotContain(less.Vnics, vnic => vnic.Name == "redis");
        Assert.DoesNotContain(less.Rules, rule => rule.OwnerId == "group.bastion");
    }

    private static SecurityRule Rule(string owner, Direction direction, PeerKind kind, string peer, int port) =>
        new() { OwnerId = owner, Direction = direction, Protocol = "6", PeerKind = kind, Peer = peer, Ports = new PortRange(port, port) };

    private static List<string> Chain(string name, NetworkModel? model = null) => RuleSet.ForNetwork(model ?? Model).Split('\n')
        .SkipWhile(line => line.Trim() != $"chain {name} {{")
        .Skip(1)
        .TakeWhile(line => line.Trim() != "}")
        .Select(line => line.Trim())
        .ToList();
}
