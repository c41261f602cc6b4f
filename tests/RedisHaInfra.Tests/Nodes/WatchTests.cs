// The watch of a Redis node: when it ends a script, when it kills redis-server and when not, and what it says in the journal.

using System.Diagnostics;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class WatchTests
{
    private const string Me = "172.31.235.131", Other = "172.31.235.132";

    [Theory]
    // state, whom the three Sentinels name, role of the other node, answer to SCRIPT KILL; what happens.
    [InlineData("busy", Other, Other, Other, "master", "UNKILLABLE",
        true, "is BUSY with a script or function that cannot be ended, while 172.31.235.132 is master: killing it")]
    [InlineData("busy", Other, Other, "", "", "UNKILLABLE", true, "killing it")]
    [InlineData("busy", Other, Other, Other, "master", "OK", false, "ended a script that kept redis-server BUSY")]
    [InlineData("paused", Other, Other, Me, "master", "", true, "is paused (CLIENT PAUSE)")]
    [InlineData("silent", Other, Other, Me, "master", "", true, "does not answer (CLIENT PAUSE)")]
    [InlineData("busy", Me, Me, Me, "slave", "UNKILLABLE", false, null)]
    [InlineData("busy", Other, Me, Me, "slave", "UNKILLABLE", false, null)]
    [InlineData("busy", Other, "", "", "master", "UNKILLABLE", false, null)]
    [InlineData("busy", Other, Other, Other, "slave", "UNKILLABLE", false, null)]
    [InlineData("paused", Me, Me, Other, "slave", "", false, null)]
    [InlineData("loading", Other, Other, Other, "master", "", false, null)]
    [InlineData("down", Other, Other, Other, "master", "", false, null)]
    [InlineData("well", Other, Other, Other, "master", "", false, null)]
    public async Task It_kills_only_what_is_of_no_use_while_another_node_is_master(
        string state, string first, string second, string third, string role, string kill, bool killed, string? line)
    {
        using Machine machine = await NodeAsync();
        using Process server = StandInForRedis(machine);
        machine.Write("state", state);
        machine.Write("votes", $"{first}\n{second}\n{third}\n");
        machine.Write("role", $"role:{role}\n");
        machine.Write("kill", kill);
        using var stop = new CancellationTokenSource();
        Task<string> watch = WatchAsync(
            machine, stop.Token, until: output => killed ? server.HasExited : line is not null && output.Contains(line, StringComparison.Ordinal));

        string output = await watch;

        Assert.Equal(killed, server.HasExited);
        if (line is null)
        {
            Assert.DoesNotContain("redis-server", output, StringComparison.Ordinal);
        }
        else
        {
            Assert.Contains(line, output, StringComparison.Ordinal);
        }
        Assert.Equal(killed ? 1 : 0, output.Split("killing it").Length - 1);
        if (!server.HasExited)
        {
            server.Kill();
        }
    }

    [Fact]
    public async Task It_says_what_Sentinel_knows_that_is_not_ours_and_when_that_ends()
    {
        using Machine machine = await NodeAsync();
        machine.Write("state", "well");
        machine.Write("votes", $"{Me}\n{Me}\n{Me}\n");
        machine.Write("master", $"name\nmymaster\nip\n{Me}\nport\n6379\nflags\nmaster\nconfig-epoch\n3\nnum-other-sentinels\n2\n");
        machine.Write("sentinels", $"name\na\nip\n{Other}\nport\n26379\nname\nb\nip\n172.31.235.133\nport\n26379\n");
        machine.Write("replicas", $"name\na\nip\n{Other}\nport\n6379\n");

        string output = await WatchAsync(machine, CancellationToken.None, rounds: 14);
        Assert.DoesNotContain("Sentinel", output, StringComparison.Ordinal);

        machine.Write("master", "name\nmymaster\nip\n203.0.113.9\nport\n6379\nflags\nmaster\nconfig-epoch\n-1\nnum-other-sentinels\n7\n");
        machine.Write("sentinels", $"name\na\nip\n{Other}\nport\n26379\nname\nb\nip\n203.0.113.10\nport\n26379\nname\nip\nip\n$(reboot)\nport\n1\n");
        machine.Write("replicas", $"name\na\nip\n{Other}\nport\n6380\n");
        output = await WatchAsync(machine, CancellationToken.None, rounds: 20);
        foreach (string said in new[]
        {
            "<3>this node's Sentinel names 203.0.113.9:6379 as master, which is not a node of this cluster",
            "<3>this node's Sentinel knows Sentinels that are not of this cluster, 2: 203.0.113.10:26379 reboot:1",
            "<3>this node's Sentinel counts 7 others",
            "<3>this node's Sentinel knows replicas that are not of this cluster, 1: 172.31.235.132:6380",
            "<3>the Sentinels' epoch jumped from 3 to -1",
        })
        {
            Assert.Equal(1, output.Split(said).Length - 1);
        }

        // Mended while it runs: one line for each.
        int before = machine.Calls.Split('\n').Length;
        Task<string> watch = WatchAsync(
            machine, CancellationToken.None, until: text => text.Split("no longer: ").Length == 6, onFirst: "<3>the Sentinels' epoch", then: () =>
        {
            machine.Write("sentinels", $"name\na\nip\n{Other}\nport\n26379\n");
            machine.Write("replicas", string.Empty);
            machine.Write("master", $"name\nmymaster\nip\n{Me}\nport\n6379\nflags\nmaster\nconfig-epoch\n4\nnum-other-sentinels\n1\n");
        });
        Assert.Contains("<5>no longer: the Sentinels' epoch jumped", await watch, StringComparison.Ordinal);
        Assert.True(machine.Calls.Split('\n').Length > before);
    }

    [SkippableFact]
    public async Task A_demoted_node_that_a_script_keeps_busy_is_back_as_a_replica_within_a_minute()
    {
        Skip.IfNot(Installed.Has("redis-server", "redis-sentinel", "redis-cli"), "redis-server, redis-sentinel and redis-cli are not installed");
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync();
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));
        await cluster.SettledAsync(expected: 1);
        Assert.Equal("OK", await cluster.OperatorAsync(1, 6379, "SET", "key", "value"));
        cluster.StartWatch(1);
        cluster.StartWatch(2);
        cluster.StartWatch(3);

        // It has written, so SCRIPT KILL cannot end it; its client goes away soon, but not before a busy machine has started it.
        var clock = Stopwatch.StartNew();
        await Assert.ThrowsAsync<TimeoutException>(() => Shell.RunAsync("redis-cli",
            ["--no-auth-warning", "-h", cluster.Address(1), "EVAL", "redis.call('set', 'e', '1') while true do end", "0"],
            environment: new Dictionary<string, string> { ["REDISCLI_AUTH"] = PayloadInputs.Passwords.Client }, timeout: TimeSpan.FromSeconds(4)));
        await Eventually.HoldsAsync(() => !cluster.Runs(1), () => "the watch kills redis1: " + cluster.Output("watch 1"), TimeSpan.FromSeconds(60));
        Assert.InRange(clock.Elapsed.TotalSeconds, 3, 60);
        Assert.Contains("that cannot be ended, while", cluster.Output("watch 1"), StringComparison.Ordinal);
        await cluster.StartRedisAsync(1);
        int master = await cluster.SettledAsync();
        Assert.NotEqual(1, master);
        Assert.Equal("value", await cluster.OperatorAsync(1, 6379, "GET", "key"));
        Assert.True(cluster.Runs(2) && cluster.Runs(3));
        Assert.DoesNotContain("killing", cluster.Output("watch 2") + cluster.Output("watch 3"), StringComparison.Ordinal);
    }

    private static async Task<Machine> NodeAsync()
    {
        var machine = new Machine("ubuntu");
        ShellResult applied = await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript);
        Assert.True(applied.ExitCode == 0, applied.ToString());
        machine.WithoutStandIn("sleep");
        // "silent" is an answer that never comes: shorter here.
        machine.StandIn("timeout", "shift; exec /usr/bin/timeout 0.3 \"$@\"");
        machine.StandIn("redis-cli", """
            case " $* " in
              *" GET-MASTER-ADDR-BY-NAME "*) sed -n "$((${5##*.} - 130))p" "$MACHINE/votes" ;;
              *" SENTINEL MASTER "*) cat "$MACHINE/master" 2>/dev/null ;;
              *" SENTINEL SENTINELS "*) cat "$MACHINE/sentinels" 2>/dev/null ;;
              *" SENTINEL REPLICAS "*) cat "$MACHINE/replicas" 2>/dev/null ;;
              *" INFO replication "*) cat "$MACHINE/role" ;;
              *" SCRIPT KILL "*) cat "$MACHINE/kill" ;;
              *" FUNCTION KILL "*) echo NOTBUSY ;;
              *)
                case $(cat "$MACHINE/state") in
                  well) echo PONG; echo 0 ;;
                  busy) echo 'BUSY Redis is busy running a script.' ;;
                  loading) echo 'LOADING Redis is loading the dataset in memory' ;;
                  down) echo 'Could not connect to Redis at 172.31.235.131:6379: Connection refused'; exit 1 ;;
                  paused) echo PONG; exec /bin/sleep 9 ;;
                  silent) exec /bin/sleep 9 ;;
                esac ;;
            esac
            """);
        return machine;
    }

    /// <summary>A process that /proc calls redis-server, in the unit's control group.</summary>
    private static Process StandInForRedis(Machine machine)
    {
        string program = Path.Combine(machine.Root, "redis-server");
        File.Copy("/bin/sleep", program);
        Process process = Shell.Start(program, ["600"]);
        machine.RunsAs("redis-server", process.Id);
        return process;
    }

    /// <summary>Runs the watch until the condition holds, or for so many rounds; its output.</summary>
    private static async Task<string> WatchAsync(
        Machine machine, CancellationToken stop, Func<string, bool>? until = null, int rounds = 12, string? onFirst = null, Action? then = null)
    {
        var environment = new Dictionary<string, string>(machine.WatchEnvironment("password")) { ["REDIS_HA_WATCH_INTERVAL"] = "0.02" };
        using Process process = Shell.Start("bash", [Path.Combine(machine.Root, "usr/local/libexec/redis-ha/watch.sh")], environment);
        var output = new System.Collections.Concurrent.ConcurrentQueue<string>();
        process.OutputDataReceived += (_, line) => output.Enqueue(line.Data ?? string.Empty);
        process.ErrorDataReceived += (_, line) => output.Enqueue(line.Data ?? string.Empty);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        int already = Rounds();
        try
        {
            await Eventually.HoldsAsync(
                () =>
                {
                    string text = string.Join('\n', output);
                    if (then is not null && text.Contains(onFirst!, StringComparison.Ordinal))
                    {
                        then();
                        then = null;
                    }
                    return process.HasExited || stop.IsCancellationRequested
                        || (until is null ? Rounds() - already >= rounds : until(text) || Rounds() - already >= (onFirst is null ? 12 : 40));
                },
                () => "the watch makes its rounds: " + string.Join('\n', output), TimeSpan.FromSeconds(40));
            Assert.False(process.HasExited, string.Join('\n', output));
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
        return string.Join('\n', output);

        int Rounds() => machine.Calls.Split($"redis-cli --no-auth-warning --user watch -h {Me} -p 6379\n").Length - 1;
    }
}
