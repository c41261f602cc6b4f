// What the page says in one line, and how bad it is: green only while sessions reach a master that takes writes and can be replaced.

using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

/// <summary>How bad it is.</summary>
internal enum Level
{
    /// <summary>Nothing to do.</summary>
    Good,

    /// <summary>It serves in part, or would not survive the next fault, or will be over soon.</summary>
    Warn,

    /// <summary>Clients are refused, or wait for something that cannot come.</summary>
    Bad,
}

/// <summary>The first line of page and terminal.</summary>
/// <param name="Level">How bad it is.</param>
/// <param name="Text">In words.</param>
/// <param name="Title">The same for a browser's tab.</param>
/// <param name="Since">Since when.</param>
internal sealed record Headline(Level Level, string Text, string Title, DateTimeOffset Since)
{
    /// <summary>Of a moment.</summary>
    public static Headline Of(Moment moment)
    {
        string? target = moment.Gate.Target?.Name;
        var gate = moment.Control.GateSince;
        var lost = moment.InterruptedSince ?? gate;
        return moment switch
        {
            { Gate.Mode: GateMode.Open, ReadOnlyMaster: { } master } =>
                new(Level.Warn, $"Master: {target}, read-only in effect: {Monitoring.WriteRefusals.Brief(master.Refusal)}", $"{target} READ-ONLY", gate),
            { Gate.Mode: GateMode.Open, Phase: LifecyclePhase.Draining or LifecyclePhase.Stopping } =>
                new(Level.Warn, $"{moment.Phase.ToString().ToUpperInvariant()}; master: {target}",
                    $"{moment.Phase.ToString().ToUpperInvariant()}, {target} is master",
                    moment.PhaseSince),
            { Gate.Mode: GateMode.Open, NoFailover: not null } =>
                new(Level.Warn, $"Master: {target}; if it fails, no failover", $"{target} is master, NO FAILOVER", gate),
            { Gate.Mode: GateMode.Open } => new(Level.Good, $"Master: {target}", $"{target} is master", gate),
            { Gate.Mode: GateMode.Park, Control.Withheld: { } why } => new(Level.Warn, $"{why}; sessions wait", "waiting for a master", lost),
            { Control.Withheld: { } why } => new(Level.Bad, $"{why}; sessions are refused", "NO MASTER", lost),
            { Gate.Mode: GateMode.Park } when target is not null =>
                new(Level.Warn, $"sessions to {target} go on; new ones wait", "waiting for a master", lost),
            { WhyNone: not null, Gate.Mode: GateMode.Park } => new(Level.Bad, "No master, and no failover will come; sessions wait", "NO MASTER", lost),
            { WhyNone: not null } => new(Level.Bad, "No master, and no failover will come; sessions are refused", "NO MASTER", lost),
            { Gate.Mode: GateMode.Park } => new(Level.Warn, "No master now; sessions wait for one", "waiting for a master", lost),
            _ => new(Level.Bad, "No master; sessions are refused", "NO MASTER", lost),
        };
    }

    /// <summary>What it has cost so far; empty while there is a master.</summary>
    public static string Cost(Moment moment) => moment.Damage is { } damage
        ? $"{moment.Data.Parked} waiting, {damage.Refused} refused, {damage.Cut} cut since {Explanation.Clock(moment.InterruptedSince!.Value)}"
        : "";
}
