// How quantities are written for people, on the page and on a terminal alike.

using System.Globalization;

namespace RedisHaProxy.Admin;

/// <summary>Formats with units.</summary>
internal static class Quantities
{
    /// <summary>A length of time in its two largest units.</summary>
    public static string Span(TimeSpan span) => span switch
    {
        { TotalDays: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Days} d {span.Hours} h"),
        { TotalHours: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Hours} h {span.Minutes} min"),
        { TotalMinutes: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min {span.Seconds} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, (int)span.TotalSeconds)} s"),
    };

    /// <summary>A length of time in its largest unit: an age.</summary>
    public static string Age(TimeSpan span) => Span(span).Split(' ') is [var number, var unit, ..] ? $"{number} {unit}" : "";

    /// <summary>Milliseconds, as seconds from one second on.</summary>
    public static string Milliseconds(double milliseconds) => milliseconds switch
    {
        >= 10_000 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000:0.0} s"),
        >= 1000 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000:0.00} s"),
        >= 10 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.0} ms"),
    };

    /// <summary>Bytes in units of 1000.</summary>
    public static string Bytes(double bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        int unit = 0;
        while (bytes >= 1000 && unit < units.Length - 1)
        {
            bytes /= 1000;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture,
            $"{bytes.ToString(unit > 0 && bytes < 10 ? "0.0" : "0", CultureInfo.InvariantCulture)} {units[unit]}");
    }
}
