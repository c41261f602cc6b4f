// What is known: the last reports of every node and Sentinel, and the promotions seen. At any moment it yields the symbols
// for the rule. Time comes in as a value, so that a recorded sequence of reports gives the same decisions again, and so that
// the model check can run this very code through all interleavings. One thread at a time.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>Turns reports into situations.</summary>
internal sealed partial class RoutingState
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
                track.UnacknowledgedSince = null; // of how many, is another question now
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
                track.StrangerSince = named >= 0 ? null : track.StrangerSince;
                int promotes = track.PromotesAddress is { } promoted ? directory.Find(promoted) : -1;
                track.Promotes = promotes >= 0 ? promotes : SentinelVote.Foreign;
                state._sentinels[i] = track;
            }
        }

        return state;
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
            if (report.IsSignOfLife)
            {
                // Signs of life must follow each other, or the process may have become another one in between.
                node.HasAnswer &= report.SentAt - node.LastContact <= Hold(errors: true);
                node.RefusedAt = report.SentAt;
                node.Refusal = report.Health;
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
                node.EpochAtPromotion = NewestEpoch(since: TimeSpan.MinValue, report.At);
            }

            node.ReplicaRunId = null;
        }

        bool broken = !node.HasAnswer || report.SentAt - node.LastContact > _timing.Isolation / 2;
        node.UnbrokenSince = broken ? report.SentAt : node.UnbrokenSince;
        bool unacknowledged = report.IsMaster && (report.Acknowledging + 1) * 2 <= _nodes.Length;
        node.UnacknowledgedSince = !unacknowledged ? null : broken ? report.SentAt : node.UnacknowledgedSince ?? report.SentAt;
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
            bool leftOurs = sentinel is { HasAnswer: true, Answer.Named: >= 0 } && report.Named == SentinelVote.Foreign;
            sentinel.StrangerSince = leftOurs ? report.SentAt : report.Named >= 0 ? null : sentinel.StrangerSince;
            bool same = sentinel.HasAnswer && sentinel.Answer.NamedAddress == report.NamedAddress && sentinel.Answer.ConfigEpoch == report.ConfigEpoch;
            sentinel.PromotingSince = !report.Promotes ? null : same ? sentinel.PromotingSince ?? report.SentAt : report.SentAt;
            sentinel.HasAnswer = true;
            sentinel.Answer = report;
        }
    }

    /// <summary>Takes a Sentinel's announcement.</summary>
    public void Apply(in PromotionNotice notice)
    {
        ref SentinelTrack sentinel = ref _sentinels[notice.Sentinel];
        sentinel.Promotes = notice.Node;
        sentinel.PromotesAddress = notice.Address;
        sentinel.PromotesUntil = notice.Node != SentinelVote.Nobody ? notice.At + _timing.NoticeLife : TimeSpan.Zero;
    }

    /// <summary>The symbols at a moment.</summary>
    public Situation At(TimeSpan now)
    {
        var votes = new SentinelVote[_sentinels.Length];
        long newestEpoch = NewestEpoch(since: now - _timing.DownAfter, now);
        int quorum = 0, sentinels = 0;
        for (int i = 0; i < votes.Length; i++)
        {
            votes[i] = VoteAt(_sentinels[i], newestEpoch, now);
            if (SpeaksOfOurs(_sentinels[i], now))
            {
                SentinelReport answer = _sentinels[i].Answer;
                quorum = quorum == 0 ? answer.Quorum : answer.Quorum == 0 ? quorum : Math.Min(quorum, answer.Quorum);
                sentinels = Math.Max(sentinels, answer.OtherSentinels + 1);
            }
        }

        int leasesNeeded = Situation.LeasesNeededOf(Math.Max(votes.Length, sentinels), quorum);
        var nodes = new NodeState[_nodes.Length];
        for (int i = 0; i < nodes.Length; i++)
        {
            nodes[i] = NodeAt(i, votes, leasesNeeded, now);
        }

        for (int i = 0; i < nodes.Length; i++)
        {
            // What is remembered of a node that lets nobody look must not stand against what is seen.
            nodes[i] = nodes[i] is { IsClaimant: true, OnlyErrors: true } && AnotherClaimsSince(nodes, i) ? NodeState.Unknown : nodes[i];
        }

        int announced = Announced(nodes, votes, now);
        return new Situation(nodes, votes, quorum, announced, sentinels) { Strangers = Strangers(nodes, votes, announced, now) };
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
            Until(node.LastContact + _timing.Isolation);
            if (node.HasAnswer)
            {
                Until(node.Answer.SentAt + _timing.NodeEvidence + Tick);
                Until(node.LastContact + _timing.RefusalEvidence + Tick);
                Until(node.LastContact + _timing.SilentHold + Tick);
                Until(node.UnacknowledgedSince is { } since ? since + _timing.MissingAcknowledgements : TimeSpan.Zero);
                Until(node.LastContact + _timing.DownAfter + Tick);
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
                Until(sentinel.Answer.HeardAt + _timing.VoteEvidence + Tick);
                Until(VoteOf(sentinel.Answer));
                Until(ElectionOf(sentinel.Answer));
            }

            Until(sentinel.PromotesUntil);
            if (sentinel.PromotingSince is { } promoting)
            {
                Until(promoting + _timing.NoticeLife);
                Until(promoting + _timing.DownAfter);
            }

            Until(StrangerUntil(sentinel));
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
}
