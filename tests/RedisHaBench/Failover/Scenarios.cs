// What is done to the deployment: each scenario with the bars that our proxy must meet in it.

using System.Diagnostics;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>Which bars on the time of the switch apply.</summary>
internal enum SwitchBar
{
    /// <summary>No switch of master in this scenario.</summary>
    None,

    /// <summary>The old master is gone or has stepped down: median at most 100 ms, worst at most 300 ms.</summary>
    Fast,

    /// <summary>The old master is alive and claims to be master: at most 1.5 s, until the Sentinels agree.</summary>
    Claiming,
}

/// <summary>Which lost writes fail the bar.</summary>
internal enum LossBar
{
    /// <summary>Every acknowledged write that is lost.</summary>
    Any,

    /// <summary>
    /// Those sent after the promotion, to a node that had been replaced. What an island's master acknowledged before, and what had not reached
    /// a replica's replica when that one was promoted, asynchronous replication loses, whatever a proxy does.
    /// </summary>
    AfterPromotion,
}

/// <summary>A scenario.</summary>
internal sealed record Scenario
{
    /// <summary>Name on the command line and in tables.</summary>
    public required string Name { get; init; }

    /// <summary>What is done, in one line.</summary>
    public required string Description { get; init; }

    /// <summary>Does it.</summary>
    public required Func<Stage, Task> Act { get; init; }

    /// <summary>The bars on the time of the switch.</summary>
    public required SwitchBar Switch { get; init; }

    /// <summary>Whether the last switch is measured instead of the first.</summary>
    public bool LastSwitch { get; init; }

    /// <summary>Done before clients start.</summary>
    public Func<RedisDeployment, Task>? Prepare { get; init; }

    /// <summary>Undoes what is left of it after the clients have stopped, so that the nodes can converge.</summary>
    public Func<RedisDeployment, Task>? Heal { get; init; }

    /// <summary>Bar on <see cref="Measurements.Recovery"/>.</summary>
    public TimeSpan? RecoveryBar { get; init; }

    /// <summary>Which lost writes fail the bar.</summary>
    public LossBar Loss { get; init; }

    /// <summary>Whether the proxy must end sessions although their node still claims: its evidence expires on an island.</summary>
    public bool EndsSessions { get; init; }

    /// <summary>Needs network namespaces, so root.</summary>
    public bool Namespaces { get; init; }

    /// <summary>Part of --quick.</summary>
    public bool Quick { get; init; }
}

/// <summary>All scenarios.</summary>
internal static class Scenarios
{
    private static readonly TimeSpan PromotionTimeout = TimeSpan.FromSeconds(30);

    /// <summary>In the order in which they run.</summary>
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new()
        {
            Name = "failover-to",
            Description = "FAILOVER TO a replica; the old master steps down",
            Switch = SwitchBar.Fast,
            Quick = true,
            Act = async stage =>
            {
                stage.FailoverToTarget();
                await stage.PromotedAsync(PromotionTimeout, stage.Master);
            },
        },
        new()
        {
            Name = "sentinel-failover",
            Description = "SENTINEL FAILOVER; the old master is healthy and goes on claiming until Sentinels convert it",
            Switch = SwitchBar.Claiming,
            Quick = true,
            Act = async stage =>
            {
                stage.Mark("SENTINEL FAILOVER");
                stage.Deployment.Sentinels[0].Call("SENTINEL", "FAILOVER", RedisDeployment.MasterName);
                await stage.PromotedAsync(PromotionTimeout, stage.Master);
            },
        },
        new()
        {
            Name = "crash",
            Description = "kill -9 of the master, which stays away",
            Switch = SwitchBar.Fast,
            Quick = true,
            Act = async stage =>
            {
                stage.Mark("kill -9");
                stage.Master.Kill();
                await stage.PromotedAsync(PromotionTimeout, stage.Master);
            },
        },
        new()
        {
            Name = "crash-restart",
            Description = "kill -9 of the master; after the failover it is started again as a master, without replicaof",
            Switch = SwitchBar.Fast,
            Act = async stage =>
            {
                stage.Mark("kill -9");
                stage.Master.Kill();
                await stage.PromotedAsync(PromotionTimeout, stage.Master);
                await Task.Delay(TimeSpan.FromSeconds(3));
                stage.Mark("started again as master");
                stage.Deployment.StartNode(stage.Master, replicaOf: null);
                await stage.StateAsync(stage.Master, NodeState.Master, TimeSpan.FromSeconds(10));
            },
        },
        new()
        {
            Name = "stop-continue",
            Description = "SIGSTOP of the master; 3 s after the failover SIGCONT: it wakes and still takes itself for the master",
            Switch = SwitchBar.Fast,
            Act = async stage =>
            {
                stage.Mark("SIGSTOP");
                stage.Master.Suspend();
                await stage.PromotedAsync(PromotionTimeout, stage.Master);
                await Task.Delay(TimeSpan.FromSeconds(3));
                stage.Mark("SIGCONT");
                stage.Master.Resume();
                await stage.StateAsync(stage.Master, NodeState.Master, TimeSpan.FromSeconds(10));
            },
        },
        new()
        {
            Name = "failover-aftermath",
            Description = "FAILOVER TO, and then what follows from it: the Sentinels promote the third node while the second is master and healthy (about 30 "
                + "s later by default; here they ask for INFO every 2 s instead of 10 s, so that it is about 10 s)",
            Switch = SwitchBar.Claiming,
            Loss = LossBar.AfterPromotion,
            LastSwitch = true,
            Act = async stage =>
            {
                foreach (var sentinel in stage.Deployment.Sentinels)
                {
                    // A master that reports "slave" is down after down-after and two such periods. (sentinel.c, sentinelCheckSubjectivelyDown)
                    sentinel.Call("SENTINEL", "DEBUG", "INFO-PERIOD", "2000");
                }

                stage.FailoverToTarget();
                await stage.PromotedAsync(PromotionTimeout, stage.Master);
                await stage.PromotedAsync(TimeSpan.FromSeconds(90), stage.Master, stage.Target);
                stage.Mark("second promotion");
            },
        },
        new()
        {
            Name = "sentinels-down",
            Description = "all Sentinels dead for 5 s, then FAILOVER TO without them",
            Switch = SwitchBar.Fast,
            Act = async stage =>
            {
                stage.Mark("Sentinels killed");
                foreach (var sentinel in stage.Deployment.Sentinels)
                {
                    sentinel.Kill();
                }

                await stage.PhaseAsync("all Sentinels dead", TimeSpan.FromSeconds(5));
                stage.FailoverToTarget();
                await stage.PromotedAsync(PromotionTimeout, stage.Master);
            },
        },
        new()
        {
            Name = "sentinel-minority",
            Description = "two of three Sentinels dead for 4 s, then FAILOVER TO",
            Switch = SwitchBar.Fast,
            Act = async stage =>
            {
                stage.Mark("two Sentinels killed");
                stage.Deployment.Sentinels[0].Kill();
                stage.Deployment.Sentinels[1].Kill();
                await stage.PhaseAsync("Sentinels in minority", TimeSpan.FromSeconds(4));
                stage.FailoverToTarget();
                await stage.PromotedAsync(PromotionTimeout, stage.Master);
            },
        },
        new()
        {
            Name = "tilt",
            Description = "all Sentinels held for 3 s and released, so that they are in TILT; FAILOVER TO meanwhile",
            Switch = SwitchBar.Fast,
            Act = TiltAsync,
        },
        new()
        {
            Name = "wrong-password",
            Description = "the probe account's password is changed on a replica, then on all nodes, then put back",
            Switch = SwitchBar.None,
            RecoveryBar = TimeSpan.FromMilliseconds(300),
            Act = WrongPasswordAsync,
        },
        new()
        {
            Name = "loading",
            Description = "a replica restarts and loads for about 1.5 s; then the master is killed, restarts at once and loads",
            Switch = SwitchBar.None,
            RecoveryBar = TimeSpan.FromMilliseconds(300),
            Prepare = FillAsync,
            Act = LoadingAsync,
        },
        new()
        {
            Name = "partition",
            Description = "{master, one Sentinel, proxy and its clients} cut off from the rest until 4 s after the other side's failover, then healed",
            Switch = SwitchBar.None,
            Loss = LossBar.AfterPromotion,
            EndsSessions = true,
            RecoveryBar = TimeSpan.FromSeconds(5),
            Namespaces = true,
            Act = async stage =>
            {
                stage.Mark("cut");
                await stage.Deployment.Network!.CutAsync(stage.Master.EndPoint.Address, FailoverRun.ProxyAddress, FailoverRun.ClientAddress);
                await stage.PromotedAsync(PromotionTimeout, stage.Master);
                await Task.Delay(TimeSpan.FromSeconds(4));
                await stage.Deployment.Network.HealAsync();
                stage.Mark(Analysis.Recovered);
            },
            Heal = deployment => deployment.Network!.HealAsync(),
        },
    ];

    private static async Task TiltAsync(Stage stage)
    {
        // A Sentinel whose timer is 2 s late (SENTINEL_TILT_TRIGGER in sentinel.c) distrusts its own view for 30 s.
        stage.Mark("Sentinels held");
        var from = Stopwatch.GetTimestamp();
        foreach (var sentinel in stage.Deployment.Sentinels)
        {
            sentinel.Suspend();
        }

        await Task.Delay(TimeSpan.FromSeconds(3));
        foreach (var sentinel in stage.Deployment.Sentinels)
        {
            sentinel.Resume();
        }

        await Eventually.HoldsAsync(() => stage.Deployment.Sentinels.All(RedisDeployment.InTilt), () => "all Sentinels are in TILT");
        stage.Mark("TILT");
        await stage.PhaseAsync("Sentinels held, then in TILT", TimeSpan.FromSeconds(3), from);
        stage.FailoverToTarget();
        await stage.PromotedAsync(PromotionTimeout, stage.Master);
    }

    private static async Task WrongPasswordAsync(Stage stage)
    {
        static void Set(RedisProcess node, string password)
        {
            node.Call("ACL", "SETUSER", "rp-health", "resetpass", $">{password}");
            node.Call("CLIENT", "KILL", "USER", "rp-health");
        }

        stage.Mark("wrong on a replica");
        Set(stage.Target, "another");
        await stage.PhaseAsync("a replica refuses the probe", TimeSpan.FromSeconds(3));
        stage.Mark("wrong everywhere");
        foreach (var node in stage.Deployment.Nodes.Where(n => n != stage.Target))
        {
            Set(node, "another");
        }

        await stage.PhaseAsync("all nodes refuse the probe", TimeSpan.FromSeconds(3));
        foreach (var node in stage.Deployment.Nodes)
        {
            Set(node, stage.Deployment.Accounts.Health);
        }

        stage.Mark(Analysis.Recovered);
    }

    private static async Task LoadingAsync(Stage stage)
    {
        // Slow loading by configuration, as Redis' own tests do it: microseconds a key, and a look at clients every 1 kB.
        string[] slow = ["key-load-delay 500", "loading-process-events-interval-bytes 1024"];
        stage.Mark("replica restarts");
        await RewriteAofAsync(stage.Target);
        var from = Stopwatch.GetTimestamp();
        stage.Target.Kill();
        stage.Deployment.StartNode(stage.Target, stage.Master, slow);
        await stage.StateAsync(stage.Target, NodeState.Loading, TimeSpan.FromSeconds(10));
        await stage.StateAsync(stage.Target, NodeState.Replica, TimeSpan.FromSeconds(20));
        await stage.PhaseAsync("a replica loads", TimeSpan.FromSeconds(1), from);
        await stage.Deployment.LinkedAsync();

        await RewriteAofAsync(stage.Master);
        stage.Mark("master restarts");
        stage.Master.Kill();
        stage.Deployment.StartNode(stage.Master, replicaOf: null, slow);
        await stage.StateAsync(stage.Master, NodeState.Loading, TimeSpan.FromSeconds(10));

        // The same master as a rule; another when the machine is so slow that the Sentinels lose patience.
        await stage.WritableAsync(TimeSpan.FromSeconds(60));
        stage.Mark(Analysis.Recovered);
    }

    /// <summary>Puts all data into the AOF's base file: a few thousand keys, where the incremental file has a command for each write.</summary>
    private static async Task RewriteAofAsync(RedisProcess node)
    {
        node.Call("BGREWRITEAOF");
        await Eventually.HoldsAsync(
            () => node.Info("persistence") is var info && info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0",
            () => $"{node.Name}'s AOF is rewritten");
    }

    /// <summary>Enough keys that loading takes 1.5 s with the delay above: less than down-after, so that the master comes back as master.</summary>
    private static async Task FillAsync(RedisDeployment deployment)
    {
        using (var connection = deployment.Nodes[0].Connect())
        {
            var value = new string('x', 1000);
            for (var i = 0; i < 2500; i++)
            {
                connection.Call("SET", string.Create(System.Globalization.CultureInfo.InvariantCulture, $"fill:{i}"), value);
            }
        }

        await deployment.ConvergedAsync();
    }
}
