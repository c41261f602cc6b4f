// The figures of one run. Times in milliseconds.

namespace RedisHaBench.Failover;

/// <summary>What the clients of one kind saw of a switch.</summary>
internal sealed record KindMeasurements
{
    /// <summary>
    /// The longest time without an acknowledged write, of the client that had it worst; a client that never writes again counts to the end.
    /// </summary>
    public required double Outage { get; init; }

    /// <summary>Whether that outage was not over when the run ended: it is a lower bound then.</summary>
    public required bool OutageLasts { get; init; }

    /// <summary>From the promotion to the first answer of the new master through the proxy; null when it never answered.</summary>
    public double? PromotionToAnswer { get; init; }

    /// <summary>The same, of the client that was answered last.</summary>
    public double? PromotionToLastClient { get; init; }

    /// <summary>From the moment the new master took writes directly to the first write acknowledged through the proxy.</summary>
    public double? WritableToAcknowledged { get; init; }
}

/// <summary>The figures of one run.</summary>
internal sealed record Measurements
{
    /// <summary>Clients that keep their connection.</summary>
    public required KindMeasurements Persistent { get; init; }

    /// <summary>Clients that connect for each write.</summary>
    public required KindMeasurements New { get; init; }

    /// <summary>From the beginning of the scenario to the measured promotion: Redis' and Sentinel's time, not the proxy's; null without one.</summary>
    public double? BeginToPromotion { get; init; }

    /// <summary>From the promotion to the first write that the new master takes directly: Redis' time; null when it never did.</summary>
    public double? PromotionToWritable { get; init; }

    /// <summary>Writes acknowledged to clients.</summary>
    public required int Acknowledged { get; init; }

    /// <summary>Of these, how many are missing from a node after everything converged.</summary>
    public required int Lost { get; init; }

    /// <summary>Of the lost ones, those sent to a node after another had been promoted in its place.</summary>
    public required int LostAfterPromotion { get; init; }

    /// <summary>Of these, those sent more than 100 ms after that promotion.</summary>
    public required int LostLate { get; init; }

    /// <summary>READONLY replies.</summary>
    public required int ReadOnly { get; init; }

    /// <summary>Of these, those on a connection opened more than 100 ms after the node's demotion, or to a node that never was master.</summary>
    public required int ReadOnlyOnFreshConnection { get; init; }

    /// <summary>All attempts that were not acknowledged.</summary>
    public required int Failed { get; init; }

    /// <summary>Time in which two nodes acknowledged writes through the proxy in turns.</summary>
    public required double TwoTargets { get; init; }

    /// <summary>Blocked and subscribed clients that were on the old master and were ended at the switch.</summary>
    public required int WaitsEnded { get; init; }

    /// <summary>From the promotion to the end of the last of them; negative when the old master itself had ended them before.</summary>
    public double? PromotionToWaitsEnded { get; init; }

    /// <summary>Blocked and subscribed clients that still waited on another node than the master at the end.</summary>
    public required int WaitsLeftBehind { get; init; }

    /// <summary>Blocked and subscribed clients whose wait was ended although their node stayed master and running.</summary>
    public required int WaitsEndedForNothing { get; init; }

    /// <summary>The longest time without an acknowledged write within each phase, of the client that had it worst.</summary>
    public required IReadOnlyDictionary<string, double> PhaseOutage { get; init; }

    /// <summary>From the mark "recovered" to the first acknowledged write after it, of the client that had to wait longest.</summary>
    public double? Recovery { get; init; }

    /// <summary>What came of the hand-over; null where nothing is handed over.</summary>
    public HandOverOutcome? HandOver { get; init; }
}
