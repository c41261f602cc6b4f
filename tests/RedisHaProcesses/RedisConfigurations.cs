// The configuration files that real processes get in tests: plain ones, and those of the product's nodes.

using System.Globalization;
using System.Net;

namespace RedisHaProcesses;

/// <summary>The accounts of the product's nodes, with their passwords: not secret here, but different, so that a mix-up shows.</summary>
public sealed record RedisAccounts
{
    /// <summary>Redis' default user: clients.</summary>
    public string Client { get; init; } = "client-password";

    /// <summary>User replication.</summary>
    public string Replication { get; init; } = "replication-password";

    /// <summary>User sentinel on the nodes, and the Sentinels' password among themselves.</summary>
    public string Sentinel { get; init; } = "sentinel-password";

    /// <summary>User rp-health on the nodes: role checks of proxies.</summary>
    public string Health { get; init; } = "health-password";

    /// <summary>User rp-sentinel on the Sentinels: the proxies' view of the votes.</summary>
    public string SentinelWatch { get; init; } = "watch-password";
}

/// <summary>Lines of redis.conf and sentinel.conf.</summary>
internal static class RedisConfigurations
{
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

    /// <summary>A data node as the product configures it, apart from sizes.</summary>
    public static IEnumerable<string> ProductServer(RedisDeploymentOptions options, RedisAccounts accounts, IPEndPoint? replicaOf, IEnumerable<string> more) =>
    [
        "tcp-keepalive 60",
        "timeout 0",
        "save \"\"",
        "appendonly yes",
        "appendfsync everysec",
        "repl-backlog-size 64mb",
        "repl-diskless-sync yes",
        "repl-diskless-sync-delay 0",
        Line($"min-replicas-to-write {options.MinReplicas}"),
        Line($"min-replicas-max-lag {options.MinReplicasMaxLag}"),
        "masteruser replication",
        $"masterauth {accounts.Replication}",
        $"user default on >{accounts.Client} ~* &* +@all",
        $"user replication on >{accounts.Replication} resetkeys resetchannels -@all +psync +replconf +ping",
        $"user rp-health on >{accounts.Health} resetkeys resetchannels -@all +ping +role +info",
        $"user sentinel on >{accounts.Sentinel} resetkeys allchannels -@all +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill",
        .. ReplicaOf(replicaOf),
        .. more,
    ];

    /// <summary>What makes a Sentinel monitor a master.</summary>
    public static IEnumerable<string> Sentinel(RedisDeploymentOptions options, RedisAccounts? accounts, IPEndPoint master, IPAddress own)
    {
        const string Name = RedisDeployment.MasterName;
        List<string> lines =
        [
            Line($"sentinel monitor {Name} {master.Address} {master.Port} {options.Quorum}"),
            Line($"sentinel down-after-milliseconds {Name} {options.DownAfterMilliseconds}"),
            Line($"sentinel failover-timeout {Name} {options.FailoverTimeoutMilliseconds}"),
            $"sentinel parallel-syncs {Name} 1",
        ];
        if (accounts is null)
        {
            lines.AddRange(options.Password is null ? [] : [$"sentinel auth-pass {Name} {options.Password}"]);
            return WithSentinelPassword(lines, options.Password);
        }

        lines.AddRange(
        [
            "sentinel resolve-hostnames no",
            $"sentinel announce-ip {own}",
            $"sentinel auth-user {Name} sentinel",
            $"sentinel auth-pass {Name} {accounts.Sentinel}",
            Line($"sentinel master-reboot-down-after-period {Name} {options.DownAfterMilliseconds}"),
            $"user rp-sentinel on >{accounts.SentinelWatch} resetkeys resetchannels &* -@all +ping +role +info +subscribe +psubscribe +sentinel|get-master-addr-by-name +sentinel|master +sentinel|replicas +sentinel|sentinels",
        ]);
        return WithSentinelPassword(lines, accounts.Sentinel);
    }

    /// <summary>Adds a password for clients and between Sentinels.</summary>
    public static IEnumerable<string> WithSentinelPassword(IEnumerable<string> lines, string? password)
        => password is null ? lines : [.. lines, $"requirepass {password}", $"sentinel sentinel-pass {password}"];

    private static IEnumerable<string> ReplicaOf(IPEndPoint? master) => master is null ? [] : [Line($"replicaof {master.Address} {master.Port}")];

    private static string Line(FormattableString line) => line.ToString(CultureInfo.InvariantCulture);
}
