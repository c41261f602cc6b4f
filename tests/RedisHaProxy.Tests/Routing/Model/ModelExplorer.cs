// Proof 2, the search: depth first over all moves, every state visited once per remaining depth and budget.

using System.Diagnostics;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing.Model;

/// <summary>Explores all interleavings up to a depth with a budget of faults, after a prologue.</summary>
/// <param name="table">The rule.</param>
/// <param name="prologue">What has happened already; eight quiet seconds before it are added.</param>
/// <param name="depth">How many seconds are explored after the prologue.</param>
/// <param name="faults">How many faults and operator's commands may happen in them; Sentinels' own failovers come on top.</param>
/// <param name="deployment">What is deployed; three machines when null.</param>
internal sealed class ModelExplorer(
    IReadOnlyList<RoutingRow> table, IReadOnlyList<Move> prologue, int depth, int faults, Deployment? deployment = null)
{
    /// <summary>Steps during which nothing happens at the start, so that both proxies have heard everything.</summary>
    private const int QuietStart = 8;

    // The most remaining (faults, depth) with which a state has been explored.
    private readonly Dictionary<UInt128, int> _visited = [];
    private readonly Stack<Move> _trace = new();
    private readonly long _start = Stopwatch.GetTimestamp();
    private string? _broken;

    public long Steps { get; private set; }

    public int LongestOverlap { get; private set; }

    /// <summary>Returns the first violation with its trace, or null.</summary>
    public string? Run()
    {
        Explore(Begin(_ => { }), depth, faults);
        return _broken;
    }

    /// <summary>Wanders at random instead, for longer than can be explored; the same seed wanders the same way.</summary>
    /// <param name="walks">How many walks.</param>
    /// <param name="seed">Of the random moves.</param>
    public string? Wander(int walks, int seed)
    {
        var random = new Random(seed);
        for (int walk = 0; walk < walks && _broken is null; walk++)
        {
            _trace.Clear();
            ModelState state = Begin(_ => { });
            for (int step = 0, left = faults; step < depth && _broken is null; step++)
            {
                // Mostly quiet seconds, or nothing would ever come to its end.
                Move[] moves = [.. state.World.Moves(left > 0 && random.Next(4) == 0)];
                Move move = moves[random.Next(moves.Length)];
                left -= move.IsFault ? 1 : 0;
                _trace.Push(move);
                Step(state, move);
            }
        }

        return _broken;
    }

    public override string ToString() =>
        $"{_visited.Count} states, {Steps} steps, depth {depth} s, {faults} faults after [{string.Join(' ', prologue.Where(m => m.Kind != MoveKind.None))}]; "
            + $"longest disagreement: {LongestOverlap} s; "
        + $"{Stopwatch.GetElapsedTime(_start).TotalSeconds:0.0} s";

    private void Explore(ModelState state, int left, int budget)
    {
        if (left == 0 || _broken is not null)
        {
            return;
        }

        // A state explored with at least as many faults and steps left need not be explored again.
        UInt128 fingerprint = state.Fingerprint();
        int worth = (budget << 8) | left;
        if (_visited.TryGetValue(fingerprint, out int before) && before >> 8 >= budget && (before & 255) >= left)
        {
            return;
        }

        _visited[fingerprint] = worth;
        foreach (Move move in state.World.Moves(budget > 0))
        {
            ModelState next = state.Clone();
            _trace.Push(move);
            Step(next, move);
            if (_broken is not null)
            {
                return;
            }

            Explore(next, left - 1, budget - (move.IsFault ? 1 : 0));
            _trace.Pop();
            if (_broken is not null)
            {
                return;
            }
        }
    }

    private void Step(ModelState state, Move move)
    {
        Steps++;
        string? broken = state.Step(move, table);
        LongestOverlap = Math.Max(LongestOverlap, state.Overlap);
        _broken = broken is null ? null : Describe(broken);
    }

    private ModelState Begin(Action<string> note)
    {
        var state = new ModelState(ModelWorld.Healthy(deployment ?? Deployment.Usual));
        foreach (Move move in Enumerable.Repeat(new Move(MoveKind.None), QuietStart).Concat(prologue))
        {
            string? broken = state.Step(move, table);
            note($"{move,-24} {state}{(broken is null ? "" : " !! " + broken)}");
        }

        return state;
    }

    private string Describe(string broken)
    {
        var lines = new List<string> { broken };
        ModelState state = Begin(lines.Add);
        foreach (Move move in _trace.Reverse())
        {
            state.Step(move, table);
            lines.Add($"{move,-24} {state}");
        }

        return string.Join('\n', lines);
    }
}
