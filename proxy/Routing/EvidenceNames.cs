// A situation in words, for logs, pages and explain: "redis1 claims master; redis2 follows redis1; ... Sentinels: 3 of 3 name redis1".

using System.Globalization;
using System.Text;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Routing;

/// <summary>The names of nodes, and the words for what is known of them.</summary>
public sealed class EvidenceNames
{
    private readonly string[] _nodes;

    /// <summary>Takes the names from the configuration.</summary>
    public EvidenceNames(IReadOnlyList<RedisNode> nodes) : this(nodes.Select(n => n.Name))
    {
    }

    /// <summary>Takes the names as they are.</summary>
    public EvidenceNames(IEnumerable<string> nodes) => _nodes = [.. nodes];

    /// <summary>The name of a node by its index; negative ones have names as well.</summary>
    /// <param name="index">Index, or one of the constants of <see cref="SentinelVote"/>.</param>
    /// <param name="address">The address of one that is not configured.</param>
    public string Node(int index, string? address = null) => index switch
    {
        >= 0 => _nodes[index],
        SentinelVote.Foreign => string.IsNullOrEmpty(address) ? "an unknown address" : $"an unknown address ({address})",
        SentinelVote.SomeReplica => "a replica",
        _ => "nobody",
    };

    /// <summary>One node's state in words.</summary>
    /// <param name="state">The state.</param>
    /// <param name="master">For one that follows a stranger: its address.</param>
    public string Describe(NodeState state, string? master = null) => state.Role switch
    {
        NodeRole.Follows => $"follows {(state.Master < 0 ? Node(SentinelVote.Foreign, master) : _nodes[state.Master])}{(state.LinkUp ? "" : ", link down")}",
        NodeRole.Claims => $"claims master{Held(state)}",
        NodeRole.Promoted => $"claims master, promotion seen{Held(state)}",
        _ => "not known",
    };

    /// <summary>A whole situation in words.</summary>
    public string Describe(Situation situation)
    {
        ArgumentNullException.ThrowIfNull(situation);
        var text = new StringBuilder(160);
        for (int i = 0; i < situation.Nodes.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{_nodes[i]} {Describe(situation.Nodes[i], situation.Strangers?.Masters[i])}; ");
        }

        if (situation.AwaitsPromotion)
        {
            text.Append(CultureInfo.InvariantCulture, $"a Sentinel promotes {Node(situation.Announced, situation.Strangers?.Announced)} now; ");
        }

        if (situation.Votes.Count == 0)
        {
            return text.Append("no Sentinels configured").ToString();
        }

        text.Append("Sentinels: ");
        int total = 0;
        for (int node = SentinelVote.Foreign; node < situation.Nodes.Count; node++)
        {
            int votes = node == SentinelVote.Nobody ? 0 : situation.FreshVotes(node);
            if (votes > 0)
            {
                string named = Node(node, NamedStrangers(situation));
                text.Append(CultureInfo.InvariantCulture, $"{(total > 0 ? ", " : "")}{votes} of {situation.Sentinels} name {named}");
                total += votes;
            }
        }

        if (total == 0)
        {
            text.Append("no fresh vote");
        }

        for (int node = 0; node < situation.Nodes.Count; node++)
        {
            if (situation.Leases(node) > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $", {situation.Leases(node)} leases for {_nodes[node]} ({situation.LeasesNeeded} needed)");
            }

            if (!situation.LeaseHolds(node) && situation.FailoverExcluded(node))
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $", {situation.Abstentions(node)} are known not to have voted to replace {_nodes[node]} "
                    + $"({situation.SentinelMajority} needed)");
            }
        }

        return text.ToString();
    }

    /// <summary>What supports the claim that the rule's rows are about, in words; null when there is none.</summary>
    public string? Support(Situation situation)
    {
        ArgumentNullException.ThrowIfNull(situation);
        int m = situation.Claimant;
        if (m < 0)
        {
            return null;
        }

        int through = situation.Descendants(m) - situation.Followers(m);
        string followers = $"{situation.Followers(m)} of {situation.Nodes.Count - 1} other nodes follow it"
            + (through > 0 ? $", {through} more through them" : "");
        return situation.Votes.Count == 0
            ? $"{_nodes[m]}: {followers}"
            : $"{_nodes[m]}: {situation.FreshVotes(m)} of {situation.Sentinels} Sentinels name it, "
            + $"{situation.Leases(m)} hold a lease for it ({situation.LeasesNeeded} needed), "
            + $"{situation.Abstentions(m)} are known not to have voted to replace it ({situation.SentinelMajority} needed); {followers}";
    }

    // Of several strangers each once.
    private static string? NamedStrangers(Situation situation) =>
        situation.Strangers is { } strangers
            ? string.Join(", ", strangers.Votes.Where((address, i) => address is not null && situation.Votes[i].Fresh).Distinct())
            : null;

    private static string Held(NodeState state) => (state.OnlyErrors, state.Silent) switch
    {
        (true, true) => ", answers the probe with errors only, held",
        (true, false) => ", refuses the probe",
        (false, true) => ", silent",
        _ when state.HandsOver => ", hands over and lets nobody write meanwhile",
        _ when state.Alone => ", too few replicas acknowledge to it, and no other node answers",
        _ when state.Unacknowledged => ", too few replicas acknowledge to it",
        _ => "",
    };
}
