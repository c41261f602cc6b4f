// Everything the control plane knows at one moment, immutable, for pages, metrics, the control socket and explain.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>One data node.</summary>
internal sealed record NodeStatus
{
    public required RedisNode Node { get; init; }

    /// <summary>How the conversation with it goes.</summary>
    public required ServerHealth Health { get; init; }

    /// <summary>When the health last changed, by the wall clock.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>What it is for the rule.</summary>
    public required NodeState State { get; init; }

    public required string StateText { get; init; }

    /// <summary>Its last answer; null before the first, and when it is void (process not running, or loading).</summary>
    public required NodeReport? Answer { get; init; }

    /// <summary>Age of the last answer, counted from its question.</summary>
    public required TimeSpan? Age { get; init; }

    /// <summary>From the last answered question to its answer.</summary>
    public required TimeSpan? Latency { get; init; }

    /// <summary>For a replica whose master is known: bytes by which it is behind, as far as both last answers say; never negative.</summary>
    public required long? LagBytes { get; init; }

    /// <summary>The last error text, if the node is not well.</summary>
    public required string? Error { get; init; }

    /// <summary>How often it stopped to answer as it should, since the router's start.</summary>
    public long Falls { get; init; }

    /// <summary>For how long it did not in all, now included.</summary>
    public TimeSpan Downtime { get; init; }

    /// <summary>Since when it is in maintenance, by the wall clock: it gets no sessions, whatever its role. Null when it is not.</summary>
    public DateTimeOffset? MaintenanceSince { get; init; }
}

/// <summary>One Sentinel.</summary>
internal sealed record SentinelStatus
{
    /// <summary>Its address, as configured.</summary>
    public required string Address { get; init; }

    /// <summary>How the conversation with it goes.</summary>
    public required ServerHealth Health { get; init; }

    /// <summary>When the health last changed, by the wall clock.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Its vote as the rule sees it now.</summary>
    public required SentinelVote Vote { get; init; }

    /// <summary>The name of the node that it votes for, "nobody", or "an unknown address" with the address.</summary>
    public required string VoteText { get; init; }

    /// <summary>The name of the node whose promotion it has announced less than <see cref="RoutingTiming.NoticeLife"/> ago; null for none.</summary>
    public required string? Promotes { get; init; }

    /// <summary>Its last answer; null before the first.</summary>
    public required SentinelReport? Answer { get; init; }

    /// <summary>Age of the last answer, counted from its question.</summary>
    public required TimeSpan? Age { get; init; }

    /// <summary>The last error text, if it is not well.</summary>
    public required string? Error { get; init; }

    /// <summary>What it says that should be looked into, each a part of a sentence that begins with it (<see cref="SentinelConcerns"/>).</summary>
    public IReadOnlyList<string> Concerns { get; init; } = [];

    /// <summary>
    /// How the subscription to its events goes: <see cref="ServerHealth.Up"/> when all of them are heard; that of the time before while the
    /// Sentinel does not answer.
    /// </summary>
    public ServerHealth Events { get; init; }

    /// <summary>Why not all of its events are heard.</summary>
    public string? EventsError { get; init; }

    /// <summary>For a while it has known fewer Sentinels than are configured.</summary>
    public bool KnowsFew { get; init; }

    public bool IsUp => Health == ServerHealth.Up;

    /// <summary>What it says; null when it does not answer: an old answer is no figure. A connection may just be being renewed.</summary>
    public SentinelReport? Said => IsUp || Vote.Fresh ? Answer : null;

    /// <summary>Whether all of its events are heard; null while that is not known.</summary>
    public bool? EventsHeard => !IsUp || Events == ServerHealth.Unknown ? null : Events == ServerHealth.Up;
}

/// <summary>The control plane at one moment.</summary>
internal sealed record RoutingSnapshot
{
    /// <summary>The moment, since the router's start.</summary>
    public required TimeSpan At { get; init; }

    /// <summary>The moment by the wall clock.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Every node and Sentinel has answered or failed at least once.</summary>
    public required bool HasHeardAll { get; init; }

    /// <summary>The data nodes, in configuration order.</summary>
    public required IReadOnlyList<NodeStatus> Nodes { get; init; }

    /// <summary>The Sentinels, in configuration order.</summary>
    public required IReadOnlyList<SentinelStatus> Sentinels { get; init; }

    public required RoutingDecision Decision { get; init; }

    public required string Evidence { get; init; }

    /// <summary>When this decision was first made, by the wall clock.</summary>
    public required DateTimeOffset DecisionSince { get; init; }

    /// <summary>Why the decision is not carried out ("redis1 is in maintenance"); null when it is.</summary>
    public string? Withheld { get; init; }

    /// <summary>The node that most Sentinels find well and this proxy cannot use; null for none.</summary>
    public BlindStatus? Blind { get; init; }

    /// <summary>When the leases that name the routed node end; null when none hold.</summary>
    public required TimeSpan? LeaseLeft { get; init; }

    /// <summary>What supports the claim that the rule is about, in words; null when no node claims, or several and Sentinels name none of them.</summary>
    public string? Support { get; init; }

    /// <summary>How many Sentinels' leases that claim has, and how many it takes to exclude a failover; null without a claim.</summary>
    public (int Held, int Needed)? Leases { get; init; }

    public required GateOrder Gate { get; init; }

    /// <summary>When it was given, by the wall clock.</summary>
    public required DateTimeOffset GateSince { get; init; }

    /// <summary>The interruption that goes on; null while the gate is open.</summary>
    public InterruptionStatus? Interruption { get; init; }

    /// <summary>The newest orders, oldest first; at most 256.</summary>
    public required IReadOnlyList<GateEvent> Events { get; init; }

    /// <summary>The newest interruptions, oldest first; at most 256.</summary>
    public required IReadOnlyList<Switchover> Switchovers { get; init; }

    /// <summary>Failovers and interruptions since the start.</summary>
    public GateTotals Totals { get; init; } = new();

    /// <summary>How the recording goes; null without one.</summary>
    public RecordingStatus? Recording { get; init; }

    /// <summary>The newest order of the read-only listener; null without one.</summary>
    public GateOrder? Reads { get; init; }

    /// <summary>The data nodes as the read-only listener sees them, in configuration order; empty without one, and before the first decision.</summary>
    public IReadOnlyList<ReplicaStatus> Replicas { get; init; } = [];
}
