// Which replicas the sessions of the read-only listener may use: a pure function of a few symbols for each node, as the routing
// rule is one of the whole situation. docs/operations.md has it for operators.
//
// A replica is fit while it follows the routed master over a link that is up, and its data is young enough. New sessions go only
// there, and only when the data is younger than half of the bound, so that a replica around the bound does not take sessions and
// lose them. Where fitness is in doubt (the link is down, another master is followed, the node is silent, no master is routed), the
// sessions stay as long as their data cannot have grown too old: every failover and every moment of a busy replica looks so.

namespace RedisHaProxy.Routing;

/// <summary>How old a replica's data is, beside the bound of readOnly.maxLag.</summary>
public enum ReplicaLag : byte
{
    /// <summary>It cannot be said: no answer, no master to compare with, or another history.</summary>
    Unknown,

    /// <summary>Up to half of the bound.</summary>
    Low,

    /// <summary>Between half of the bound and the bound.</summary>
    High,

    /// <summary>Older than the bound.</summary>
    Beyond,
}

/// <summary>What read-only sessions may do with a node.</summary>
public enum ReadFitness : byte
{
    /// <summary>None may exist.</summary>
    None,

    /// <summary>Those there are live on; new ones go elsewhere.</summary>
    Keep,

    /// <summary>New ones may come.</summary>
    Take,
}

/// <summary>A node as the rule sees it.</summary>
/// <param name="State">Its state for the routing rule.</param>
/// <param name="FollowsRouted">It is a replica of the node that sessions of the gate are routed to.</param>
/// <param name="Lag">The age of its data.</param>
/// <param name="WasFit">It was fit at most readOnly.maxLag ago.</param>
/// <param name="InMaintenance">An operator has taken it out.</param>
public readonly record struct ReplicaView(NodeState State, bool FollowsRouted, ReplicaLag Lag, bool WasFit, bool InMaintenance)
{
    /// <summary>It serves what the rule is for: a replica of the routed master, linked, within the bound.</summary>
    public bool IsFit => State is { Role: NodeRole.Follows, LinkUp: true } && FollowsRouted && Lag is ReplicaLag.Low or ReplicaLag.High && !InMaintenance;
}

/// <summary>The rule.</summary>
public static class ReadRule
{
    /// <summary>Decides for one node.</summary>
    public static ReadFitness Decide(in ReplicaView node)
    {
        if (node.State.IsClaimant || node.InMaintenance || node.Lag == ReplicaLag.Beyond)
        {
            return ReadFitness.None;
        }

        if (node.IsFit && node.Lag == ReplicaLag.Low)
        {
            return ReadFitness.Take;
        }

        return node.IsFit || node.WasFit ? ReadFitness.Keep : ReadFitness.None;
    }

    /// <summary>The decision in words.</summary>
    public static string Describe(in ReplicaView node) => node switch
    {
        { InMaintenance: true } => "in maintenance",
        { State.IsClaimant: true } => "is not a replica",
        { State.Role: NodeRole.Unknown } => "does not answer",
        { FollowsRouted: false } => "does not follow the routed master",
        { State.LinkUp: false } => "its link to the master is down",
        { Lag: ReplicaLag.Beyond } => "data older than maxLag",
        { Lag: ReplicaLag.High } => "data older than half of maxLag",
        { Lag: ReplicaLag.Unknown } => "age of its data unknown",
        _ => "fit",
    };
}
