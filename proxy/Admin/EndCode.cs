// The names under which ends of sessions appear in logs, metrics and pages.

using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

/// <summary>Names and meanings of <see cref="SessionEnd"/>; docs/operations.md lists them.</summary>
internal static class EndCode
{
    /// <summary>The code: lower case, words joined by dashes.</summary>
    public static string Of(SessionEnd end) => end switch
    {
        SessionEnd.ClientClosed => "client-closed",
        SessionEnd.ServerClosed => "server-closed",
        SessionEnd.ClientTimeout => "client-timeout",
        SessionEnd.ServerTimeout => "server-timeout",
        SessionEnd.RoleLost => "role-lost",
        SessionEnd.Idle => "idle",
        SessionEnd.Limit => "limit",
        SessionEnd.ParkTimeout => "park-timeout",
        SessionEnd.NoMaster => "no-master",
        SessionEnd.ConnectFailed => "connect-failed",
        SessionEnd.ProxyHeader => "proxy-header",
        SessionEnd.Operator => "operator",
        SessionEnd.Error => "error",
        _ => end.ToString(),
    };

    /// <summary>Counters by code.</summary>
    public static IReadOnlyDictionary<string, long> Counts(IReadOnlyList<long> ends) => Enum.GetValues<SessionEnd>().ToDictionary(Of, end => ends[(int)end]);

    /// <summary>What the code means, for people.</summary>
    public static string Meaning(SessionEnd end) => end switch
    {
        SessionEnd.ClientClosed => "the client closed the connection",
        SessionEnd.ServerClosed => "the node closed the connection",
        SessionEnd.ClientTimeout => "the client vanished, or read nothing for a minute",
        SessionEnd.ServerTimeout => "the node vanished, or read nothing for a minute",
        SessionEnd.RoleLost => "the node is not the routed master any more: another one is, or it was put in maintenance or removed",
        SessionEnd.Idle => "no byte for timeouts.idle",
        SessionEnd.Limit => "a limit was reached; refused",
        SessionEnd.ParkTimeout => "no master within timeouts.park, or limits.parked was reached; refused",
        SessionEnd.NoMaster => "no evidence for any master; refused",
        SessionEnd.ConnectFailed => "the node could not be connected; refused",
        SessionEnd.ProxyHeader => "the PROXY protocol header was malformed, missing or late",
        SessionEnd.Operator => "ended by an operator, or by the end of a drain",
        SessionEnd.Error => "a system error",
        _ => "",
    };

    /// <summary>Whether the session was cut or refused against the client's will.</summary>
    public static bool IsError(SessionEnd end) => end is not (SessionEnd.ClientClosed or SessionEnd.ServerClosed);
}
