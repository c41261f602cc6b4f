// The control plane over real redis-server and redis-sentinel processes: how soon and by which rule the gate follows, and
// when it must not.

using System.Diagnostics;
using System.Globalization;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;
using Xunit.Abstractions;

namespace RedisHaProxy.Tests.Routing;

public sealed class RouterRealTests(ITestOutputHelper output)
{
    [SkippableFact]
    public async Task A_crash_is_followed_at_the_promotion_and_replays_from_its_recording()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await SecondChance.WithinAsync(TimeSpan.FromMilliseconds(300), async () =>
        {
            TimeSpan took;
            string recording = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
            await using RedisDeployment deployment = await RedisDeployment.StartAsync();
            ProxyConfiguration configuration = RunningRouter.ConfigurationFor(deployment) with { Recording = new RecordingConfiguration { File = recording } };
            IReadOnlyList<Switchover> switchovers;
            await using (var router = new RunningRouter(configuration))
            {
                await router.OpensToAsync(deployment.Nodes[0]);
                long killed = Stopwatch.GetTimestamp();
                deployment.Nodes[0].Kill();
                (RedisProcess promoted, long promotedAt) = await PromotionAsync(deployment.Nodes[1], deployment.Nodes[2]);
                long opened = await router.OpensToAsync(promoted, killed);
                Report(router, promotedAt, opened);
                took = Stopwatch.GetElapsedTime(promotedAt, opened).Duration(); // the watch may be the later of the two
                Assert.NotNull(router.Forwarder.FirstAfter(killed, o => o.Mode == GateMode.Park && o.Target is null));
                switchovers = router.Router.Snapshot().Switchovers;
            }

            Switchover switchover = Assert.Single(switchovers, s => s.From is not null);
            Assert.Equal(("redis1", "R5", false), (switchover.From, switchover.OpenRule, switchover.SessionsKept));
            await using (FileStream file = File.OpenRead(recording))
            {
                ReplayResult replay = Replay.Run(file);
                output.WriteLine(
                    string.Join('\n', replay.Decisions.Select(d => $"{d.At.TotalSeconds:0.000} {d.Decision.RuleName} {replay.Names.Node(d.Decision.Node)}")));
                Assert.Empty(replay.Differences);
                Assert.Contains(replay.Decisions, d => d.Decision.Rule == RuleId.R5);
                Assert.True(replay.Reports > 50);
            }

            File.Delete(recording);
            return took;
        });
    }

    [SkippableFact]
    public async Task FAILOVER_TO_is_followed_at_once()
    {
        await SecondChance.WithinAsync(TimeSpan.FromMilliseconds(300), async () =>
        {
            await using RouterScene scene = await RouterScene.StartAsync();
            (RedisDeployment deployment, RunningRouter router) = scene;
            RedisProcess target = deployment.Nodes[1];
            long asked = Stopwatch.GetTimestamp();
            await deployment.Nodes[0].CommandAsync("FAILOVER", "TO", "127.0.0.1", target.EndPoint.Port.ToString(CultureInfo.InvariantCulture));
            (_, long promotedAt) = await PromotionAsync(target);
            long opened = await router.OpensToAsync(target, asked);
            Report(router, promotedAt, opened);
            TimeSpan took = Stopwatch.GetElapsedTime(promotedAt, opened).Duration(); // the watch may be the later of the two
            AssertNeverTwoTargets(router);
            return took;
        });
    }

    [SkippableFact]
    public async Task SENTINEL_FAILOVER_with_the_old_master_alive_parks_before_the_promotion_and_until_Sentinels_agree()
    {
        await SecondChance.WithinAsync(TimeSpan.FromSeconds(2.5), async () =>
        {
            await using RouterScene scene = await RouterScene.StartAsync();
            (RedisDeployment deployment, RunningRouter router) = scene;
            long asked = Stopwatch.GetTimestamp();
            await deployment.Sentinels[0].CommandAsync("SENTINEL", "FAILOVER", RedisDeployment.MasterName);
            (RedisProcess promoted, long promotedAt) = await PromotionAsync(deployment.Nodes[1], deployment.Nodes[2]);
            long opened = await router.OpensToAsync(promoted, asked);
            Report(router, promotedAt, opened);
            TimeSpan took = Stopwatch.GetElapsedTime(promotedAt, opened);
            Assert.True(took >= TimeSpan.Zero, $"the gate opened at {took} after the promotion");

            // After the gate has left the old master it never returns to it, although that one claims for ten more seconds.
            long shut = router.Forwarder.FirstAfter(asked, o => o.Target is null)!.Value;
            Assert.Null(router.Forwarder.FirstAfter(shut, o => o.Target?.EndPoint.Equals(deployment.Nodes[0].EndPoint) == true));
            Assert.Contains(router.Router.Snapshot().Switchovers, s => s is { From: "redis1", ShutRule: "H" });
            Assert.True(shut < promotedAt, $"the gate is shut before the promotion\n{router.Log}");
            AssertNeverTwoTargets(router);
            return took;
        });
    }

    [SkippableFact]
    public async Task A_stall_of_the_master_keeps_its_sessions()
    {
        await using RouterScene scene = await RouterScene.StartAsync(new RedisDeploymentOptions { DownAfterMilliseconds = 5000 });
        (RedisDeployment deployment, RunningRouter router) = scene;
        int before = router.Forwarder.Orders.Count;
        await deployment.Nodes[0].CommandAsync("DEBUG", "SLEEP", "1");
        await Eventually.HoldsAsync(
            () => router.Forwarder.Orders.Skip(before).Any(o => o.Mode == GateMode.Open)
                && router.Router.Snapshot().Switchovers.Any(s => s is { From: "redis1", To: "redis1", SessionsKept: true }),
            () => $"the gate opens again\n{router.Log}");
        GateOrder[] orders = [.. router.Forwarder.Orders.Skip(before)];
        Assert.Equal([GateMode.Park, GateMode.Open], orders.Take(2).Select(o => o.Mode)); // a busy machine may add another stall
        Assert.All(orders, o => Assert.Equal("redis1", o.Target?.Name));
    }

    [SkippableFact]
    public async Task A_suspended_master_is_left_and_not_returned_to_when_it_wakes()
    {
        await SecondChance.WithinAsync(TimeSpan.FromMilliseconds(300), async () =>
        {
            await using RouterScene scene = await RouterScene.StartAsync();
            (RedisDeployment deployment, RunningRouter router) = scene;
            long suspended = Stopwatch.GetTimestamp();
            deployment.Nodes[0].Suspend();
            (RedisProcess promoted, long promotedAt) = await PromotionAsync(deployment.Nodes[1], deployment.Nodes[2]);
            long opened = await router.OpensToAsync(promoted, suspended);
            Report(router, promotedAt, opened);
            TimeSpan took = Stopwatch.GetElapsedTime(promotedAt, opened).Duration(); // the watch may be the later of the two

            deployment.Nodes[0].Resume();
            await Eventually.HoldsAsync(
                async () => !await RedisDeployment.IsMasterAsync(deployment.Nodes[0])
                    && router.Forwarder.Last.Target?.EndPoint.Equals(promoted.EndPoint) == true,
                () => $"the old master is converted, traffic stays\n{router.Log}",
                TimeSpan.FromSeconds(30));
            Assert.Null(router.Forwarder.FirstAfter(opened, o => o.Target?.EndPoint.Equals(deployment.Nodes[0].EndPoint) == true));
            AssertNeverTwoTargets(router);
            return took;
        });
    }

    // Without Sentinels nothing but answers counts, and one counts for 300 ms.
    [SkippableFact]
    public Task With_all_Sentinels_dead_traffic_goes_on() => SecondChance.UnlessHeldUpAsync(TimeSpan.FromMilliseconds(200), async () =>
    {
        await using RouterScene scene = await RouterScene.StartAsync();
        (RedisDeployment deployment, RunningRouter router) = scene;
        int before = router.Forwarder.Orders.Count;
        foreach (RedisProcess sentinel in deployment.Sentinels)
        {
            sentinel.Kill();
        }

        // Leases end within down-after; then the followers are the evidence.
        await Eventually.HoldsAsync(() => router.Router.Snapshot().Decision.Rule == RuleId.R2, () => $"R2\n{router.Log}");
        Assert.Equal(before, router.Forwarder.Orders.Count);

        // And with a replica dead as well, two of three.
        deployment.Nodes[2].Kill();
        await Eventually.HoldsAsync(() => router.Router.Snapshot().Decision.Rule == RuleId.R3, () => $"R3\n{router.Log}");
        Assert.Equal(before, router.Forwarder.Orders.Count);
    });

    [SkippableFact]
    public async Task A_Sentinel_in_TILT_has_no_vote()
    {
        await using RouterScene scene = await RouterScene.StartAsync();
        (RedisDeployment deployment, RunningRouter router) = scene;

        // A Sentinel whose timer has not run for more than two seconds goes into TILT when it runs again.
        deployment.Sentinels[0].Suspend();
        await Eventually.HoldsAsync(() => router.Router.Snapshot().Sentinels[0].Age > TimeSpan.FromSeconds(2.5), () => "the Sentinel is silent");
        Assert.Equal(ServerHealth.Silent, router.Router.Snapshot().Sentinels[0].Health);
        deployment.Sentinels[0].Resume();
        await Eventually.HoldsAsync(() => router.Router.Snapshot().Sentinels[0].Answer!.Value.Tilt, () => $"TILT is seen\n{router.Log}");
        Assert.Equal(SentinelVote.None, router.Router.Snapshot().Sentinels[0].Vote);
        await router.Log.HasAsync("is in TILT: its vote does not count");
        await router.OpensToAsync(deployment.Nodes[0]);
    }

    private void Report(RunningRouter router, long promotedAt, long opened)
    {
        output.WriteLine(router.Log.ToString());
        output.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"promotion to open gate: {Stopwatch.GetElapsedTime(promotedAt, opened).TotalMilliseconds:0} ms"));
    }

    private static void AssertNeverTwoTargets(RunningRouter router)
    {
        RedisNode? target = null;
        foreach (GateOrder order in router.Forwarder.Orders)
        {
            Assert.True(target is null || order.Target is null || order.Target == target, $"{target} -> {order}");
            target = order.Target;
        }
    }

    // Asks the candidates every millisecond, each over its own connection, until one says master.
    // With threads of its own: an order needs none of the pool, and must not be measured by a watch that waits for one.
    private static async Task<(RedisProcess Node, long At)> PromotionAsync(params RedisProcess[] candidates)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        CancellationToken end = limit.Token;
        Task<(RedisProcess Node, long At)>[] asking = [.. candidates.Select(candidate =>
            Task.Factory.StartNew(
                () => (candidate, Promotion(candidate, end)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task<(RedisProcess Node, long At)> first = await Task.WhenAny(asking);
        await limit.CancelAsync();
        return await first;
    }

    private static long Promotion(RedisProcess candidate, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            try
            {
                using RespConnection connection = candidate.Connect();
                while (!end.IsCancellationRequested)
                {
                    if (connection.Call("ROLE")[0].Text == "master")
                    {
                        return Stopwatch.GetTimestamp();
                    }

                    Thread.Sleep(1);
                }
            }
            catch (IOException)
            {
                // A promotion kills all connections.
            }
        }

        throw new TimeoutException($"{candidate.EndPoint} was not promoted");
    }
}
