// How the whole proxy ends and drains, as a process in front of real Redis.

using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using RedisHaProxy.Tests.Configuration;

namespace RedisHaProxy.Tests.Hosting;

public sealed class StopTests
{
    [SkippableFact]
    public async Task SIGTERM_fails_the_health_check_takes_sessions_for_the_delay_and_ends_the_last_ones_at_the_limit()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 1, timeouts: """{ "drainDelay": "3s", "drain": "4s" }""");
        var proxy = scene.Proxy;
        using var old = await proxy.ConnectAsync();
        Assert.Equal("PONG", await old.CommandAsync("PING"));

        proxy.Signal(PosixSignal.SIGTERM);

        await Eventually.HoldsAsync(async () => await proxy.StatusAsync("healthz") == HttpStatusCode.ServiceUnavailable, () => proxy.Log);
        using (var late = await proxy.ConnectAsync())
        {
            Assert.Equal("PONG", await late.CommandAsync("PING"));
        }

        await Eventually.HoldsAsync(() => proxy.Log.Contains("the listeners are closed; 1 sessions go on", StringComparison.Ordinal), () => proxy.Log);
        Assert.False(await AcceptsAsync(proxy.EndPoint));
        Assert.Equal("PONG", await old.CommandAsync("PING"));
        Assert.Equal(0, await proxy.ExitedAsync());
        Assert.Contains("Stopped; 1 sessions were ended", proxy.Log, StringComparison.Ordinal);
        Assert.Contains("ended: operator", proxy.Log, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<IOException>(() => old.CommandAsync("PING"));
    }

    [SkippableFact]
    public Task A_proxy_that_stops_takes_sessions_as_long_as_they_come_because_no_other_may_serve() => SecondChance.UnlessHeldUpAsync(
        TimeSpan.FromSeconds(0.5), async () =>
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 1, timeouts: """{ "drainDelay": "2s", "drain": "30s" }""");
        var proxy = scene.Proxy;
        proxy.Signal(PosixSignal.SIGTERM);
        long stopping = System.Diagnostics.Stopwatch.GetTimestamp();
        while (System.Diagnostics.Stopwatch.GetElapsedTime(stopping) < TimeSpan.FromSeconds(6))
        {
            // Three times the delay: nobody who comes meets a closed port.
            using var client = await proxy.ConnectAsync();
            Assert.Equal("PONG", await client.CommandAsync("PING"));
            await Task.Delay(200);
        }

        Assert.DoesNotContain("the listeners are closed", proxy.Log, StringComparison.Ordinal);
        Assert.Equal(0, await proxy.ExitedAsync()); // long before the 30 s are over: nobody comes any more
    });

    [SkippableFact]
    public async Task SIGTERM_ends_the_process_as_soon_as_the_last_session_has_gone_and_SIGINT_at_once()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 1, Sentinels = 0 });
        await using (var proxy = await RunningProxy.StartAsync(deployment, """{ "drainDelay": "0s", "drain": "10m" }"""))
        {
            await ProxyScene.ReadyAsync(proxy, "redis1");
            using (var client = await proxy.ConnectAsync())
            {
                Assert.Equal("PONG", await client.CommandAsync("PING"));
                proxy.Signal(PosixSignal.SIGTERM);
                await Eventually.HoldsAsync(async () => !await AcceptsAsync(proxy.EndPoint), () => $"the listener closes; {proxy.Log}");
                Assert.True(proxy.Running);
            }

            Assert.Equal(0, await proxy.ExitedAsync());
        }

        await using (var proxy = await RunningProxy.StartAsync(deployment, """{ "drainDelay": "10m", "drain": "10m" }"""))
        {
            await ProxyScene.ReadyAsync(proxy, "redis1");
            using var client = await proxy.ConnectAsync();
            Assert.Equal("PONG", await client.CommandAsync("PING"));
            proxy.Signal(PosixSignal.SIGINT);
            Assert.Equal(0, await proxy.ExitedAsync());
        }
    }

    [SkippableFact]
    public async Task The_service_manager_hears_of_readiness_master_and_end()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        using var folder = new TemporaryFolder();
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 20_000 };
        string path = Path.Combine(folder.Path, "notify");
        manager.Bind(new UnixDomainSocketEndPoint(path));
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 1, Sentinels = 0 });
        await using var proxy = await RunningProxy.StartAsync(deployment, change: start =>
        {
            start.Environment["NOTIFY_SOCKET"] = path;
            start.Environment["WATCHDOG_USEC"] = "3000000";
        });

        Assert.StartsWith("READY=1\nSTATUS=Serving, ", Receive(manager), StringComparison.Ordinal);
        ReceiveUntil(manager, m => m.StartsWith("STATUS=Serving, master redis1", StringComparison.Ordinal));
        ReceiveUntil(manager, m => m == "WATCHDOG=1");
        proxy.Signal(PosixSignal.SIGTERM);
        ReceiveUntil(manager, m => m.StartsWith("STOPPING=1\nSTATUS=Stopping", StringComparison.Ordinal));
        Assert.Equal(0, await proxy.ExitedAsync());
    }

    [SkippableFact]
    public async Task A_drain_can_be_taken_back_and_sessions_can_be_listed_and_ended()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 1);
        var proxy = scene.Proxy;

        Assert.StartsWith("draining", (await proxy.VerbAsync("drain")).Output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await proxy.StatusAsync("healthz"));
        Assert.Contains("already", (await proxy.VerbAsync("drain")).Output, StringComparison.Ordinal);
        Assert.StartsWith("serving", (await proxy.VerbAsync("ready")).Output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await proxy.StatusAsync("healthz"));

        using var client = await proxy.ConnectAsync();
        Assert.Equal("PONG", await client.CommandAsync("PING"));
        var listed = JsonDocument.Parse((await proxy.VerbAsync("sessions", "--json")).Output).RootElement;
        long id = listed[0].GetProperty("id").GetInt64();
        Assert.Equal(("redis1", "open"), (listed[0].GetProperty("node").GetString(), listed[0].GetProperty("state").GetString()));
        var none = await proxy.VerbAsync("sessions", "--end", "987654321");
        Assert.Equal((1, "redis-ha-proxy: no session matches\n"), (none.ExitCode, none.Error));
        Assert.Equal("1 session ended\n", (await proxy.VerbAsync("sessions", "--end", id.ToString(System.Globalization.CultureInfo.InvariantCulture))).Output);
        await Assert.ThrowsAnyAsync<IOException>(() => client.CommandAsync("PING"));
        using var second = await proxy.ConnectAsync();
        Assert.Equal("PONG", await second.CommandAsync("PING"));
        Assert.Equal("1 session ended\n", (await proxy.VerbAsync("sessions", "--source", "127.0.0.1", "--end-all")).Output);
        await proxy.LogsMatchAsync(@"Order 'sessions/end\?source=127\.0\.0\.1' by process \d+ of user \d+.*: 1 session ended");
    }

    private static async Task<bool> AcceptsAsync(IPEndPoint endPoint)
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await probe.ConnectAsync(endPoint);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static string Receive(Socket manager)
    {
        var buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, manager.Receive(buffer));
    }

    private static void ReceiveUntil(Socket manager, Func<string, bool> wanted)
    {
        // Bounded: the socket's receive time-out throws when the manager hears nothing more; messages come at most twice a second.
        for (int i = 0; i < 60; i++)
        {
            if (wanted(Receive(manager)))
            {
                return;
            }
        }

        Assert.Fail("the message did not come");
    }
}
