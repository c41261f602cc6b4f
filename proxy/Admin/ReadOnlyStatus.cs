// The read-only listener as the operator is shown it: where its sessions go, what they cost, and which replica is fit, and why.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>The read-only listener. Its sessions are not among those of the gate.</summary>
internal sealed record ReadOnlyStatus
{
    public required IReadOnlyList<string> Listen { get; init; }

    /// <summary>open, park or closed.</summary>
    public required string Mode { get; init; }

    /// <summary>Nodes that get new sessions.</summary>
    public required IReadOnlyList<string> Targets { get; init; }

    /// <summary>readOnly.maxLag.</summary>
    public required double MaxLagMs { get; init; }

    /// <summary>readOnly.master: the master is the last resort.</summary>
    public required bool MasterAllowed { get; init; }

    public required int Current { get; init; }

    public required int Max { get; init; }

    public required int Limit { get; init; }

    public required long Total { get; init; }

    public required int Parked { get; init; }

    public required long BytesIn { get; init; }

    public required long BytesOut { get; init; }

    /// <summary>Ended sessions by code.</summary>
    public required IReadOnlyDictionary<string, long> Ends { get; init; }

    public required IReadOnlyList<ReadOnlyNode> Nodes { get; init; }

    /// <summary>The status of a moment; null without a read-only listener.</summary>
    public static ReadOnlyStatus? From(ProxyConfiguration settings, ForwarderSnapshot data, RoutingSnapshot control)
    {
        if (settings.ReadOnly is not { } readOnly || data.ReadOnly is not { } sessions || control.Reads is not { } order)
        {
            return null;
        }

        // The order in force is the data plane's; the newest one may still be on its way.
        GateMode mode = sessions.Order.Mode;
        IReadOnlyList<RedisNode> targets = mode != GateMode.Open ? [] : order.Take.Count > 0 ? order.Take : order.Master is { } master ? [master] : [];
        return new ReadOnlyStatus
        {
            Listen = [.. readOnly.Listen.Select(l => l.ToString())],
            Mode = mode.ToString().ToLowerInvariant(),
            Targets = [.. targets.Select(node => node.Name)],
            MaxLagMs = readOnly.MaxLag.TotalMilliseconds,
            MasterAllowed = readOnly.Master,
            Current = sessions.Sessions,
            Max = sessions.SessionsMax,
            Limit = sessions.SessionsLimit,
            Total = sessions.SessionsTotal,
            Parked = sessions.Parked,
            BytesIn = sessions.BytesIn,
            BytesOut = sessions.BytesOut,
            Ends = Enum.GetValues<SessionEnd>().ToDictionary(EndCode.Of, end => sessions.Ends[(int)end]),
            Nodes = [.. control.Nodes.Select((node, i) => NodeOf(
                node.Node, control.Replicas.ElementAtOrDefault(i), sessions.Nodes.FirstOrDefault(traffic => traffic.Node == node.Node), targets))],
        };
    }

    private static ReadOnlyNode NodeOf(RedisNode node, ReplicaStatus replica, NodeSnapshot? traffic, IReadOnlyList<RedisNode> targets) => new()
    {
        Name = node.Name,
        Address = node.EndPoint.ToString(),
        Target = targets.Contains(node),
        State = replica.Fitness switch { ReadFitness.Take => "fit", ReadFitness.Keep => "keeps", _ => "unfit" },
        Reason = replica.Reason ?? "nothing observed yet",
        AgeMs = replica.Age is { } age && age != TimeSpan.MaxValue ? age.TotalMilliseconds : null,
        Sessions = traffic?.Sessions ?? 0,
        SessionsMax = traffic?.SessionsMax ?? 0,
        SessionsTotal = traffic?.SessionsTotal ?? 0,
        ConnectFailures = traffic?.ConnectFailures ?? 0,
        BytesIn = traffic?.BytesIn ?? 0,
        BytesOut = traffic?.BytesOut ?? 0,
    };
}

/// <summary>A data node as the read-only listener sees it.</summary>
internal sealed record ReadOnlyNode
{
    public required string Name { get; init; }

    public required string Address { get; init; }

    /// <summary>Whether new sessions go there now.</summary>
    public required bool Target { get; init; }

    /// <summary>fit (new sessions may come), keeps (its sessions live on) or unfit.</summary>
    public required string State { get; init; }

    /// <summary>Why.</summary>
    public required string Reason { get; init; }

    /// <summary>How old its data is, at most; null when it cannot be said, or is beyond readOnly.maxLag.</summary>
    public required double? AgeMs { get; init; }

    public required int Sessions { get; init; }

    public required int SessionsMax { get; init; }

    public required long SessionsTotal { get; init; }

    public required long ConnectFailures { get; init; }

    public required long BytesIn { get; init; }

    public required long BytesOut { get; init; }
}
