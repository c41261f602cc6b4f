// Where the verbs write, and how times look there.

using System.Globalization;

namespace RedisHaProxy.Commands;

/// <summary>Formats for people.</summary>
internal static class Terminal
{
    /// <summary>Whether somebody sees it.</summary>
    public static bool Is(TextWriter output) => ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;

    /// <summary>What stands before a picture: of one that is shown again, the way back to the top of a terminal.</summary>
    public static string Start(TextWriter output, bool again) => !again ? "" : Is(output) ? "\x1b[H\x1b[2J" : "\n";

    /// <summary>A time of today as a time, an earlier one with its date; UTC.</summary>
    public static string Clock(DateTimeOffset time, DateTimeOffset now) =>
        time.ToString(time.UtcDateTime.Date == now.UtcDateTime.Date ? "HH:mm:ss" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>A moment to the millisecond, UTC.</summary>
    public static string Exactly(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);
}
