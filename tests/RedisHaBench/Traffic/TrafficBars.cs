// What our proxy must achieve against the best HAProxy, and whether it did.

using System.Globalization;

namespace RedisHaBench.Traffic;

/// <summary>A bar and what was measured.</summary>
/// <param name="Contender">Which of ours.</param>
/// <param name="Name">What is limited.</param>
/// <param name="Limit">The bar.</param>
/// <param name="AtLeast">Whether the figure must reach the bar, or stay below it.</param>
/// <param name="Actual">What was measured.</param>
internal sealed record TrafficBar(string Contender, string Name, double Limit, bool AtLeast, double Actual)
{
    /// <summary>The least and the greatest of what the figure is the median of; null when it is none.</summary>
    public string? Spread { get; init; }

    /// <summary>Whether it holds.</summary>
    public bool Passes => AtLeast ? Actual >= Limit : Actual <= Limit;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(Passes ? "holds " : "MISSED")}  {Name}: {Actual:0.00}{(Spread is null ? "" : $", rounds {Spread}")} (at {(AtLeast ? "least" : "most")} "
            + $"{Limit:0.00}{(Passes ? "" : $", missed by {Math.Abs(Actual - Limit):0.00}")})");
}

/// <summary>The bars.</summary>
internal static class TrafficBars
{
    /// <summary>Throughput at every load.</summary>
    public const double Throughput = 1.05;

    /// <summary>Throughput at <see cref="LoadsAhead"/> loads.</summary>
    public const double ThroughputAhead = 1.15;

    /// <summary>Loads that must reach <see cref="ThroughputAhead"/>.</summary>
    public const int LoadsAhead = 3;

    /// <summary>99th percentile at every load.</summary>
    public const double P99 = 0.95;

    /// <summary>Processor time of a small request.</summary>
    public const double SmallCpu = 0.75;

    /// <summary>Processor time of a request of 1 MB.</summary>
    public const double BulkCpu = 0.50;

    /// <summary>Resident memory of an idle connection, kB of 1000 bytes.</summary>
    public const double IdleConnection = 0.5;

    /// <summary>Checks all of ours. Without an HAProxy to compare with there are no bars.</summary>
    public static IReadOnlyList<TrafficBar> Check(TrafficResult result)
    {
        var bars = new List<TrafficBar>();
        foreach (var ours in result.Contenders.Where(c => c.Kind == ContenderKind.Ours && !c.IsVariant).Select(c => c.Name))
        {
            var best = result.Comparisons.Where(c => c.Ours == ours && c.IsBest).ToArray();
            foreach (var comparison in best)
            {
                var load = Loads.All.First(l => l.Name == comparison.Load);
                if (LimitOf(comparison.Metric, load) is { } limit)
                {
                    bars.Add(new(ours, $"{load.Name}, {comparison.Metric} / {comparison.Against}", limit, comparison.Metric == Metric.Throughput.Name,
                        comparison.Median));
                }
            }

            var throughput = best.Where(c => c.Metric == Metric.Throughput.Name).ToArray();
            if (throughput.Length >= LoadsAhead)
            {
                bars.Add(new(
                    ours, string.Create(CultureInfo.InvariantCulture, $"loads with throughput of at least {ThroughputAhead:0.00}"),
                    LoadsAhead, true, throughput.Count(c => c.Median >= ThroughputAhead)));
            }

            AddIdle(bars, result, ours);
        }

        return bars;
    }

    /// <summary>The bar on a figure of a load; null when there is none.</summary>
    public static double? LimitOf(string metric, Load load) => metric switch
    {
        _ when metric == Metric.Throughput.Name => Throughput,
        _ when metric == Metric.P99.Name => P99,
        _ when metric == Metric.Cpu.Name => load.CostBar switch { CostBar.Small => SmallCpu, CostBar.Bulk => BulkCpu, _ => null },
        _ => null,
    };

    private static void AddIdle(List<TrafficBar> bars, TrafficResult result, string ours)
    {
        if (result.Idle.FirstOrDefault(i => i.Contender == ours) is not { } idle)
        {
            return;
        }

        bars.Add(new(ours, "resident memory of an idle connection, kB", IdleConnection, false, idle.PerConnection / 1000));
        var most = IdleMemory.Steps[^1];
        var yardstick = result.Idle
            .Where(i => result.Contenders.First(c => c.Name == i.Contender).Kind == ContenderKind.HaProxy)
            .MinBy(i => i.Resident(most));
        if (yardstick is not null)
        {
            bars.Add(new(
                ours, string.Create(CultureInfo.InvariantCulture, $"resident memory at {most} idle connections / {yardstick.Contender}"),
                1, false, idle.Resident(most) / yardstick.Resident(most)));
        }
    }
}
