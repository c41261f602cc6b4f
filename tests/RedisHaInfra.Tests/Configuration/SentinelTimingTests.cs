// The timings of the reference architecture (30 s, 180 s, one replica at a time, two of three votes), and what follows from them.

using System.Text.Json;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Nodes;

namespace RedisHaInfra.Tests.Configuration;

public sealed class SentinelTimingTests
{
    private static readonly (string Key, string? Value)[] Reference =
    [
        ("sentinelQuorum", "2"), ("sentinelDownAfterMilliseconds", "30000"), ("sentinelFailoverTimeoutMilliseconds", "180000"), ("sentinelParallelSyncs", "1"),
    ];

    [Fact]
    public void They_reach_Sentinel_the_nodes_and_the_proxies()
    {
        StackSettings settings = GoodSettings.Read(Reference);
        Assert.Equal((2, 30_000, 180_000, 1), (settings.Sentinel.Quorum, settings.Sentinel.DownAfterMilliseconds,
            settings.Sentinel.FailoverTimeoutMilliseconds, settings.Sentinel.ParallelSyncs));

        string node = NodePayload.Of(PayloadInputs.Redis() with { Redis = settings.Redis, Sentinel = settings.Sentinel }).ApplyScript;
        string sentinel = PayloadInputs.FileOf(node, "sentinel-settings.conf");
        foreach (string line in new[]
        {
            "sentinel monitor mymaster - 6379 2", "sentinel down-after-milliseconds mymaster 30000", "sentinel failover-timeout mymaster 180000",
            "sentinel parallel-syncs mymaster 1", "@7.0 sentinel master-reboot-down-after-period mymaster 30000",
        })
        {
            Assert.Contains($"\n{line}\n", sentinel, StringComparison.Ordinal);
        }
        Assert.Contains("\nREDIS_HA_DOWN_AFTER_MS=30000\n", node, StringComparison.Ordinal);
        // A lost master stops taking writes long before another one takes over.
        Assert.Contains("\nmin-replicas-max-lag 3\n", PayloadInputs.FileOf(node, "settings.conf"), StringComparison.Ordinal);

        string proxy = PayloadInputs.FileOf(NodePayload.Of(PayloadInputs.Proxy() with { Sentinel = settings.Sentinel }).ApplyScript, "proxy.json");
        Assert.Equal("30s", JsonDocument.Parse(proxy).RootElement.GetProperty("sentinel").GetProperty("downAfter").GetString());
    }

    // One at a time, a dead one that comes first holds up all others.
    [Theory]
    [InlineData(3, null, 2)]
    [InlineData(5, null, 4)]
    [InlineData(5, "0", 4)]
    [InlineData(5, "1", 1)]
    public void All_replicas_follow_a_new_master_at_once_unless_fewer_are_asked_for(int nodes, string? value, int expected)
    {
        string addresses = JsonSerializer.Serialize(Enumerable.Range(131, nodes).Select(number => $"172.31.235.{number}"));
        (string Key, string? Value)[] settings = [("redisAddresses", addresses), .. value is null ? [] : new[] { ("sentinelParallelSyncs", (string?)value) }];

        Assert.Equal(expected, GoodSettings.Read(settings).Sentinel.ParallelSyncs);
    }

    [Theory]
    [InlineData("3", null)]
    [InlineData("28", null)]
    [InlineData("29", "below sentinelDownAfterMilliseconds, 30000")]
    public void The_fence_may_be_as_late_as_the_failover_allows(string lag, string? words)
    {
        (string Key, string? Value)[] settings = [.. Reference, ("redisMinReplicasMaxLagSeconds", lag)];
        if (words is null)
        {
            Assert.Equal(lag, $"{GoodSettings.Read(settings).Redis.MinReplicasMaxLagSeconds}");
            return;
        }
        SettingProblem problem = Assert.Single(GoodSettings.Problems(settings));
        Assert.Contains(words, problem.Rule, StringComparison.Ordinal);
        Assert.Equal("pulumi config set redis-ha:redisMinReplicasMaxLagSeconds 28", problem.Example);
    }

    [Fact]
    public void A_longer_wait_of_new_sessions_fits_them() => Assert.Equal("""{"timeouts":{"park":"40s"}}""",
        GoodSettings.Read([.. Reference, ("proxyParkTimeout", "40s")]).Proxy.Keys);
}
