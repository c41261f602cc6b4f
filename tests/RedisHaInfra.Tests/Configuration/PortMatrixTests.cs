// Who reaches what, computed from the rules of both sides: from every zone to every kind of machine at every port, for each way in.

using System.Collections.Immutable;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class PortMatrixTests
{
    private const string WithoutBastion = """
        administrator > proxy 22
        administrator > redis 22
        client > balancer 6379
        balancer > proxy 1936 6379
        proxy > redis 6379 26379
        redis > balancer 6379
        redis > proxy 1936
        redis > redis 6379 26379
        """;

    // "neighbour" is another machine in the private subnet.
    private static readonly PortZone[] Zones =
    [
        new("administrator", null, "203.0.113.9"),
        new("client", null, "10.20.30.40"),
        new("neighbour", null, "172.31.235.250"),
        new("prometheus", null, "10.0.9.20"),
        new("stranger", null, "198.51.100.99"),
        new("bastion", SecurityGroup.Bastion, "172.31.235.2"),
        new("balancer", SecurityGroup.LoadBalancer, "172.31.235.188"),
        new("proxy", SecurityGroup.Proxy, "172.31.235.141"),
        new("redis", SecurityGroup.Redis, "172.31.235.131"),
    ];

    // Every port of the system, and some that must be closed to everybody.
    private static readonly int[] AllPorts = [22, 1936, 6379, 26379, .. PortTable.Others];

    [Theory]
    [InlineData("vm", """
        administrator > bastion 22
        client > balancer 6379
        bastion > balancer 6379
        bastion > proxy 22 1936
        bastion > redis 22
        balancer > proxy 1936 6379
        proxy > redis 6379 26379
        redis > redis 6379 26379
        """)]
    [InlineData("none", WithoutBastion)]
    [InlineData("service", WithoutBastion)]
    public void Each_zone_reaches_what_it_needs_and_nothing_else(string bastion, string matrix)
    {
        NetworkSettings network = GoodSettings.Read(
            ("bastion", bastion), ("clientCidrs", """["10.20.0.0/16"]"""), ("packageCidrs", """["192.0.2.0/24"]""")).Network;

        Assert.Equal(matrix.Split('\n').Order(StringComparer.Ordinal), Matrix(network).Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Matrix(NetworkSettings network)
    {
        ImmutableArray<SecurityRule> rules = SecurityRules.For(network);
        PortZone[] zones = [.. Zones.Where(zone => network.WayIn == WayIn.Machine || zone.Group != SecurityGroup.Bastion)];
        return from source in zones
               from target in zones
               where target.Group is not null
               let ports = AllPorts.Where(port => PortTable.Allows(rules, source, target, port)).ToList()
               where ports.Count > 0
               select $"{source.Name} > {target.Name} {string.Join(' ', ports)}";
    }

    [Theory]
    [InlineData("vm")]
    [InlineData("none")]
    [InlineData("service")]
    public void A_monitoring_network_reaches_metrics_and_Redis_for_an_exporter_and_nothing_else(string bastion)
    {
        (string, string?)[] others = [("bastion", bastion), ("clientCidrs", """["10.20.0.0/16"]"""), ("packageCidrs", """["192.0.2.0/24"]""")];
        HashSet<string> without = [.. Matrix(GoodSettings.Read(others).Network)];

        IEnumerable<string> more = Matrix(GoodSettings.Read([.. others, ("monitoringNetworks", """["10.0.9.0/24","10.0.10.7/32"]""")]).Network)
            .Except(without);

        Assert.Equal(["prometheus > proxy 1936", "prometheus > redis 6379"], more.Order(StringComparer.Ordinal));
        Assert.DoesNotContain(without, line => line.StartsWith("prometheus", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("yes", "6381", "6379 6380 6381 6382", "6379 6380 6381 6382")]
    [InlineData("required", "0", "6380 6382", "6379 6380 6382")]
    public void Ports_that_an_option_adds_are_open_on_the_clients_way_and_nowhere_else(string tls, string readOnly, string clients, string all) =>
        Assert.Equal(
            $"""
            administrator > bastion 22
            client > balancer {clients}
            bastion > balancer {all}
            bastion > proxy 22 1936
            bastion > redis 22
            balancer > proxy 1936 {all}
            proxy > redis 6379 26379
            redis > redis 6379 26379
            """.Split('\n').Order(StringComparer.Ordinal),
            Matrix(GoodSettings.Read(("clientTls", tls), ("readOnlyPort", readOnly), ("readOnlyTlsPort", "6382"),
                ("clientCidrs", """["10.20.0.0/16"]"""), ("packageCidrs", """["192.0.2.0/24"]""")).Network).Order(StringComparer.Ordinal));

    [Fact]
    public void The_Bastion_service_reaches_SSH_of_the_nodes_alone()
    {
        IEnumerable<string> rules = SecurityRules.For(GoodSettings.Read(("bastion", "service")).Network)
            .Where(rule => rule.Peer == TrafficPeer.BastionService).Select(rule => $"{rule.Group} {rule.Direction} {rule.Port}");

        Assert.Equal(["Proxy In 22", "Redis In 22"], rules);
    }
}
