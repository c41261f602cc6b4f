// Two proxies before real Redis and Sentinels, one of which has a wrong password or no way to the nodes: the load balancer is told, and
// nobody else suffers.

using System.Net;

namespace RedisHaProxy.Tests.Hosting;

public sealed class BlindProxyTests
{
    private const string Password = "cluster-password";

    [SkippableFact]
    public async Task A_proxy_that_cannot_log_in_fails_its_health_check_alone_and_only_while_it_cannot()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Password = Password, DownAfterMilliseconds = 1000 });
        await using var good = await RunningProxy.StartAsync(proxy => Configure(proxy, deployment, Password));
        await using var blind = await RunningProxy.StartAsync(proxy => Configure(proxy, deployment, "old"));
        await Eventually.HoldsAsync(async () => await good.StatusAsync("readyz") == HttpStatusCode.OK, () => $"one routes\n{good.Log}");
        await Eventually.HoldsAsync(
            async () => await blind.StatusAsync("healthz") == HttpStatusCode.ServiceUnavailable, () => $"the other fails its check\n{blind.Log}");
        Assert.Equal(HttpStatusCode.OK, await good.StatusAsync("healthz"));
        await Eventually.HoldsAsync(() => blind.Log.Contains("This proxy cannot see what the Sentinels see", StringComparison.Ordinal), () => blind.Log);
        Assert.Contains("This proxy cannot see what the Sentinels see", await blind.GetAsync("explain"), StringComparison.Ordinal);
        Assert.Contains("redis_ha_proxy_blind 1", await blind.GetAsync("metrics"), StringComparison.Ordinal);
        Assert.Contains("redis_ha_proxy_blind 0", await good.GetAsync("metrics"), StringComparison.Ordinal);

        // An operator who works on the node knows.
        Assert.Equal(0, (await blind.VerbAsync("maintenance", "redis1")).ExitCode);
        await Eventually.HoldsAsync(async () => await blind.StatusAsync("healthz") == HttpStatusCode.OK, () => $"maintenance is no reason\n{blind.Log}");
        Assert.Equal(0, (await blind.VerbAsync("ready", "redis1")).ExitCode);
        await Eventually.HoldsAsync(async () => await blind.StatusAsync("healthz") == HttpStatusCode.ServiceUnavailable, () => $"it fails again\n{blind.Log}");

        Write(blind, Password);
        Assert.Equal(0, (await blind.VerbAsync("reload")).ExitCode);
        await Eventually.HoldsAsync(
            async () => await blind.StatusAsync("readyz") == HttpStatusCode.OK && await blind.StatusAsync("healthz") == HttpStatusCode.OK,
            () => $"it routes and is healthy\n{blind.Log}");

        // A failover is no reason either, on neither of them.
        using var stop = new CancellationTokenSource();
        Task<int> checks = ChecksAsync([good, blind], stop.Token);
        deployment.Nodes[0].Kill();
        await Eventually.HoldsAsync(
            async () => await good.StatusAsync("readyz") == HttpStatusCode.OK
                && !(await good.GetAsync("stats.json")).Contains("\"target\": \"redis1\"", StringComparison.Ordinal),
            () => $"the failover is followed\n{good.Log}");
        await stop.CancelAsync();
        Assert.True(await checks > 10);
    }

    [SkippableTheory]
    [Trait("Needs", "root")]
    [InlineData("drop")]
    [InlineData("reject")]
    public async Task So_does_one_whose_way_to_the_nodes_is_closed(string verdict)
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        Skip.If(Installed.MissingForNamespaces() is not null, Installed.MissingForNamespaces());
        await using var deployment = await RedisDeployment.StartAsync(
            new RedisDeploymentOptions { AsProduct = true, Namespaces = true, DownAfterMilliseconds = 1000 });
        var proxies = new List<(NetworkNamespace Machine, ChildProcess Process, HttpClient Admin)>();
        try
        {
            for (int i = 1; i <= 2; i++)
            {
                var address = IPAddress.Parse($"10.79.0.10{i}");
                var admin = new IPEndPoint(address, 1936);
                NetworkNamespace machine = await deployment.Network!.AddAsync($"proxy{i}", address);
                var process = RedisHaProcesses.ProxyProcess.Start(
                    Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy"), deployment, new IPEndPoint(address, 6379), machine, $"proxy{i}",
                    new Dictionary<string, object> { ["admin"] = new { listen = admin.ToString() } });
                proxies.Add((machine, process, machine.HttpClient(admin)));
            }

            foreach (var (_, process, admin) in proxies)
            {
                await AnswersAsync(admin, "readyz", HttpStatusCode.OK, process);
            }

            var (good, blind) = (proxies[0], proxies[1]);
            await Shell.RunInAsync(blind.Machine, ["nft", "-f", "-"], $$"""
                table ip way { chain out { type filter hook output priority 0; tcp dport {{deployment.Nodes[0].EndPoint.Port}} {{verdict}}; }; }
                """);
            await AnswersAsync(blind.Admin, "healthz", HttpStatusCode.ServiceUnavailable, blind.Process);
            Assert.Equal(HttpStatusCode.OK, (await good.Admin.GetAsync("healthz")).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await good.Admin.GetAsync("readyz")).StatusCode);

            await Shell.RunInAsync(blind.Machine, ["nft", "delete", "table", "ip", "way"]);
            await AnswersAsync(blind.Admin, "healthz", HttpStatusCode.OK, blind.Process);
            await AnswersAsync(blind.Admin, "readyz", HttpStatusCode.OK, blind.Process);
        }
        finally
        {
            foreach (var (_, process, admin) in proxies)
            {
                admin.Dispose();
                process.Dispose();
            }
        }
    }

    private static Task AnswersAsync(HttpClient admin, string path, HttpStatusCode status, ChildProcess proxy) => Eventually.HoldsAsync(
        async () =>
        {
            try
            {
                return (await admin.GetAsync(path)).StatusCode == status;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                return false;
            }
        },
        () => $"/{path} answers {status}\n{proxy.LogTail()}",
        TimeSpan.FromSeconds(40));

    private static async Task<int> ChecksAsync(RunningProxy[] proxies, CancellationToken stop)
    {
        int checks = 0;
        while (!stop.IsCancellationRequested)
        {
            foreach (RunningProxy proxy in proxies)
            {
                Assert.Equal(HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
                checks++;
            }
        }

        return checks;
    }

    private static void Configure(RunningProxy proxy, RedisDeployment deployment, string password)
    {
        proxy.Write("admin.password", RunningProxy.Password);
        proxy.Write("sentinel.password", Password);
        Write(proxy, password);
        proxy.Write("proxy.json", $$"""
            { "listen": ["{{proxy.EndPoint}}"],
              "redis": { "nodes": { {{string.Join(", ", deployment.Nodes.Select((n, i) => $"\"redis{i + 1}\": \"{n.EndPoint}\""))}} }, "passwordFile": "redis.password" },
              "sentinel": { "master": "{{RedisDeployment.MasterName}}", "nodes": [{{string.Join(", ", deployment.Sentinels.Select(s => $"\"{s.EndPoint}\""))}}], "downAfter": "1s", "passwordFile": "sentinel.password" },
              "admin": { "listen": "{{proxy.Admin}}", "passwordFile": "admin.password", "socket": "control.sock" } }
            """);
    }

    private static void Write(RunningProxy proxy, string password) => proxy.Write("redis.password", password);
}
