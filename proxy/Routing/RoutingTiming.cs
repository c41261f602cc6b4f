// Every time bound of the routing, derived in one place from the configuration, each with its reason.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Routing;

/// <summary>
/// The bounds within which an observation is evidence. Ages count from the moment a question was sent, never from the moment
/// its answer came: what an answer says was true at some moment after that.
/// </summary>
public sealed record RoutingTiming
{
    /// <summary>
    /// Age up to which a node's answer counts as its state now: 300 ms, or three probe intervals where those are longer.
    /// Six probes of 50 ms: a busy machine may lose a few of them in its scheduler without a decision changing.
    /// </summary>
    public TimeSpan NodeEvidence { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>
    /// Age up to which the claim of a master that does not answer, but whose machine has not refused or reset us either, is
    /// held: its sessions live, new ones wait. A slow script, a fork or a paused machine looks like this, and so does a power
    /// cut. Three quarters of down-after less one second (3 s of 5 s).
    /// <para>
    /// Upper bound: Sentinels promote nobody before down-after has passed since the first unanswered ping, which was sent
    /// after our last answered question. Held for less than that, the old claim is gone before the new master claims, and
    /// R5 follows the promotion at once; held longer, P1 would park until Sentinels agree.
    /// Lower bound: 500 ms (half of down-after where that is less), so that a stall which no Sentinel notices cuts nobody.
    /// </para>
    /// </summary>
    public TimeSpan SilentHold { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Age up to which an error reply counts as a sign of life of a node that claimed to be master before: 750 ms, three attempts. A refused
    /// login is one (-WRONGPASS, -NOAUTH, -NOPERM), and so are -BUSY, "max number of clients reached", and -LOADING on a connection that
    /// never broke (<see cref="Monitoring.NodeReport.IsSignOfLife"/>). While it does, the claim stands as if it were repeated, unless another
    /// node claims too, or claimed later. What is missing is only the news of a demotion, and a demoted node takes no writes; that nobody
    /// else is master is known from Sentinels' leases and from the other nodes, as ever. When the process ends, its connection does.
    /// </summary>
    public TimeSpan RefusalEvidence { get; init; } = TimeSpan.FromMilliseconds(750);

    /// <summary>
    /// How long a Sentinel's announcement of a promotion shuts the gate (rule H) when no promotion is seen: 1.5 s. It precedes SLAVEOF
    /// NO ONE by one tick of the Sentinel's timer, 50 to 100 ms; the rest is for a machine that is busy, and for its link to the node, which
    /// it renews once a second. A Sentinel that dies in that tick costs this much.
    /// </summary>
    public TimeSpan NoticeLife { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// How long nobody but the claimant must have been heard before it may be taken for isolated (rule P2): 600 ms, twice a node's answer's life.
    /// In that time the claimant has answered with no gap of more than half of it: whoever was paused himself has heard nobody, and knows nothing.
    /// </summary>
    public TimeSpan Isolation { get; init; } = TimeSpan.FromMilliseconds(600);

    /// <summary>
    /// How long a master must have said in each answer that too few of its replicas acknowledge, before that counts (rules P2 and R3): 300 ms, or three
    /// probe intervals. One that was paused itself may answer before it has read the acknowledgements that came meanwhile.
    /// </summary>
    public TimeSpan MissingAcknowledgements { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>
    /// How long an observed promotion (M1) is evidence of its own: down-after less one second, within 2 s and 4 s.
    /// Sentinels confirm a promotion after 0.9-1.2 s (measured; they learn it from INFO once a second), so less than 2 s would
    /// let M1 end before they speak. The next automatic failover cannot finish before down-after has passed again, so M1 that
    /// is shorter never speaks for a node that has itself been replaced (down-after from 3 s on; below, the overlap is
    /// at most 2 s less down-after, and only in a partition of that node and this proxy alone).
    /// </summary>
    public TimeSpan PromotionValidity { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>A claim counts as a promotion only if the same process was seen as a replica at most this long before.</summary>
    public TimeSpan PromotionWindow { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Age up to which a Sentinel's answer is its vote: 500 ms, or five poll intervals where those are longer.</summary>
    public TimeSpan VoteEvidence { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long a vote that a Sentinel has given for the leader of a failover may lead to a promotion: 12 s. A leader that is not elected
    /// gives up after 10 s (sentinel.c, SENTINEL_ELECTION_TIMEOUT); one that is promotes within three ticks of its timer, or when its link to
    /// the replica is up again, which it renews once a second. A Sentinel that has been heard for so long, and has published no vote, has given none
    /// that counts.
    /// </summary>
    public TimeSpan BallotLife { get; init; } = TimeSpan.FromSeconds(12);

    /// <summary>The configured down-after; a Sentinel that reports less is believed.</summary>
    public TimeSpan DownAfter { get; init; } = SentinelConfiguration.DefaultDownAfter;

    /// <summary>
    /// The least worth of an answer in which the Sentinel has not marked its master down: from that mark to a promotion it takes
    /// three rounds of Sentinels' timers at the least (ask the others, be elected, promote; 50 to 100 ms each). Without it leases
    /// would lapse between two pings where down-after is as short as the ping period of one second.
    /// </summary>
    public TimeSpan LeastLease { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Derives the bounds.</summary>
    public static RoutingTiming From(ProxyConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        TimeSpan downAfter = configuration.DownAfter;
        TimeSpan poll = configuration.Sentinel?.PollInterval ?? TimeSpan.FromMilliseconds(100);
        var second = TimeSpan.FromSeconds(1);
        return new RoutingTiming
        {
            DownAfter = downAfter,
            NodeEvidence = Max(TimeSpan.FromMilliseconds(300), configuration.Redis.ProbeInterval * 3),
            SilentHold = Max((downAfter - second) * 0.75, Min(TimeSpan.FromMilliseconds(500), downAfter / 2)),
            PromotionValidity = Min(TimeSpan.FromSeconds(4), Max(TimeSpan.FromSeconds(2), downAfter - second)),
            VoteEvidence = Max(TimeSpan.FromMilliseconds(500), poll * 5),
            Isolation = Max(TimeSpan.FromMilliseconds(300), configuration.Redis.ProbeInterval * 3) * 2,
            MissingAcknowledgements = Max(TimeSpan.FromMilliseconds(300), configuration.Redis.ProbeInterval * 3),
        };
    }

    /// <summary>
    /// The moment until which a Sentinel that has just answered, and has not marked its master down, cannot take part in a
    /// failover: down-after counts from the last reply to its pings, and the answer says how long ago that was, at the earliest
    /// when we asked.
    /// (Redis 7.0 sentinel.c, sentinelCheckSubjectivelyDown and addReplySentinelRedisInstance.)
    /// </summary>
    /// <param name="sentAt">When the question was sent.</param>
    /// <param name="downAfter">down-after-milliseconds as that Sentinel reports it.</param>
    /// <param name="lastOkPingReply">last-ok-ping-reply as it reports it.</param>
    public TimeSpan LeaseExpiry(TimeSpan sentAt, TimeSpan downAfter, TimeSpan lastOkPingReply) =>
        sentAt + Max(Min(downAfter, DownAfter) - lastOkPingReply, LeastLease);

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
