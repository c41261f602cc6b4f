// What a real Redis with Sentinels is started with: the product's settings, with the times that tests shorten.

namespace RedisHaProcesses;

/// <summary>Settings of a cluster; the defaults are those that the product's nodes get, except for down-after.</summary>
public sealed record RedisClusterSettings
{
    /// <summary>Data nodes.</summary>
    public int Nodes { get; init; } = 3;

    /// <summary>Sentinels; none for a Redis alone. The quorum is their majority.</summary>
    public int Sentinels { get; init; } = 3;

    /// <summary>The name under which Sentinels monitor.</summary>
    public string Master { get; init; } = "mymaster";

    /// <summary>down-after-milliseconds. The product's is 5 s; 2 s makes a run short.</summary>
    public TimeSpan DownAfter { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>failover-timeout.</summary>
    public TimeSpan FailoverTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>min-replicas-to-write; 0 turns the fence off.</summary>
    public int MinReplicas { get; init; } = 1;

    /// <summary>min-replicas-max-lag, seconds.</summary>
    public int MinReplicasMaxLag { get; init; } = 3;

    /// <summary>Put every node and its Sentinel into a network namespace of its own, which can be cut off. Needs root.</summary>
    public bool Namespaces { get; init; }
}

/// <summary>The accounts' passwords: not secret here, but different, so that a mix-up shows.</summary>
public sealed record RedisClusterPasswords
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
