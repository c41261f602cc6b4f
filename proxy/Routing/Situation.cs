// What the rule looks at: the state of every data node and the vote of every Sentinel at one moment, as symbols.
// Time has been taken out already (RoutingState does that), so that the rule is a pure function of finitely many symbols.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>What a data node is, as far as is known now. The symbols are those of docs/routing.md.</summary>
public enum NodeRole : byte
{
    /// <summary>X: unreachable, refused, loading, or its last answer is too old.</summary>
    Unknown,

    /// <summary>S(x, up|down): a replica of x, with the state of its link.</summary>
    Follows,

    /// <summary>M0: claims to be master.</summary>
    Claims,

    /// <summary>M1: claims to be master, and this proxy saw the same process as a replica right before.</summary>
    Promoted,
}

/// <summary>One data node's state.</summary>
/// <param name="Role">The symbol.</param>
/// <param name="Master">For a replica: index of the node that it follows; -1 when that is none of the configured ones.</param>
/// <param name="LinkUp">For a replica: its link to the master is up.</param>
/// <param name="Silent">For a claimant: the claim is held although the node has not answered for a while (see <see cref="RoutingTiming.SilentHold"/>).</param>
/// <param name="OnlyErrors">
/// For a claimant: the claim is held because the node answers, though only with errors (see <see cref="RoutingTiming.RefusalEvidence"/>).
/// </param>
/// <param name="HandsOver">For a claimant: it hands over by itself, and lets nobody write until that is done (FAILOVER; Valkey's coordinated failover).</param>
/// <param name="Unacknowledged">
/// For a claimant: it answers, and says that so few of its replicas acknowledge that they and it are no majority of the nodes (see
/// <see cref="RoutingTiming.MissingAcknowledgements"/>). A replica whose link was cut without a word says for a minute that it is up; this is its other end.
/// </param>
/// <param name="Alone">For a claimant: that, and no other node has answered for a while (see <see cref="RoutingTiming.Isolation"/>).</param>
public readonly record struct NodeState(
    NodeRole Role, int Master = -1, bool LinkUp = false, bool Silent = false, bool OnlyErrors = false, bool HandsOver = false, bool Unacknowledged = false,
    bool Alone = false)
{
    /// <summary>X.</summary>
    public static NodeState Unknown => default;

    /// <summary>M0.</summary>
    public static NodeState Claims => new(NodeRole.Claims);

    /// <summary>M1.</summary>
    public static NodeState Promoted => new(NodeRole.Promoted);

    /// <summary>M0 or M1.</summary>
    public bool IsClaimant => Role is NodeRole.Claims or NodeRole.Promoted;

    /// <summary>S(master, up or down).</summary>
    public static NodeState Follows(int master, bool linkUp) => new(NodeRole.Follows, master, linkUp);
}

/// <summary>One Sentinel's vote.</summary>
/// <param name="Node">Index of the node that it names; <see cref="Nobody"/> or <see cref="Foreign"/>.</param>
/// <param name="Fresh">Whether the vote counts now: recent, and the Sentinel is not in TILT.</param>
/// <param name="Leased">Whether the Sentinel cannot have marked the node down yet (see <see cref="RoutingTiming.LeaseExpiry"/>).</param>
/// <param name="Abstains">
/// Whether the vote is fresh and the Sentinel has given no vote for the leader of a failover that could still come (see
/// <see cref="RoutingTiming.BallotLife"/>).
/// </param>
/// <param name="MayElect">
/// Whether it takes part in a failover, as far as is known: it has given such a vote, or it has marked the node down and its votes are not heard.
/// </param>
public readonly record struct SentinelVote(int Node, bool Fresh, bool Leased, bool Abstains = false, bool MayElect = false)
{
    /// <summary>The Sentinel names no node.</summary>
    public const int Nobody = NamedNode.Nobody;

    /// <summary>The Sentinel names an address that is not among the configured nodes.</summary>
    public const int Foreign = NamedNode.Foreign;

    /// <summary>Announced, not voted: one of the replicas, it is not known which.</summary>
    public const int SomeReplica = -3;

    /// <summary>No usable vote.</summary>
    public static SentinelVote None => new(Nobody, false, false);
}

/// <summary>The addresses of strangers, for people: the rule does not look at them.</summary>
/// <param name="Masters">For each node that follows a stranger, whom; null for the others.</param>
/// <param name="Votes">For each Sentinel that names a stranger, whom; null for the others.</param>
/// <param name="Announced">The stranger that a Sentinel promotes; null for none.</param>
public sealed record StrangerAddresses(IReadOnlyList<string?> Masters, IReadOnlyList<string?> Votes, string? Announced);

/// <summary>All symbols of one moment, and the words in which the rule's rows are written.</summary>
public sealed class Situation
{
    /// <summary>Takes the symbols as they are.</summary>
    /// <param name="nodes">One state per configured node, at least one.</param>
    /// <param name="votes">One vote per configured Sentinel; empty without Sentinels.</param>
    /// <param name="quorum">The quorum that the Sentinels report; 0 when unknown.</param>
    /// <param name="announced">
    /// Index of a node that a Sentinel has just announced to promote; <see cref="SentinelVote.Foreign"/> for one that is not configured,
    /// <see cref="SentinelVote.SomeReplica"/> for one that is not known; -1 for none.
    /// </param>
    /// <param name="sentinels">How many Sentinels there are, as they say themselves; those that are configured count in any case.</param>
    public Situation(IReadOnlyList<NodeState> nodes, IReadOnlyList<SentinelVote> votes, int quorum = 0, int announced = -1, int sentinels = 0)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        ArgumentNullException.ThrowIfNull(votes);
        Nodes = nodes;
        Votes = votes;
        Announced = announced;
        Sentinels = Math.Max(votes.Count, sentinels);
        Quorum = quorum;
        SentinelMajority = (Sentinels / 2) + 1;
        LeasesNeeded = LeasesNeededOf(Sentinels, quorum);
        Named = FreshMajority();
        LoneClaimant = -1;
        for (int i = 0; i < nodes.Count; i++)
        {
            if (nodes[i].IsClaimant)
            {
                LoneClaimant = Claimants == 0 ? i : -1;
                Claimants++;
            }
        }
    }

    /// <summary>State of each node, in configuration order.</summary>
    public IReadOnlyList<NodeState> Nodes { get; }

    /// <summary>Vote of each Sentinel, in configuration order.</summary>
    public IReadOnlyList<SentinelVote> Votes { get; }

    /// <summary>The addresses behind the symbols for strangers; null when there are none, or they are not known.</summary>
    public StrangerAddresses? Strangers { get; init; }

    /// <summary>How many Sentinels there are: those that are configured, or more, if they say so themselves.</summary>
    public int Sentinels { get; }

    /// <summary>More than half of all Sentinels.</summary>
    public int SentinelMajority { get; }

    /// <summary>The quorum that the Sentinels report; 0 when unknown.</summary>
    public int Quorum { get; }

    /// <summary>How many leases exclude an automatic failover.</summary>
    public int LeasesNeeded { get; }

    /// <summary>
    /// The same of so many Sentinels with a quorum. A failover begins when so many as the quorum have marked the master down: as long as leases leave
    /// fewer, none can begin. With the usual quorum that is the majority; 0 for unknown.
    /// </summary>
    public static int LeasesNeededOf(int sentinels, int quorum) => quorum is 0 ? (sentinels / 2) + 1 : Math.Max((sentinels / 2) + 1, sentinels - quorum + 1);

    /// <summary>
    /// Index of a node that a Sentinel has announced to promote, for as long as that counts (see <see cref="RoutingTiming.NoticeLife"/>);
    /// <see cref="SentinelVote.Foreign"/> for a node that is not configured, <see cref="SentinelVote.SomeReplica"/> for one that is not known (the
    /// Sentinel's events are not heard, and its answer does not say); -1 for none. Never a reason to route.
    /// </summary>
    public int Announced { get; }

    /// <summary>
    /// A promotion has been announced and not been seen yet: it may happen at any moment. That of a stranger is never seen; some replica's is not
    /// announced any more when another node's promotion was.
    /// </summary>
    public bool AwaitsPromotion => Announced is SentinelVote.Foreign or SentinelVote.SomeReplica || (Announced >= 0 && !Nodes[Announced].IsClaimant);

    /// <summary>How many nodes claim to be master.</summary>
    public int Claimants { get; }

    /// <summary>The claimant if there is exactly one; otherwise -1.</summary>
    public int LoneClaimant { get; }

    /// <summary>The claimant that the rows are about: the only one, or the one that a Sentinel majority names; -1 for none.</summary>
    public int Claimant => LoneClaimant >= 0 ? LoneClaimant : Named >= 0 && Nodes[Named].IsClaimant ? Named : -1;

    /// <summary>
    /// maj(n): the node that a majority of all configured Sentinels names in fresh votes; <see cref="SentinelVote.Nobody"/>
    /// when the votes are split or missing, <see cref="SentinelVote.Foreign"/> when a majority names unknown addresses.
    /// </summary>
    public int Named { get; }

    /// <summary>fol(n): how many nodes report S(n, up).</summary>
    public int Followers(int node)
    {
        int count = 0;
        for (int i = 0; i < Nodes.Count; i++)
        {
            count += Follows(i, node) ? 1 : 0;
        }

        return count;
    }

    /// <summary>Node <paramref name="replica"/> reports S(<paramref name="master"/>, up).</summary>
    public bool Follows(int replica, int master) =>
        Nodes[replica].Role == NodeRole.Follows && Nodes[replica].Master == master && Nodes[replica].LinkUp;

    /// <summary>Every other node reports S(<paramref name="node"/>, up); true for a deployment of one node.</summary>
    public bool AllOthersFollow(int node) => Followers(node) == Nodes.Count - 1;

    /// <summary>The node and its followers are more than half of all nodes (of three: itself and one).</summary>
    public bool HoldsDataMajority(int node) => (Followers(node) + 1) * 2 > Nodes.Count;

    /// <summary>
    /// How many nodes report that they follow the node, or one that follows it, and so on, all links up. After FAILOVER TO the other replicas go on
    /// following the old master, which follows the new one.
    /// </summary>
    public int Descendants(int node)
    {
        int count = 0;
        for (int i = 0; i < Nodes.Count; i++)
        {
            int at = i;
            for (int steps = 0; steps < Nodes.Count && at != node && Nodes[at] is { Role: NodeRole.Follows, LinkUp: true, Master: >= 0 }; steps++)
            {
                at = Nodes[at].Master;
            }

            count += i != node && at == node ? 1 : 0;
        }

        return count;
    }

    /// <summary>The node and its descendants are more than half of all nodes.</summary>
    public bool HoldsDataMajorityThrough(int node) => (Descendants(node) + 1) * 2 > Nodes.Count;

    /// <summary>Some other claimant has followers.</summary>
    public bool AnotherClaimantHasFollowers(int node)
    {
        for (int i = 0; i < Nodes.Count; i++)
        {
            if (i != node && Nodes[i].IsClaimant && Followers(i) > 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Some claimant other than <paramref name="node"/> (which may be negative: any) is M1.</summary>
    public bool AnotherIsPromoted(int node)
    {
        for (int i = 0; i < Nodes.Count; i++)
        {
            if (i != node && Nodes[i].Role == NodeRole.Promoted)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>How many Sentinels name the node and cannot have marked it down.</summary>
    public int Leases(int node)
    {
        int count = 0;
        for (int i = 0; i < Votes.Count; i++)
        {
            count += Votes[i].Leased && Votes[i].Node == node ? 1 : 0;
        }

        return count;
    }

    /// <summary>So many Sentinels name the node and cannot have marked it down that no automatic failover can have begun.</summary>
    public bool LeaseHolds(int node) => Votes.Count > 0 && Leases(node) >= LeasesNeeded;

    /// <summary>How many Sentinels name the node now and have voted for no other's failover.</summary>
    public int Abstentions(int node)
    {
        int count = 0;
        for (int i = 0; i < Votes.Count; i++)
        {
            count += Votes[i].Abstains && Votes[i].Node == node ? 1 : 0;
        }

        return count;
    }

    /// <summary>
    /// No automatic failover away from the node can have begun: too few Sentinels are left that may have marked it down, or too few that may
    /// have elected a leader, which takes a majority of all in any case.
    /// </summary>
    public bool FailoverExcluded(int node) => LeaseHolds(node) || (Votes.Count > 0 && Abstentions(node) >= SentinelMajority);

    /// <summary>A Sentinel that names the node takes part in a failover away from it, as far as is known.</summary>
    public bool MayBeReplaced(int node)
    {
        for (int i = 0; i < Votes.Count; i++)
        {
            if (Votes[i].MayElect && Votes[i].Node == node)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A majority of all Sentinels has been heard just now, whomever they name.</summary>
    public bool HearsSentinelMajority
    {
        get
        {
            int count = 0;
            for (int i = 0; i < Votes.Count; i++)
            {
                count += Votes[i].Fresh ? 1 : 0;
            }

            return count >= SentinelMajority;
        }
    }

    /// <summary>How many fresh votes name the node.</summary>
    public int FreshVotes(int node)
    {
        int count = 0;
        for (int i = 0; i < Votes.Count; i++)
        {
            count += Votes[i].Fresh && Votes[i].Node == node ? 1 : 0;
        }

        return count;
    }

    private int FreshMajority()
    {
        for (int i = 0; i < Votes.Count; i++)
        {
            if (Votes[i].Fresh && Votes[i].Node != SentinelVote.Nobody && FreshVotes(Votes[i].Node) >= SentinelMajority)
            {
                return Votes[i].Node;
            }
        }

        return SentinelVote.Nobody;
    }
}
