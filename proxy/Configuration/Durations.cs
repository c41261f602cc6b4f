// Durations as the configuration writes them: a whole number and a unit, such as 250ms, 5s, 1m, 2h.

using System.Globalization;

namespace RedisHaProxy.Configuration;

/// <summary>Reads and writes durations.</summary>
internal static class Durations
{
    // ms before m and s: the longest unit that fits is the one meant.
    private static readonly (string Unit, long Milliseconds)[] Units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

    /// <summary>Reads a duration. A unit is required; the number has at most nine digits, and no sign or fraction.</summary>
    /// <returns>Whether <paramref name="text"/> is one.</returns>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        foreach ((string unit, long milliseconds) in Units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && text.Length - unit.Length is > 0 and <= 9
                && long.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long number))
            {
                duration = TimeSpan.FromMilliseconds(number * milliseconds);
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads a duration that is known to be one.</summary>
    /// <exception cref="FormatException"><paramref name="text"/> is not a duration.</exception>
    public static TimeSpan Parse(string text) =>
        TryParse(text, out TimeSpan duration) ? duration : throw new FormatException($"'{text}' is not a duration");

    /// <summary>Writes a duration in the largest unit that divides it; parts of a millisecond are dropped.</summary>
    public static string Format(TimeSpan duration)
    {
        long milliseconds = (long)duration.TotalMilliseconds;
        if (milliseconds == 0)
        {
            return "0s";
        }

        (string unit, long size) = Units.Last(u => milliseconds % u.Milliseconds == 0);
        return string.Create(CultureInfo.InvariantCulture, $"{milliseconds / size}{unit}");
    }
}
