// What is known of a session when it has ended: the material of one log line.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>One ended session.</summary>
public readonly record struct SessionRecord
{
    /// <summary>Unique in the process.</summary>
    public required long Id { get; init; }

    /// <summary>The client.</summary>
    public required ClientAddress Client { get; init; }

    /// <summary>The node it was connected to, or to be connected to at last; null when it never got that far.</summary>
    public required RedisNode? Node { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset Accepted { get; init; }

    /// <summary>Milliseconds from accept to the connection with the node, waiting included; null when it never was connected.</summary>
    public required long? ConnectedAfterMilliseconds { get; init; }

    /// <summary>Milliseconds from accept to end.</summary>
    public required long EndedAfterMilliseconds { get; init; }

    /// <summary>Bytes read from the client.</summary>
    public required long BytesIn { get; init; }

    /// <summary>Bytes read from the node.</summary>
    public required long BytesOut { get; init; }

    /// <summary>The port of this machine that its connection to the node came from; 0 when it never was connected.</summary>
    public int LocalPort { get; init; }

    /// <summary>Why it ended.</summary>
    public required SessionEnd End { get; init; }

    /// <summary>A balancer's health check: it sent no header, or one that says so, and closed without a byte for Redis.</summary>
    public bool IsHealthCheck { get; init; }
}
