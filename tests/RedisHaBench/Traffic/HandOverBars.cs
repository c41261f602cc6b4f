// What the hand-over must achieve between network namespaces, against no proxy and against the best HAProxy, and whether it did.

using System.Globalization;

namespace RedisHaBench.Traffic;

/// <summary>The bars of a run with <see cref="TrafficOptions.Namespaces"/>: medians of the rounds' ratios.</summary>
internal static class HandOverBars
{
    /// <summary>Throughput beside no proxy, at every load whose connections stay.</summary>
    public const double ThroughputOfDirect = 0.90;

    /// <summary>99th percentile against HAProxy at small loads.</summary>
    public const double SmallP99 = 0.75;

    /// <summary>The same at 1 MB and with many clients.</summary>
    public const double GreatP99 = 0.95;

    /// <summary>Processor time of the whole machine that it adds to a request, against what HAProxy adds.</summary>
    public const double AddedCpu = 0.30;

    /// <summary>Memory of an idle session in all, kB of 1000 bytes.</summary>
    public const double IdleSession = 1;

    /// <summary>The least share of a load's sessions that the kernel took over in a round: with fewer, the other figures are not the hand-over's.</summary>
    public const double HandedOver = 0.95;

    /// <summary>
    /// Processor time of one client's request in the engine that forwards by itself, as it ships, against the HAProxy that takes the least.
    /// </summary>
    public const double OneClientCpu = 1.2;

    // A request takes so long to move its bytes, or to wait for those of others, that a proxy's part of it is small.
    private const int ManyClients = 1000;
    private const int GreatValue = 1_000_000;

    private const string OneClient = "c1";

    /// <summary>Checks those that hand over, and the default engine at one client.</summary>
    public static IReadOnlyList<TrafficBar> Check(TrafficResult result, IReadOnlyList<Contender> contenders)
    {
        var bars = new List<TrafficBar>();
        foreach (var ours in contenders.Where(c => c.HandsOver).Select(c => c.Name))
        {
            foreach (var load in Loads.All.Where(l => result.Loads.ContainsKey(l.Name)))
            {
                AddRatios(bars, result, ours, load);
            }

            if (result.Idle.FirstOrDefault(i => i.Contender == ours) is { } idle)
            {
                bars.Add(new(ours, "memory of an idle session in all, kB", IdleSession, false, idle.PerConnection / 1000));
            }
        }

        foreach (var ours in contenders.Where(c => c.IsDefault).Select(c => c.Name))
        {
            Add(bars, Find(result, ours, OneClient, Metric.Cpu, c => c.IsBest), OneClientCpu, atLeast: false);
        }

        return bars;
    }

    /// <summary>The bar on a figure against the best HAProxy; null when there is none.</summary>
    public static double? LimitOf(string metric, Load load) => metric switch
    {
        _ when metric == Metric.Throughput.Name => ThroughputOfHaProxy(load),
        _ when metric == Metric.P99.Name && !load.NewConnections => IsGreat(load) ? GreatP99 : SmallP99,
        AddedCost.Name when !load.NewConnections => AddedCpu,
        _ => null,
    };

    private static void AddRatios(List<TrafficBar> bars, TrafficResult result, string ours, Load load)
    {
        if (!load.NewConnections)
        {
            Add(bars, Find(result, ours, load.Name, Metric.Throughput, c => result.Contenders.First(x => x.Name == c.Against).Kind == ContenderKind.Direct),
                ThroughputOfDirect, atLeast: true);
        }

        foreach (var metric in new[] { Metric.Throughput, Metric.P99 })
        {
            Add(bars, Find(result, ours, load.Name, metric, c => c.IsBest), LimitOf(metric.Name, load), metric.MoreIsBetter);
        }

        Add(bars, result.Added.FirstOrDefault(c => c.Ours == ours && c.Load == load.Name), LimitOf(AddedCost.Name, load), atLeast: false);
        var shares = result.Cases.Where(c => c.Contender == ours && c.Load == load.Name).SelectMany(c => c.Samples).Select(s => s?.HandedOver)
            .OfType<double>().ToArray();
        if (shares.Length > 0)
        {
            bars.Add(new(ours, $"{load.Name}, sessions that the kernel took over, the least share of a round", HandedOver, true, shares.Min()));
        }
    }

    private static Comparison? Find(TrafficResult result, string ours, string load, Metric metric, Func<Comparison, bool> against)
        => result.Comparisons.FirstOrDefault(c => c.Ours == ours && c.Load == load && c.Metric == metric.Name && against(c));

    private static void Add(List<TrafficBar> bars, Comparison? comparison, double? limit, bool atLeast)
    {
        if (comparison is not null && limit is { } bar)
        {
            bars.Add(new(comparison.Ours, $"{comparison.Load}, {comparison.Metric} / {comparison.Against}", bar, atLeast, comparison.Median)
            {
                Spread = comparison.Ratios.Count > 1 ? string.Create(CultureInfo.InvariantCulture, $"{comparison.Min:0.00}-{comparison.Max:0.00}") : null,
            });
        }
    }

    private static bool IsGreat(Load load) => load.Clients >= ManyClients || load.ValueBytes >= GreatValue;

    private static double ThroughputOfHaProxy(Load load) => load switch
    {
        { NewConnections: true } => 0.95,
        { Clients: 1 } => 1.6,
        { ValueBytes: > 0 and < GreatValue } => 1.25,
        _ => IsGreat(load) ? 1.10 : 1.20,
    };
}
