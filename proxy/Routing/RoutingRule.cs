// The heart of the proxy: which node may receive traffic now. This file is the table of docs/routing.md, row by row.
//
//   claims(n)   n says it is master                   M1 (promoted)  ... and we saw the same process as a replica right before
//   maj(n)      a majority of all Sentinels names n now
//   excluded(n) no failover away from n has begun: by the Sentinels' leases, or because a majority has been heard to vote for none
//   fol(n)      how many nodes report that they follow n with their link up
//   announced   a Sentinel has published that it promotes a node now, and that node does not claim yet, or is none of ours
//
// What each row is for:
//   0   The old master is gone, the next one not yet promoted: wait.
//   H   A hand-over is about to happen beside a master that may be healthy (SENTINEL FAILOVER): whatever it acknowledges from the
//       promotion on is lost, so it acknowledges nothing from a tick before it. A hint shuts the gate, it never opens it; it
//       counts for RoutingTiming.NoticeLife at most, and no longer than until the promotion is seen. A Sentinel that begins to name a
//       node that we do not know announces as well, for down-after: sessions to the old master would be lost, whoever the next one is.
//       Where a Sentinel's events are not heard, its answer that it promotes now counts instead.
//   P2  The last writes of an isolated master: leases still hold, and others may promote when they end; what it acknowledges until then is
//       lost. Seen from the same island: nobody else answers, and the master says that its replicas' acknowledgements are missing. When the
//       leases have ended as well, it is C1.
//   R1  The normal state. The leases, not the freshness of the votes, bound it: an isolated old master loses its
//       leases before anybody else can be promoted by Sentinels. Where leases are too few (a small quorum, a Sentinel that cannot log
//       in to m) votes decide: a failover takes those of a majority, and each Sentinel publishes its own.
//   R2  Sentinels dead, or of another opinion: if all others follow m right now, nobody else is master. Always true.
//   R3  Sentinels dead and one node dead. Sound where a Sentinel runs on each data node: the majority of nodes that we
//       see are then also the majority of the Sentinels that could have promoted another one. Those of them that live speak against
//       it only when they name another, or may have voted for its failover: an answer must not be worse than none. A replica says for
//       a minute that a link is up which was cut, so the master must be acknowledged as well.
//   R4  FAILOVER TO m: the node that Sentinels still name (for 30 s) says itself that it follows m. The other replicas follow that node meanwhile.
//   R5  Crash: the promotion was seen with our own eyes, about 0.9 s before Sentinels say so, and nobody else claims.
//       For at most RoutingTiming.PromotionValidity; R1-R4 take over when Sentinels and replicas have caught up.
//   C1  A claim and nothing else: an isolated old master looks exactly like this.
//   R6  The old master is alive and claims, but Sentinels have decided, and no fresh promotion says otherwise.
//   P1  ... and Sentinels have not decided yet: about one second, in which both would take writes.
//   C2  Anything else with several claimants.
//
// The first row whose condition holds wins; the last row of each group always holds, so the table is total.

namespace RedisHaProxy.Routing;

/// <summary>How many nodes claim to be master: the table's first column.</summary>
public enum Claimants : byte
{
    /// <summary>Nobody.</summary>
    None,

    /// <summary>Exactly one; it is the row's m.</summary>
    One,

    /// <summary>Two or more; the row's m is the node that a Sentinel majority names, if any.</summary>
    Several,

    /// <summary>One or more: for rows only.</summary>
    Any,
}

/// <summary>One row of the table.</summary>
/// <param name="Id">Its identifier.</param>
/// <param name="Claimants">When it applies.</param>
/// <param name="Holds">Its condition, given the situation and m (negative when there is none).</param>
/// <param name="Action">What it says.</param>
internal sealed record RoutingRow(RuleId Id, Claimants Claimants, Func<Situation, int, bool> Holds, RoutingAction Action);

/// <summary>The routing rule: a pure function from symbols to a decision; no I/O, no clock, no state.</summary>
public static class RoutingRule
{
    /// <summary>The table.</summary>
    internal static readonly IReadOnlyList<RoutingRow> Table =
    [
        new(RuleId.Rule0, Claimants.None, Always, RoutingAction.Park),

        new(RuleId.H, Claimants.Any, (s, m) => s.AwaitsPromotion, RoutingAction.Park),

        new(RuleId.P2, Claimants.One, (s, m) => IsIsolated(s, m) && s.FailoverExcluded(m), RoutingAction.Park),
        new(RuleId.R1, Claimants.One, (s, m) => s.FailoverExcluded(m), RoutingAction.Route),
        new(RuleId.R2, Claimants.One, (s, m) => s.AllOthersFollow(m), RoutingAction.Route),
        new(RuleId.R3, Claimants.One, (s, m) => IsFollowed(s, m) && NobodyElse(s, m) && !s.MayBeReplaced(m), RoutingAction.Route),
        new(RuleId.R4, Claimants.One, (s, m) => s.HoldsDataMajorityThrough(m) && s.Named >= 0 && s.Follows(s.Named, m), RoutingAction.Route),
        new(RuleId.R5, Claimants.One, (s, m) => IsPromoted(s, m) && NamedClaimsNothing(s), RoutingAction.Route),
        new(RuleId.C1, Claimants.One, Always, RoutingAction.Closed),

        new(RuleId.R6, Claimants.Several, (s, m) => Confirmed(s, m) && !s.AnotherIsPromoted(m) && !LacksFollowers(s, m), RoutingAction.Route),
        new(RuleId.P1, Claimants.Several, (s, m) => s.AnotherIsPromoted(m), RoutingAction.Park),
        new(RuleId.C2, Claimants.Several, Always, RoutingAction.Closed),
    ];

    /// <summary>Applies the table.</summary>
    /// <param name="situation">The symbols of one moment.</param>
    /// <returns>The decision of the first row that holds; the same for the same symbols.</returns>
    public static RoutingDecision Decide(Situation situation) => Decide(situation, Table);

    /// <summary>The same with another table, so that tests can spoil a row and see it caught.</summary>
    internal static RoutingDecision Decide(Situation situation, IReadOnlyList<RoutingRow> table)
    {
        ArgumentNullException.ThrowIfNull(situation);
        (Claimants claimants, int m) = situation.Claimants switch
        {
            0 => (Claimants.None, -1),
            1 => (Claimants.One, situation.LoneClaimant),
            _ => (Claimants.Several, situation.Named),
        };
        for (int i = 0; i < table.Count; i++)
        {
            RoutingRow row = table[i];
            bool applies = row.Claimants == claimants || (row.Claimants == Claimants.Any && claimants != Claimants.None);
            if (applies && row.Holds(situation, m))
            {
                return new RoutingDecision(row.Action, row.Action == RoutingAction.Route ? m : -1, row.Id, situation);
            }
        }

        throw new InvalidOperationException($"the table has no row for {situation.Claimants} claimants");
    }

    private static bool Always(Situation situation, int m) => true;

    private static bool IsPromoted(Situation s, int m) => s.Nodes[m].Role == NodeRole.Promoted;

    // P2: nobody else is heard, and the master says that it is not either.
    private static bool IsIsolated(Situation s, int m) => s.Nodes[m] is { Role: NodeRole.Claims, Alone: true } && !s.HearsSentinelMajority;

    // R3: by both ends of the replicas' links.
    private static bool IsFollowed(Situation s, int m) => s.HoldsDataMajority(m) && !s.Nodes[m].Unacknowledged;

    // R3: no Sentinel majority for another.
    private static bool NobodyElse(Situation s, int m) => s.Named == SentinelVote.Nobody || s.Named == m;

    // R5: the named node, if any, claims nothing. With one claimant that is so unless Sentinels name a node we do not know.
    private static bool NamedClaimsNothing(Situation s) =>
        s.Named == SentinelVote.Nobody || (s.Named >= 0 && (s.Named == s.LoneClaimant || !s.Nodes[s.Named].IsClaimant));

    // R6: Sentinels name m now, m claims, and they have begun no failover.
    private static bool Confirmed(Situation s, int m) => m >= 0 && s.Nodes[m].IsClaimant && s.FailoverExcluded(m);

    // R6: fol(m) = 0 while another claimant has followers: Sentinels may be about to learn of a FAILOVER.
    private static bool LacksFollowers(Situation s, int m) => s.Followers(m) == 0 && s.AnotherClaimantHasFollowers(m);
}
