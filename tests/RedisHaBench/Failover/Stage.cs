// What a scenario acts on, and how it waits for what it caused.

using System.Diagnostics;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>The deployment under load, while a scenario runs.</summary>
internal sealed class Stage(RedisDeployment deployment, IReadOnlyList<NodeProbe> probes, IReadOnlyList<WriterClient> writers)
{
    private readonly List<Mark> _marks = [];
    private readonly List<Phase> _phases = [];

    public RedisDeployment Deployment { get; } = deployment;

    /// <summary>The master before the scenario.</summary>
    public RedisProcess Master => Deployment.Nodes[0];

    /// <summary>A replica before the scenario: the target of FAILOVER TO.</summary>
    public RedisProcess Target => Deployment.Nodes[1];

    /// <summary>The clients that write.</summary>
    public IReadOnlyList<WriterClient> Writers { get; } = writers;

    public IReadOnlyList<Mark> Marks => _marks;

    public IReadOnlyList<Phase> Phases => _phases;

    /// <summary>Writes down that something was done now.</summary>
    public void Mark(string name) => _marks.Add(new Mark(name, Stopwatch.GetTimestamp()));

    /// <summary>Lets a stretch of time pass under load, from now or from a moment before; it gets a bar of its own.</summary>
    public async Task PhaseAsync(string name, TimeSpan length, long? from = null)
    {
        var begin = from ?? Stopwatch.GetTimestamp();
        await Task.Delay(length);
        _phases.Add(new Phase(name, begin, Stopwatch.GetTimestamp()));
    }

    /// <summary>FAILOVER TO the target, with a timeout below down-after (a longer pause of writes makes Sentinels mark the master down).</summary>
    public void FailoverToTarget()
    {
        Mark("FAILOVER TO");
        Master.Call("FAILOVER", "TO", Target.EndPoint.Address.ToString(), Target.EndPoint.Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
            "TIMEOUT", "1500");
    }

    /// <summary>Waits until a node's own probe sees it promoted.</summary>
    /// <param name="timeout">How long at most.</param>
    /// <param name="besides">Nodes that do not count: those that were master before.</param>
    public Task PromotedAsync(TimeSpan timeout, params IReadOnlyList<RedisProcess> besides)
        => HoldsAsync(
            "a node is promoted", timeout,
            () => probes.Index().Any(p => !besides.Contains(Deployment.Nodes[p.Index]) && p.Item.State == NodeState.Master));

    /// <summary>Waits until a master takes a write sent directly to it.</summary>
    public Task WritableAsync(TimeSpan timeout)
        => HoldsAsync("a master takes writes", timeout, () => probes.Any(p => p is { State: NodeState.Master, IsWritable: true }));

    /// <summary>Waits until a node's probe sees this state.</summary>
    public Task StateAsync(RedisProcess node, NodeState state, TimeSpan timeout)
        => HoldsAsync($"{node.Name} is {state}", timeout, () => Probe(node).State == state);

    /// <summary>
    /// Waits until exactly one running node claims to be master, then until all writers are served by it or the patience is over. A proxy that
    /// leaves clients unserved gets no longer: that they are unserved is the result.
    /// </summary>
    public async Task SettledAsync(TimeSpan patience)
    {
        await HoldsAsync("there is one master among the running nodes", TimeSpan.FromSeconds(60), () => OnlyMaster() >= 0);
        var start = Stopwatch.GetTimestamp();
        long? served = null;
        while (Stopwatch.GetElapsedTime(start) < patience)
        {
            served = AllServed(OnlyMaster()) ? served ?? Stopwatch.GetTimestamp() : null;
            if (served is { } since && Stopwatch.GetElapsedTime(since) > TimeSpan.FromSeconds(1.5))
            {
                return;
            }

            await Task.Delay(20);
        }
    }

    /// <summary>Whether every writer was acknowledged by this node within the last 300 ms.</summary>
    public bool AllServed(int node)
        => Writers.All(w => w.LastAckNode == node && Stopwatch.GetElapsedTime(w.LastAck) < TimeSpan.FromMilliseconds(300));

    private Task HoldsAsync(string what, TimeSpan timeout, Func<bool> condition)
        => Eventually.HoldsAsync(condition, () => $"{what}; {Deployment.Describe()}", timeout, TimeSpan.FromMilliseconds(2));

    private NodeProbe Probe(RedisProcess node) => probes[Deployment.Nodes.Index().First(n => n.Item == node).Index];

    /// <summary>Index of the only running node that claims to be master, when all others are replicas; -1 otherwise.</summary>
    private int OnlyMaster()
    {
        var master = -1;
        foreach (var (i, probe) in probes.Index().Where(p => Deployment.Nodes[p.Index].Runs))
        {
            switch (probe.State)
            {
                case NodeState.Master when master < 0:
                    master = i;
                    break;
                case NodeState.Replica:
                    break;
                default:
                    return -1;
            }
        }

        return master;
    }
}
