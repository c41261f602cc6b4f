// What one run of a load says.

namespace RedisHaBench.Traffic;

/// <summary>The figures of one run of one load through one contender.</summary>
/// <param name="Requests">Requests that were answered.</param>
/// <param name="Throughput">Requests a second.</param>
/// <param name="P50">Median time of a request, milliseconds.</param>
/// <param name="P99">99 of 100 requests took at most this, milliseconds.</param>
/// <param name="P999">999 of 1000 requests took at most this, milliseconds.</param>
/// <param name="Cpu">Processor time of the proxy's process for each request, microseconds; null without a proxy.</param>
internal sealed record Sample(long Requests, double Throughput, double P50, double P99, double P999, double? Cpu)
{
    /// <summary>
    /// Processor time of the whole machine for each request, microseconds: clients, Redis, and the kernel's work in nobody's name, which forwarding
    /// is. Null where it is not asked for.
    /// </summary>
    public double? Machine { get; init; }

    /// <summary>Sessions that the kernel took over meanwhile, as a share of the load's; null where none are to be.</summary>
    public double? HandedOver { get; init; }
}

/// <summary>One of the figures of a sample.</summary>
/// <param name="Name">In tables and JSON.</param>
/// <param name="MoreIsBetter">Whether a higher value is the better one.</param>
/// <param name="Of">Takes it from a sample.</param>
internal sealed record Metric(string Name, bool MoreIsBetter, Func<Sample, double?> Of)
{
    public static Metric Throughput { get; } = new("throughput", true, s => s.Throughput);

    public static Metric P50 { get; } = new("p50", false, s => s.P50);

    public static Metric P99 { get; } = new("p99", false, s => s.P99);

    public static Metric P999 { get; } = new("p99.9", false, s => s.P999);

    public static Metric Cpu { get; } = new("CPU per request", false, s => s.Cpu);

    public static Metric Machine { get; } = new("CPU of the machine per request", false, s => s.Machine);

    /// <summary>In the order of the tables.</summary>
    public static IReadOnlyList<Metric> All { get; } = [Throughput, P50, P99, P999, Cpu];

    /// <summary>With the machine's, for the tables of figures as they are.</summary>
    public static IReadOnlyList<Metric> Absolute { get; } = [.. All, Machine];
}
