// The read-only listener of the whole proxy in front of real Redis: reads go to replicas, and move with them.

using System.Globalization;
using System.Net;
using System.Text.Json;

namespace RedisHaProxy.Tests.Hosting;

public sealed class ReadOnlyListenerTests
{
    private readonly IPEndPoint _reads = new(IPAddress.Loopback, FreePorts.Take());

    [SkippableFact]
    public async Task Reads_are_spread_over_replicas_move_in_a_failover_and_leave_a_replica_that_is_cut_off()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Sentinels = 0 });
        await using var proxy = await RunningProxy.StartAsync(deployment, further: Section(_reads, "2s", master: false));
        var nodes = deployment.Nodes;
        await TargetsAsync(proxy, "redis2", "redis3");

        var clients = new List<(RespConnection Connection, string Port)>();
        for (int i = 0; i < 6; i++)
        {
            clients.Add(await ReadAsync(_reads));
        }

        Assert.Equal([3, 3], clients.GroupBy(client => client.Port).Select(node => node.Count()));
        Assert.DoesNotContain(clients, client => client.Port == Port(nodes[0]));
        await Assert.ThrowsAsync<RespErrorException>(() => clients[0].Connection.CommandAsync("SET", "key", "value"));

        // A planned failover. What Sentinels do to the third node is done by hand.
        await nodes[0].CommandAsync("FAILOVER", "TO", "127.0.0.1", Port(nodes[1]));
        await Eventually.HoldsAsync(() => RedisDeployment.IsMasterAsync(nodes[1]), () => "redis2 is master");
        await nodes[2].CommandAsync("REPLICAOF", "127.0.0.1", Port(nodes[1]));
        await TargetsAsync(proxy, "redis1", "redis3");
        await Eventually.HoldsAsync(async () => await RoleLostAsync(proxy) == 3, () => $"the sessions of redis2 end; the log:\n{proxy.Log}");
        foreach (var (connection, port) in clients)
        {
            if (port == Port(nodes[1]))
            {
                await Assert.ThrowsAnyAsync<Exception>(() => connection.CommandAsync("PING"));
            }
            else
            {
                Assert.Equal("PONG", await connection.CommandAsync("PING"));
            }
        }

        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(Port(nodes[0]), (await ReadAsync(_reads)).Port); // the one with the fewest
        }

        // A replica that is cut off from the master: its sessions end once its data may be too old.
        await nodes[2].CommandAsync("REPLICAOF", "127.0.0.1", "1");
        await TargetsAsync(proxy, "redis1");
        await Eventually.HoldsAsync(async () => await RoleLostAsync(proxy) == 6, () => $"its sessions end; the log:\n{proxy.Log}");
        Assert.Equal(Port(nodes[0]), (await ReadAsync(_reads)).Port);

        // The operator sees it in each form.
        Assert.Contains("New read-only sessions go to redis1.", (await proxy.VerbAsync("status")).Output, StringComparison.Ordinal);
        Assert.Contains("redis3: does not follow the routed master", (await proxy.VerbAsync("explain")).Output, StringComparison.Ordinal);
        Assert.Contains("redis-readonly,redis1,", await proxy.GetAsync("stats;csv"), StringComparison.Ordinal);
        Assert.Contains("redis_ha_proxy_read_only_node_target{node=\"redis1\"} 1\n", await proxy.GetAsync("metrics"), StringComparison.Ordinal);
        Assert.Contains("Replicas for read-only sessions", await proxy.GetAsync("stats"), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task With_all_replicas_gone_reads_wait_or_go_to_the_master_where_it_is_allowed()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        // Long enough that a stall of a busy machine is no failover.
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { DownAfterMilliseconds = 30_000 });
        var lastResort = new IPEndPoint(IPAddress.Loopback, FreePorts.Take());
        await using var strict = await RunningProxy.StartAsync(
            deployment, """{ "park": "1m", "drainDelay": "0s" }""", further: Section(_reads, "2s", master: false));
        await using var lenient = await RunningProxy.StartAsync(deployment, further: Section(lastResort, "2s", master: true));
        var nodes = deployment.Nodes;
        await TargetsAsync(strict, "redis2", "redis3");
        await TargetsAsync(lenient, "redis2", "redis3");
        nodes[1].Kill();
        nodes[2].Kill();
        await TargetsAsync(strict);
        await TargetsAsync(lenient, "redis1");

        Assert.Equal(Port(nodes[0]), (await ReadAsync(lastResort)).Port);
        Task<(RespConnection Connection, string Port)> waiting = ReadAsync(_reads);
        await Eventually.HoldsAsync(
            async () => (await ReadOnlyAsync(strict)).GetProperty("parked").GetInt32() == 1, () => "the session waits");
        deployment.StartNode(nodes[2], nodes[0]);
        Assert.Equal(Port(nodes[2]), (await waiting.WaitAsync(TimeSpan.FromSeconds(60))).Port);
        await TargetsAsync(lenient, "redis3");
    }

    private static string Section(IPEndPoint listen, string maxLag, bool master) =>
        $$""" "readOnly": { "listen": ["{{listen}}"], "maxLag": "{{maxLag}}", "master": {{(master ? "true" : "false")}} }, """;

    private static string Port(RedisProcess node) => node.EndPoint.Port.ToString(CultureInfo.InvariantCulture);

    private static async Task<(RespConnection Connection, string Port)> ReadAsync(IPEndPoint reads)
    {
        var connection = await RespConnection.ConnectAsync(reads, null);
        return (connection, RespConnection.Info(await connection.CommandAsync(TimeSpan.FromSeconds(60), "INFO", "server"))["tcp_port"]);
    }

    private static async Task<JsonElement> ReadOnlyAsync(RunningProxy proxy) =>
        JsonDocument.Parse(await proxy.GetAsync("stats.json")).RootElement.GetProperty("readOnly");

    private static async Task<long> RoleLostAsync(RunningProxy proxy) => (await ReadOnlyAsync(proxy)).GetProperty("ends").GetProperty("role-lost").GetInt64();

    private static Task TargetsAsync(RunningProxy proxy, params string[] names)
    {
        string seen = "";
        return Eventually.HoldsAsync(
            async () =>
            {
                JsonElement reads = await ReadOnlyAsync(proxy);
                seen = reads.ToString();
                return names.SequenceEqual(reads.GetProperty("targets").EnumerateArray().Select(name => name.GetString()));
            },
            () => $"read-only sessions go to {string.Join(", ", names)}; {seen}; the log:\n{proxy.Log}",
            TimeSpan.FromSeconds(40));
    }
}
