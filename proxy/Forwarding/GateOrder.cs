// The one thing the control plane tells the data plane: where the sessions of a listener may go now.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>What happens to new sessions.</summary>
public enum GateMode
{
    /// <summary>
    /// No evidence for any master: new sessions are refused at once with a RESP error. Those that parked earlier keep waiting
    /// until timeouts.park: they were told nothing yet, and an evidence that flickers must not fail them.
    /// </summary>
    Closed,

    /// <summary>A master is expected soon: new sessions wait, bounded in count and time, in order of arrival.</summary>
    Park,

    /// <summary>
    /// New and parked sessions are connected to the nodes that the order takes. One whose connect fails goes back to its place among the
    /// parked, is tried again every 200 ms, and is refused when it has waited timeouts.park.
    /// </summary>
    Open,
}

/// <summary>
/// An order for one listener. After it is acknowledged its sessions exist to the nodes that it names only, and none will be opened to
/// another until a later order says so. The master's gate names one node at most.
/// </summary>
/// <param name="Mode">What happens to new sessions.</param>
/// <param name="Take">Nodes that get new sessions, the one with the fewest first; not empty when the mode is open, empty otherwise.</param>
/// <param name="Keep">Nodes that get no new sessions and whose sessions live on: replicas that lag, a master that is silent for a moment.</param>
/// <param name="Generation">Grows by one with each order; acknowledgements and sessions carry it. 0 is none.</param>
public sealed record GateOrder(GateMode Mode, IReadOnlyList<RedisNode> Take, IReadOnlyList<RedisNode> Keep, long Generation)
{
    /// <summary>An order to one node; with null to none.</summary>
    public GateOrder(GateMode mode, RedisNode? target, long generation)
        : this(mode, mode == GateMode.Open && target is not null ? [target] : [], mode != GateMode.Open && target is not null ? [target] : [], generation)
    {
    }

    /// <summary>Before the first order: nothing is known yet, sessions wait.</summary>
    public static GateOrder Start { get; } = new(GateMode.Park, [], [], 0);

    /// <summary>
    /// For the read-only listener: the master, where it may be used as a last resort. New sessions go to it while <see cref="Take"/> is
    /// empty. It counts only as long as the master's gate is open to that node, and its sessions end with those of that gate.
    /// </summary>
    public RedisNode? LastResort { get; init; }

    /// <summary>The node whose sessions may live, where the order names one at most; null for none.</summary>
    public RedisNode? Target => Take.Count > 0 ? Take[0] : Keep.Count > 0 ? Keep[0] : null;

    /// <summary>As a loop carries it out: the indices of the nodes that it takes.</summary>
    internal int[] Taken { get; private init; } = [];

    /// <summary>For each node by its index whether its sessions may live; nodes beyond the end may not.</summary>
    internal bool[] Kept { get; private init; } = [];

    internal bool Takes(int node) => Array.IndexOf(Taken, node) >= 0;

    internal bool Keeps(int node) => node < Kept.Length && Kept[node];

    /// <summary>The same with the nodes' indices.</summary>
    internal GateOrder Indexed(Func<RedisNode, int> indexOf)
    {
        int[] taken = Mode == GateMode.Open ? [.. Take.Select(indexOf)] : [], living = [.. Keep.Select(indexOf), .. taken];
        bool[] kept = new bool[living.Length == 0 ? 0 : living.Max() + 1];
        foreach (int node in living)
        {
            kept[node] = true;
        }

        return this with { Taken = taken, Kept = kept };
    }

    /// <summary>Whether the other order means the same, whatever its generation.</summary>
    public bool IsSameAs(GateOrder other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Mode == other.Mode && LastResort == other.LastResort && Take.SequenceEqual(other.Take) && Keep.SequenceEqual(other.Keep);
    }

    /// <inheritdoc/>
    public bool Equals(GateOrder? other) => other is not null && Generation == other.Generation && IsSameAs(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Generation, Mode);
}
