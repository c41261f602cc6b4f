// The few statistics the tables use.

namespace RedisHaBench;

/// <summary>Medians and spreads.</summary>
internal static class Statistics
{
    /// <summary>The middle value, or the mean of the two middle ones.</summary>
    /// <exception cref="InvalidOperationException">No values.</exception>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0
            ? throw new InvalidOperationException("the median of nothing")
            : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
