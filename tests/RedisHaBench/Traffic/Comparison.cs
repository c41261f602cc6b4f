// Ratios of what was measured side by side.

using System.Globalization;

namespace RedisHaBench.Traffic;

/// <summary>One of ours against one other contender, in one figure of one load.</summary>
internal sealed record Comparison
{
    public required string Ours { get; init; }

    public required string Against { get; init; }

    public required string Load { get; init; }

    public required string Metric { get; init; }

    /// <summary>Whether the other is the HAProxy that is best in this figure of this load, by the median of its rounds.</summary>
    public required bool IsBest { get; init; }

    /// <summary>Ours divided by the other's, round by round.</summary>
    public required IReadOnlyList<double> Ratios { get; init; }

    /// <summary>Median of the ratios.</summary>
    public double Median => Statistics.Median(Ratios);

    /// <summary>The least of them.</summary>
    public double Min => Ratios.Min();

    /// <summary>The greatest.</summary>
    public double Max => Ratios.Max();

    public override string ToString() => Ratios.Count == 1
        ? string.Create(CultureInfo.InvariantCulture, $"{Median:0.00}")
        : string.Create(CultureInfo.InvariantCulture, $"{Median:0.00} ({Min:0.00}-{Max:0.00})");

    /// <summary>Compares each of ours with each of the others.</summary>
    public static IReadOnlyList<Comparison> Of(IReadOnlyList<ContenderResult> contenders, IReadOnlyList<TrafficCase> cases)
    {
        var comparisons = new List<Comparison>();
        foreach (var load in cases.GroupBy(c => c.Load))
        {
            foreach (var metric in Traffic.Metric.Absolute)
            {
                var best = Best(contenders, load, metric);
                foreach (var ours in load.Where(c => KindOf(c) == ContenderKind.Ours))
                {
                    foreach (var other in load.Where(c => KindOf(c) != ContenderKind.Ours))
                    {
                        var ratios = ours.Samples.Zip(other.Samples)
                            .Select(pair => pair is ({ } a, { } b) ? metric.Of(a) / metric.Of(b) : null)
                            .OfType<double>().ToArray();
                        if (ratios.Length > 0)
                        {
                            comparisons.Add(new()
                            {
                                Ours = ours.Contender,
                                Against = other.Contender,
                                Load = load.Key,
                                Metric = metric.Name,
                                IsBest = other == best,
                                Ratios = ratios,
                            });
                        }
                    }
                }
            }
        }

        return comparisons;

        ContenderKind KindOf(TrafficCase c) => contenders.First(x => x.Name == c.Contender).Kind;
    }

    /// <summary>The HAProxy with the best median.</summary>
    private static TrafficCase? Best(IReadOnlyList<ContenderResult> contenders, IEnumerable<TrafficCase> load, Metric metric)
    {
        var yardsticks = load
            .Where(c => contenders.First(x => x.Name == c.Contender).Kind == ContenderKind.HaProxy && c.Median(metric) is not null)
            .OrderBy(c => c.Median(metric)).ToArray();
        return metric.MoreIsBetter ? yardsticks.LastOrDefault() : yardsticks.FirstOrDefault();
    }
}
