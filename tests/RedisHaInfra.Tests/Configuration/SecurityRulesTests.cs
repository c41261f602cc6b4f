// The firewall, rule by rule, as the design's table has it. Nothing may be missing, and nothing may be added by chance.

using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class SecurityRulesTests
{
    /// <summary>The table: group, direction, other side, port.</summary>
    public const string Table = """
        bastion      in  22    203.0.113.0/24
        bastion      in  22    198.51.100.7/32
        bastion      out 22    redis
        bastion      out 22    proxy
        bastion      out 6379  loadbalancer
        bastion      out 1936  proxy
        bastion      out 80    0.0.0.0/0
        bastion      out 443   0.0.0.0/0
        loadbalancer in  6379  10.0.0.0/8
        loadbalancer in  6379  192.168.0.0/16
        loadbalancer in  6379  bastion
        loadbalancer out 6379  proxy
        loadbalancer out 1936  proxy
        proxy        in  6379  loadbalancer
        proxy        in  6379  172.31.235.188/32
        proxy        in  1936  loadbalancer
        proxy        in  1936  172.31.235.188/32
        proxy        in  22    bastion
        proxy        in  1936  bastion
        proxy        out 6379  redis
        proxy        out 26379 redis
        proxy        out 80    services
        proxy        out 443   services
        proxy        out 80    198.18.0.0/24
        proxy        out 443   198.18.0.0/24
        redis        in  6379  redis
        redis        in  26379 redis
        redis        in  6379  proxy
        redis        in  26379 proxy
        redis        in  22    bastion
        redis        out 6379  redis
        redis        out 26379 redis
        redis        out 80    services
        redis        out 443   services
        redis        out 80    198.18.0.0/24
        redis        out 443   198.18.0.0/24
        """;

    /// <summary>The lists that the table was written for.</summary>
    public static (string Key, string? Value)[] Lists { get; } =
    [
        ("adminCidrs", """["203.0.113.0/24","198.51.100.7/32"]"""),
        ("clientCidrs", """["10.0.0.0/8","192.168.0.0/16"]"""),
        ("packageCidrs", """["198.18.0.0/24"]"""),
    ];

    private static IReadOnlyList<SecurityRule> Rules => SecurityRules.For(GoodSettings.Read(Lists).Network);

    [Fact]
    public void The_rules_are_the_table()
    {
        IEnumerable<string> wanted = Table.Split('\n').Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        IEnumerable<string> got = Rules.Select(rule => $"{rule.Group} {rule.Direction} {rule.Port} {rule.Peer}".ToLowerInvariant());

        Assert.Equal(wanted.Order(StringComparer.Ordinal), got.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Without_named_mirrors_packages_may_come_from_anywhere()
    {
        IEnumerable<string> open = SecurityRules.For(GoodSettings.Read().Network).Where(rule => rule.Peer.Cidr == "0.0.0.0/0")
            .Select(rule => $"{rule.Group} {rule.Direction} {rule.Port}");

        Assert.Equal(["Bastion Out 80", "Bastion Out 443", "Proxy Out 80", "Proxy Out 443", "Redis Out 80", "Redis Out 443"], open);
    }

    [Fact]
    public void Every_rule_has_a_name_of_its_own_and_says_what_it_is_for()
    {
        Assert.Equal(Rules.Count, Rules.Select(rule => rule.Name).Distinct().Count());
        Assert.All(Rules, rule => Assert.True(rule.Description.Length is > 10 and < 256));
    }

    [Fact]
    public void A_rules_name_depends_on_nothing_but_the_rule()
    {
        string[] fewer = SecurityRules.For(GoodSettings.Read(("adminCidrs", """["198.51.100.7/32"]"""), Lists[1], Lists[2]).Network)
            .Select(rule => rule.Name).ToArray();

        Assert.Equal(["bastion-in-22-203.0.113.0-24"], Rules.Select(rule => rule.Name).Except(fewer));
    }

    [Fact]
    public void What_one_group_sends_to_another_the_other_lets_in()
    {
        foreach (SecurityRule rule in Rules.Where(rule => rule.Direction == TrafficDirection.Out && rule.Peer.Group is not null))
        {
            Assert.Contains(Rules, other => other.Direction == TrafficDirection.In && other.Group == rule.Peer.Group && other.Port == rule.Port
                && other.Peer.Group == rule.Group);
        }
    }
}
