// A node more and a node less, with real redis-server and redis-sentinel processes on loopback: when a node may be promoted, and what
// becomes of one that leaves.

using RedisHaInfra.Components;

namespace RedisHaInfra.Tests.Nodes;

public sealed class MembershipTests
{
    [SkippableFact]
    public async Task A_new_node_waits_for_the_proxies_and_one_that_leaves_is_forgotten()
    {
        Skip.IfNot(Installed.Has("redis-server", "redis-sentinel", "redis-cli"), "redis-server, redis-sentinel and redis-cli are not installed");
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync();

        // Before the first bootstrap there is nothing to say; after it every founder is promotable without being asked.
        Assert.Equal("no node leaves", await RunAsync(cluster, "before", 3));
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));
        await cluster.SettledAsync(expected: 1);
        await PromotableAsync(cluster, 1, 2, 3);

        // A fourth node has all the data and is a member, and still may not be promoted, not even after a restart.
        await cluster.AddAsync(4, nodes: 4);
        await cluster.StartRedisAsync(4);
        await FollowsAsync(cluster, 4);
        await Eventually.HoldsAsync(() => cluster.Machines[4].Exists("root/var/lib/redis/redis-ha.member"), () => "redis4 is a member");
        cluster.PowerCut(4);
        await cluster.StartRedisAsync(4);
        await FollowsAsync(cluster, 4);
        Assert.Equal("0", await PriorityAsync(cluster, 4));
        Assert.False(cluster.Machines[4].Exists("root/var/lib/redis-ha/promotable"));

        // The proxies know it: from now on it may, whatever happens to it; and a run that was killed on the way is run again.
        await KilledAsync(cluster, "after", 4, "CONFIG SET replica-priority 100");
        Assert.Equal("0", await PriorityAsync(cluster, 4));
        Assert.Equal("all nodes are promotable, and the Sentinels know no others", await RunAsync(cluster, "after", 4));
        await PromotableAsync(cluster, 4);
        cluster.PowerCut(4);
        await cluster.StartRedisAsync(4);
        await FollowsAsync(cluster, 4);
        Assert.Equal("100", await PriorityAsync(cluster, 4));

        await OneAtATimeAsync(cluster);

        // It becomes the master, and then shall leave: the list of the first node has it, the new one does not.
        foreach (int number in new[] { 1, 2, 3 })
        {
            string facts = Path.Combine(cluster.Machines[number].Root, "etc/redis-ha/node.env");
            await File.WriteAllTextAsync(facts, (await File.ReadAllTextAsync(facts))
                .Replace($"redis3={cluster.Address(3)}", $"redis3={cluster.Address(3)} redis4={cluster.Address(4)}", StringComparison.Ordinal));
        }
        Machine first = cluster.Machines[1];
        ShellResult there = await Shell.RunAsync("bash", [Path.Combine(first.Root, "usr/local/sbin/redis-ha-switchover"), "redis4"],
            environment: first.Environment, timeout: TimeSpan.FromSeconds(90));
        Assert.True(there.ExitCode == 0, there.ToString());
        await KilledAsync(cluster, "before", 3, "CONFIG SET replica-priority 0");
        Assert.StartsWith("slave", await cluster.OperatorAsync(4, 6379, "ROLE"), StringComparison.Ordinal);
        Assert.Equal("leaving: redis4", await RunAsync(cluster, "before", 3));
        Assert.StartsWith("slave", await cluster.OperatorAsync(4, 6379, "ROLE"), StringComparison.Ordinal);
        Assert.Equal("0", await PriorityAsync(cluster, 4));

        await KilledAsync(cluster, "after", 3, "REPLICAOF 127.0.0.1 1");
        await KilledAsync(cluster, "after", 3, "SENTINEL RESET mymaster");
        Assert.True(first.Exists("root/var/lib/redis-ha/leaving"));
        Assert.Equal("all nodes are promotable, and the Sentinels know no others", await RunAsync(cluster, "after", 3));
        int master = await cluster.SettledAsync();
        Assert.InRange(master, 1, 3);
        Assert.Contains("\n127.0.0.1\n", await cluster.OperatorAsync(4, 6379, "ROLE"), StringComparison.Ordinal);
        Assert.Contains("No such master", await cluster.OperatorAsync(4, 26379, "SENTINEL", "MASTER", "mymaster"), StringComparison.Ordinal);
        foreach (int number in new[] { 1, 2, 3 })
        {
            Assert.DoesNotContain(
                cluster.Address(4), await cluster.OperatorAsync(number, 26379, "SENTINEL", "SENTINELS", "mymaster"), StringComparison.Ordinal);
        }
        // Nothing remains to be done, and no Sentinel goes on asking in a hurry.
        foreach (int number in new[] { 1, 2, 3 })
        {
            Assert.Contains("info-period\n10000\n", await cluster.OperatorAsync(number, 26379, "SENTINEL", "DEBUG") + "\n", StringComparison.OrdinalIgnoreCase);
        }
        Assert.False(first.Exists("root/var/lib/redis-ha/leaving"));
    }

    // A run whose connection ended goes on by itself: the next one waits for it.
    private static async Task OneAtATimeAsync(LoopbackCluster cluster)
    {
        await using HeldLock other = await HeldLock.TakeAsync(Path.Combine(cluster.Machines[1].Root, "var/lib/redis-ha/membership.lock"));
        ShellResult refused = await RunAsync(cluster, "before", 3, seconds: 0);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("another run has been changing the list of nodes for 0 s; run pulumi up again", refused.Error, StringComparison.Ordinal);
        Assert.False(cluster.Machines[1].Exists("root/var/lib/redis-ha/leaving"));

        Task<string> waiting = RunAsync(cluster, "after", 4);
        await other.ReleaseAsync();
        Assert.Equal("all nodes are promotable, and the Sentinels know no others", await waiting);
    }

    private static async Task<string> RunAsync(LoopbackCluster cluster, string pass, int nodes)
    {
        ShellResult result = await RunAsync(cluster, pass, nodes, seconds: 30);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.Output.TrimEnd('\n').Split('\n')[^1];
    }

    private static Task<ShellResult> RunAsync(LoopbackCluster cluster, string pass, int nodes, int seconds) =>
        Shell.RunAsync("bash", ["-s"], Rollout.MembershipScript(pass, seconds, PayloadInputs.Nodes(cluster.Network, nodes)),
            cluster.Machines[1].Environment, TimeSpan.FromSeconds(120));

    // SIGKILL, so that nothing is put back, in the moment before a command of it.
    private static async Task KilledAsync(LoopbackCluster cluster, string pass, int nodes, string before)
    {
        Machine machine = cluster.Machines[1];
        // The script looks there first.
        string cli = Path.Combine(machine.Root, "usr/local/sbin/redis-cli");
        await File.WriteAllTextAsync(cli, $"""
            #!/bin/bash
            case " $* " in *" {before} "*) kill -KILL "$MEMBERSHIP"; exit 1 ;; *) PATH=${"{"}PATH#*:{"}"} exec redis-cli "$@" ;; esac
            """);
        Assert.Equal(0, (await Shell.RunAsync("chmod", ["755", cli])).ExitCode);
        ShellResult killed = await Shell.RunAsync("bash", ["-c", "export MEMBERSHIP=$$; exec bash -s"],
            Rollout.MembershipScript(pass, 30, PayloadInputs.Nodes(cluster.Network, nodes)), machine.Environment, TimeSpan.FromSeconds(120));
        File.Delete(cli);
        Assert.True(killed.ExitCode == 137, killed.ToString());
    }

    private static async Task PromotableAsync(LoopbackCluster cluster, params int[] numbers)
    {
        foreach (int number in numbers)
        {
            await Eventually.HoldsAsync(async () => await PriorityAsync(cluster, number) == "100"
                && cluster.Machines[number].Exists("root/var/lib/redis-ha/promotable"), () => $"redis{number} is promotable");
        }
    }

    private static Task FollowsAsync(LoopbackCluster cluster, int number) =>
        Eventually.HoldsAsync(async () => (await cluster.OperatorAsync(number, 6379, "INFO", "replication"))
            .Contains("master_link_status:up", StringComparison.Ordinal), () => $"redis{number} follows");

    private static async Task<string> PriorityAsync(LoopbackCluster cluster, int number) =>
        (await cluster.OperatorAsync(number, 6379, "CONFIG", "GET", "replica-priority")).Split('\n')[1];
}
