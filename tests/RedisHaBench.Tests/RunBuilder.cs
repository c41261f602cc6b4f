// Records of runs that never happened, for the tests of the analysis. Times in milliseconds from the beginning.

using System.Diagnostics;
using RedisHaBench.Failover;

namespace RedisHaBench.Tests;

/// <summary>Builds a <see cref="RunRecord"/> of three nodes, the first of them master. The scenario acts at 1000 and ends at 10000.</summary>
internal sealed class RunBuilder
{
    private readonly Dictionary<string, (ClientKind Kind, List<WriteRecord> Writes)> _writers = [];
    private readonly List<WaitRecord> _waits = [];
    private readonly List<StateChange>[] _states = [[new(0, NodeState.Master)], [new(0, NodeState.Replica)], [new(0, NodeState.Replica)]];
    private readonly List<Interval>[] _writable = [[], [], []];
    private readonly Dictionary<int, HashSet<(string Writer, int Sequence)>> _missing = [];
    private readonly List<Phase> _phases = [];
    private readonly List<Mark> _marks = [];

    public const int Acted = 1000;
    public const int End = 10_000;

    public static long At(double milliseconds) => (long)(milliseconds * Stopwatch.Frequency / 1000);

    /// <summary>A write that took 1 ms; on a connection opened at <paramref name="opened"/>, or at once.</summary>
    public RunBuilder Write(string writer, double at, int node, Outcome outcome = Outcome.Acknowledged, double? opened = null)
    {
        if (!_writers.TryGetValue(writer, out var found))
        {
            _writers[writer] = found = (writer.StartsWith("new", StringComparison.Ordinal) ? ClientKind.New : ClientKind.Persistent, []);
        }

        found.Writes.Add(new WriteRecord(At(opened ?? at - 1), At(at - 1), At(at), found.Writes.Count + 1, (sbyte)node, outcome));
        return this;
    }

    /// <summary>Acknowledged writes every 10 ms.</summary>
    public RunBuilder Writes(string writer, double from, double to, int node)
    {
        for (var at = from; at < to; at += 10)
        {
            Write(writer, at, node);
        }

        return this;
    }

    /// <summary>A node says something else from now on.</summary>
    public RunBuilder State(int node, double at, NodeState state)
    {
        _states[node].Add(new StateChange(At(at), state));
        return this;
    }

    public RunBuilder Writable(int node, double from)
    {
        _writable[node].Add(new Interval(At(from), long.MaxValue));
        return this;
    }

    public RunBuilder Wait(double from, double? to, int node)
    {
        _waits.Add(new WaitRecord("waiting", At(from), to is { } t ? At(t) : long.MaxValue, (sbyte)node));
        return this;
    }

    /// <summary>The newest write of a writer is not on a node in the end.</summary>
    public RunBuilder MissingOn(int node, string writer)
    {
        if (!_missing.TryGetValue(node, out var set))
        {
            _missing[node] = set = [];
        }

        set.Add((writer, _writers[writer].Writes[^1].Sequence));
        return this;
    }

    public RunBuilder Phase(string name, double from, double to)
    {
        _phases.Add(new Phase(name, At(from), At(to)));
        return this;
    }

    public RunBuilder Mark(string name, double at)
    {
        _marks.Add(new Mark(name, At(at)));
        return this;
    }

    public RunRecord Build(int finalMaster = 0) => new()
    {
        OldMaster = 0,
        Begin = 0,
        Acted = At(Acted),
        End = At(End),
        Marks = _marks,
        Phases = _phases,
        Writers = [.. _writers.Select(w => new WriterRecord(w.Key, w.Value.Kind, w.Value.Writes))],
        Waits = _waits,
        Nodes = [.. _states.Zip(_writable, (s, w) => new NodeRecord(s, w))],
        FinalMaster = finalMaster,
        Data = Enumerable.Range(0, 3).ToDictionary(
            n => n,
            n => (IReadOnlyDictionary<string, HashSet<int>>)_writers.ToDictionary(
                w => w.Key,
                w => w.Value.Writes
                    .Where(x => x.Outcome == Outcome.Acknowledged && !(_missing.TryGetValue(n, out var missing) && missing.Contains((w.Key, x.Sequence))))
                    .Select(x => x.Sequence).ToHashSet())),
    };
}
