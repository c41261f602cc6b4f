// Counters of the data plane for one node at one moment.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>Sums over all event loops. Counters only grow; gauges are of the moment.</summary>
public sealed record NodeSnapshot
{
    /// <summary>The node.</summary>
    public required RedisNode Node { get; init; }

    /// <summary>Sessions connected to it now.</summary>
    public required int Sessions { get; init; }

    /// <summary>The most there ever were at once.</summary>
    public required int SessionsMax { get; init; }

    /// <summary>Sessions connected to it since start.</summary>
    public required long SessionsTotal { get; init; }

    /// <summary>Connects that were refused, failed or timed out; a session may count several times.</summary>
    public required long ConnectFailures { get; init; }

    /// <summary>Bytes from clients for it.</summary>
    public required long BytesIn { get; init; }

    /// <summary>Bytes from it.</summary>
    public required long BytesOut { get; init; }

    /// <summary>A node that had no traffic.</summary>
    public static NodeSnapshot None(RedisNode node) =>
        new() { Node = node, Sessions = 0, SessionsMax = 0, SessionsTotal = 0, ConnectFailures = 0, BytesIn = 0, BytesOut = 0 };
}
