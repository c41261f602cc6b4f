// Which redis.conf directives a stack may override, and which belong to the cluster.

using System.Collections.Frozen;

namespace RedisHaInfra.Settings;

/// <summary>Directives of redis.conf, by who decides them.</summary>
internal static class RedisDirectives
{
    /// <summary>Directives that tune one node and that both 6.2 and 7.0 know (redis.conf of either).</summary>
    public static FrozenSet<string> Tunable { get; } = FrozenSet.ToFrozenSet(
    [
        "active-defrag-cycle-max", "active-defrag-cycle-min", "active-defrag-ignore-bytes", "active-defrag-max-scan-fields",
        "active-defrag-threshold-lower", "active-defrag-threshold-upper", "active-expire-effort", "activedefrag", "activerehashing",
        "aof-rewrite-incremental-fsync", "auto-aof-rewrite-min-size", "auto-aof-rewrite-percentage", "client-query-buffer-limit",
        "databases", "dynamic-hz", "hash-max-ziplist-entries", "hash-max-ziplist-value", "hll-sparse-max-bytes", "hz", "io-threads",
        "io-threads-do-reads", "jemalloc-bg-thread", "latency-monitor-threshold", "lazyfree-lazy-eviction", "lazyfree-lazy-expire",
        "lazyfree-lazy-server-del", "lazyfree-lazy-user-del", "lazyfree-lazy-user-flush", "lfu-decay-time", "lfu-log-factor",
        "list-compress-depth", "list-max-ziplist-size", "loglevel", "lua-time-limit", "maxmemory-eviction-tenacity", "maxmemory-samples",
        "no-appendfsync-on-rewrite", "notify-keyspace-events", "proto-max-bulk-len", "rdb-save-incremental-fsync", "rdbchecksum",
        "rdbcompression", "repl-diskless-load", "repl-timeout", "set-max-intset-entries", "slowlog-log-slower-than",
        "slowlog-max-len", "stream-node-max-bytes", "stream-node-max-entries", "stop-writes-on-bgsave-error", "tcp-backlog",
        "tracking-table-max-keys", "zset-max-ziplist-entries", "zset-max-ziplist-value",
    ], StringComparer.Ordinal);

    /// <summary>
    /// Directives that the cluster depends on, or that settings of their own give. An override of one would either break
    /// replication, failover or authentication, or configure the same thing twice.
    /// </summary>
    public static FrozenSet<string> Reserved { get; } = FrozenSet.ToFrozenSet(
    [
        "aclfile", "always-show-logo", "appendfsync", "appendonly", "bind", "bind-source-addr", "client-output-buffer-limit", "cluster-enabled",
        "daemonize", "dir", "include", "loadmodule", "logfile", "masterauth", "masteruser", "maxclients", "maxmemory", "maxmemory-clients", "maxmemory-policy",
        "min-replicas-max-lag", "min-replicas-to-write", "min-slaves-max-lag", "min-slaves-to-write", "pidfile", "port", "protected-mode",
        "rename-command", "repl-backlog-size", "replica-announce-ip", "replica-announce-port", "replica-announced", "replica-priority",
        "replica-read-only", "replicaof", "requirepass", "save", "slave-announce-ip", "slave-announce-port", "slave-priority", "slave-read-only",
        "slaveof", "supervised", "tls-auth-clients", "tls-ca-cert-file", "tls-cert-file", "tls-key-file", "tls-port", "tls-replication", "unixsocket", "user",
    ], StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, string> Owners = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["maxmemory"] = "use redisMaxMemory",
        ["maxmemory-policy"] = "use redisMaxMemoryPolicy",
        ["appendfsync"] = "use redisAppendFsync",
        ["appendonly"] = "use redisAppendOnly",
        ["save"] = "use redisSave",
        ["repl-backlog-size"] = "use redisReplicationBacklog",
        ["maxclients"] = "use redisMaxClients",
        ["client-output-buffer-limit"] = "use redisClientOutputBuffer",
        ["maxmemory-clients"] = "use redisClientMemory",
        ["min-replicas-to-write"] = "use redisMinReplicasToWrite",
        ["min-slaves-to-write"] = "use redisMinReplicasToWrite",
        ["min-replicas-max-lag"] = "use redisMinReplicasMaxLagSeconds",
        ["min-slaves-max-lag"] = "use redisMinReplicasMaxLagSeconds",
        ["requirepass"] = "use clientPassword",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Why a directive cannot be overridden; null when nothing else decides it.</summary>
    public static string? OwnerOf(string directive) =>
        Owners.TryGetValue(directive, out string? owner) ? owner
        : Reserved.Contains(directive) ? "the cluster depends on it"
        : null;
}
