// Reads what redis-benchmark prints (Redis 6.2 to 8; its file src/redis-benchmark.c, showLatencyReport).

using System.Globalization;
using System.Text.RegularExpressions;

namespace RedisHaBench.Traffic;

/// <summary>The report of one test.</summary>
internal sealed partial record RedisBenchmarkOutput
{
    /// <summary>Requests that were answered; a few more than asked for.</summary>
    public required long Requests { get; init; }

    /// <summary>Requests a second.</summary>
    public required double Throughput { get; init; }

    /// <summary>Median, as printed, milliseconds.</summary>
    public required double P50 { get; init; }

    /// <summary>99th percentile, as printed, milliseconds.</summary>
    public required double P99 { get; init; }

    /// <summary>The printed points of the distribution: so many requests took at most so many milliseconds.</summary>
    public required IReadOnlyList<(double Milliseconds, long Count)> Distribution { get; init; }

    /// <summary>Reads the output without --csv and -q.</summary>
    /// <exception cref="FormatException">It is no such output, or has an error in it.</exception>
    public static RedisBenchmarkOutput Parse(string text)
    {
        // redis-benchmark goes on after an error reply: its figures would be those of errors.
        if (ErrorLine().Match(text) is { Success: true } error)
        {
            throw new FormatException($"redis-benchmark met an error: {error.Value.Trim()}");
        }

        // Progress is written over itself with carriage returns, in front of the first line of the report.
        var completed = Completed().Match(text);
        var throughput = ThroughputLine().Match(text);
        var summary = Summary().Match(text);
        if (!completed.Success || !throughput.Success || !summary.Success)
        {
            throw new FormatException($"this is not a report of redis-benchmark: '{text[..Math.Min(text.Length, 200)].Trim()}'");
        }

        var begin = text.IndexOf("Latency by percentile distribution:", StringComparison.Ordinal);
        var end = text.IndexOf("Cumulative distribution of latencies:", StringComparison.Ordinal);
        if (begin < 0 || end < begin)
        {
            throw new FormatException("redis-benchmark printed no distribution of latencies");
        }

        return new RedisBenchmarkOutput
        {
            Requests = long.Parse(completed.Groups[1].Value, CultureInfo.InvariantCulture),
            Throughput = Number(throughput.Groups[1]),
            P50 = Number(summary.Groups[3]),
            P99 = Number(summary.Groups[5]),
            Distribution = [.. Point().Matches(text[begin..end]).Select(m => (Number(m.Groups[1]),
                long.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture)))],
        };
    }

    /// <summary>
    /// A percentile, finer than it is printed. redis-benchmark counts in steps of 8 microseconds (HdrHistogram with a lowest value of 10 and three
    /// digits), which is a tenth of a request of one client: a shift by 2 % would be either nothing or 10 %. The printed points are joined by
    /// straight lines, and where the step itself is known, the value stays in it.
    /// </summary>
    /// <param name="quantile">0.5, 0.99 or 0.999.</param>
    public double Percentile(double quantile)
    {
        var between = Interpolate(quantile * Requests);
        return quantile switch
        {
            0.5 => Math.Clamp(between, P50 - Step(P50), P50),
            0.99 => Math.Clamp(between, P99 - Step(P99), P99),
            _ => between,
        };
    }

    /// <summary>Width of the step that ends at a value, milliseconds: 2048 steps of 8 microseconds, then each octave twice as wide.</summary>
    internal static double Step(double milliseconds)
    {
        var step = 0.008;
        for (var limit = 2048 * 0.008; milliseconds >= limit; limit *= 2)
        {
            step *= 2;
        }

        return step;
    }

    private double Interpolate(double count)
    {
        var (lastValue, lastCount) = (Distribution[0].Milliseconds - Step(Distribution[0].Milliseconds), 0L);
        foreach (var (value, upTo) in Distribution)
        {
            if (upTo >= count && upTo > lastCount)
            {
                return lastValue + ((value - lastValue) * (count - lastCount) / (upTo - lastCount));
            }

            (lastValue, lastCount) = (value, upTo);
        }

        return lastValue;
    }

    private static double Number(Group group) => double.Parse(group.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(\d+) requests completed in")]
    private static partial Regex Completed();

    [GeneratedRegex(@"throughput summary: ([\d.]+) requests per second")]
    private static partial Regex ThroughputLine();

    [GeneratedRegex(@"avg\s+min\s+p50\s+p95\s+p99\s+max\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)")]
    private static partial Regex Summary();

    [GeneratedRegex(@"% <= ([\d.]+) milliseconds \(cumulative count (\d+)\)")]
    private static partial Regex Point();

    [GeneratedRegex(@"^.*(Error from server|Error:|ERR |Server closed).*$", RegexOptions.Multiline)]
    private static partial Regex ErrorLine();
}
