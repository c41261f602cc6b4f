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
                text.Append(CultureInfo.InvariantCulture, $"{(total > 0 ? ", " : "")}{votes} of {situation.Votes.Count} name {Node(node)}");
                total += votes;
            }
        }

        if (total == 0)
        {
            text.Append("no fresh vote");
        }

        for (int node = 0; node < situation.Nodes.Count; node++)
        {
            if (situation.LeaseHolds(node))
            {
                text.Append(CultureInfo.InvariantCulture, $", leases hold for {_nodes[node]}");
            }
        }

        return text.ToString();
    }

    private static string Held(NodeState state) => $"{(state.RefusesProbe ? ", refuses the probe" : "")}{(state.Silent ? ", silent" : "")}";
}
