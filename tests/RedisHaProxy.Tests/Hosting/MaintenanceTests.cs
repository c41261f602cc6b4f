// The verb "maintenance" and its undoing, in front of real Redis processes.

using System.Net;
using System.Text.Json;

namespace RedisHaProxy.Tests.Hosting;

public sealed class MaintenanceTests
{
    [SkippableFact]
    public async Task A_replica_in_maintenance_is_shown_as_such_and_its_failure_is_no_news_until_it_is_ready()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 3);
        var (deployment, proxy) = (scene.Deployment, scene.Proxy);

        Assert.StartsWith("redis3 is in maintenance: it gets no sessions", (await proxy.VerbAsync("maintenance", "redis3")).Output, StringComparison.Ordinal);
        Assert.Equal("nothing changed: redis3 is in maintenance already\n", (await proxy.VerbAsync("maintenance", "redis3")).Output);
        var unknown = await proxy.VerbAsync("maintenance", "redis9");
        Assert.Equal((1, "redis-ha-proxy: there is no node 'redis9'; configured are redis1, redis2, redis3\n"), (unknown.ExitCode, unknown.Error));
        await proxy.LogsMatchAsync(@"Order 'maintenance\?node=redis3' by process \d+ of user \d+.*: redis3 is in maintenance: it gets no sessions");

        deployment.Nodes[2].Kill();
        await Eventually.HoldsAsync(async () => !(await NodeAsync(proxy, 2)).GetProperty("up").GetBoolean(), () => proxy.Log);

        // It survives a reload, which names other things that changed.
        proxy.Configure(deployment, """{ "drainDelay": "0s", "drain": "11s" }""");
        Assert.Equal("applied: timeouts.drain\n", (await proxy.VerbAsync("reload")).Output);
        Assert.NotEqual(JsonValueKind.Null, (await NodeAsync(proxy, 2)).GetProperty("maintenanceSince").ValueKind);
        Assert.Contains("redis3,", await proxy.GetAsync("stats;csv"), StringComparison.Ordinal);
        Assert.Contains(",MAINT,", (await proxy.GetAsync("stats;csv")).Split('\n').Single(l => l.StartsWith("redis,redis3,", StringComparison.Ordinal)),
            StringComparison.Ordinal);
        Assert.Contains("redis_ha_proxy_node_maintenance{node=\"redis3\"} 1\n", await proxy.GetAsync("metrics"), StringComparison.Ordinal);
        Assert.Matches("redis3 .* MAINT, unknown ", (await proxy.VerbAsync("status")).Output);
        Assert.Empty(JsonDocument.Parse(await proxy.GetAsync("explain")).RootElement.GetProperty("hints").EnumerateArray());
        Assert.DoesNotContain("redis3 is Refused", proxy.Log, StringComparison.Ordinal);

        Assert.Equal("redis3 is back from maintenance\n", (await proxy.VerbAsync("ready", "redis3")).Output);
        Assert.StartsWith("redis3 (", JsonDocument.Parse(await proxy.GetAsync("explain")).RootElement.GetProperty("hints")[0].GetString(),
            StringComparison.Ordinal);
    }

    // Without Sentinels nothing but answers counts, and one counts for 300 ms.
    [SkippableFact]
    public Task The_master_is_refused_and_forced_its_sessions_end_and_new_ones_wait_until_it_is_ready() => SecondChance.UnlessHeldUpAsync(
        TimeSpan.FromMilliseconds(200), async () =>
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 2, timeouts: """{ "drainDelay": "0s", "drain": "10s", "park": "1m" }""");
        var proxy = scene.Proxy;
        using var client = await proxy.ConnectAsync();
        Assert.Equal("PONG", await client.CommandAsync("PING"));

        var refused = await proxy.VerbAsync("maintenance", "redis1");
        Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
        Assert.Matches(@"^redis-ha-proxy: refused: sessions go to redis1 \(\d+ now\)\. Make another node master first", refused.Error);
        Assert.Equal("PONG", await client.CommandAsync("PING"));

        var forced = await proxy.VerbAsync("maintenance", "redis1", "--force");
        Assert.Equal(0, forced.ExitCode);
        Assert.Matches(@"^redis1 is in maintenance, and it was the master: its 1 sessions end now, .* Make one now: .* Or take it back: redis-ha-proxy ready "
            + @"redis1\.", forced.Output);
        await Assert.ThrowsAnyAsync<IOException>(() => client.CommandAsync("PING"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await proxy.StatusAsync("readyz"));
        Assert.Equal(HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
        using var waiting = await proxy.ConnectAsync();
        var answer = waiting.CommandAsync("PING");
        await Eventually.HoldsAsync(async () => (await StatusAsync(proxy)).GetProperty("sessions").GetProperty("parked").GetInt32() == 1, () => proxy.Log);
        Assert.False(answer.IsCompleted);

        // The rule itself is untouched, and the reason is told.
        var explain = JsonDocument.Parse(await proxy.GetAsync("explain")).RootElement;
        Assert.StartsWith("New sessions wait: redis1 is in maintenance. Rule R2 would route to it", explain.GetProperty("summary").GetString(),
            StringComparison.Ordinal);
        Assert.Equal("redis1 is in maintenance", explain.GetProperty("gate").GetProperty("withheld").GetString());
        var order = JsonDocument.Parse(await proxy.GetAsync("timeline")).RootElement.GetProperty("orders")[0];
        Assert.Equal(("park", "maintenance"), (order.GetProperty("mode").GetString(), order.GetProperty("rule").GetString()));

        Assert.Equal("redis1 is back from maintenance\n", (await proxy.VerbAsync("ready", "redis1")).Output);
        Assert.Equal("PONG", await answer.WaitAsync(TimeSpan.FromSeconds(30)));
        await Eventually.HoldsAsync(() => proxy.Log.Contains("to redis1 ended: role-lost", StringComparison.Ordinal), () => proxy.Log);
        var interruption = JsonDocument.Parse(await proxy.GetAsync("timeline")).RootElement.GetProperty("interruptions")[0];
        Assert.Equal(("redis1", "maintenance", "R2"), (interruption.GetProperty("from").GetString(), interruption.GetProperty("shutRule").GetString(),
            interruption.GetProperty("openRule").GetString()));
    });

    private static async Task<JsonElement> StatusAsync(RunningProxy proxy) => JsonDocument.Parse(await proxy.GetAsync("stats.json")).RootElement;

    private static async Task<JsonElement> NodeAsync(RunningProxy proxy, int index) => (await StatusAsync(proxy)).GetProperty("nodes")[index];
}
