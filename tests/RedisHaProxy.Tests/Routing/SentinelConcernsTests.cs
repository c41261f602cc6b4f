// What a Sentinel says that no deployment of ours says: told, with the way back, and no evidence.

using System.Globalization;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class SentinelConcernsTests
{
    private static readonly SentinelReport Good = new()
    {
        Sentinel = 0,
        SentAt = default,
        At = default,
        Health = ServerHealth.Up,
        Named = 0,
        NamedAddress = "172.31.0.1:6379",
        ConfigEpoch = 7,
        OtherSentinels = 2,
        Replicas = 2,
    };

    [Fact]
    public void A_normal_day_has_none_and_each_oddity_is_named()
    {
        Assert.Empty(Of(Good));
        Assert.Empty(Of(null));
        Assert.Equal("names 6.6.6.6:6379 as the master, which is not in redis.nodes",
            Assert.Single(Of(Good with { Named = SentinelVote.Foreign, NamedAddress = "6.6.6.6:6379", Replicas = 9 })));
        Assert.Contains("6.6.6.6:26379", Assert.Single(Of(Good with { UnknownSentinels = "6.6.6.6:26379" })), StringComparison.Ordinal);
        Assert.Contains("6.6.6.6:6379", Assert.Single(Of(Good with { UnknownReplicas = "6.6.6.6:6379" })), StringComparison.Ordinal);
        Assert.StartsWith("knows 3 other Sentinels, and sentinel.nodes has 2", Assert.Single(Of(Good with { OtherSentinels = 3 })), StringComparison.Ordinal);
        Assert.StartsWith("knows 3 replicas, and redis.nodes has 2", Assert.Single(Of(Good with { Replicas = 3 })), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(7, 1007, null)]
    [InlineData(7, 1008, "went from epoch 7 to 1008 at once")]
    [InlineData(0, long.MaxValue, "has an epoch near 2^63 or above, after which no failover is possible")]
    [InlineData(-1, 1L << 41, "has epoch 2199023255552, which no failovers led to")]
    [InlineData(-1, 50_000, null)]
    public void Epochs_that_jump_are_told_for_good(long before, long after, string? concern)
    {
        var concerns = new SentinelConcerns();
        if (before >= 0)
        {
            concerns.TakeEpoch(before);
        }

        concerns.TakeEpoch(after);
        concerns.TakeEpoch(after);
        Assert.Equal(concern is null ? [] : [concern], concerns.Of(null, 3, 3));
    }

    [SkippableFact]
    public async Task A_forged_greeting_is_told_by_log_and_status_and_changes_no_route()
    {
        await using RouterScene scene = await RouterScene.StartAsync();
        (RedisDeployment deployment, RunningRouter router) = scene;
        await Eventually.HoldsAsync(() => router.Router.Snapshot().Sentinels.All(s => s.Events == ServerHealth.Up), () => router.Log.ToString());
        Assert.All(router.Router.Snapshot().Sentinels, s => Assert.Empty(s.Concerns));

        // What anybody could say who may publish on a node: another Sentinel, of an epoch near the end of all epochs, that names our master.
        string greeting = string.Create(CultureInfo.InvariantCulture,
            $"192.0.2.66,26379,{new string('6', 40)},18446744073709551610,{RedisDeployment.MasterName},127.0.0.1,{deployment.Nodes[0].EndPoint.Port},0");
        await deployment.Nodes[0].CommandAsync("PUBLISH", "__sentinel__:hello", greeting);
        await Eventually.HoldsAsync(
            () => router.Router.Snapshot().Sentinels.All(s => s.Concerns.Any(c => c.Contains("192.0.2.66:26379", StringComparison.Ordinal))
                && s.Concerns.Any(c => c.Contains("epoch near 2^63", StringComparison.Ordinal))),
            () => string.Join('\n', router.Router.Snapshot().Sentinels.SelectMany(s => s.Concerns)) + router.Log);
        await router.Log.HasAsync("Warning", "192.0.2.66:26379", "docs/security.md has the way back");
        Assert.Equal("redis1", router.Forwarder.Last.Target?.Name);
    }

    private static IReadOnlyList<string> Of(SentinelReport? report) => new SentinelConcerns().Of(report, 3, 3);
}
