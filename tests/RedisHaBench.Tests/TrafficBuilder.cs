// Results of traffic runs in which the ratios are known.

using RedisHaBench.Traffic;

namespace RedisHaBench.Tests;

/// <summary>Builds results: our engine "ours", two HAProxies, no proxy.</summary>
internal static class TrafficBuilder
{
    public static IReadOnlyList<ContenderResult> Contenders { get; } =
    [
        new("direct", "no proxy", ContenderKind.Direct, false),
        new("haproxy-a", "one", ContenderKind.HaProxy, false),
        new("haproxy-b", "another", ContenderKind.HaProxy, false),
        new("ours", "our proxy", ContenderKind.Ours, true),
    ];

    public static Sample Sample(double throughput, double p99, double? cpu) => new(1000, throughput, p99 / 2, p99, p99 * 2, cpu);

    public static TrafficCase Case(string load, string contender, params Sample?[] samples)
        => new() { Load = load, Contender = contender, Samples = samples };

    /// <summary>All loads; ours is ahead of both HAProxies by these factors.</summary>
    public static TrafficResult Ahead(double throughput, double p99, double cpu, double idle = 300, double resident = 40e6)
    {
        TrafficCase[] cases = [.. Loads.All.SelectMany(l => new[]
        {
            Case(l.Name, "direct", Sample(2000, 0.5, null), Sample(2000, 0.5, null)),
            Case(l.Name, "haproxy-a", Sample(1000, 1, 10), Sample(1000, 1, 10)),
            Case(l.Name, "haproxy-b", Sample(900, 2, 20), Sample(900, 2, 20)),
            Case(l.Name, "ours", Sample(1000 * throughput, p99, 10 * cpu), Sample(1000 * throughput, p99, 10 * cpu)),
        })];
        var result = new TrafficResult
        {
            Begun = DateTimeOffset.UnixEpoch,
            Environment = new Dictionary<string, string> { ["CPUs"] = "2" },
            Contenders = Contenders,
            Loads = Loads.All.ToDictionary(l => l.Name, l => l.Description),
            Cases = cases,
            Idle = [Idle("haproxy-a", 45e6, 3300), Idle("haproxy-b", 50e6, 3400), Idle("ours", resident, idle)],
            Comparisons = Comparison.Of(Contenders, cases),
        };
        return result with { Bars = TrafficBars.Check(result) };
    }

    private static IdleCase Idle(string contender, double most, double each)
        => new(contender,
            [new IdleMemory(new Dictionary<int, long> { [0] = (long)(most - (9000 * each)), [1000] = (long)(most - (8000 * each)), [9000] = (long)most })]);
}
