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
    public string Node(int index) => index switch
    {
        >= 0 => _nodes[index],
        SentinelVote.Foreign => "an unknown address",
        _ => "nobody",
    };

    /// <summary>One node's state in words.</summary>
    public string Describe(NodeState state) => state.Role switch
    {
        NodeRole.Follows => $"follows {(state.Master < 0 ? "an unknown address" : _nodes[state.Master])}{(state.LinkUp ? "" : ", link down")}",
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
            text.Append(CultureInfo.InvariantCulture, $"{_nodes[i]} {Describe(situation.Nodes[i])}; ");
        }

        if (situation.AwaitsPromotion)
        {
            text.Append(CultureInfo.InvariantCulture, $"a Sentinel promotes {Node(situation.Announced)} now; ");
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
                text.Append(CultureInfo.InvariantCulture, $"{(total > 0 ? ", " : "")}{votes} of {situation.Sentinels} name {Node(node)}");
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
                text.Append(CultureInfo.InvariantCulture, $", {situation.Abstentions(node)} have voted for no failover from {_nodes[node]} ({situation.SentinelMajority} needed)");
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

        string followers = $"{situation.Followers(m)} of {situation.Nodes.Count - 1} other nodes follow it";
        return situation.Votes.Count == 0
            ? $"{_nodes[m]}: {followers}"
            : $"{_nodes[m]}: {situation.FreshVotes(m)} of {situation.Sentinels} Sentinels name it, {situation.Leases(m)} leases ({situation.LeasesNeeded} needed), "
            + $"{situation.Abstentions(m)} have been heard to vote for no failover ({situation.SentinelMajority} needed); {followers}";
    }

    private static string Held(NodeState state) => (state.OnlyErrors, state.Silent) switch
    {
        (true, true) => ", answers the probe with errors only, held",
        (true, false) => ", refuses the probe",
        (false, true) => ", silent",
        _ => "",
    };
}
