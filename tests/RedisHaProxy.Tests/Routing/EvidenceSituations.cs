// Situations of three and five nodes in which the Sentinels' evidence comes in all shades. Node A is the claimant that they are about:
// which of several alike it is does not matter to the rule, nor does the order of Sentinels and of other nodes.

using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

internal static class EvidenceSituations
{
    private const int A = 0, B = 1;

    private static readonly NodeState[] Others =
        [NodeState.Unknown, NodeState.Follows(A, linkUp: true), NodeState.Follows(A, linkUp: false), NodeState.Claims];

    /// <summary>A living Sentinel that names A, and is not known to take part in a failover.</summary>
    private static readonly SentinelVote[] ForA =
    [
        new(A, Fresh: true, Leased: true, Abstains: true),
        new(A, Fresh: true, Leased: true),
        new(A, Fresh: true, Leased: false, Abstains: true),
        new(A, Fresh: true, Leased: false),
    ];

    private static readonly SentinelVote[] Votes =
    [
        SentinelVote.None,
        .. ForA,
        new(A, Fresh: true, Leased: false, MayElect: true),
        new(A, Fresh: false, Leased: true),
        new(B, Fresh: true, Leased: true, Abstains: true),
        new(SentinelVote.Foreign, Fresh: true, Leased: true),
    ];

    /// <summary>Of three nodes: with the majority as the quorum, and with a smaller one; with all Sentinels configured, and with two that are not.</summary>
    public static IEnumerable<Situation> OfThree() => Of((3, 2, 3), (3, 1, 3), (3, 3, 5));

    /// <summary>Of five nodes.</summary>
    public static IEnumerable<Situation> OfFive() => Of((5, 2, 5), (5, 3, 5));

    private static IEnumerable<Situation> Of(params (int Count, int Quorum, int Sentinels)[] deployments)
    {
        foreach ((int count, int quorum, int sentinels) in deployments)
        {
            foreach (SentinelVote[] votes in Multisets(Votes, count))
            {
                foreach (NodeState[] others in Multisets(Others, count - 1))
                {
                    yield return new Situation([NodeState.Claims, .. others], votes, quorum, sentinels: sentinels);
                    yield return new Situation([NodeState.Promoted, .. others], votes, quorum, sentinels: sentinels);
                }
            }
        }
    }

    /// <summary>The same with one piece of evidence for a node more: a Sentinel that was not heard, or a follower that was not known.</summary>
    public static IEnumerable<Situation> WithMore(Situation situation, int m)
    {
        int quorum = situation.LeasesNeeded > situation.SentinelMajority ? situation.Sentinels - situation.LeasesNeeded + 1 : situation.SentinelMajority;
        for (int i = 0; i < situation.Votes.Count; i++)
        {
            if (situation.Votes[i] == SentinelVote.None)
            {
                foreach (SentinelVote vote in ForA)
                {
                    SentinelVote[] votes = [.. situation.Votes];
                    votes[i] = vote with { Node = m };
                    yield return new Situation(situation.Nodes, votes, quorum, situation.Announced, situation.Sentinels);
                }

                break;
            }
        }

        for (int i = 0; i < situation.Nodes.Count; i++)
        {
            if (i != m && situation.Nodes[i].Role == NodeRole.Unknown)
            {
                NodeState[] nodes = [.. situation.Nodes];
                nodes[i] = NodeState.Follows(m, linkUp: true);
                yield return new Situation(nodes, situation.Votes, quorum, situation.Announced, situation.Sentinels);
                break;
            }
        }
    }

    private static IEnumerable<T[]> Multisets<T>(T[] items, int count, int from = 0)
    {
        if (count == 0)
        {
            yield return [];
            yield break;
        }

        for (int i = from; i < items.Length; i++)
        {
            foreach (T[] rest in Multisets(items, count - 1, i))
            {
                yield return [items[i], .. rest];
            }
        }
    }
}
