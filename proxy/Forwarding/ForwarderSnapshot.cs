// Counters of the data plane at one moment, for pages, metrics and the health answer.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>Sums over all event loops. Counters only grow; gauges are of the moment.</summary>
public sealed record ForwarderSnapshot
{
    /// <summary>Client sessions open now, parked ones included.</summary>
    public required int Sessions { get; init; }

    /// <summary>The most there ever were at once.</summary>
    public required int SessionsMax { get; init; }

    /// <summary>Sessions accepted since start, refused ones included.</summary>
    public required long SessionsTotal { get; init; }

    /// <summary>Sessions waiting for a master now.</summary>
    public required int Parked { get; init; }

    /// <summary>Bytes from clients to nodes.</summary>
    public required long BytesIn { get; init; }

    /// <summary>Bytes from nodes to clients.</summary>
    public required long BytesOut { get; init; }

    /// <summary>Ended sessions, indexed by <see cref="SessionEnd"/>.</summary>
    public required IReadOnlyList<long> Ends { get; init; }

    /// <summary>The order in force in every loop.</summary>
    public required GateOrder Order { get; init; }

    /// <summary>
    /// Milliseconds since the slowest loop last went round (loops wake at least every second):
    /// the progress that feeds the watchdog and /healthz.
    /// </summary>
    public required long StalledMilliseconds { get; init; }

    /// <summary>The engine at work; never <see cref="ForwardingEngine.Auto"/> in a proxy.</summary>
    public ForwardingEngine Engine { get; init; }

    /// <summary>Sessions allowed at once: limits.connections, or fewer where the process may not open enough files.</summary>
    public int SessionsLimit { get; init; }

    /// <summary>From the beginning of a connect to the open connection with the node.</summary>
    public HistogramSnapshot ConnectTimes { get; init; } = HistogramSnapshot.Empty;

    /// <summary>From a session's accept to the open connection with its node, waiting included.</summary>
    public HistogramSnapshot RouteTimes { get; init; } = HistogramSnapshot.Empty;

    /// <summary>From a session's accept to its end.</summary>
    public HistogramSnapshot SessionTimes { get; init; } = HistogramSnapshot.Empty;

    /// <summary>The nodes, in the order of the configuration, then those that reloads have added; removed ones stay for their counters.</summary>
    public IReadOnlyList<NodeSnapshot> Nodes { get; init; } = [];

    /// <summary>The same of the read-only listener, whose sessions are not among those above; null without one.</summary>
    public ForwarderSnapshot? ReadOnly { get; init; }

    /// <summary>Sessions of all listeners.</summary>
    public int AllSessions => Sessions + (ReadOnly?.Sessions ?? 0);

    /// <summary>What was counted for a node; nothing for one that the data plane does not know yet.</summary>
    public NodeSnapshot TrafficOf(RedisNode node) => Nodes.FirstOrDefault(traffic => traffic.Node == node) ?? NodeSnapshot.None(node);

    /// <summary>Sessions that ended so.</summary>
    public long Ended(SessionEnd end) => Ends[(int)end];

    /// <summary>Session records lost because the reader of <see cref="ISessions.Journal"/> was too slow.</summary>
    public long RecordsDropped { get; init; }

    /// <summary>Sessions that the kernel forwards by itself; null where none are handed over to it.</summary>
    public HandOverCounters? HandOver { get; init; }

    /// <summary>TLS handshakes with clients that have come to an end; null where clients are not accepted over TLS.</summary>
    public HandshakeCounters? Handshakes { get; init; }
}

/// <summary>TLS handshakes with clients since the start.</summary>
/// <param name="Succeeded">Those that became a session.</param>
/// <param name="Failed">Those that did not, for whatever reason.</param>
public readonly record struct HandshakeCounters(long Succeeded, long Failed);

/// <summary>Sessions handed over to the kernel since the start.</summary>
/// <param name="Available">Whether the helper that does it can be reached.</param>
/// <param name="Taken">Those that the kernel has taken over.</param>
/// <param name="Refused">Those that stay with this process, for what their connections are.</param>
/// <param name="Refusal">Why the last one of these does; null when there is none.</param>
public readonly record struct HandOverCounters(bool Available, long Taken, long Refused, string? Refusal);
