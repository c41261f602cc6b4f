// Faults at random against a whole deployment: two proxies, clients that write unique values through both, and everything that may break. It knows
// what clients may expect and nothing of the routing rule. The same seed draws the same faults; when they hit is the machine's.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using RedisHaBench.Failover;
using RedisHaProcesses;

namespace RedisHaBench.Tests;

/// <summary>Something that was done. Times are Stopwatch timestamps.</summary>
/// <param name="What">For messages.</param>
/// <param name="From">When it began.</param>
/// <param name="To">When it was undone.</param>
/// <param name="Abrupt">A crash, a stall or a cut, after which a replica may be behind for a while. False for an ordered hand-over.</param>
internal sealed record StormFault(string What, long From, long To, bool Abrupt);

/// <summary>What came of a storm.</summary>
/// <param name="Writers">What each client wrote, with the index of its proxy.</param>
/// <param name="Faults">In order.</param>
/// <param name="Promotions">Which node became master, and when it said so first, asked directly.</param>
/// <param name="Recoveries">After each round: how long until clients of both proxies were served again.</param>
/// <param name="Missing">Acknowledged writes that are not there at the end.</param>
internal sealed record StormRecord(
    IReadOnlyList<(int Proxy, WriterRecord Record)> Writers, IReadOnlyList<StormFault> Faults, IReadOnlyList<(int Node, long At)> Promotions,
    IReadOnlyList<TimeSpan> Recoveries, IReadOnlyList<WriteRecord> Missing);

/// <summary>Undoes a fault.</summary>
/// <param name="Last">It waits for something that other faults may hold up.</param>
/// <param name="Run">Does it.</param>
internal sealed record Repair(bool Last, Func<Task> Run)
{
    public static Repair None { get; } = new(false, () => Task.CompletedTask);
}

/// <summary>A deployment with two proxies in network namespaces, and somebody who breaks it.</summary>
internal sealed class Storm : IDisposable
{
    private const int Proxies = 2;

    private readonly RedisDeployment _deployment;
    private readonly Random _random;
    private readonly List<ChildProcess> _proxies = [];
    private readonly List<(int Proxy, WriterClient Client)> _writers = [];
    private readonly List<StormFault> _faults = [];
    private readonly List<TimeSpan> _recoveries = [];
    private readonly TimeSpan _recoveryBound;
    private readonly NodeProbe[] _probes;

    private Storm(RedisDeployment deployment, int seed, TimeSpan recoveryBound)
    {
        _deployment = deployment;
        _random = new Random(seed);
        _recoveryBound = recoveryBound;
        _probes = [.. deployment.Nodes.Select(n => new NodeProbe(n))];
    }

    /// <summary>Runs one to its end.</summary>
    /// <param name="deployment">In namespaces, with the product's settings.</param>
    /// <param name="program">Path of redis-ha-proxy.</param>
    /// <param name="seed">Which faults.</param>
    /// <param name="duration">No new fault begins after it.</param>
    /// <param name="recoveryBound">Within this time after the last repair clients must be served.</param>
    public static async Task<StormRecord> RunAsync(RedisDeployment deployment, string program, int seed, TimeSpan duration, TimeSpan recoveryBound)
    {
        using var storm = new Storm(deployment, seed, recoveryBound);
        for (var i = 0; i < Proxies; i++)
        {
            await storm.AddProxyAsync(i, program);
        }

        Array.ForEach(storm._probes, p => p.Start());
        storm._writers.ForEach(w => w.Client.Start());
        try
        {
            await storm.ServedAsync("the start");
            for (var start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < duration;)
            {
                await storm.RoundAsync();
            }
        }
        finally
        {
            storm._writers.ForEach(w => w.Client.Stop());
            Array.ForEach(storm._probes, p => p.Stop());
        }

        var written = storm._writers.Select(w => (w.Proxy, Record: w.Client.Join())).ToArray();
        var promotions = storm._probes.SelectMany((p, node) => Promotions(p.Join()).Select(at => (node, at))).OrderBy(p => p.at).ToArray();
        await deployment.ConvergedAsync(TimeSpan.FromSeconds(60));
        return new StormRecord(written, storm._faults, promotions, storm._recoveries, storm.Missing(written));
    }

    public void Dispose() => _proxies.ForEach(p => p.Dispose());

    private static IPAddress ProxyAddress(int index) => new([10, 79, 1, (byte)(index + 1)]);

    // Master for the first time, or after it was a replica: not one that was suspended and goes on.
    private static IEnumerable<long> Promotions(NodeRecord node)
    {
        NodeState? before = null;
        foreach (var change in node.States.Where(c => c.State is NodeState.Master or NodeState.Replica))
        {
            if (change.State == NodeState.Master && before != NodeState.Master)
            {
                yield return change.At;
            }

            before = change.State;
        }
    }

    private async Task AddProxyAsync(int index, string program)
    {
        var listen = new IPEndPoint(ProxyAddress(index), 6379);
        var machine = await _deployment.Network!.AddAsync($"proxy{index + 1}", listen.Address);
        _proxies.Add(ProxyProcess.Start(program, _deployment, listen, machine, $"proxy{index + 1}"));
        var destination = new Destination(listen, machine, _deployment);
        foreach (var kind in (ClientKind[])[ClientKind.Persistent, ClientKind.New])
        {
            _writers.Add((index, new WriterClient($"{kind}:{index}", kind, destination, TimeSpan.FromSeconds(3), pause: 3)));
        }
    }

    // One fault, or two at a time, for a while; then all is repaired, and clients must be served soon.
    private async Task RoundAsync()
    {
        var repairs = new List<Repair> { await BreakAsync() };
        if (_random.Next(3) == 0)
        {
            await PauseAsync(0, 800);
            repairs.Add(await BreakAsync());
        }

        foreach (var repair in repairs.OrderBy(r => r.Last))
        {
            await repair.Run();
        }

        await ServedAsync(_faults[^1].What);
        await PauseAsync(200, 1500);
    }

    private Task<Repair> BreakAsync() => _random.Next(8) switch
    {
        0 or 1 => KillNodeAsync(MasterOrAny()),
        2 => SuspendAsync(MasterOrAny()),
        3 or 4 => CutAsync(),
        5 => OrderAsync("SENTINEL FAILOVER", () => Any(_deployment.Sentinels).Call("SENTINEL", "FAILOVER", RedisDeployment.MasterName)),
        6 => OrderAsync("FAILOVER TO", FailoverTo),
        _ => KillSentinelAsync(Any(_deployment.Sentinels)),
    };

    private async Task<Repair> KillNodeAsync(RedisProcess node)
    {
        var from = Stopwatch.GetTimestamp();
        node.Kill();
        await PauseAsync(0, 4000);
        return new Repair(Last: true, async () =>
        {
            // As the boot rule of the nodes does: it follows whom the Sentinels name, and waits while they name itself.
            RedisProcess? master = null;
            await Eventually.HoldsAsync(
                () => (master = Named()) is not null && master != node,
                () => $"the Sentinels name another than {node.Name}: {_deployment.Describe()}", TimeSpan.FromSeconds(40));
            if (!node.Runs)
            {
                _deployment.StartNode(node, master);
            }

            Note($"kill -9 {node.Name}", from, abrupt: true);
        });
    }

    private async Task<Repair> SuspendAsync(RedisProcess node)
    {
        if (!node.Runs)
        {
            return Repair.None;
        }

        var from = Stopwatch.GetTimestamp();
        node.Suspend();
        await PauseAsync(300, 4000);
        return new Repair(Last: false, () =>
        {
            if (node.Runs)
            {
                node.Resume();
            }

            Note($"suspend {node.Name}", from, abrupt: true);
            return Task.CompletedTask;
        });
    }

    private async Task<Repair> CutAsync()
    {
        IPAddress[] all = [.. _deployment.Nodes.Select(n => n.EndPoint.Address), .. Enumerable.Range(0, Proxies).Select(ProxyAddress)];
        IPAddress[] island = [.. all.Where(_ => _random.Next(2) == 0)];
        if (island.Length == 0)
        {
            island = [all[0]];
        }

        var from = Stopwatch.GetTimestamp();
        await _deployment.Network!.CutAsync(island);
        await PauseAsync(300, 5000);
        return new Repair(Last: false, async () =>
        {
            await _deployment.Network.HealAsync();
            Note($"cut off {string.Join(' ', island.Select(a => a.ToString()))}", from, abrupt: true);
        });
    }

    private async Task<Repair> KillSentinelAsync(RedisProcess sentinel)
    {
        var from = Stopwatch.GetTimestamp();
        sentinel.Kill();
        await PauseAsync(200, 3000);
        return new Repair(Last: false, async () =>
        {
            await sentinel.RestartAsync();
            Note($"kill -9 {sentinel.Name}", from, abrupt: false);
        });
    }

    private async Task<Repair> OrderAsync(string what, Action order)
    {
        var from = Stopwatch.GetTimestamp();
        try
        {
            order();
        }
        catch (Exception e) when (e is RespErrorException or IOException)
        {
            what += $" ({e.Message})"; // refused, or nobody there: no fault
        }

        await PauseAsync(300, 2000);
        Note(what, from, abrupt: false);
        return Repair.None;
    }

    private void FailoverTo()
    {
        var master = _deployment.OnlyMaster() ?? throw new IOException("no single master");
        var to = Any([.. _deployment.Nodes.Where(n => n != master && n.Runs)]).EndPoint;
        master.Call("FAILOVER", "TO", to.Address.ToString(), to.Port.ToString(CultureInfo.InvariantCulture), "TIMEOUT", "700");
    }

    // The node that a majority of the Sentinels names.
    private RedisProcess? Named()
    {
        var votes = new Dictionary<RedisProcess, int>();
        foreach (var sentinel in _deployment.Sentinels.Where(s => s.Runs))
        {
            var port = RedisDeployment.SentinelMaster(sentinel)["port"];
            var node = _deployment.Nodes.First(n => n.EndPoint.Port.ToString(CultureInfo.InvariantCulture) == port);
            votes[node] = votes.GetValueOrDefault(node) + 1;
        }

        return votes.FirstOrDefault(v => v.Value > _deployment.Sentinels.Count / 2).Key;
    }

    private async Task ServedAsync(string after)
    {
        var since = Stopwatch.GetTimestamp();
        await Eventually.HoldsAsync(
            () => _writers.All(w => w.Client.LastAck > since),
            () => $"clients of both proxies are served after {after}\n{_deployment.Describe()}\n{string.Join('\n', _proxies.Select(p => p.LogTail(12)))}",
            _recoveryBound);
        _recoveries.Add(Stopwatch.GetElapsedTime(since));
    }

    private List<WriteRecord> Missing(IReadOnlyList<(int Proxy, WriterRecord Record)> written)
    {
        var master = _deployment.OnlyMaster()!;
        var missing = new List<WriteRecord>();
        foreach (var (_, record) in written)
        {
            var there = master.Call("HKEYS", record.Name).Items.Select(k => int.Parse(k.Text, CultureInfo.InvariantCulture)).ToHashSet();
            missing.AddRange(record.Writes.Where(w => w.Outcome == Outcome.Acknowledged && !there.Contains(w.Sequence)));
        }

        return missing;
    }

    private RedisProcess MasterOrAny() => _random.Next(3) > 0 && Named() is { } master ? master : Any(_deployment.Nodes);

    private T Any<T>(IReadOnlyList<T> list) => list[_random.Next(list.Count)];

    private Task PauseAsync(int least, int most) => Task.Delay(_random.Next(least, most));

    private void Note(string what, long from, bool abrupt) => _faults.Add(new StormFault(what, from, Stopwatch.GetTimestamp(), abrupt));
}
