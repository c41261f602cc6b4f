// A histogram of durations with fixed bounds, as Prometheus wants it: cumulative counts, a sum, a total.

namespace RedisHaProxy.Admin;

/// <summary>Counts durations. One thread adds, any thread reads.</summary>
internal sealed class Histogram
{
    private readonly long[] _counts;
    private long _sumMilliseconds;

    /// <param name="bounds">Upper bounds in milliseconds, rising; what is above the last is counted apart.</param>
    public Histogram(params long[] bounds)
    {
        Bounds = bounds;
        _counts = new long[bounds.Length + 1];
    }

    /// <summary>Upper bounds in milliseconds, inclusive.</summary>
    public IReadOnlyList<long> Bounds { get; }

    /// <summary>Counts one duration.</summary>
    public void Add(long milliseconds)
    {
        int bucket = 0;
        while (bucket < Bounds.Count && milliseconds > Bounds[bucket])
        {
            bucket++;
        }

        Volatile.Write(ref _sumMilliseconds, _sumMilliseconds + milliseconds);
        Volatile.Write(ref _counts[bucket], _counts[bucket] + 1);
    }

    /// <summary>How many were at most each bound, then all of them; and their sum in milliseconds.</summary>
    public (IReadOnlyList<long> Cumulative, long SumMilliseconds) Read()
    {
        var cumulative = new long[_counts.Length];
        long total = 0;
        for (int i = 0; i < _counts.Length; i++)
        {
            cumulative[i] = total += Volatile.Read(ref _counts[i]);
        }

        return (cumulative, Volatile.Read(ref _sumMilliseconds));
    }
}
