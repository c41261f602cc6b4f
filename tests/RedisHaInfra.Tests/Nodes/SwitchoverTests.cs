// redis-ha-switchover with real redis-server and redis-sentinel processes on loopback: what it does, what it refuses, what it takes back,
// and what it makes of a run that was killed.

namespace RedisHaInfra.Tests.Nodes;

public sealed class SwitchoverTests
{
    private const string AllFollow = "all nodes that answer follow";

    [SkippableFact]
    public async Task Another_node_becomes_master_and_whatever_goes_wrong_one_stays()
    {
        Skip.IfNot(Installed.Has("redis-server", "redis-sentinel", "redis-cli"), "redis-server, redis-sentinel and redis-cli are not installed");
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync(minReplicasToWrite: 1);
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));
        await cluster.SettledAsync(expected: 1);

        await BadUsageAsync(cluster);
        await OneAtATimeAsync(cluster);

        // Only looking changes nothing.
        ShellResult look = await RunAsync(cluster, 3, "redis2", "--dry-run");
        Assert.True(look.ExitCode == 0, look.ToString());
        Assert.Equal("redis2 can be master instead of redis1", LastLine(look));
        Assert.Equal(1, await cluster.SettledAsync());

        // The whole way, while a client writes: every acknowledged write is there, and no write meets a master without replicas.
        using var writer = new SwitchoverWriter(cluster);
        await writer.AcknowledgedAsync(50);
        ShellResult run = await RunAsync(cluster, 1, "redis2");
        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.Equal("redis2 is master instead of redis1", LastLine(run));
        Assert.Contains(AllFollow, run.Output, StringComparison.Ordinal);
        await writer.AcknowledgedAsync(50);
        await writer.FinishAsync();
        Assert.DoesNotContain("NOREPLICAS", writer.Failures.Keys);
        await AsBeforeAsync(cluster, expected: 2);

        // It may be run again: then there is nothing to do.
        ShellResult again = await RunAsync(cluster, 1, "redis2");
        Assert.Equal((0, "redis2 is the master already"), (again.ExitCode, LastLine(again)));

        await BarredAsync(cluster);
        await IncompleteAsync(cluster);
        await KilledAsync(cluster);
        await DisagreementAsync(cluster);
    }

    private static async Task BadUsageAsync(LoopbackCluster cluster)
    {
        Assert.Equal(2, (await RunAsync(cluster, 1, "--force")).ExitCode);
        Assert.Equal(2, (await RunAsync(cluster, 1, "redis2", "redis3")).ExitCode);
        Assert.Equal(2, (await RunAsync(cluster, 1, "--wait", "soon")).ExitCode);
        ShellResult stranger = await RunAsync(cluster, 1, "redis9");
        Assert.Equal((2, "redis-ha-switchover: \"redis9\" is not a Redis node; they are redis1 redis2 redis3\n"), (stranger.ExitCode, stranger.Error));
        ShellResult help = await RunAsync(cluster, 1, "--help");
        Assert.Equal(0, help.ExitCode);
        Assert.StartsWith("usage: redis-ha-switchover [NODE]", help.Output, StringComparison.Ordinal);
    }

    // Two on one node exclude each other: the second waits as long as for anything else that makes a switchover unsafe.
    private static async Task OneAtATimeAsync(LoopbackCluster cluster)
    {
        await using HeldLock other = await HeldLock.TakeAsync(Path.Combine(cluster.Machines[1].Root, "run/redis-ha/switchover.lock"));
        ShellResult refused = await RunAsync(cluster, 1, "redis2", "--wait", "0");
        Assert.Equal(1, refused.ExitCode);
        Assert.EndsWith("another switchover has been running on this node for 0 s; nothing was changed\n", refused.Error, StringComparison.Ordinal);
        Assert.Equal(1, await cluster.SettledAsync());

        Task<ShellResult> waiting = RunAsync(cluster, 1, "redis2", "--dry-run");
        ShellResult elsewhere = await RunAsync(cluster, 2, "redis2", "--dry-run"); // another node has a lock of its own
        Assert.Equal("redis2 can be master instead of redis1", LastLine(elsewhere));
        Assert.False(waiting.IsCompleted);
        await other.ReleaseAsync();
        Assert.Equal("redis2 can be master instead of redis1", LastLine(await waiting));
    }

    // A node that may not be promoted is never chosen, and refused by name.
    private static async Task BarredAsync(LoopbackCluster cluster)
    {
        Assert.Equal("OK", await cluster.OperatorAsync(1, 6379, "CONFIG", "SET", "replica-priority", "0"));
        ShellResult refused = await RunAsync(cluster, 1, "redis1", "--wait", "0");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("redis1 may not become master yet (replica-priority 0", refused.Error, StringComparison.Ordinal);
        Assert.EndsWith("nothing was changed\n", refused.Error, StringComparison.Ordinal);
        Assert.Equal("redis3 can be master instead of redis2", LastLine(await RunAsync(cluster, 1, "--dry-run")));
        Assert.Equal("redis3 can be master instead of redis2", LastLine(await RunAsync(cluster, 1, "--dry-run", "--complete")));
        Assert.Equal("OK", await cluster.OperatorAsync(1, 6379, "CONFIG", "SET", "replica-priority", "100"));
    }

    // A silent node is no obstacle for its own sake; before a restart of the old master it is.
    private static async Task IncompleteAsync(LoopbackCluster cluster)
    {
        cluster.PowerCut(3);
        await Eventually.HoldsAsync(async () => (await cluster.OperatorAsync(2, 6379, "INFO", "replication"))
            .Contains("connected_slaves:1", StringComparison.Ordinal), () => "redis3 is missed");
        Assert.Equal("redis1 can be master instead of redis2", LastLine(await RunAsync(cluster, 1, "--dry-run")));
        ShellResult refused = await RunAsync(cluster, 1, "--complete", "--wait", "0");
        Assert.Equal((1, "redis-ha-switchover: not now: redis3 does not answer; nothing was changed\n"), (refused.ExitCode, refused.Error));
        Assert.Equal("redis1 can be master instead of redis2", LastLine(await RunAsync(cluster, 1, "--dry-run", "--complete", "--without", "redis3")));

        // With a dead node all replicas are sent to the new master at once, and one after the other again afterwards.
        Machine machine = cluster.Machines[1];
        machine.StandIn("redis-cli", """
            echo "$*" >>"$ASKED"; PATH=${PATH#*:} exec redis-cli "$@"
            """);
        string asked = Path.Combine(machine.Root, "asked");
        ShellResult without = await Shell.RunAsync("bash", [Script(machine), "redis1"],
            environment: new Dictionary<string, string>(machine.Environment) { ["ASKED"] = asked }, timeout: TimeSpan.FromSeconds(90));
        machine.WithoutStandIn("redis-cli");
        Assert.True(without.ExitCode == 0, without.ToString());
        Assert.Equal("redis1 is master instead of redis2", LastLine(without));
        string[] parallel = [.. (await File.ReadAllLinesAsync(asked)).Where(line => line.Contains(" parallel-syncs ", StringComparison.Ordinal))];
        Assert.Contains(parallel, line => line.EndsWith(" parallel-syncs 3", StringComparison.Ordinal));
        Assert.EndsWith(" parallel-syncs 1", parallel[^1], StringComparison.Ordinal);
        await cluster.StartRedisAsync(3);
        await AsBeforeAsync(cluster, expected: 1);
        ShellResult back = await RunAsync(cluster, 1, "redis2");
        Assert.True(back.ExitCode == 0, back.ToString());
        await AsBeforeAsync(cluster, expected: 2);
    }

    // Killed (SIGKILL, so that nothing is put back) at the worst moment, when the roles are exchanged and the Sentinels do not know.
    private static async Task KilledAsync(LoopbackCluster cluster)
    {
        Machine machine = cluster.Machines[1];
        machine.StandIn("redis-cli", """
            case " $* " in *" SENTINEL FAILOVER "*) kill -KILL "$SWITCHOVER" ;; *) PATH=${PATH#*:} exec redis-cli "$@" ;; esac
            """);
        ShellResult killed = await Shell.RunAsync("bash", ["-c", "SWITCHOVER=$$ exec bash \"$0\" redis3", Script(machine)], environment: machine.Environment);
        machine.WithoutStandIn("redis-cli");
        Assert.True(killed.ExitCode == 137, killed.ToString());
        Assert.StartsWith("master", await cluster.OperatorAsync(3, 6379, "ROLE"), StringComparison.Ordinal);
        Assert.Equal("1", (await cluster.OperatorAsync(3, 6379, "CONFIG", "GET", "replica-priority")).Split('\n')[1]);

        ShellResult healed = await RunAsync(cluster, 2, "redis3");
        Assert.True(healed.ExitCode == 0, healed.ToString());
        Assert.Contains("redis3 is master and the Sentinels do not know yet", healed.Output, StringComparison.Ordinal);
        await AsBeforeAsync(cluster, expected: 3);
    }

    // The Sentinels refuse: the old master is master again, before they promote somebody else.
    private static async Task DisagreementAsync(LoopbackCluster cluster)
    {
        foreach (int number in cluster.Machines.Keys)
        {
            Assert.Equal("OK", await cluster.OperatorAsync(number, 26379, "ACL", "SETUSER", "operator", "-sentinel|failover"));
        }
        ShellResult refused = await RunAsync(cluster, 1, "redis1");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("NOPERM", refused.Error, StringComparison.Ordinal);
        Assert.EndsWith("; redis3 is master again\n", refused.Error, StringComparison.Ordinal);
        await AsBeforeAsync(cluster, expected: 3);
    }

    private static async Task AsBeforeAsync(LoopbackCluster cluster, int expected)
    {
        await cluster.SettledAsync(expected);
        foreach (int number in cluster.Machines.Keys)
        {
            Assert.Equal("100", (await cluster.OperatorAsync(number, 6379, "CONFIG", "GET", "replica-priority")).Split('\n')[1]);
            Assert.EndsWith("\nparallel-syncs\n1", await cluster.OperatorAsync(number, 26379, "SENTINEL", "MASTER", "mymaster"), StringComparison.Ordinal);
            Assert.Contains("info-period\n10000\n", await cluster.OperatorAsync(number, 26379, "SENTINEL", "DEBUG") + "\n", StringComparison.OrdinalIgnoreCase);
        }
    }

    private static string Script(Machine machine) => Path.Combine(machine.Root, "usr/local/sbin/redis-ha-switchover");

    internal static Task<ShellResult> RunAsync(LoopbackCluster cluster, int number, params string[] arguments) =>
        Shell.RunAsync("bash", [Script(cluster.Machines[number]), .. arguments], environment: cluster.Machines[number].Environment,
            timeout: TimeSpan.FromSeconds(90));

    private static string LastLine(ShellResult result) => result.Output.TrimEnd('\n').Split('\n')[^1];
}
