// What the rule answers: where traffic goes, by which row of the table, on what evidence.

namespace RedisHaProxy.Routing;

/// <summary>The table's right column.</summary>
public enum RoutingAction : byte
{
    /// <summary>There is evidence for no master: traffic goes nowhere.</summary>
    Closed,

    /// <summary>No master now, but one is expected: clients wait.</summary>
    Park,

    /// <summary>Traffic goes to the decision's node.</summary>
    Route,
}

/// <summary>The rows of the table, by their identifiers in docs/routing.md.</summary>
public enum RuleId : byte
{
    /// <summary>Nobody claims to be master.</summary>
    Rule0,

    /// <summary>A Sentinel has announced the promotion of a node that does not claim yet (SENTINEL FAILOVER).</summary>
    H,

    /// <summary>One claimant that looks isolated: nobody else answers, and its replicas have stopped to acknowledge.</summary>
    P2,

    /// <summary>One claimant, confirmed by a Sentinel majority.</summary>
    R1,

    /// <summary>One claimant, and all other nodes follow it.</summary>
    R2,

    /// <summary>One claimant, a majority of the data nodes, and no verdict of the Sentinels.</summary>
    R3,

    /// <summary>One claimant that the node named by the Sentinels itself follows (FAILOVER TO).</summary>
    R4,

    /// <summary>One claimant whose promotion was observed, and the named node claims nothing (crash).</summary>
    R5,

    /// <summary>One claimant without evidence.</summary>
    C1,

    /// <summary>Several claimants, one of them confirmed.</summary>
    R6,

    /// <summary>Several claimants, and a promotion that Sentinels have not confirmed yet.</summary>
    P1,

    /// <summary>Several claimants without evidence.</summary>
    C2,
}

/// <summary>One answer of the rule.</summary>
/// <param name="Action">What to do.</param>
/// <param name="Node">Index of the node for <see cref="RoutingAction.Route"/>; otherwise -1.</param>
/// <param name="Rule">The row that gave the answer.</param>
/// <param name="Situation">The evidence.</param>
public sealed record RoutingDecision(RoutingAction Action, int Node, RuleId Rule, Situation Situation)
{
    /// <summary>The routed node has not answered for a while, or hands over by itself: its sessions may live, new ones wait.</summary>
    public bool IsHeld => Node >= 0 && (Situation.Nodes[Node].Silent || Situation.Nodes[Node].HandsOver);

    /// <summary>The row's identifier as people write it: 0, R1 ... C2.</summary>
    public string RuleName => Name(Rule);

    /// <summary>The identifier of a row as people write it.</summary>
    public static string Name(RuleId rule) => rule == RuleId.Rule0 ? "0" : rule.ToString();

    /// <summary>Whether the other decision means the same for traffic and for a log: row, node and hold; not the evidence's details.</summary>
    public bool IsSameAs(RoutingDecision? other) =>
        other is not null && other.Action == Action && other.Node == Node && other.Rule == Rule && other.IsHeld == IsHeld;
}
