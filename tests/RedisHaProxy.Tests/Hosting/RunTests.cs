// The whole proxy as a process, in front of real Redis and Sentinel processes.

using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using RedisHaProxy.Tests.Configuration;

namespace RedisHaProxy.Tests.Hosting;

public sealed class RunTests
{
    [SkippableFact]
    public async Task Sessions_reach_the_master_follow_a_failover_and_the_operator_sees_it()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { DownAfterMilliseconds = 5000 });
        await using var proxy = await RunningProxy.StartAsync(deployment);
        await ProxyScene.ReadyAsync(proxy, "redis1");

        using (var client = await proxy.ConnectAsync())
        {
            Assert.Equal("OK", await client.CommandAsync("SET", "key", "value"));
        }

        Assert.Equal("value", await deployment.Nodes[0].CommandAsync("GET", "key"));

        // FAILOVER by hand, and the Sentinels told at once.
        var target = deployment.Nodes[1];
        await deployment.Nodes[0].CommandAsync("FAILOVER", "TO", "127.0.0.1", target.EndPoint.Port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        await ProxyScene.ReadyAsync(proxy, "redis2");
        using (var client = await proxy.ConnectAsync())
        {
            Assert.Equal("OK", await client.CommandAsync("SET", "key", "other"));
        }

        var timeline = JsonDocument.Parse(await proxy.GetAsync("timeline")).RootElement;
        var newest = timeline.GetProperty("interruptions")[0];
        Assert.Equal(("redis1", "redis2"), (newest.GetProperty("from").GetString(), newest.GetProperty("to").GetString()));

        var status = JsonDocument.Parse(await proxy.GetAsync("stats.json")).RootElement;
        Assert.Equal("redis2", status.GetProperty("gate").GetProperty("target").GetString());
        Assert.Equal(2, status.GetProperty("sessions").GetProperty("total").GetInt64());

        // The verbs over the control socket.
        var text = await proxy.VerbAsync("status");
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
        Assert.Contains("Sessions go to redis2", text.Output, StringComparison.Ordinal);
        var explain = await proxy.VerbAsync("explain", "--json");
        Assert.StartsWith("Sessions go to redis2", JsonDocument.Parse(explain.Output).RootElement.GetProperty("summary").GetString(), StringComparison.Ordinal);
        Assert.Matches("redis1 > redis2 ", (await proxy.VerbAsync("timeline")).Output);

        proxy.Signal(PosixSignal.SIGTERM);
        Assert.Equal(0, await proxy.ExitedAsync());
        Assert.False(File.Exists(proxy.Socket));
    }

    [SkippableFact]
    public async Task Without_a_master_the_process_is_healthy_and_not_ready()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 2);
        var (deployment, proxy) = (scene.Deployment, scene.Proxy);

        deployment.Nodes[0].Kill();

        await Eventually.HoldsAsync(async () => await proxy.StatusAsync("readyz") == HttpStatusCode.ServiceUnavailable, () => proxy.Log);
        Assert.Equal(HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
        string explain = "";
        await Eventually.HoldsAsync(
            async () => (explain = (await proxy.VerbAsync("explain")).Output).Contains("connection refused", StringComparison.Ordinal), () => explain);
        Assert.Contains("no node claims to be master", explain, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_limit_of_open_files_that_serves_nobody_ends_the_start_with_a_sentence()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 1, Sentinels = 0 });
        var e = await Assert.ThrowsAnyAsync<Exception>(() => RunningProxy.StartAsync(deployment, change: ProxyProcess.Limited("--nofile=513")));
        Assert.Contains("redis-ha-proxy: this process may open only 513 files, which is too few to serve a single client: 512 are for listeners, probes and "
            + "administration. "
            + "Raise the limit (LimitNOFILE of the service, ulimit -n) to 2512, which limits.connections = 1000 needs, or at least to 640", e.Message,
                StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_standard_error_that_takes_nothing_ends_nothing()
    {
        await using var scene = await ProxyScene.StartAsync(
            nodes: 1,
            change: start =>
            {
                string command = string.Join(' ', start.ArgumentList.Prepend(start.FileName).Select(a => $"'{a}'"));
                start.ArgumentList.Clear();
                start.ArgumentList.Add("-c");
                start.ArgumentList.Add($"exec {command} 2>/dev/full");
                start.FileName = "/bin/sh";
            },
            further: "\"log\": { \"level\": \"trace\" }, \"recording\": { \"file\": \"missing/recording\" },"); // a warning at the start
        var proxy = scene.Proxy;
        for (int i = 0; i < 20; i++)
        {
            using var client = await proxy.ConnectAsync();
            Assert.Equal("PONG", await client.CommandAsync("PING"));
        }

        proxy.Signal(PosixSignal.SIGTERM);
        Assert.Equal(0, await proxy.ExitedAsync());
    }

    [SkippableFact]
    public async Task A_recording_that_cannot_be_written_ends_nothing_and_is_shown()
    {
        // A limit of file sizes; the signal that comes with it would end the process.
        await using var scene = await ProxyScene.StartAsync(
            nodes: 2,
            change: start =>
            {
                ProxyProcess.Limited("--fsize=16384")(start);
                start.Environment["DOTNET_EnableWriteXorExecute"] = "0"; // which the runtime has a large file for
            },
            further: "\"recording\": { \"file\": \"recording\" },");
        var proxy = scene.Proxy;
        await Eventually.HoldsAsync(
            () => proxy.Log.Contains("has stopped: the process may not write so large a file", StringComparison.Ordinal), () => proxy.Log);

        Assert.Contains("redis_ha_proxy_recording 0", await proxy.GetAsync("metrics"), StringComparison.Ordinal);
        Assert.Contains("! Nothing is recorded to ", (await proxy.VerbAsync("status")).Output, StringComparison.Ordinal);
        using (var client = await proxy.ConnectAsync())
        {
            Assert.Equal("PONG", await client.CommandAsync("PING"));
        }

        proxy.Signal(PosixSignal.SIGTERM);
        Assert.Equal(0, await proxy.ExitedAsync());
    }

    [SkippableFact]
    public async Task A_taken_port_ends_the_start_with_one_line_and_exit_code_1()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 1);
        var (deployment, proxy) = (scene.Deployment, scene.Proxy);
        using var folder = new TemporaryFolder();
        string node = $"\"redis\": {{ \"nodes\": {{ \"a\": \"{deployment.Nodes[0].EndPoint}\" }} }}, \"limits\": {{ \"connections\": 10 }}";

        var clients = await ProxyProcess.RunAsync("run", "--config", folder.Write("a.json", $"{{ \"listen\": [\"{proxy.EndPoint}\"], {node} }}"));
        Assert.Equal(1, clients.ExitCode);
        Assert.Matches($"^redis-ha-proxy: .*{proxy.EndPoint}.*in use.*\n$", clients.Error);

        int free = RedisProcess.FreePort();
        var admin = await ProxyProcess.RunAsync("run", "--config",
            folder.Write("b.json", $"{{ \"listen\": [\"127.0.0.1:{free}\"], \"admin\": {{ \"listen\": \"{proxy.Admin}\" }}, {node} }}"));
        Assert.Equal(1, admin.ExitCode);
        Assert.Matches($"^redis-ha-proxy: cannot listen for administration on {proxy.Admin}: .*in use.*\n$", admin.Error);

        var socket = await ProxyProcess.RunAsync("run", "--config",
            folder.Write("c.json", $"{{ \"listen\": [\"127.0.0.1:{free}\"], \"admin\": {{ \"socket\": \"{proxy.Socket}\" }}, {node} }}"));
        Assert.Equal((1, $"redis-ha-proxy: cannot listen for administration on {proxy.Socket}: another redis-ha-proxy answers there\n"),
            (socket.ExitCode, socket.Error));
        Assert.Equal(0, (await proxy.VerbAsync("status")).ExitCode);
    }

    [SkippableFact]
    public async Task Pages_want_the_password_health_checks_do_not_and_orders_are_not_taken_over_TCP()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 1);
        var proxy = scene.Proxy;

        Assert.Equal(HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
        Assert.Equal(HttpStatusCode.Unauthorized, await proxy.StatusAsync("stats.json"));
        Assert.Equal(HttpStatusCode.Unauthorized, await proxy.StatusAsync("nothing"));
        Assert.Equal(HttpStatusCode.Forbidden, await proxy.StatusAsync("control/sessions"));
        using var order = await proxy.Http.PostAsync(new Uri("control/drain", UriKind.Relative), null);
        Assert.Equal(HttpStatusCode.Forbidden, order.StatusCode);
        using var post = await proxy.Http.PostAsync(new Uri("healthz", UriKind.Relative), null);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "GET, HEAD"), (post.StatusCode, string.Join(", ", post.Content.Headers.Allow)));
        using var head = await proxy.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "healthz"));
        Assert.Equal((HttpStatusCode.OK, 3), (head.StatusCode, head.Content.Headers.ContentLength));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, File.GetUnixFileMode(proxy.Socket));
    }

    [SkippableFact]
    public async Task A_reload_applies_what_can_change_live_and_a_bad_file_changes_nothing()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 1);
        var (deployment, proxy) = (scene.Deployment, scene.Proxy);

        Assert.Equal("nothing has changed\n", (await proxy.VerbAsync("reload")).Output);
        proxy.Configure(deployment, """{ "drainDelay": "1s", "drain": "10s", "connect": "1s" }""", """ "log": { "level": "warning" }, """);
        Assert.Equal("applied: timeouts.connect, timeouts.drainDelay, log.level\n", (await proxy.VerbAsync("reload")).Output);
        proxy.Configure(deployment, """{ "drainDelay": "1s", "drain": "10s" }""", """ "log": { "level": "warning", "format": "json" }, """);
        Assert.Equal("applied: timeouts.connect; only a restart applies: log.format\n", (await proxy.VerbAsync("reload")).Output);

        await File.WriteAllTextAsync(proxy.ConfigurationFile, "{");
        var bad = await proxy.VerbAsync("reload");
        Assert.Equal((1, ""), (bad.ExitCode, bad.Output));
        Assert.Contains("nothing was changed, because the file has errors:\n", bad.Error, StringComparison.Ordinal);
        proxy.Signal(PosixSignal.SIGHUP);
        await Eventually.HoldsAsync(() => proxy.Log.Split("Reload: nothing was changed").Length == 3, () => proxy.Log);
        Assert.Equal(HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
        Assert.Equal(0, (await proxy.VerbAsync("status")).ExitCode);
    }

    [SkippableFact]
    public async Task Check_connect_asks_every_server_and_says_what_would_be_decided()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 2, Sentinels = 0, Password = "secret" });
        using var folder = new TemporaryFolder();
        folder.Write("right", "secret");
        folder.Write("wrong", "other");
        string Configuration(string passwordFile) => folder.Write("proxy.json",
            $$"""{ "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "{{deployment.Nodes[0].EndPoint}}", "b": "{{deployment.Nodes[1].EndPoint}}" }, "passwordFile": "{{passwordFile}}" } }""");

        var good = await ProxyProcess.RunAsync("check", "--connect", Configuration("right"));
        Assert.Equal((0, ""), (good.ExitCode, good.Error));
        Assert.Contains("Sessions would go to a by rule R2", good.Output, StringComparison.Ordinal);

        var bad = await ProxyProcess.RunAsync("check", "--connect", Configuration("wrong"));
        Assert.Equal(1, bad.ExitCode);
        Assert.Contains("refuses the password", bad.Output, StringComparison.Ordinal);
        Assert.Contains("Sessions would go nowhere", bad.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Broken_requests_cost_their_sender_the_connection_and_nobody_else_anything()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 1);
        var proxy = scene.Proxy;
        var random = new Random(1);
        var requests = new List<byte[]>
        {
            "\0\0\0\0"u8.ToArray(),
            "GET\r\n\r\n"u8.ToArray(),
            "GET /stats HTTP/9.9\r\n\r\n"u8.ToArray(),
            "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray(),
            "GET /stats HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xff\xfe\r\n\r\n"u8.ToArray(),
            "GET /stats HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"u8.ToArray(),
            "POST /control/drain HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"u8.ToArray(),
            "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nzz\r\n"u8.ToArray(),
            Encoding.ASCII.GetBytes($"GET /{new string('a', 10_000)} HTTP/1.1\r\nHost: x\r\n\r\n"),
            Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: x\r\nX: {new string('a', 100_000)}\r\n\r\n"),
            Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: x\r\n{string.Concat(Enumerable.Range(0, 500).Select(i => $"X{i}: y\r\n"))}\r\n"),
        };
        for (int i = 0; i < 50; i++)
        {
            var noise = new byte[random.Next(1, 2000)];
            random.NextBytes(noise);
            requests.Add([.. noise, .. "\r\n\r\n"u8]);
        }

        foreach (byte[] request in requests)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 20_000 };
            await socket.ConnectAsync(proxy.Admin);
            string answer = await ExchangeAsync(socket, request);
            Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal)
                || answer.StartsWith("HTTP/1.1 5", StringComparison.Ordinal), answer);
        }

        Assert.Equal(HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
        Assert.DoesNotContain("xception", proxy.Log, StringComparison.Ordinal);
        Assert.Equal("serving", JsonDocument.Parse(await proxy.GetAsync("stats.json")).RootElement.GetProperty("process").GetProperty("phase").GetString());
    }

    private static async Task<string> ExchangeAsync(Socket socket, byte[] request)
    {
        try
        {
            await socket.SendAsync(request);
            socket.Shutdown(SocketShutdown.Send);
            var buffer = new byte[4096];
            return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer));
        }
        catch (SocketException)
        {
            // Reset in the middle of a request: as good as a refusal.
            return "";
        }
    }
}
