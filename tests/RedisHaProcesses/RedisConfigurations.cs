// The configuration of plain servers and Sentinels: nothing on disk, at most one password. Those of the product are in ProductNode.

using System.Globalization;
using System.Net;

namespace RedisHaProcesses;

/// <summary>Lines of redis.conf and sentinel.conf.</summary>
internal static class RedisConfigurations
{
    /// <summary>What each plain process has: an address, a folder, no daemon.</summary>
    public static IEnumerable<string> Common(IPEndPoint endPoint, bool inNamespace, string directory) =>
    [
        Line($"port {endPoint.Port}"),
        $"bind {endPoint.Address}{(inNamespace ? " 127.0.0.1" : "")}",
        "protected-mode no",
        "daemonize no",
        $"dir {directory}",
    ];

    /// <summary>A server with nothing on disk and at most one password.</summary>
    public static IEnumerable<string> PlainServer(IPEndPoint? replicaOf, string? password, IEnumerable<string> more) =>
    [
        "save \"\"",
        "appendonly no",
        "repl-diskless-sync yes",
        "repl-diskless-sync-delay 0",
        "enable-debug-command yes",
        .. ReplicaOf(replicaOf),
        .. password is null ? [] : new[] { $"requirepass {password}", $"masterauth {password}" },
        .. more,
    ];

    /// <summary>What makes a plain Sentinel monitor a master.</summary>
    public static IEnumerable<string> PlainSentinel(RedisDeploymentOptions options, IPEndPoint master)
    {
        const string Name = RedisDeployment.MasterName;
        string[] lines =
        [
            Line($"sentinel monitor {Name} {master.Address} {master.Port} {options.Quorum}"),
            Line($"sentinel down-after-milliseconds {Name} {options.DownAfterMilliseconds}"),
            Line($"sentinel failover-timeout {Name} {options.FailoverTimeoutMilliseconds}"),
            $"sentinel parallel-syncs {Name} 1",
            .. options.Password is null ? [] : new[] { $"sentinel auth-pass {Name} {options.Password}" },
        ];
        return WithSentinelPassword(lines, options.Password);
    }

    /// <summary>Adds a password for clients and between Sentinels.</summary>
    public static IEnumerable<string> WithSentinelPassword(IEnumerable<string> lines, string? password)
        => password is null ? lines : [.. lines, $"requirepass {password}", $"sentinel sentinel-pass {password}"];

    /// <summary>The line that makes a server a replica; none for a master.</summary>
    public static IEnumerable<string> ReplicaOf(IPEndPoint? master) => master is null ? [] : [Line($"replicaof {master.Address} {master.Port}")];

    private static string Line(FormattableString line) => line.ToString(CultureInfo.InvariantCulture);
}
