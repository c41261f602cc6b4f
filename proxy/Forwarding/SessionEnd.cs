// Why a session ended: the termination codes of logs, counters and pages.

namespace RedisHaProxy.Forwarding;

/// <summary>Who ended a session, and why. Every session ends with exactly one of these.</summary>
public enum SessionEnd : byte
{
    /// <summary>The client closed or reset the connection.</summary>
    ClientClosed,

    /// <summary>The node closed or reset the connection.</summary>
    ServerClosed,

    /// <summary>The node is no longer the routed master; the session was reset.</summary>
    RoleLost,

    /// <summary>No byte in either direction for timeouts.idle.</summary>
    Idle,

    /// <summary>limits.connections or limits.perSource was reached; the session was refused.</summary>
    Limit,

    /// <summary>The session waited timeouts.park for a master, or limits.parked was reached.</summary>
    ParkTimeout,

    /// <summary>The gate was closed: there was no evidence for any master.</summary>
    NoMaster,

    /// <summary>The node refused the connection, or timeouts.connect passed.</summary>
    ConnectFailed,

    /// <summary>The PROXY protocol header was malformed, missing, or not complete within proxyProtocol.timeout.</summary>
    ProxyHeader,

    /// <summary>An operator ended it, or a drain ran out of time.</summary>
    Operator,

    /// <summary>Any other system error.</summary>
    Error,

    /// <summary>
    /// The client is gone without a word, or reads nothing: for a minute it acknowledged or took no byte of what was sent to it, or
    /// did not answer keep-alive probes.
    /// </summary>
    ClientTimeout,

    /// <summary>The same of the node.</summary>
    ServerTimeout,
}
