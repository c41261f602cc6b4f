// What to do about settings of Sentinels that make failovers worse: said by the log once and by pages as long as it is so, in the same words.

namespace RedisHaProxy.Routing;

/// <summary>Remedies.</summary>
internal static class DeploymentAdvice
{
    /// <summary>down-after-milliseconds is another one than sentinel.downAfter.</summary>
    public static string DownAfter(string? master, TimeSpan configured) =>
        $"the smaller one bounds the leases; make them equal: SENTINEL SET {master} down-after-milliseconds {configured.TotalMilliseconds:0} on that "
            + "Sentinel, or sentinel.downAfter here.";

    /// <summary>The quorum is less than the majority.</summary>
    public static string Quorum(string? master, int sentinels, int quorum)
    {
        int majority = (sentinels / 2) + 1;
        return $"less than the majority ({majority}): few of them can begin a failover from a healthy master, and it takes "
            + $"{Situation.LeasesNeededOf(sentinels, quorum)} leases to exclude one. Set it on each Sentinel: SENTINEL SET {master} quorum {majority}.";
    }

    /// <summary>A Sentinel knows fewer others than are listed.</summary>
    public const string FewSentinels = "it may not be able to elect the leader of a failover. See whether it reaches the master, and whether all of them "
        + "watch the same one.";

    /// <summary>A replica follows an address that is not configured.</summary>
    public const string Stranger = "it supports nobody's claim, and may be copying a stranger's data. Nodes must announce the addresses that are configured "
        + "here. " + SentinelConcerns.Remedy;

    /// <summary>Somebody made a node master by FAILOVER.</summary>
    public const string BareFailover = "they will promote another node in about 30 s. Run SENTINEL FAILOVER now to let them agree.";
}
