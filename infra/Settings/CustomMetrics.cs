// The metrics that Redis nodes post to OCI's Monitoring (Nodes/Files/redis/metrics.sh): what the alarms ask of them.

namespace RedisHaInfra.Settings;

/// <summary>Names of the custom metrics.</summary>
internal static class CustomMetrics
{
    /// <summary>Their namespace; Oracle keeps those that begin with oci_ and oracle_ for itself.</summary>
    public const string Namespace = "redis_ha";

    /// <summary>Percent of the fuller one of the file systems of Redis' data and of the system; of each node.</summary>
    public const string DiskUsed = "DiskUsed";

    /// <summary>1 where a node takes writes, otherwise 0; of each node.</summary>
    public const string WritesTaken = "WritesTaken";

    /// <summary>Nodes that do not follow the master; of a master.</summary>
    public const string ReplicasLost = "ReplicasLost";

    /// <summary>Masters that the Sentinels have named in the last five minutes; of each node.</summary>
    public const string Failovers = "Failovers";

    /// <summary>Percent of a disk from which on an alarm is due, as redis-ha-watch's warning.</summary>
    public const int DiskNearlyFull = 85;
}
