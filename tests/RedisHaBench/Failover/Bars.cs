// What our proxy must achieve in each scenario, and whether it did.

using System.Globalization;

namespace RedisHaBench.Failover;

/// <summary>A bar and what was measured.</summary>
/// <param name="Name">What is limited.</param>
/// <param name="Limit">The most that passes.</param>
/// <param name="Actual">What was measured; null when it never happened, which fails.</param>
internal sealed record BarResult(string Name, double Limit, double? Actual)
{
    /// <summary>Whether it limits a time, which a busy machine can make longer than the proxy did.</summary>
    public bool IsTime { get; init; }

    /// <summary>Whether it is a bar on the median over many rounds.</summary>
    public bool IsMedian { get; init; }

    /// <summary>Whether it passes.</summary>
    public bool Passes => Actual <= Limit;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
            $"{(Passes ? "pass" : "FAIL")}  {Name}: {(Actual is { } a ? a.ToString("0.#", CultureInfo.InvariantCulture) : "never")} (at most {Limit:0.#})");
}

/// <summary>The bars.</summary>
internal static class Bars
{
    /// <summary>Longest time without service in a phase in which the data nodes are healthy, milliseconds.</summary>
    public const double HealthyGap = 1000;

    /// <summary>Median and worst of a switch whose old master is gone, milliseconds.</summary>
    public const double FastMedian = 100;

    /// <inheritdoc cref="FastMedian"/>
    public const double FastWorst = 300;

    /// <summary>Worst of a switch whose old master is alive and claims, milliseconds.</summary>
    public const double ClaimingWorst = 1500;

    /// <summary>
    /// Turns taken within this are the clients' own scheduling: two threads write down two replies in the other order. Milliseconds.
    /// </summary>
    public const double TwoTargetsTolerance = 50;

    /// <summary>Checks the rounds of a scenario.</summary>
    public static IReadOnlyList<BarResult> Check(Scenario scenario, IReadOnlyList<Measurements> rounds)
    {
        var bars = new List<BarResult>
        {
            scenario.Loss switch
            {
                LossBar.AfterPromotion => new("acknowledged writes lost, sent after the promotion", 0, rounds.Sum(r => r.LostAfterPromotion)),
                _ => new("acknowledged writes lost", 0, rounds.Sum(r => r.Lost)),
            },
            new("READONLY on connections opened more than 100 ms after a demotion", 0, rounds.Sum(r => r.ReadOnlyOnFreshConnection)),
            new("time with two targets, ms", TwoTargetsTolerance, rounds.Max(r => r.TwoTargets)),
            new("blocked or subscribed clients left behind", 0, rounds.Sum(r => r.WaitsLeftBehind)),
        };
        if (rounds.Any(r => r.HandOver is not null))
        {
            bars.Add(new("sessions that the proxy or its helper still has 20 s after the clients", 0, rounds.Sum(r => r.HandOver?.Left ?? 0)));
        }

        if (!scenario.EndsSessions)
        {
            bars.Add(new("blocked or subscribed clients ended for nothing", 0, rounds.Sum(r => r.WaitsEndedForNothing)));
        }

        if (scenario.Switch != SwitchBar.None)
        {
            foreach (var (kind, of) in new (string, Func<Measurements, KindMeasurements>)[] { ("persistent", r => r.Persistent), ("new", r => r.New) })
            {
                AddSwitch(bars, scenario.Switch, $"promotion to first answer, {kind} clients, ms", [.. rounds.Select(r => of(r).PromotionToAnswer)]);
                AddSwitch(bars, scenario.Switch, $"writable to first acknowledged write, {kind} clients, ms",
                    [.. rounds.Select(r => of(r).WritableToAcknowledged)]);
            }

            if (rounds.Any(r => r.WaitsEnded > 0))
            {
                bars.Add(new(
                    "promotion to the end of blocked and subscribed sessions on the old master, ms",
                    scenario.Switch == SwitchBar.Fast ? FastWorst : ClaimingWorst, rounds.Max(r => r.PromotionToWaitsEnded))
                { IsTime = true });
            }
        }

        foreach (var phase in rounds.SelectMany(r => r.PhaseOutage.Keys).Distinct(StringComparer.Ordinal))
        {
            bars.Add(new($"longest gap while {phase}, ms", HealthyGap, rounds.Max(r => r.PhaseOutage[phase])) { IsTime = true });
        }

        if (scenario.RecoveryBar is { } recovery)
        {
            bars.Add(new("recovered to every client served, ms", recovery.TotalMilliseconds,
                rounds.Any(r => r.Recovery is null) ? null : rounds.Max(r => r.Recovery))
            { IsTime = true });
        }

        return bars;
    }

    private static void AddSwitch(List<BarResult> bars, SwitchBar kind, string name, double?[] values)
    {
        var never = values.Any(v => v is null);
        if (kind == SwitchBar.Fast)
        {
            bars.Add(new($"{name}: median", FastMedian, never ? null : Statistics.Median(values.Select(v => v!.Value))) { IsTime = true, IsMedian = true });
        }

        bars.Add(new($"{name}: worst", kind == SwitchBar.Fast ? FastWorst : ClaimingWorst, never ? null : values.Max()) { IsTime = true });
    }
}
