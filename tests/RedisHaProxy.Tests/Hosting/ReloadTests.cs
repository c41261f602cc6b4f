// What a reload changes in a running proxy, in front of real Redis and Sentinel processes and under traffic.

using System.Globalization;
using System.Text.Json;

namespace RedisHaProxy.Tests.Hosting;

public sealed class ReloadTests
{
    [SkippableFact]
    public async Task The_probes_password_is_rotated_under_traffic_without_a_cut_session_and_a_wrong_one_changes_nothing()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        // Long enough that a stall of a busy machine is no reason to cut anybody.
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { DownAfterMilliseconds = 30_000 });
        await using var proxy = await RunningProxy.StartAsync(deployment);
        await RoutedAsync(proxy, "redis1");
        using var stop = new CancellationTokenSource();
        var traffic = TrafficAsync(proxy, stop.Token);

        // A user of its own instead of the default one.
        await EverywhereAsync(deployment, "ACL", "SETUSER", "rp-health", "on", ">one", "-@all", "+ping", "+role", "+info");
        await EverywhereAsync(
            deployment.Sentinels, "ACL", "SETUSER", "rp-sentinel", "on", ">one", "-@all", "+ping", "+info", "+subscribe", "+sentinel|master", "&*");
        Assert.Equal(
            "applied: redis.user, redis.passwordFile, sentinel.user, sentinel.passwordFile\n",
            await ReloadAsync(proxy, Configuration(proxy, deployment, password: "one")));

        // A wrong password: the servers are asked first, so nobody notices but the one who asked.
        await WriteAsync(proxy, Configuration(proxy, deployment, password: "two"));
        var refused = await proxy.VerbAsync("reload");
        Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
        Assert.StartsWith("redis-ha-proxy: nothing was changed:\nredis1 (", refused.Error, StringComparison.Ordinal);
        Assert.Contains("would not any more: WRONGPASS", refused.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("two", refused.Error, StringComparison.Ordinal);

        // The rotation: both are valid for a moment, then only the new one.
        await EverywhereAsync(deployment, "ACL", "SETUSER", "rp-health", ">two");
        await EverywhereAsync(deployment.Sentinels, "ACL", "SETUSER", "rp-sentinel", ">two");
        Assert.Equal("applied: redis.passwordFile, sentinel.passwordFile\n", (await proxy.VerbAsync("reload")).Output);
        await EverywhereAsync(deployment, "ACL", "SETUSER", "rp-health", "<one");
        await EverywhereAsync(deployment.Sentinels, "ACL", "SETUSER", "rp-sentinel", "<one");
        await EverywhereAsync(deployment, "CLIENT", "KILL", "USER", "rp-health");
        await EverywhereAsync(deployment.Sentinels, "CLIENT", "KILL", "USER", "rp-sentinel");
        await Eventually.HoldsAsync(
            async () => (await StatusAsync(proxy)) is var status
                && status.GetProperty("nodes").EnumerateArray().Concat(status.GetProperty("sentinels").EnumerateArray())
                    .All(s => s.GetProperty("up").GetBoolean() && s.GetProperty("checkAgeMs").GetDouble() < 2000),
            () => $"all servers answer the new password; {proxy.Log}");

        await stop.CancelAsync();
        Assert.True(await traffic > 10);
        Assert.All((await TimelineAsync(proxy)).GetProperty("interruptions").EnumerateArray(), each => Assert.True(
            each.GetProperty("from").ValueKind == JsonValueKind.Null || each.GetProperty("sessionsKept").GetBoolean(), $"{each}\n{proxy.Log}"));
        Assert.DoesNotContain("ended: role-lost", proxy.Log, StringComparison.Ordinal);
    }

    // Without Sentinels nothing but answers counts, and one counts for 300 ms.
    [SkippableFact]
    public Task A_node_is_added_becomes_the_master_and_is_removed_again() => SecondChance.UnlessHeldUpAsync(TimeSpan.FromMilliseconds(200), async () =>
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 4);
        var (deployment, proxy) = (scene.Deployment, scene.Proxy);
        using var client = await proxy.ConnectAsync();
        Assert.Equal("OK", await client.CommandAsync("SET", "key", "1"));

        // To three and back to four nodes: the session to the master that stays does not notice.
        Assert.Equal("applied: redis.nodes\n", await ReloadAsync(proxy, Configuration(proxy, deployment, nodes: 3)));
        Assert.Equal(["redis1", "redis2", "redis3"], await NodesAsync(proxy));
        Assert.Equal("applied: redis.nodes\n", await ReloadAsync(proxy, Configuration(proxy, deployment, nodes: 4)));
        Assert.Equal(["redis1", "redis2", "redis3", "redis4"], await NodesAsync(proxy));
        Assert.Equal("1", await client.CommandAsync("GET", "key"));

        // The added one becomes the master. Without Sentinels its followers and the promotion that was seen are the evidence.
        string port = deployment.Nodes[3].EndPoint.Port.ToString(CultureInfo.InvariantCulture);
        await deployment.Nodes[0].CommandAsync("FAILOVER", "TO", "127.0.0.1", port);
        await deployment.Nodes[1].CommandAsync("REPLICAOF", "127.0.0.1", port);
        await deployment.Nodes[2].CommandAsync("REPLICAOF", "127.0.0.1", port);
        await RoutedAsync(proxy, "redis4");
        using var second = await proxy.ConnectAsync();
        Assert.Equal("OK", await second.CommandAsync("SET", "key", "2"));

        // It is removed while it is the master: its sessions end, and nobody is routed to it.
        await ReloadAsync(proxy, Configuration(proxy, deployment, nodes: 3));
        await Assert.ThrowsAnyAsync<IOException>(() => second.CommandAsync("GET", "key"));
        await Eventually.HoldsAsync(() => proxy.Log.Contains("to redis4 ended: role-lost", StringComparison.Ordinal), () => proxy.Log);
        var status = await StatusAsync(proxy);
        Assert.Equal(JsonValueKind.Null, status.GetProperty("gate").GetProperty("target").ValueKind);
        Assert.StartsWith("an unknown address (",
            status.GetProperty("nodes")[0].GetProperty("state").GetString()!.Replace("follows ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.True(status.GetProperty("sessions").GetProperty("bytesIn").GetInt64() > 0);
    });

    [SkippableFact]
    public async Task Limits_are_lowered_for_new_sessions_only_raised_beyond_the_start_s_and_an_idle_limit_holds_for_open_sessions()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 1);
        var (deployment, proxy) = (scene.Deployment, scene.Proxy);
        using var first = await proxy.ConnectAsync();
        using var second = await proxy.ConnectAsync();
        Assert.Equal("PONG", await first.CommandAsync("PING"));
        Assert.Equal("PONG", await second.CommandAsync("PING"));

        Assert.Equal("applied: limits.connections\n", await ReloadAsync(proxy, Configuration(proxy, deployment, limits: """{ "connections": 1 }""")));
        await RefusedAsync(proxy);
        Assert.Equal("PONG", await first.CommandAsync("PING"));
        Assert.Equal("PONG", await second.CommandAsync("PING"));

        // Sources are limited from now on, and the two sessions from before count.
        await ReloadAsync(proxy, Configuration(proxy, deployment, limits: """{ "connections": 2000, "perSource": 2 }"""));
        await RefusedAsync(proxy);
        Assert.Equal(2000, (await StatusAsync(proxy)).GetProperty("sessions").GetProperty("limit").GetInt32());
        Assert.Equal("applied: limits.perSource\n", await ReloadAsync(proxy, Configuration(proxy, deployment, limits: """{ "connections": 2000 }""")));
        using var third = await proxy.ConnectAsync();
        Assert.Equal("PONG", await third.CommandAsync("PING"));

        await ReloadAsync(proxy,
            Configuration(proxy, deployment, limits: """{ "connections": 2000 }""", timeouts: """{ "drainDelay": "0s", "drain": "10s", "idle": "1s" }"""));
        await Eventually.HoldsAsync(() => proxy.Log.Split("ended: idle").Length == 4, () => $"three sessions end by the new limit of silence; {proxy.Log}");
    }

    [SkippableFact]
    public async Task A_reload_that_fails_in_the_middle_of_many_changes_applies_none_of_them()
    {
        await using var scene = await ProxyScene.StartAsync(nodes: 1);
        var (deployment, proxy) = (scene.Deployment, scene.Proxy);
        using var client = await proxy.ConnectAsync();
        Assert.Equal("PONG", await client.CommandAsync("PING"));

        // Everything at once, and one of it is refused by the node: it has no such user.
        await WriteAsync(proxy, Configuration(proxy, deployment, password: "one", limits: """{ "connections": 7 }""", timeouts: """{ "idle": "1s" }"""));
        Assert.Equal(1, (await proxy.VerbAsync("reload")).ExitCode);

        Assert.Equal(1000, (await StatusAsync(proxy)).GetProperty("sessions").GetProperty("limit").GetInt32());
        proxy.Configure(deployment, """{ "drainDelay": "0s", "drain": "10s" }""");
        Assert.Equal("nothing has changed\n", (await proxy.VerbAsync("reload")).Output);
        Assert.Equal("PONG", await client.CommandAsync("PING"));
    }

    private static string Configuration(
        RunningProxy proxy, RedisDeployment deployment, int? nodes = null, string? password = null, string limits = """{ "connections": 1000 }""",
            string timeouts = """{ "drainDelay": "0s", "drain": "10s" }""")
    {
        string secret = Path.Combine(Path.GetDirectoryName(proxy.ConfigurationFile)!, "probe.password");
        if (password is not null)
        {
            File.WriteAllText(secret, password);
            File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        string User(string name) => password is null ? "" : $", \"user\": \"{name}\", \"passwordFile\": \"probe.password\"";
        string named = string.Join(", ", deployment.Nodes.Take(nodes ?? deployment.Nodes.Count).Select((n, i) => $"\"redis{i + 1}\": \"{n.EndPoint}\""));
        string sentinels = deployment.Sentinels.Count == 0 ? "" :
            $$"""
             "sentinel": { "master": "{{RedisDeployment.MasterName}}", "downAfter": "{{deployment.Options.DownAfterMilliseconds}}ms", "nodes": [{{string.Join(", ", deployment.Sentinels.Select(s => $"\"{s.EndPoint}\""))}}]{{User("rp-sentinel")}} },
             """;
        return $$"""
            { "listen": ["{{proxy.EndPoint}}"],
              "redis": { "nodes": { {{named}} }{{User("rp-health")}} },
              {{sentinels}}
              "admin": { "listen": "{{proxy.Admin}}", "user": "admin", "passwordFile": "admin.password", "socket": "control.sock" },
              "limits": {{limits}},
              "timeouts": {{timeouts}} }
            """;
    }

    private static Task WriteAsync(RunningProxy proxy, string configuration) => File.WriteAllTextAsync(proxy.ConfigurationFile, configuration);

    private static async Task<string> ReloadAsync(RunningProxy proxy, string configuration)
    {
        await WriteAsync(proxy, configuration);
        var result = await proxy.VerbAsync("reload");
        Assert.True(result.ExitCode == 0, result.Error);
        return result.Output;
    }

    private static async Task<JsonElement> StatusAsync(RunningProxy proxy) => JsonDocument.Parse(await proxy.GetAsync("stats.json")).RootElement;

    private static async Task<JsonElement> TimelineAsync(RunningProxy proxy) => JsonDocument.Parse(await proxy.GetAsync("timeline")).RootElement;

    private static async Task<IEnumerable<string?>> NodesAsync(RunningProxy proxy) =>
        (await StatusAsync(proxy)).GetProperty("nodes").EnumerateArray().Select(n => n.GetProperty("name").GetString()).ToList();

    private static Task RoutedAsync(RunningProxy proxy, string master) => Eventually.HoldsAsync(
        async () => (await StatusAsync(proxy)).GetProperty("gate") is var gate && gate.GetProperty("mode").GetString() == "open"
            && gate.GetProperty("target").GetString() == master,
        () => $"sessions are routed to {master}; the proxy's log:\n{proxy.Log}");

    private static async Task RefusedAsync(RunningProxy proxy)
    {
        using var client = await proxy.ConnectAsync();
        Assert.Contains("max number of clients reached", (await Assert.ThrowsAnyAsync<Exception>(() => client.CommandAsync("PING"))).Message,
            StringComparison.Ordinal);
    }

    private static Task EverywhereAsync(RedisDeployment deployment, params string[] command) => EverywhereAsync(deployment.Nodes, command);

    private static async Task EverywhereAsync(IEnumerable<RedisProcess> servers, params string[] command)
    {
        foreach (var server in servers)
        {
            await server.CommandAsync(command);
        }
    }

    // One session that never rests; it throws when it is cut. Returns how many commands were answered.
    private static async Task<int> TrafficAsync(RunningProxy proxy, CancellationToken stop)
    {
        using var client = await proxy.ConnectAsync();
        int answered = 0;
        while (!stop.IsCancellationRequested)
        {
            await client.CommandAsync("INCR", "traffic");
            answered++;
            await Task.Delay(5, CancellationToken.None);
        }

        return answered;
    }
}
