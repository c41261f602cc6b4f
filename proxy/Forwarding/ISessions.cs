// The operator's view of the data plane: which sessions there are, and ending some of them.

using System.Net;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>Lists and ends sessions.</summary>
public interface ISessions
{
    /// <summary>The sessions open now, oldest first. Each loop copies its table once, so call it at human speed.</summary>
    ValueTask<IReadOnlyList<SessionInfo>> ListSessionsAsync();

    /// <summary>Resets every session that matches (<see cref="SessionEnd.Operator"/>) and says how many there were.</summary>
    ValueTask<int> EndSessionsAsync(SessionFilter filter);

    /// <summary>Ended sessions, for the one reader that logs them.</summary>
    SessionJournal Journal { get; }
}

/// <summary>Which sessions are meant: those that match every condition given; without one, all.</summary>
public readonly record struct SessionFilter
{
    /// <summary>The session with this id.</summary>
    public long? Id { get; init; }

    /// <summary>Sessions from this address.</summary>
    public IPAddress? Source { get; init; }

    /// <summary>Sessions to this node.</summary>
    public RedisNode? Node { get; init; }
}

/// <summary>One session at the moment of the listing.</summary>
public readonly record struct SessionInfo
{
    /// <summary>Unique in the process.</summary>
    public required long Id { get; init; }

    /// <summary>The client.</summary>
    public required ClientAddress Client { get; init; }

    /// <summary>Its node; null while it waits for one.</summary>
    public required RedisNode? Node { get; init; }

    /// <summary>The port of this machine that its connection to the node comes from, as the node's CLIENT LIST shows it; 0 while it has none.</summary>
    public int LocalPort { get; init; }

    /// <summary>Where it is on its way.</summary>
    public required SessionState State { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset Accepted { get; init; }

    /// <summary>Milliseconds since the last byte in either direction, or since the accept.</summary>
    public required long QuietMilliseconds { get; init; }

    /// <summary>Bytes read from the client.</summary>
    public required long BytesIn { get; init; }

    /// <summary>Bytes read from the node.</summary>
    public required long BytesOut { get; init; }
}
