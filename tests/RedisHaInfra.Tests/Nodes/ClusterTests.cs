// The payload's configuration and boot rule with real redis-server and redis-sentinel processes on loopback.

using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed partial class ClusterTests
{
    // The start of an answer, since INFO lists such words too.
    private static readonly Regex Refusal = RefusalForm();

    [SkippableFact]
    public async Task A_cluster_bootstraps_and_survives_what_the_boot_rule_is_for()
    {
        SkipWithoutRedis();
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync();

        // First bootstrap: the first node promotes itself only when both others say that they never held data.
        Task first = cluster.StartRedisAsync(1);
        await Eventually.HoldsAsync(() => cluster.BootRule(1).StartsWith("F4 waiting", StringComparison.Ordinal),
            () => "redis1 waits for the others: " + cluster.BootRule(1));
        await cluster.StartRedisAsync(2);
        Assert.Equal("0", (await cluster.OperatorAsync(2, 6379, "CONFIG", "GET", "replica-priority")).Split('\n')[1]);
        Assert.False(first.IsCompleted);
        await cluster.StartRedisAsync(3);
        await first;
        Assert.StartsWith("F1 master", cluster.BootRule(1), StringComparison.Ordinal);
        await cluster.SettledAsync(expected: 1);
        // All of what follows happens without a redis.conf that redis-server could rewrite.
        Assert.StartsWith("ERR Rewriting config file", await cluster.OperatorAsync(1, 6379, "CONFIG", "REWRITE"), StringComparison.Ordinal);
        Assert.Equal("OK", await cluster.OperatorAsync(1, 6379, "SET", "key", "value"));
        Assert.Equal("2", await cluster.OperatorAsync(1, 6379, "WAIT", "2", "5000"));

        // A killed process comes back as master at once, with its data.
        await Eventually.HoldsAsync(async () => (await cluster.OperatorAsync(1, 6379, "INFO", "persistence"))
            .Contains("aof_pending_bio_fsync:0", StringComparison.Ordinal), () => "the append-only file is written");
        cluster.PowerCut(1);
        await cluster.StartRedisAsync(1);
        Assert.StartsWith("M1 master", cluster.BootRule(1), StringComparison.Ordinal);
        await cluster.SettledAsync(expected: 1);
        Assert.Equal("value", await cluster.OperatorAsync(1, 6379, "GET", "key"));

        // The master loses its disk and is back at once, still named by the Sentinels: it waits until another is promoted.
        cluster.PowerCut(1);
        cluster.Wipe(1);
        Task wiped = cluster.StartRedisAsync(1);
        await Eventually.HoldsAsync(() => cluster.BootRule(1).StartsWith("F2 waiting", StringComparison.Ordinal), () => "redis1 waits: " + cluster.BootRule(1));
        await wiped;
        Assert.Contains("replica of", cluster.BootRule(1), StringComparison.Ordinal);
        int master = await cluster.SettledAsync();
        Assert.NotEqual(1, master);
        Assert.Equal("value", await cluster.OperatorAsync(1, 6379, "GET", "key"));

        // All lose power; the last master is master again, whatever the order in which they return.
        for (int number = 1; number <= 3; number++)
        {
            cluster.PowerCut(number, sentinelToo: true);
        }
        int[] order = [.. Enumerable.Range(1, 3).Where(number => number != master), master];
        var starts = new List<Task>();
        foreach (int number in order)
        {
            cluster.StartSentinel(number);
            starts.Add(cluster.StartRedisAsync(number));
        }
        await Task.WhenAll(starts);
        await cluster.SettledAsync(expected: master);
        Assert.Equal("value", await cluster.OperatorAsync(master, 6379, "GET", "key"));

        // FAILOVER TO: the Sentinels still name the old master when the new one restarts, and it must stay master.
        int target = master == 2 ? 3 : 2;
        Assert.Equal("OK", await cluster.OperatorAsync(master, 6379, "FAILOVER", "TO", cluster.Address(target), "6379", "TIMEOUT", "1000"));
        await Eventually.HoldsAsync(async () => (await cluster.OperatorAsync(target, 6379, "ROLE")).StartsWith("master", StringComparison.Ordinal)
            && (await cluster.OperatorAsync(master, 6379, "INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal),
                () => "FAILOVER TO happens");
        cluster.PowerCut(target);
        await cluster.StartRedisAsync(target);
        Assert.StartsWith("M3 master", cluster.BootRule(target), StringComparison.Ordinal);
        Assert.StartsWith("master", await cluster.OperatorAsync(target, 6379, "ROLE"), StringComparison.Ordinal);
        Assert.Equal("value", await cluster.OperatorAsync(target, 6379, "GET", "key"));
    }

    [SkippableFact]
    public async Task Without_an_append_only_file_a_killed_master_never_replaces_the_replicas_data_by_its_own_nothing()
    {
        SkipWithoutRedis();
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync(appendOnly: false);
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));
        await cluster.SettledAsync(expected: 1);
        Assert.Equal("no", (await cluster.OperatorAsync(1, 6379, "CONFIG", "GET", "appendonly")).Split('\n')[1]);
        Assert.Equal("OK", await cluster.OperatorAsync(1, 6379, "SET", "key", "value"));
        Assert.Equal("2", await cluster.OperatorAsync(1, 6379, "WAIT", "2", "5000"));

        cluster.PowerCut(1);
        Task back = cluster.StartRedisAsync(1);
        await Eventually.HoldsAsync(
            () => cluster.BootRule(1).StartsWith("F2 waiting", StringComparison.Ordinal), () => "redis1 waits: " + cluster.BootRule(1));
        await back;

        Assert.NotEqual(1, await cluster.SettledAsync());
        Assert.Equal("value", await cluster.OperatorAsync(1, 6379, "GET", "key"));
    }

    [SkippableFact]
    public async Task Every_account_may_do_its_own_work_and_no_more()
    {
        SkipWithoutRedis();
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync();
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));
        await cluster.SettledAsync(expected: 1);
        NodePasswords all = PayloadInputs.Passwords;

        await AllowedAsync(6379, "default", all.Client, "SET k v", "GET k", "KEYS *", "INFO", "ROLE", "CLIENT LIST", "PUBLISH c m", "EVAL return(1) 0",
            "FLUSHALL", "ACL WHOAMI", "WAIT 0 1", "DBSIZE", "MEMORY USAGE k");
        await DeniedAsync(6379, "default", all.Client, "CONFIG GET masterauth", "CONFIG SET dir /tmp", "REPLICAOF NO ONE", "SLAVEOF NO ONE", "FAILOVER",
            "SHUTDOWN NOSAVE", "ACL LIST", "ACL SETUSER default nopass", "MODULE LIST", "PSYNC ? -1", "SYNC", "REPLCONF listening-port 1", "MIGRATE h 1 k 0 1",
            "BGREWRITEAOF", "SAVE", "EVAL return(redis.call('migrate','h','1','k','0','1')) 0");
        await AllowedAsync(6379, "rp-health", all.Health, "PING", "ROLE", "INFO replication");
        await DeniedAsync(6379, "rp-health", all.Health, "GET k", "SET k v", "CONFIG GET maxmemory", "CLIENT LIST", "PUBLISH c m", "SUBSCRIBE c", "ACL WHOAMI",
            "EVAL return(1) 0", "KEYS *");
        await AllowedAsync(6379, "sentinel", all.Sentinel, "PING", "ROLE", "INFO", "PUBLISH __sentinel__:hello x", "CONFIG REWRITE", "CLIENT SETNAME x");
        await DeniedAsync(6379, "sentinel", all.Sentinel, "GET k", "CONFIG GET masterauth", "CONFIG SET dir /tmp", "SHUTDOWN NOSAVE", "FAILOVER", "ACL LIST",
            "KEYS *");
        await AllowedAsync(6379, "replication", all.Replication, "PING", "REPLCONF listening-port 6379", "INFO");
        await DeniedAsync(6379, "replication", all.Replication, "GET k", "CONFIG GET masterauth", "SHUTDOWN NOSAVE", "REPLICAOF NO ONE");
        await AllowedAsync(6379, "operator", all.Operator, "CONFIG GET maxmemory", "ACL LIST", "CLIENT LIST", "DBSIZE");

        await AllowedAsync(26379, "rp-sentinel", all.SentinelWatch, "PING", "ROLE", "INFO sentinel", "SENTINEL MASTER mymaster",
            "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster", "SENTINEL REPLICAS mymaster", "SENTINEL SENTINELS mymaster");
        await DeniedAsync(26379, "rp-sentinel", all.SentinelWatch, "SENTINEL FAILOVER mymaster", "SENTINEL RESET *", "SENTINEL SET mymaster quorum 1",
            "SENTINEL REMOVE mymaster", "SENTINEL MONITOR x 127.0.0.1 1 1",
            "SENTINEL CONFIG GET *", "PUBLISH __sentinel__:hello x", "ACL LIST", "SHUTDOWN NOSAVE", "CLIENT LIST");
        await AllowedAsync(26379, "sentinel", all.Sentinel, "PING", $"SENTINEL IS-MASTER-DOWN-BY-ADDR {cluster.Address(1)} 6379 0 *",
            "PUBLISH __sentinel__:hello x");
        await DeniedAsync(26379, "sentinel", all.Sentinel, "SENTINEL FAILOVER mymaster", "SENTINEL SET mymaster quorum 1", "ACL LIST", "SHUTDOWN NOSAVE");
        await AllowedAsync(26379, "operator", all.Operator, "SENTINEL CKQUORUM mymaster", "SENTINEL REPLICAS mymaster");

        foreach (int port in new[] { 6379, 26379 })
        {
            Assert.StartsWith("NOAUTH", await cluster.AskAsync(1, port, string.Empty, string.Empty, "PING"), StringComparison.Ordinal);
            Assert.Contains("WRONGPASS", await cluster.AskAsync(1, port, "operator", "wrong", "PING"), StringComparison.Ordinal);
            Assert.Contains("WRONGPASS", await cluster.AskAsync(1, port, "default", string.Empty + "wrong", "PING"), StringComparison.Ordinal);
        }
        // Nobody was refused what the cluster itself needs: no account but the tested ones appears in the servers' own logs.
        string log = await cluster.OperatorAsync(2, 6379, "ACL", "LOG") + await cluster.OperatorAsync(2, 26379, "ACL", "LOG");
        Assert.DoesNotContain("reason", log, StringComparison.Ordinal);

        async Task AllowedAsync(int port, string user, string password, params string[] commands)
        {
            foreach (string command in commands)
            {
                string reply = await cluster.AskAsync(1, port, user, password, command.Split(' '));
                Assert.False(Refusal.IsMatch(reply), $"{user}: {command} -> {reply}");
            }
        }

        async Task DeniedAsync(int port, string user, string password, params string[] commands)
        {
            foreach (string command in commands)
            {
                string reply = await cluster.AskAsync(1, port, user, password, command.Split(' '));
                Assert.True(Refusal.IsMatch(reply), $"{user}: {command} -> {reply}");
            }
        }
    }

    [GeneratedRegex("^(NOPERM|WRONGPASS|NOAUTH|AUTH failed|ERR The user executing the script can't run"
        + "|Entering replica output mode[^\\n]*\\nSYNC with master failed: -NOPERM)")]
    private static partial Regex RefusalForm();

    private static void SkipWithoutRedis() =>
        Skip.IfNot(Installed.Has("redis-server", "redis-sentinel", "redis-cli"), "redis-server, redis-sentinel and redis-cli are not installed");
}
