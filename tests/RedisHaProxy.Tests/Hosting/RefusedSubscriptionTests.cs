// Real Sentinels that refuse the subscription to their events (an ACL without channels): hand-overs lose nothing all the same, and everybody is told.

using System.Globalization;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Tests.Hosting;

public sealed class RefusedSubscriptionTests
{
    private const string User = "watcher";
    private const string Password = "watcher-password";

    /// <summary>
    /// docs/proxy-configuration.md: on a busy machine the last writes before a forced promotion may be lost. Without the fallback they always are.
    /// </summary>
    private const int Chances = 3;

    [SkippableFact]
    public async Task A_hand_over_loses_no_acknowledged_write_and_the_state_is_told_everywhere()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        // With one replica, FAILOVER and the Sentinels choose the same node.
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 2, DownAfterMilliseconds = 3000 });
        foreach (RedisProcess sentinel in deployment.Sentinels)
        {
            await sentinel.CommandAsync(["ACL", "SETUSER", User, "reset", "on", $">{Password}", .. NeededRights.Sentinel.Split(' ').Where(r => r != "&*")]);
        }

        await using var proxy = await RunningProxy.StartAsync(p => Configure(p, deployment));
        await ProxyScene.ReadyAsync(proxy, "redis1");
        await IsToldAsync(proxy, deployment);

        // Planned: FAILOVER, and then the Sentinels agree.
        (RedisProcess from, RedisProcess to) = (deployment.Nodes[0], deployment.Nodes[1]);
        Assert.Equal((0, "planned"), (await LostAsync(proxy, to, async () =>
        {
            await from.CommandAsync("FAILOVER", "TO", "127.0.0.1", Port(to), "TIMEOUT", "1000");
            await Eventually.HoldsAsync(() => RedisDeployment.IsMasterAsync(to), () => "the replica is promoted");
            await deployment.Sentinels[0].CommandAsync("SENTINEL", "FAILOVER", RedisDeployment.MasterName);
        }), "planned"));

        // Beside a healthy master, which goes on taking writes.
        for (int chance = 1; ; chance++)
        {
            (from, to) = (to, from);
            await deployment.SettledOnAsync(from);
            int lost = await LostAsync(proxy, to, () => deployment.Sentinels[1].CommandAsync("SENTINEL", "FAILOVER", RedisDeployment.MasterName));
            if (lost == 0)
            {
                return;
            }

            Assert.True(chance < Chances, $"lost {lost} acknowledged writes, and some in each hand-over before\n{proxy.Log}");
        }
    }

    private static async Task IsToldAsync(RunningProxy proxy, RedisDeployment deployment)
    {
        await Eventually.HoldsAsync(
            () => deployment.Sentinels.All(s => proxy.Log.Contains($"Sentinel {s.EndPoint} answers, and its events are not heard", StringComparison.Ordinal)),
            () => proxy.Log);
        await proxy.LogsAsync(NeededRights.Sentinel);
        string status = (await proxy.VerbAsync("status")).Output;
        Assert.Equal(3, status.Split("up, no events").Length - 1);
        Assert.Contains("are not heard", (await proxy.VerbAsync("explain")).Output.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Contains("are not heard", await proxy.GetAsync("stats"), StringComparison.Ordinal);
        Assert.Equal(3, (await proxy.GetAsync("metrics")).Split('\n').Count(l => l.StartsWith("redis_ha_proxy_sentinel_events_heard{", StringComparison.Ordinal)
            && l.EndsWith(" 0", StringComparison.Ordinal)));
        ProcessResult check = await ProxyProcess.RunAsync("check", proxy.ConfigurationFile, "--connect");
        Assert.Equal(1, check.ExitCode);
        Assert.Equal(3, check.Output.Split("its events are not heard").Length - 1);
    }

    // How many acknowledged writes the new master has not got.
    private static async Task<int> LostAsync(RunningProxy proxy, RedisProcess to, Func<Task> handOver)
    {
        string run = Guid.NewGuid().ToString("N");
        using var stop = new CancellationTokenSource();
        Task<List<string>>[] writers = [.. Enumerable.Range(0, 4).Select(i => Task.Run(() => Write(proxy, $"{run}:{i}", stop.Token)))];
        await Eventually.HoldsAsync(async () => await CountAsync(to, run) > 100, () => "the clients write");
        await handOver();
        string name = await RoutedToAsync(proxy, to);
        int before = await CountAsync(to, run);
        await Eventually.HoldsAsync(async () => await CountAsync(to, run) > before + 100, () => $"the clients write to {name}\n{proxy.Log}");
        await stop.CancelAsync();
        var there = ((object?[])(await to.CommandAsync("KEYS", $"{run}:*"))!).Cast<string>().ToHashSet();
        return (await Task.WhenAll(writers)).Sum(written => written.Count(key => !there.Contains(key)));
    }

    private static async Task<string> RoutedToAsync(RunningProxy proxy, RedisProcess to)
    {
        await ProxyScene.ReadyAsync(proxy, to.Name);
        return to.Name;
    }

    private static async Task<int> CountAsync(RedisProcess node, string run) => ((object?[])(await node.CommandAsync("KEYS", $"{run}:*"))!).Length;

    // One key after the other, on a connection that is renewed when it breaks; those that were acknowledged.
    private static List<string> Write(RunningProxy proxy, string prefix, CancellationToken stop)
    {
        var acknowledged = new List<string>();
        RespConnection? connection = null;
        for (int n = 0; !stop.IsCancellationRequested; n++)
        {
            string key = string.Create(CultureInfo.InvariantCulture, $"{prefix}:{n}");
            try
            {
                connection ??= RespConnection.Connect(proxy.EndPoint, TimeSpan.FromSeconds(15));
                connection.Call("SET", key, "1");
                acknowledged.Add(key);
            }
            catch (Exception e) when (e is IOException or RespErrorException)
            {
                connection?.Dispose();
                connection = null;
            }

            Thread.Sleep(2);
        }

        connection?.Dispose();
        return acknowledged;
    }

    private static string Port(RedisProcess node) => node.EndPoint.Port.ToString(CultureInfo.InvariantCulture);

    private static void Configure(RunningProxy proxy, RedisDeployment deployment)
    {
        proxy.Write("admin.password", RunningProxy.Password);
        proxy.Write("sentinel.password", Password);
        proxy.Write("proxy.json", $$"""
            { "listen": ["{{proxy.EndPoint}}"],
              "redis": { "nodes": { {{string.Join(", ", deployment.Nodes.Select(n => $"\"{n.Name}\": \"{n.EndPoint}\""))}} } },
              "sentinel": { "master": "{{RedisDeployment.MasterName}}", "nodes": [{{string.Join(", ", deployment.Sentinels.Select(s => $"\"{s.EndPoint}\""))}}],
                            "user": "{{User}}", "passwordFile": "sentinel.password", "downAfter": "3s" },
              "admin": { "listen": "{{proxy.Admin}}", "passwordFile": "admin.password", "socket": "control.sock" } }
            """);
    }
}
