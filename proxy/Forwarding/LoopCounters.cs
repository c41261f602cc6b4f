// What one loop counts. Only its thread writes; readers see each number whole.

namespace RedisHaProxy.Forwarding;

internal struct NodeCounters
{
    public long SessionsTotal;
    public long ConnectFailures;
    public long BytesIn;
    public long BytesOut;
}

/// <summary>Since the start of the loop.</summary>
internal sealed class LoopCounters(int nodes)
{
    /// <summary>Clients accepted.</summary>
    public long Accepted;

    /// <summary>Sessions that the kernel has taken over, and those that it cannot.</summary>
    public long HandedOver;
    public long NotHandedOver;

    /// <summary>By node; grows with reloads.</summary>
    public NodeCounters[] Nodes = new NodeCounters[nodes];

    /// <summary>Ended sessions by <see cref="SessionEnd"/>.</summary>
    public long[] Ends { get; } = new long[Enum.GetValues<SessionEnd>().Length];

    /// <summary>From the beginning of a connect to a node to the open connection.</summary>
    public DurationHistogram ConnectTimes { get; } = new(DurationHistogram.ConnectBounds);

    /// <summary>From a session's accept to the open connection with its node.</summary>
    public DurationHistogram RouteTimes { get; } = new(DurationHistogram.RouteBounds);

    /// <summary>From a session's accept to its end.</summary>
    public DurationHistogram SessionTimes { get; } = new(DurationHistogram.SessionBounds);

    /// <summary>Counts for more nodes; those there are keep their counts.</summary>
    public void GrowTo(int nodes) => Array.Resize(ref Nodes, nodes);
}
