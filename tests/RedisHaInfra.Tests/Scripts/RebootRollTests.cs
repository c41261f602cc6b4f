// scripts/reboot-roll: the order, what stops it, and how the next run goes on, with stand-ins for the machines; and what a Redis node says before it
// reboots, in a real cluster.

using System.Diagnostics;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Nodes;

namespace RedisHaInfra.Tests.Scripts;

public sealed class RebootRollTests : IDisposable
{
    private static readonly string[] All = ["redis3", "redis2", "redis1", "proxy2", "proxy1", "bastion"];

    private readonly StandInStack _stack = new();

    // Each machine does what it is told; "needed", "before" and "served" have what they say, and reboots are written down.
    public RebootRollTests() => _stack.Machine("*", """
        case "$*" in
          *flock*) cat "$WORK/lock" 2>/dev/null || echo locked; while read -r line; do :; done; exit ;;
          *find*) cat "$WORK/progress" 2>/dev/null; exit ;;
          *"rm -f"*) rm -f "$WORK/progress"; exit ;;
          *tee*) echo "$machine" >>"$WORK/notes"; sed 's/.*echo \([a-z0-9]*\) .*/\1/' <<<"$*" >>"$WORK/progress"; exit ;;
          *ROLE*) if [ "$machine" = "$(cat "$WORK/master" 2>/dev/null || echo redis1)" ]; then echo master; else echo slave; fi; exit ;;
        esac
        input=$(cat)
        eval "$(head -n 1 <<<"$input")"
        if [ -f "$WORK/silent-$machine" ]; then exit 255; fi
        case $1 in
          needed) cat "$WORK/needed-$machine" 2>/dev/null || echo no ;;
          incarnation) cat "$WORK/boot-$machine" 2>/dev/null || echo first ;;
          reboot) echo "$machine" >>"$WORK/rebooted"; if [ ! -f "$WORK/stuck-$machine" ]; then echo again >>"$WORK/boot-$machine"; fi ;;
          before) echo "$2" >>"$WORK/before"; if [ -f "$WORK/refuses-$machine" ]; then cat "$WORK/refuses-$machine"; exit 1; fi ;;
          after) ;;
          *) shift 3; for proxy; do if [ -f "$WORK/silent-${proxy%%=*}" ]; then echo "${proxy%%=*} does not serve"; exit 1; fi; done ;;
        esac
        """);

    public void Dispose() => _stack.Dispose();

    [SkippableTheory]
    [InlineData("redis1", "redis3 redis2 redis1 proxy2 proxy1 bastion")]
    [InlineData("redis3", "redis2 redis1 redis3 proxy2 proxy1 bastion")]
    public async Task Replicas_come_first_the_master_after_them_and_the_bastion_last(string master, string order)
    {
        Note("master", master);

        ShellResult run = await _stack.RunAsync("reboot-roll");

        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.Equal(order.Split(' '), Rebooted);
        Assert.EndsWith($"\nrebooted: {order}\n", run.Output, StringComparison.Ordinal);
        // Nothing is left for a next run to go on from.
        Assert.False(File.Exists(Path.Combine(_stack.Folder, "progress")));
    }

    [SkippableFact]
    public async Task The_first_failure_stops_it_and_the_next_run_goes_on()
    {
        Note("refuses-redis2", "not now: redis3 does not answer (waited 60 s). redis2 was not rebooted");
        ShellResult stopped = await _stack.RunAsync("reboot-roll");
        Assert.Equal(1, stopped.ExitCode);
        Assert.Equal(["redis3"], Rebooted);
        Assert.Contains("reboot-roll: not now: redis3 does not answer (waited 60 s). redis2 was not rebooted\n", stopped.Error, StringComparison.Ordinal);
        Assert.EndsWith("rebooted in this run: redis3. When the cause is gone, run the same command again: it goes on from here\n", stopped.Error,
            StringComparison.Ordinal);

        File.Delete(Path.Combine(_stack.Folder, "refuses-redis2"));
        ShellResult next = await _stack.RunAsync("reboot-roll");
        Assert.True(next.ExitCode == 0, next.ToString());
        Assert.Equal(All, Rebooted);
        Assert.Contains("an earlier run stopped half-way; it has rebooted redis3 ", next.Output, StringComparison.Ordinal);

        Note("progress", "redis3\nredis2");
        Assert.Equal(0, (await _stack.RunAsync("reboot-roll", "--again", "redis3")).ExitCode);
        Assert.Equal([.. All, "redis3"], Rebooted);
    }

    [SkippableFact]
    public async Task A_machine_that_does_not_come_back_stops_it()
    {
        Note("stuck-redis3", string.Empty);

        ShellResult run = await _stack.RunAsync("reboot-roll", "--wait", "1");

        Assert.Equal(1, run.ExitCode);
        Assert.Equal(["redis3"], Rebooted);
        Assert.Contains("redis3 has not restarted after 1 s: look at its console. The cluster serves without it\n", run.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Only_machines_that_need_it_are_rebooted_when_that_is_asked_for()
    {
        Note("needed-redis2", "yes linux-image-6.8.0-50");
        Note("needed-proxy1", "yes needs-restarting -r asks for it");

        ShellResult dry = await _stack.RunAsync("reboot-roll", "--only-needed", "--dry-run");
        Assert.True(dry.ExitCode == 0, dry.ToString());
        Assert.Contains("would reboot, in this order: redis2 proxy1\n", dry.Output, StringComparison.Ordinal);
        Assert.Equal([], Rebooted);
        Assert.DoesNotContain("flock", _stack.Calls, StringComparison.Ordinal);

        Assert.Equal(0, (await _stack.RunAsync("reboot-roll", "--only-needed")).ExitCode);
        Assert.Equal(["redis2", "proxy1"], Rebooted);
    }

    [SkippableFact]
    public async Task Nothing_reboots_while_a_machine_is_not_reached_unless_it_is_left_out()
    {
        Note("silent-redis3", string.Empty);

        ShellResult run = await _stack.RunAsync("reboot-roll");

        Assert.Equal(1, run.ExitCode);
        Assert.Equal([], Rebooted);
        Assert.Contains("reboot-roll: not reached: redis3; so no machine was rebooted. Bring it back, or reboot the others alone: "
            + "scripts/reboot-roll redis2 redis1 proxy2 proxy1 bastion. ", run.Error, StringComparison.Ordinal);

        // What it says works.
        ShellResult others = await _stack.RunAsync("reboot-roll", All[1..]);
        Assert.True(others.ExitCode == 0, others.ToString());
        Assert.Equal(All[1..], Rebooted);

        _stack.Output("absentNodes", "redis3");
        ShellResult without = await _stack.RunAsync("reboot-roll");
        Assert.True(without.ExitCode == 0, without.ToString());
        Assert.Equal([.. All[1..], .. All[1..]], Rebooted);
        Assert.EndsWith("\nrebooted: redis2 redis1 proxy2 proxy1 bastion; left out: redis3\n", without.Output, StringComparison.Ordinal);

        Assert.Equal(1, (await _stack.RunAsync("reboot-roll", "redis3")).ExitCode);

        // It leaves out that one alone, and none that is there.
        Note("silent-proxy1", string.Empty);
        ShellResult another = await _stack.RunAsync("reboot-roll");
        Assert.Equal(1, another.ExitCode);
        Assert.Contains("reboot-roll: not reached: proxy1; so no machine was rebooted. ", another.Error, StringComparison.Ordinal);
        File.Delete(Path.Combine(_stack.Folder, "silent-proxy1"));
        File.Delete(Path.Combine(_stack.Folder, "silent-redis3"));
        Assert.Equal(0, (await _stack.RunAsync("reboot-roll")).ExitCode);
        Assert.Equal([.. All[1..], .. All[1..], .. All], Rebooted);
    }

    [SkippableFact]
    public async Task The_last_proxy_that_serves_stays()
    {
        Note("silent-proxy2", string.Empty);

        ShellResult run = await _stack.RunAsync("reboot-roll", "proxy1");

        Assert.Equal(1, run.ExitCode);
        Assert.Equal([], Rebooted);
        Assert.Contains("no other proxy serves, so clients would reach nothing without proxy1; it was not rebooted", run.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Two_runs_at_once_are_one()
    {
        Note("lock", "refused 9");

        ShellResult run = await _stack.RunAsync("reboot-roll");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("another run is rebooting machines of this stack", run.Error, StringComparison.Ordinal);
        Assert.Equal([], Rebooted);
    }

    // Who pipes its output, and the next run, would otherwise wait for the sign of life's sleep of 15 s.
    [SkippableFact]
    public Task Its_end_leaves_no_process_behind_that_holds_the_lock() => SecondChance.WithinAsync(TimeSpan.FromSeconds(14), async () =>
    {
        long begun = Stopwatch.GetTimestamp();

        ShellResult run = await _stack.RunAsync("reboot-roll");

        Assert.Equal(0, run.ExitCode);
        return Stopwatch.GetElapsedTime(begun);
    });

    [Fact]
    public void A_proxy_is_back_when_the_load_balancer_has_seen_it() =>
        Assert.Contains($"\nreadonly steady={BalancerCheck.SteadySeconds}\n", File.ReadAllText(Path.Combine(Repository.Root, "scripts/reboot-roll")),
            StringComparison.Ordinal);

    [SkippableTheory]
    [InlineData("redis9")]
    [InlineData("redis1;reboot")]
    [InlineData("--wait", "0")]
    [InlineData("--wait", "soon")]
    public async Task What_it_does_not_know_is_refused(params string[] arguments)
    {
        Assert.Equal(2, (await _stack.RunAsync("reboot-roll", arguments)).ExitCode);
        Assert.Equal([], Rebooted);
    }

    [SkippableFact]
    public async Task A_node_reboots_only_where_the_others_can_do_without_it()
    {
        Skip.IfNot(Installed.Has("redis-server", "redis-sentinel", "redis-cli"), "redis-server, redis-sentinel and redis-cli are not installed");
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync(minReplicasToWrite: 1);
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));
        await cluster.SettledAsync(expected: 1);

        ShellResult replica = await OnNode(cluster, 3, "before", "redis3", "5", "no");
        Assert.Equal((0, "redis1 is the master; the others can do without redis3\n"), (replica.ExitCode, replica.Output));
        ShellResult dry = await OnNode(cluster, 1, "before", "redis1", "5", "yes");
        Assert.True(dry.ExitCode == 0, dry.ToString());
        await cluster.SettledAsync(expected: 1);
        ShellResult master = await OnNode(cluster, 1, "before", "redis1", "5", "no");
        Assert.True(master.ExitCode == 0, master.ToString());
        Assert.StartsWith("redis1 is the master; switching over\n", master.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("master", await cluster.OperatorAsync(1, 6379, "ROLE"), StringComparison.Ordinal);

        // A dead node, and one more away: nobody could write, and nobody could take over.
        int now = (await cluster.OperatorAsync(2, 6379, "ROLE")).StartsWith("master", StringComparison.Ordinal) ? 2 : 3;
        cluster.PowerCut(1);
        ShellResult refused = await OnNode(cluster, 5 - now, "before", $"redis{5 - now}", "2", "no");
        Assert.Equal(1, refused.ExitCode);
        Assert.Equal($"not now: without redis{5 - now}, 1 of 3 nodes would be left (redis1 does not answer); a failover needs 2, writes need 2 (waited 2 s). "
            + $"redis{5 - now} was not rebooted\n",
            refused.Error);
    }

    private static Task<ShellResult> OnNode(LoopbackCluster cluster, int number, params string[] arguments) => Shell.RunAsync(
        "bash", [Path.Combine(Repository.Root, "scripts/lib/reboot-node.sh"), .. arguments], environment: cluster.Machines[number].Environment,
            timeout: TimeSpan.FromSeconds(60));

    private string[] Rebooted => File.Exists(Path.Combine(_stack.Folder, "rebooted")) ? File.ReadAllLines(Path.Combine(_stack.Folder, "rebooted")) : [];

    private void Note(string name, string text) => File.WriteAllText(Path.Combine(_stack.Folder, name), text + "\n");
}
