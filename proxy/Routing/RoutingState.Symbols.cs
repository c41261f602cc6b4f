// From what is known to the symbols of one moment: what each node is, what each Sentinel's vote is worth, and what has been announced.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

internal sealed partial class RoutingState
{
    private NodeState NodeAt(int index, SentinelVote[] votes, int leasesNeeded, TimeSpan now)
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

        bool errors = node.RefusedAt > node.Answer.SentAt;
        TimeSpan age = now - node.LastContact;
        bool current = age <= (errors ? _timing.RefusalEvidence : _timing.NodeEvidence);
        if (!current && age > Hold(errors) && (age > _timing.DownAfter || !AreLeased(index, votes, leasesNeeded)))
        {
            return NodeState.Unknown;
        }

        NodeRole role = IsPromotedAt(index, votes, now) ? NodeRole.Promoted : NodeRole.Claims;
        // One that refuses our login serves its clients. One that is busy, full or loading does not serve new ones now: they wait.
        bool unacknowledged = current && !errors && node.UnacknowledgedSince is { } since && now - since >= _timing.MissingAcknowledgements;
        return new NodeState(role, Silent: !current || (errors && !node.Refusal.RefusesProbe()), OnlyErrors: errors, HandsOver: HandsOverAt(index, now),
            Unacknowledged: unacknowledged, Alone: unacknowledged && IsAloneAt(index, now));
    }

    // A master that does not answer is not replaced while so many Sentinels hold leases on it that no failover can have begun.
    private static bool AreLeased(int index, SentinelVote[] votes, int needed)
    {
        int leases = 0;
        foreach (SentinelVote vote in votes)
        {
            leases += vote.Leased && vote.Node == index ? 1 : 0;
        }

        return votes.Length > 0 && leases >= needed;
    }

    // By its own word, or by that of the Sentinel that is about to order it; the order takes a tick or two, so that counts as long as an announcement.
    private bool HandsOverAt(int index, TimeSpan now)
    {
        if (_nodes[index].Answer.HandsOver)
        {
            return true;
        }

        foreach (ref readonly SentinelTrack sentinel in _sentinels.AsSpan())
        {
            if (IsCoordinatedAt(sentinel, now) && sentinel.Answer.Named == index && sentinel.PromotingSince is { } since && now < since + _timing.NoticeLife)
            {
                return true;
            }
        }

        return false;
    }

    // Nobody else has been heard for a while, in which the node itself has answered all along.
    private bool IsAloneAt(int index, TimeSpan now)
    {
        ref readonly NodeTrack node = ref _nodes[index];
        for (int i = 0; i < _nodes.Length; i++)
        {
            bool silent = i == index || (now - _nodes[i].LastContact >= _timing.Isolation && node.UnbrokenSince <= _nodes[i].LastContact);
            if (!silent)
            {
                return false;
            }
        }

        return true;
    }

    private bool IsCoordinatedAt(in SentinelTrack sentinel, TimeSpan now) =>
        sentinel is { HasAnswer: true, Health: ServerHealth.Up, Answer.Coordinated: true } && now - sentinel.Answer.SentAt <= _timing.VoteEvidence;

    private bool IsHeardAt(in SentinelTrack sentinel, TimeSpan now) =>
        sentinel.Answer.HeardSince is not null && now - sentinel.Answer.HeardAt <= _timing.VoteEvidence;

    private TimeSpan Hold(bool errors) =>
        errors && _timing.RefusalEvidence > _timing.SilentHold ? _timing.RefusalEvidence : _timing.SilentHold;

    private bool AnotherClaimsSince(NodeState[] nodes, int index)
    {
        for (int i = 0; i < nodes.Length; i++)
        {
            if (i != index && nodes[i].IsClaimant && (!nodes[i].OnlyErrors || _nodes[i].Answer.SentAt > _nodes[index].Answer.SentAt))
            {
                return true;
            }
        }

        return false;
    }

    private int Announced(NodeState[] nodes, SentinelVote[] votes, TimeSpan now)
    {
        int announced = SentinelVote.Nobody;
        int strangers = 0;
        bool isNew = false;
        for (int i = 0; i < _sentinels.Length; i++)
        {
            ref readonly SentinelTrack sentinel = ref _sentinels[i];
            // Of several, one that has not come true yet.
            bool coordinated = IsCoordinatedAt(sentinel, now);
            bool open = announced is SentinelVote.Nobody or SentinelVote.SomeReplica || (announced >= 0 && nodes[announced].IsClaimant);
            if (now < sentinel.PromotesUntil && open && !coordinated)
            {
                announced = sentinel.Promotes;
            }
            else if (votes[i].Fresh && !coordinated && !IsHeardAt(sentinel, now) && sentinel.PromotingSince is { } since && now < since + _timing.NoticeLife
                && announced == SentinelVote.Nobody && votes[i].Node is >= 0 and var named && nodes[named].IsClaimant
                && !nodes.Where((n, other) => other != named && n.Role == NodeRole.Promoted).Any())
            {
                // Which one, its answer does not say: it has come true when another's promotion was seen.
                announced = SentinelVote.SomeReplica;
            }

            isNew |= now < StrangerUntil(sentinel);
            strangers += sentinel.StrangerSince is not null && votes[i].Fresh ? 1 : 0;
        }

        // A Sentinel that named one of ours names a stranger now: it has promoted it, or has heard of that. One alone may be wrong.
        return isNew || strangers > votes.Length / 2 ? SentinelVote.Foreign : announced;
    }

    private TimeSpan StrangerUntil(in SentinelTrack sentinel) => sentinel.StrangerSince is { } since ? since + _timing.DownAfter : TimeSpan.MinValue;

    private bool IsPromotedAt(int index, SentinelVote[] votes, TimeSpan now)
    {
        ref readonly NodeTrack node = ref _nodes[index];
        return node.PromotedRunId is not null
            && node.PromotedRunId == node.Answer.RunId
            && now - node.PromotedAfter < _timing.PromotionValidity
            && !IsReplacedByNewerEpoch(index, votes, now);
    }

    // A promotion is no evidence any more once Sentinels have decided for another node after it: a majority names that node
    // with an epoch newer than any that was known when the promotion was seen.
    private bool IsReplacedByNewerEpoch(int index, SentinelVote[] votes, TimeSpan now)
    {
        int newer = 0;
        for (int i = 0; i < votes.Length; i++)
        {
            bool counts = votes[i].Fresh && votes[i].Node != index && HasOurEpoch(_sentinels[i], now);
            newer += counts && _sentinels[i].Answer.ConfigEpoch > _nodes[index].EpochAtPromotion ? 1 : 0;
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
        // A leader whose replica has not become master for so long (it died in that moment) waits for failover-timeout, minutes; its failover may still
        // come about, and is then seen like one that nobody has announced.
        bool failing = answer.FailoverInProgress && !(sentinel.PromotingSince is { } promoting && now - promoting >= _timing.DownAfter);
        bool current = answer.ConfigEpoch >= newestEpoch && !failing;
        // A vote is settled when the Sentinel itself names what came of it. Until then the failover may come about, though the Sentinel has heard from
        // the master again, or names another one meanwhile (found by the model check: an operator's failover beside the Sentinels' own). Nearly
        // always that is at once, and a lease would be missed for long after an election that led to nothing: it is void for down-after.
        bool open = answer.VotedEpoch > answer.ConfigEpoch;
        bool voted = open && now < VoteOf(answer);
        bool leased = current && !(open && now < ElectionOf(answer)) && !answer.MarkedDown && now < LeaseOf(answer);
        bool heard = answer.HeardSince is { } since && answer.HeardAt - since >= _timing.BallotLife && now - answer.HeardAt <= _timing.VoteEvidence;
        // What a Sentinel has voted for may come about without it, too.
        bool mayElect = voted || (fresh && (failing || (answer.MarkedDown && !heard)));
        return fresh || leased || mayElect
            ? new SentinelVote(answer.Named, fresh, leased, Abstains: fresh && current && heard && !voted, mayElect)
            : SentinelVote.None;
    }

    private TimeSpan VoteOf(in SentinelReport answer) => answer.VotedAt is { } at ? at + _timing.BallotLife : TimeSpan.MinValue;

    private TimeSpan ElectionOf(in SentinelReport answer) => answer.VotedAt is { } at ? at + _timing.DownAfter : TimeSpan.MinValue;

    // What a Sentinel says of the deployment counts as long as its leases may. One that names none of our nodes speaks of another one.
    private bool SpeaksOfOurs(in SentinelTrack sentinel, TimeSpan now) =>
        sentinel is { HasAnswer: true, Answer.Named: >= 0 } && now - sentinel.Answer.SentAt <= _timing.DownAfter;

    private TimeSpan LeaseOf(in SentinelReport answer) => _timing.LeaseExpiry(answer.SentAt, answer.DownAfter, answer.LastOkPingReply);

    // The epochs of a Sentinel that has never named one of our nodes are those of another deployment. Of one that has left ours for a
    // stranger they count for down-after: as long as it takes until older leases have ended.
    private bool HasOurEpoch(in SentinelTrack sentinel, TimeSpan now) => sentinel.HasAnswer && (sentinel.Answer.Named >= 0 || now < StrangerUntil(sentinel));

    private long NewestEpoch(TimeSpan since, TimeSpan now)
    {
        long newest = -1;
        foreach (ref readonly SentinelTrack sentinel in _sentinels.AsSpan())
        {
            newest = HasOurEpoch(sentinel, now) && sentinel.Answer.SentAt >= since ? Math.Max(newest, sentinel.Answer.ConfigEpoch) : newest;
        }

        return newest;
    }

    private StrangerAddresses? Strangers(NodeState[] nodes, SentinelVote[] votes, int announced, TimeSpan now)
    {
        if (announced != SentinelVote.Foreign && !Array.Exists(nodes, n => n is { Role: NodeRole.Follows, Master: < 0 })
            && !Array.Exists(votes, v => v.Node == SentinelVote.Foreign))
        {
            return null;
        }

        string?[] masters = [.. nodes.Select((n, i) => n is { Role: NodeRole.Follows, Master: < 0 } ? _nodes[i].Answer.MasterAddress : null)];
        string?[] named = [.. votes.Select((v, i) => v.Node == SentinelVote.Foreign ? _sentinels[i].Answer.NamedAddress : null)];
        string? promoted = _sentinels.FirstOrDefault(s => s.Promotes == SentinelVote.Foreign && now < s.PromotesUntil).PromotesAddress;
        return new StrangerAddresses(masters, named, announced == SentinelVote.Foreign ? promoted ?? named.FirstOrDefault(n => n is not null) : null);
    }
}
