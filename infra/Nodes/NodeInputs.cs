// Everything a node's payload is rendered from: plain values, no Output in sight.

using RedisHaInfra.Settings;

namespace RedisHaInfra.Nodes;

/// <summary>Who may log in to a machine.</summary>
/// <param name="User">The one user.</param>
/// <param name="Keys">Public keys in authorized_keys form, one a line: exactly these.</param>
public sealed record LoginAccess(string User, string Keys);

/// <summary>All passwords of a deployment. Each account has its own; none is ever logged or put on a command line.</summary>
public sealed record NodePasswords
{
    /// <summary>The clients' password: Redis' default user.</summary>
    public required string Client { get; init; }

    /// <summary>User "replication": masteruser and masterauth of every data node.</summary>
    public required string Replication { get; init; }

    /// <summary>User "sentinel" on the data nodes, and the Sentinels' password among themselves.</summary>
    public required string Sentinel { get; init; }

    /// <summary>User "rp-health": the proxies' role probes.</summary>
    public required string Health { get; init; }

    /// <summary>User "rp-sentinel" on the Sentinels: the proxies' view of the votes.</summary>
    public required string SentinelWatch { get; init; }

    /// <summary>User "operator" on data nodes and Sentinels: planned switchovers and the boot rule's questions.</summary>
    public required string Operator { get; init; }

    /// <summary>User "watch" on data nodes and Sentinels: each node's watch over its own redis-server and Sentinel.</summary>
    public required string Watch { get; init; }

    /// <summary>User "admin" of the proxies' stats page.</summary>
    public required string Admin { get; init; }

    /// <summary>User "metrics" of the proxies and of the data nodes, who sees metrics and nothing else; null when there is none.</summary>
    public string? Metrics { get; init; }

    /// <summary>Passwords that are valid as well, until everybody has those above; null for none. Their own Former does not count.</summary>
    public NodePasswords? Former { get; init; }

    /// <summary>Hides the passwords.</summary>
    public override string ToString() => nameof(NodePasswords);
}

/// <summary>What a Redis node needs for TLS with the other nodes and the proxies.</summary>
/// <param name="Certificate">Its certificate and those of authorities between it and the root, in PEM.</param>
/// <param name="Key">Its private key in PEM: a secret.</param>
/// <param name="Authority">The authorities that nodes and proxies believe, in PEM.</param>
public sealed record NodeTls(string Certificate, string Key, string Authority)
{
    /// <summary>Hides the key.</summary>
    public override string ToString() => nameof(NodeTls);
}

/// <summary>A node's part in the backups.</summary>
/// <param name="Address">The address that objects are written to, ending in "/": a secret.</param>
/// <param name="Calendar">When, as systemd.time(7) calendar events.</param>
/// <param name="LongestPause">The longest time between two of them, in seconds.</param>
public sealed record NodeBackup(string Address, IReadOnlyList<string> Calendar, int LongestPause)
{
    /// <summary>Hides the address.</summary>
    public override string ToString() => nameof(NodeBackup);
}

/// <summary>What a node says of itself when it posts custom metrics.</summary>
/// <param name="CompartmentId">OCID of the compartment that they go to.</param>
/// <param name="Deployment">The deployment's name, a dimension of each.</param>
public sealed record NodeMetrics(string CompartmentId, string Deployment);

/// <summary>Input of a Redis node's payload.</summary>
public sealed record RedisNodeInputs
{
    /// <summary>This node; one of <see cref="Nodes"/>.</summary>
    public required NodeAddress Node { get; init; }

    /// <summary>All Redis nodes, in order. The first is the master of the first bootstrap.</summary>
    public required IReadOnlyList<NodeAddress> Nodes { get; init; }

    /// <summary>redis-server's settings.</summary>
    public required RedisSettings Redis { get; init; }

    /// <summary>redis-sentinel's settings.</summary>
    public required SentinelSettings Sentinel { get; init; }

    /// <summary>Who may log in.</summary>
    public required LoginAccess Login { get; init; }

    /// <summary>The passwords.</summary>
    public required NodePasswords Passwords { get; init; }

    /// <summary>The volume for the data in GB; 0 for none.</summary>
    public int DataVolumeGb { get; init; }

    /// <summary>TLS of redis-server and Sentinel; null without.</summary>
    public NodeTls? Tls { get; init; }

    /// <summary>Backups; null when there are none.</summary>
    public NodeBackup? Backup { get; init; }

    /// <summary>Custom metrics; null when none are posted.</summary>
    public NodeMetrics? Metrics { get; init; }
}

/// <summary>Input of a proxy node's payload.</summary>
public sealed record ProxyNodeInputs
{
    /// <summary>This node.</summary>
    public required NodeAddress Node { get; init; }

    /// <summary>All Redis nodes, in order.</summary>
    public required IReadOnlyList<NodeAddress> RedisNodes { get; init; }

    /// <summary>The other proxies, whose pages this one's links to.</summary>
    public IReadOnlyList<NodeAddress> Peers { get; init; } = [];

    /// <summary>redis.conf's min-replicas-to-write.</summary>
    public int MinReplicasToWrite { get; init; } = Setting.RedisMinReplicasToWrite.Value;

    /// <summary>redis-sentinel's settings: the monitored name and down-after.</summary>
    public required SentinelSettings Sentinel { get; init; }

    /// <summary>Who may log in.</summary>
    public required LoginAccess Login { get; init; }

    /// <summary>The passwords.</summary>
    public required NodePasswords Passwords { get; init; }

    /// <summary>Where the proxy bundle is fetched from: a pre-authenticated address, a secret.</summary>
    public required string BundleUrl { get; init; }

    /// <summary>SHA-256 of the bundle, 64 lower-case hexadecimal digits.</summary>
    public required string BundleSha256 { get; init; }

    /// <summary>What the settings say of every proxy's configuration alike.</summary>
    public ProxyOptions Options { get; init; } = new();

    /// <summary>Certificate and key for clients; null without TLS.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>Certificate and key of the pages; null without TLS.</summary>
    public TlsFiles? AdminTls { get; init; }

    /// <summary>The authorities of the Redis nodes' certificates, in PEM; null when these speak no TLS.</summary>
    public string? RedisAuthority { get; init; }
}
