// Redis and Sentinel settings of the stack: what the nodes' configuration is rendered from.

namespace RedisHaInfra.Settings;

/// <summary>Settings of redis-server on every data node.</summary>
public sealed record RedisSettings
{
    /// <summary>Whose server and Sentinel run: redis or valkey.</summary>
    public string Engine { get; init; } = Setting.Engine.Value;

    /// <summary>Replicas that must be in touch for the master to accept a write; 0 turns the fence off.</summary>
    public int MinReplicasToWrite { get; init; } = Setting.RedisMinReplicasToWrite.Value;

    /// <summary>Seconds since a replica's last acknowledgement that still count as "in touch"; with one second more it must stay below down-after.</summary>
    public int MinReplicasMaxLagSeconds { get; init; } = Setting.RedisMinReplicasMaxLagSeconds.Value;

    /// <summary>redis.conf's maxmemory ("6gb"); null means three quarters of the machine's memory, found on the machine.</summary>
    public string? MaxMemory { get; init; }

    /// <summary>redis.conf's maxmemory-policy.</summary>
    public string MaxMemoryPolicy { get; init; } = Setting.RedisMaxMemoryPolicy.Value;

    /// <summary>Whether there is an append-only file.</summary>
    public bool HasAppendOnlyFile { get; init; } = true;

    /// <summary>redis.conf's save: pairs of seconds and changes; empty for no snapshots.</summary>
    public string Save { get; init; } = string.Empty;

    /// <summary>Users of the clients besides the default one.</summary>
    public IReadOnlyList<RedisUser> Users { get; init; } = [];

    /// <summary>redis.conf's appendfsync: always, everysec or no.</summary>
    public string AppendFsync { get; init; } = Setting.RedisAppendFsync.Value;

    /// <summary>redis.conf's repl-backlog-size.</summary>
    public string ReplicationBacklog { get; init; } = Setting.RedisReplicationBacklog.Value;

    /// <summary>redis.conf's maxclients.</summary>
    public int MaxClients { get; init; } = ClientsOf(proxies: 2, Setting.ProxyMaxConnections.Value) + SpareClients;

    // Beyond what must be there: more operators, scripts and probes than anybody has seen.
    internal const int SpareClients = 100;

    /// <summary>Connections that a master gets at most: every proxy may bring all its sessions, and replicas, Sentinels and probes come too.</summary>
    internal static int ClientsOf(int proxies, int connectionsOfEach) => (proxies * connectionsOfEach) + 100;

    /// <summary>redis.conf's client-output-buffer-limit of normal clients: hard limit, soft limit, seconds beyond the soft one.</summary>
    public string ClientOutputBuffer { get; init; } = Setting.RedisClientOutputBuffer.Value;

    /// <summary>redis.conf's maxmemory-clients (Redis 7): memory of all clients together, a size or a share of maxmemory; 0 is no bound.</summary>
    public string ClientMemory { get; init; } = Setting.RedisClientMemory.Value;

    /// <summary>ACL rules that widen or narrow what clients may do ("-flushall"); never what endangers the cluster.</summary>
    public IReadOnlyList<string> ClientCommands { get; init; } = [];

    /// <summary>Names an upgrade of Redis' packages to the distribution's newest: another text upgrades again; empty for none.</summary>
    public string Upgrade { get; init; } = string.Empty;

    /// <summary>Further redis.conf directives, directive to value; never one that the cluster itself depends on.</summary>
    public IReadOnlyDictionary<string, string> Overrides { get; init; } = new Dictionary<string, string>();
}

/// <summary>Settings of redis-sentinel on every data node.</summary>
public sealed record SentinelSettings
{
    /// <summary>The name under which the master is monitored.</summary>
    public string MasterName { get; init; } = Setting.SentinelMasterName.Value;

    /// <summary>Sentinels that must agree that the master is down; at least the majority of them.</summary>
    public int Quorum { get; init; } = 2;

    /// <summary>down-after-milliseconds.</summary>
    public int DownAfterMilliseconds { get; init; } = Setting.SentinelDownAfterMilliseconds.Value;

    /// <summary>failover-timeout, in milliseconds.</summary>
    public int FailoverTimeoutMilliseconds { get; init; } = Setting.SentinelFailoverTimeoutMilliseconds.Value;

    /// <summary>parallel-syncs: replicas that follow a new master at the same time.</summary>
    public int ParallelSyncs { get; init; } = 2;
}
