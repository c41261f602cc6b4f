// Durations counted by an event loop, in the moment they are known: a few nanoseconds, no allocation, no lock. Only the loop's
// thread counts; readers see each number whole.

using System.Diagnostics;

namespace RedisHaProxy.Forwarding;

/// <summary>Counts of one loop within fixed bounds.</summary>
/// <param name="bounds">Upper bounds in seconds, inclusive, rising; what is above the last is counted apart.</param>
internal sealed class DurationHistogram(double[] bounds)
{
    /// <summary>For a connect: 0.1 ms within a network to the 3 s of timeouts.connect.</summary>
    public static readonly double[] ConnectBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3];

    /// <summary>From accept to open: the same, and the seconds of a failover.</summary>
    public static readonly double[] RouteBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    /// <summary>For a whole session: one command to a day.</summary>
    public static readonly double[] SessionBounds = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 86_400];

    private readonly long[] _ticks = [.. bounds.Select(b => (long)Math.Round(b * Stopwatch.Frequency))];
    private readonly long[] _counts = new long[bounds.Length + 1];
    private long _sum;

    /// <summary>Counts one duration.</summary>
    /// <param name="ticks">In ticks of <see cref="Stopwatch"/>.</param>
    public void Add(long ticks)
    {
        int bucket = 0;
        while (bucket < _ticks.Length && ticks > _ticks[bucket])
        {
            bucket++;
        }

        Volatile.Write(ref _sum, _sum + ticks);
        Volatile.Write(ref _counts[bucket], _counts[bucket] + 1);
    }

    /// <summary>The sum over several loops, all of the same bounds.</summary>
    public static HistogramSnapshot Read(double[] bounds, IEnumerable<DurationHistogram> loops)
    {
        long[] cumulative = new long[bounds.Length + 1];
        long sum = 0;
        foreach (DurationHistogram loop in loops)
        {
            sum += Volatile.Read(ref loop._sum);
            for (int i = 0; i < cumulative.Length; i++)
            {
                cumulative[i] += Volatile.Read(ref loop._counts[i]);
            }
        }

        for (int i = 1; i < cumulative.Length; i++)
        {
            cumulative[i] += cumulative[i - 1];
        }

        return new HistogramSnapshot(bounds, cumulative, (double)sum / Stopwatch.Frequency);
    }
}

/// <summary>A histogram at one moment, as Prometheus wants it.</summary>
/// <param name="Bounds">Upper bounds in seconds, inclusive, rising.</param>
/// <param name="Cumulative">How many were at most each bound; the last entry counts all.</param>
/// <param name="SumSeconds">Their sum.</param>
public sealed record HistogramSnapshot(IReadOnlyList<double> Bounds, IReadOnlyList<long> Cumulative, double SumSeconds)
{
    /// <summary>Nothing counted.</summary>
    public static HistogramSnapshot Empty { get; } = new([], [0], 0);
}
