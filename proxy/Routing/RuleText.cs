// The rows of the routing table in words: docs/routing.md has them (a test compares), explain, pages and logs say them.

namespace RedisHaProxy.Routing;

/// <summary>One row in words. RoutingRule.Table has the same row as code.</summary>
/// <param name="Rule">Its identifier.</param>
/// <param name="Claimants">The first column: none, any, m only, several.</param>
/// <param name="Condition">When it holds, in the symbols of docs/routing.md.</param>
/// <param name="Action">What it says.</param>
/// <param name="When">When an operator meets it.</param>
/// <param name="Meaning">All of that in one part of a sentence.</param>
internal sealed record RuleText(RuleId Rule, string Claimants, string Condition, RoutingAction Action, string When, string Meaning)
{
    /// <summary>The rows, in the order of the table.</summary>
    public static IReadOnlyList<RuleText> All { get; } =
    [
        new(RuleId.Rule0, "none", "-", RoutingAction.Park,
            "the master is gone, Sentinels have not promoted another yet",
            "no node claims to be master"),
        new(RuleId.H, "any",
            "a Sentinel has announced a promotion, and that node does not claim yet or is not one of ours; or it names one that is not one of ours, and "
                + "named one of ours before",
            RoutingAction.Park,
            "`SENTINEL FAILOVER`, in the moment before the promotion; a node that was added is promoted before this proxy knows it",
            "a Sentinel says that it promotes another node now, and this proxy has not seen that promotion yet, or the node is not in redis.nodes"),
        new(RuleId.P2, "m only",
            "excluded(m), but no other node has answered for a while, nor most Sentinels just now, and m says that too few replicas acknowledge",
            RoutingAction.Park,
            "the master and this proxy are cut off from the rest",
            "one node claims to be master, but it says that too few replicas confirm its writes, and this proxy reaches no other node and no majority of the "
                + "Sentinels: both may be cut off from the rest"),
        new(RuleId.R1, "m only", "excluded(m)", RoutingAction.Route,
            "the normal state",
            "one node claims to be master, and a majority of the Sentinels names it"),
        new(RuleId.R2, "m only", "all other nodes follow m", RoutingAction.Route,
            "Sentinels are dead, or of another opinion",
            "one node claims to be master, and all other nodes follow it"),
        new(RuleId.R3, "m only",
            "m and its followers are most of the nodes, and m does not say that fewer acknowledge; no majority of the Sentinels names another; of those that "
            + "name m none has voted for a leader, or sees m down without its votes being heard",
            RoutingAction.Route,
            "Sentinels and one node are dead",
            "one node claims to be master, it and the replicas that follow it are most of the nodes, and no majority of the Sentinels names another"),
        new(RuleId.R4, "m only", "m, its followers and theirs are most of the nodes; the node that Sentinels name follows m itself", RoutingAction.Route,
            "after `FAILOVER TO m`, for about 30 s",
            "one node claims to be master, and the node that the Sentinels still name follows it (as after FAILOVER TO)"),
        new(RuleId.R5, "m only", "m is M1, and the node that Sentinels name claims nothing", RoutingAction.Route,
            "right after a crash and promotion, for about a second",
            "one node claims to be master, this proxy saw its promotion a moment ago, and the node that the Sentinels still name does not claim to be master"),
        new(RuleId.C1, "m only", "none of these", RoutingAction.Closed,
            "an isolated old master looks like this; so does a network that hides the rest",
            "one node claims to be master, but too little supports it: another node may be the master where this proxy cannot look"),
        new(RuleId.R6, "several",
            "maj(m), m claims, excluded(m), no other is M1, and not (fol(m) = 0 while another claimant has followers)",
            RoutingAction.Route,
            "an old master came back and has not been converted yet",
            "several nodes claim to be master, and a majority of the Sentinels confirms one of them"),
        new(RuleId.P1, "several", "a claimant that Sentinels do not name is M1", RoutingAction.Park,
            "`SENTINEL FAILOVER` with the old master alive: about a second",
            "several nodes claim to be master, one of them was promoted a moment ago, and the Sentinels have not confirmed it yet"),
        new(RuleId.C2, "several", "otherwise", RoutingAction.Closed,
            "two masters and no evidence for either",
            "several nodes claim to be master, and neither Sentinels nor replicas show clearly which of them is"),
    ];

    public static RuleText Of(RuleId rule) => All.First(row => row.Rule == rule);
}
