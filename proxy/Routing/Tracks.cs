// What is kept of each server between two reports: structs, so that a state is copied by copying two arrays.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>What is known of a node.</summary>
internal struct NodeTrack
{
    /// <summary>How the last conversation went.</summary>
    public ServerHealth Health;

    /// <summary>The last error text.</summary>
    public string? Error;

    /// <summary>Whether <see cref="Answer"/> says anything.</summary>
    public bool HasAnswer;

    /// <summary>The last answer.</summary>
    public NodeReport Answer;

    /// <summary>When the question was sent whose answer began the present run of answers, each soon after the one before.</summary>
    public TimeSpan UnbrokenSince;

    /// <summary>Since when it has said in each answer that it is master and too few of its replicas acknowledge; null when the last one did not.</summary>
    public TimeSpan? UnacknowledgedSince;

    /// <summary>When the last question was sent that it answered with an error (<see cref="NodeReport.IsSignOfLife"/>).</summary>
    public TimeSpan RefusedAt;

    /// <summary>What that error meant.</summary>
    public ServerHealth Refusal;

    /// <summary>When the last question was sent that it answered at all.</summary>
    public readonly TimeSpan LastContact => RefusedAt > Answer.SentAt ? RefusedAt : Answer.SentAt;

    /// <summary>While it is a replica: its run id; null once it claimed to be master.</summary>
    public string? ReplicaRunId;

    /// <summary>When the last question was sent that it answered as a replica.</summary>
    public TimeSpan ReplicaSentAt;

    /// <summary>The process whose promotion was seen; null when none was.</summary>
    public string? PromotedRunId;

    /// <summary>The promotion happened after this moment.</summary>
    public TimeSpan PromotedAfter;

    /// <summary>When the promotion was seen.</summary>
    public TimeSpan PromotionSeenAt;

    /// <summary>The newest config-epoch known when the promotion was seen.</summary>
    public long EpochAtPromotion;
}

/// <summary>What is known of a Sentinel.</summary>
internal struct SentinelTrack
{
    /// <summary>How the last conversation went.</summary>
    public ServerHealth Health;

    /// <summary>The last error text.</summary>
    public string? Error;

    /// <summary>Whether <see cref="Answer"/> says anything.</summary>
    public bool HasAnswer;

    /// <summary>The last answer.</summary>
    public SentinelReport Answer;

    /// <summary>The node that it has announced to promote.</summary>
    public int Promotes;

    /// <summary>Its address.</summary>
    public string? PromotesAddress;

    /// <summary>Until when that counts.</summary>
    public TimeSpan PromotesUntil;

    /// <summary>Since when it has said in each answer that it promotes a replica; null when the last one did not.</summary>
    public TimeSpan? PromotingSince;

    /// <summary>Since when it names a node that is not configured, where it named one of ours before.</summary>
    public TimeSpan? StrangerSince;
}
