// What is known: the last reports of every node and Sentinel, and the promotions seen. At any moment it yields the symbols
// for the rule. Time comes in as a value, so that a recorded sequence of reports gives the same decisions again, and so that
// the model check can run this very code through all interleavings. One thread at a time.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>Turns reports into situations.</summary>
internal sealed class RoutingState
{
    // What counts up to an age is over one unit of time later.
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private readonly RoutingTiming _timing;
    private readonly NodeTrack[] _nodes;
    private readonly SentinelTrack[] _sentinels;

    /// <summary>Knows nothing yet.</summary>
    public RoutingState(int nodes, int sentinels, RoutingTiming timing)
    {
        _timing = timing;
        _nodes = new NodeTrack[nodes];
        _sentinels = new SentinelTrack[sentinels];
    }

    /// <summary>
    /// A state for another configuration that begins with what is known of the servers that stay; of the others nothing is known.
    /// </summary>
    /// <param name="timing">The other configuration's bounds.</param>
    /// <param name="nodes">For each of its nodes the index here, or -1.</param>
    /// <param name="sentinels">For each of its Sentinels the index here, or -1.</param>
    /// <param name="directory">Its nodes by address: a replica's master and a vote may be at another index, or at none, now.</param>
    public RoutingState Reconfigured(RoutingTiming timing, IReadOnlyList<int> nodes, IReadOnlyList<int> sentinels, NodeDirectory directory)
    {
        var state = new RoutingState(nodes.Count, sentinels.Count, timing);
        for (int i = 0; i < nodes.Count; i++)
        {
            if (nodes[i] >= 0)
            {
                NodeTrack track = _nodes[nodes[i]];
                track.Answer = track.Answer with { Node = i, Master = track.Answer.MasterAddress is { } master ? directory.Find(master) : -1 };
                state._nodes[i] = track;
            }
        }

        for (int i = 0; i < sentinels.Count; i++)
        {
            if (sentinels[i] >= 0)
            {
                SentinelTrack track = _sentinels[sentinels[i]];
                int named = track.Answer.NamedAddress is { } address ? directory.Find(address) : -1;
                track.Answer = track.Answer with { Sentinel = i, Named = named >= 0 ? named : SentinelVote.Foreign };
                int promotes = IndexOf(nodes, track.Promotes);
                track.PromotesUntil = promotes >= 0 ? track.PromotesUntil : TimeSpan.Zero;
                track.Promotes = promotes;
                state._sentinels[i] = track;
            }
        }

        return state;
    }

    private static int IndexOf(IReadOnlyList<int> items, int wanted)
    {
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i] == wanted)
            {
                return i;
            }
        }

        return -1;
    }

    private RoutingState(RoutingState other)
    {
        _timing = other._timing;
        _nodes = (NodeTrack[])other._nodes.Clone();
        _sentinels = (SentinelTrack[])other._sentinels.Clone();
    }

    /// <summary>Every node and Sentinel has answered or failed at least once.</summary>
    public bool HasHeardAll =>
        Array.TrueForAll(_nodes, n => n.Health != ServerHealth.Unknown) && Array.TrueForAll(_sentinels, s => s.Health != ServerHealth.Unknown);

    /// <summary>An independent copy.</summary>
    public RoutingState Clone() => new(this);

    /// <summary>What is known of a node.</summary>
    public NodeTrack Node(int index) => _nodes[index];

    /// <summary>What is known of a Sentinel.</summary>
    public SentinelTrack Sentinel(int index) => _sentinels[index];

    /// <summary>Takes a node's report.</summary>
    public void Apply(in NodeReport report)
    {
        ref NodeTrack node = ref _nodes[report.Node];
        node.Health = report.Health;
        node.Error = report.Error;
        if (report.Health != ServerHealth.Up)
        {
            if (report.Health.RefusesProbe())
            {
                // Signs of life must follow each other, or the process may have become another one in between.
                node.HasAnswer &= report.SentAt - node.LastContact <= Hold(refuses: true);
                node.RefusedAt = report.SentAt;
            }
            else if (report.Health.VoidsAnswers())
            {
                node.HasAnswer = false;
            }

            return;
        }

        if (!report.IsMaster)
        {
            node.ReplicaRunId = report.RunId;
            node.ReplicaSentAt = report.SentAt;
            node.PromotedRunId = null;
        }
        else if (node.ReplicaRunId is not null)
        {
            // The first claim after a time as a replica. The promotion happened after the last question that was answered
            // "replica" was sent: its validity counts from there, on the safe side.
            if (node.ReplicaRunId == report.RunId && report.At - node.ReplicaSentAt <= _timing.PromotionWindow)
            {
                node.PromotedRunId = report.RunId;
                node.PromotedAfter = node.ReplicaSentAt;
                node.PromotionSeenAt = report.At;
                node.EpochAtPromotion = NewestEpoch(since: TimeSpan.MinValue);
            }

            node.ReplicaRunId = null;
        }

        node.HasAnswer = true;
        node.Answer = report;
    }

    /// <summary>Takes a Sentinel's report.</summary>
    public void Apply(in SentinelReport report)
    {
        ref SentinelTrack sentinel = ref _sentinels[report.Sentinel];
        sentinel.Health = report.Health;
        sentinel.Error = report.Error;
        if (report.Health == ServerHealth.Up)
        {
            sentinel.HasAnswer = true;
            sentinel.Answer = report;
        }
    }

    /// <summary>Takes a Sentinel's announcement.</summary>
    public void Apply(in PromotionNotice notice)
    {
        ref SentinelTrack sentinel = ref _sentinels[notice.Sentinel];
        sentinel.Promotes = notice.Node;
        sentinel.PromotesUntil = notice.Node >= 0 ? notice.At + _timing.NoticeLife : TimeSpan.Zero;
    }

    /// <summary>The symbols at a moment.</summary>
    public Situation At(TimeSpan now)
    {
        var votes = new SentinelVote[_sentinels.Length];
        long newestEpoch = NewestEpoch(since: now - _timing.DownAfter);
        int quorum = 0;
        for (int i = 0; i < votes.Length; i++)
        {
            votes[i] = VoteAt(_sentinels[i], newestEpoch, now);
            int reported = _sentinels[i].HasAnswer ? _sentinels[i].Answer.Quorum : 0;
            quorum = quorum == 0 ? reported : reported == 0 ? quorum : Math.Min(quorum, reported);
        }

        var nodes = new NodeState[_nodes.Length];
        for (int i = 0; i < nodes.Length; i++)
        {
            nodes[i] = NodeAt(i, votes, now);
        }

        for (int i = 0; i < nodes.Length; i++)
        {
            // What is remembered of a node that lets nobody look must not stand against what is seen.
            nodes[i] = nodes[i] is { IsClaimant: true, RefusesProbe: true } && AnotherClaimsSince(nodes, i) ? NodeState.Unknown : nodes[i];
        }

        return new Situation(nodes, votes, quorum, Announced(nodes, now));
    }

    /// <summary>
    /// The first moment after now at which <see cref="At"/> may say something else although nothing was reported; <see cref="TimeSpan.MaxValue"/>
    /// when there is none. What could only change later, or does not matter now, may be among the moments: too many are looked at, never too few.
    /// </summary>
    public TimeSpan NextChange(TimeSpan now)
    {
        TimeSpan next = TimeSpan.MaxValue;
        foreach (ref readonly NodeTrack node in _nodes.AsSpan())
        {
            if (node.HasAnswer)
            {
                Until(node.Answer.SentAt + _timing.NodeEvidence + Tick);
                Until(node.LastContact + _timing.RefusalEvidence + Tick);
                Until(node.LastContact + _timing.SilentHold + Tick);
                Until(node.PromotedAfter + _timing.PromotionValidity);
            }
        }

        foreach (ref readonly SentinelTrack sentinel in _sentinels.AsSpan())
        {
            if (sentinel.HasAnswer)
            {
                Until(sentinel.Answer.SentAt + _timing.VoteEvidence + Tick);
                Until(sentinel.Answer.SentAt + _timing.DownAfter + Tick);
                Until(LeaseOf(sentinel.Answer));
            }

            Until(sentinel.PromotesUntil);
        }

        return next;

        void Until(TimeSpan moment) => next = moment > now && moment < next ? moment : next;
    }

    /// <summary>When the leases that name this node stop excluding a failover, if they do now; null otherwise.</summary>
    public TimeSpan? LeaseUntil(int node, Situation situation)
    {
        if (!situation.LeaseHolds(node))
        {
            return null;
        }

        var expiries = new List<TimeSpan>(_sentinels.Length);
        for (int i = 0; i < _sentinels.Length; i++)
        {
            if (situation.Votes[i].Leased && situation.Votes[i].Node == node)
            {
                expiries.Add(LeaseOf(_sentinels[i].Answer));
            }
        }

        // Of three leases two are needed: they hold until the second longest ends, the median.
        expiries.Sort();
        return expiries[^situation.LeasesNeeded];
    }

    private NodeState NodeAt(int index, SentinelVote[] votes, TimeSpan now)
    {
        ref readonly NodeTrack node = ref _nodes[index];
        if (!node.HasAnswer)
        {
            return NodeState.Unknown;
        }

        if (!node.Answer.IsMaster)
        {
            return now - node.Answer.SentAt <= _timing.NodeEvidence ? NodeState.Follows(node.Answer.Master, node.Answer.LinkUp) : NodeState.Unknown;
        }

        bool refuses = node.RefusedAt > node.Answer.SentAt;
        TimeSpan age = now - node.LastContact;
        bool current = age <= (refuses ? _timing.RefusalEvidence : _timing.NodeEvidence);
        if (!current && age > Hold(refuses))
        {
            return NodeState.Unknown;
        }

        NodeRole role = IsPromotedAt(index, votes, now) ? NodeRole.Promoted : NodeRole.Claims;
        return new NodeState(role, Silent: !current, RefusesProbe: refuses);
    }

    private TimeSpan Hold(bool refuses) =>
        refuses && _timing.RefusalEvidence > _timing.SilentHold ? _timing.RefusalEvidence : _timing.SilentHold;

    private bool AnotherClaimsSince(NodeState[] nodes, int index)
    {
        for (int i = 0; i < nodes.Length; i++)
        {
            if (i != index && nodes[i].IsClaimant && (!nodes[i].RefusesProbe || _nodes[i].Answer.SentAt > _nodes[index].Answer.SentAt))
            {
                return true;
            }
        }

        return false;
    }

    private int Announced(NodeState[] nodes, TimeSpan now)
    {
        int announced = -1;
        foreach (ref readonly SentinelTrack sentinel in _sentinels.AsSpan())
        {
            // Of several, one that has not come true yet.
            if (now < sentinel.PromotesUntil && (announced < 0 || nodes[announced].IsClaimant))
            {
                announced = sentinel.Promotes;
            }
        }

        return announced;
    }

    private bool IsPromotedAt(int index, SentinelVote[] votes, TimeSpan now)
    {
        ref readonly NodeTrack node = ref _nodes[index];
        return node.PromotedRunId is not null
            && node.PromotedRunId == node.Answer.RunId
            && now - node.PromotedAfter < _timing.PromotionValidity
            && !IsReplacedByNewerEpoch(index, votes);
    }

    // A promotion is no evidence any more once Sentinels have decided for another node after it: a majority names that node
    // with an epoch newer than any that was known when the promotion was seen.
    private bool IsReplacedByNewerEpoch(int index, SentinelVote[] votes)
    {
        int newer = 0;
        for (int i = 0; i < votes.Length; i++)
        {
            if (votes[i].Fresh && votes[i].Node != index && _sentinels[i].Answer.ConfigEpoch > _nodes[index].EpochAtPromotion)
            {
                newer++;
            }
        }

        return newer > votes.Length / 2;
    }

    // A lease excludes that a failover begins; it says nothing of one that has been decided already and that this Sentinel has
    // not heard of. Each failover has an epoch of its own, so a newer one reported by any Sentinel ends the leases of all that
    // are behind (found by the model check: an isolated proxy otherwise went back to the old master for the leases' rest).
    // That counts for down-after since it was last reported; leases from before have ended by then. Any longer, and a
    // configuration that died with the only Sentinel that knew it would keep the gate shut for ever.
    private SentinelVote VoteAt(in SentinelTrack sentinel, long newestEpoch, TimeSpan now)
    {
        if (!sentinel.HasAnswer || sentinel.Answer.Tilt)
        {
            return SentinelVote.None;
        }

        SentinelReport answer = sentinel.Answer;
        bool fresh = sentinel.Health == ServerHealth.Up && now - answer.SentAt <= _timing.VoteEvidence;
        bool leased = answer.ConfigEpoch >= newestEpoch && !answer.MarkedDown && !answer.FailoverInProgress && now < LeaseOf(answer);
        return fresh || leased ? new SentinelVote(answer.Named, fresh, leased) : SentinelVote.None;
    }

    private TimeSpan LeaseOf(in SentinelReport answer) => _timing.LeaseExpiry(answer.SentAt, answer.DownAfter, answer.LastOkPingReply);

    private long NewestEpoch(TimeSpan since)
    {
        long newest = -1;
        foreach (ref readonly SentinelTrack sentinel in _sentinels.AsSpan())
        {
            newest = sentinel.HasAnswer && sentinel.Answer.SentAt >= since ? Math.Max(newest, sentinel.Answer.ConfigEpoch) : newest;
        }

        return newest;
    }
}

/// <summary>What is known of a node.</summary>
internal struct NodeTrack
{
    /// <summary>How the last conversation went.</summary>
    public ServerHealth Health;

    /// <summary>The last error text.</summary>
    public string? Error;

    /// <summary>Whether <see cref="Answer"/> says anything.</summary>
    public bool HasAnswer;

    /// <summary>The last answer.</summary>
    public NodeReport Answer;

    /// <summary>When the last login was sent that it refused.</summary>
    public TimeSpan RefusedAt;

    /// <summary>When the last question was sent that it answered at all.</summary>
    public readonly TimeSpan LastContact => RefusedAt > Answer.SentAt ? RefusedAt : Answer.SentAt;

    /// <summary>While it is a replica: its run id; null once it claimed to be master.</summary>
    public string? ReplicaRunId;

    /// <summary>When the last question was sent that it answered as a replica.</summary>
    public TimeSpan ReplicaSentAt;

    /// <summary>The process whose promotion was seen; null when none was.</summary>
    public string? PromotedRunId;

    /// <summary>The promotion happened after this moment.</summary>
    public TimeSpan PromotedAfter;

    /// <summary>When the promotion was seen.</summary>
    public TimeSpan PromotionSeenAt;

    /// <summary>The newest config-epoch known when the promotion was seen.</summary>
    public long EpochAtPromotion;
}

/// <summary>What is known of a Sentinel.</summary>
internal struct SentinelTrack
{
    /// <summary>How the last conversation went.</summary>
    public ServerHealth Health;

    /// <summary>The last error text.</summary>
    public string? Error;

    /// <summary>Whether <see cref="Answer"/> says anything.</summary>
    public bool HasAnswer;

    /// <summary>The last answer.</summary>
    public SentinelReport Answer;

    /// <summary>The node that it has announced to promote.</summary>
    public int Promotes;

    /// <summary>Until when that counts.</summary>
    public TimeSpan PromotesUntil;
}
