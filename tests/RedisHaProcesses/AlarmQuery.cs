// A query of an alarm on custom metrics (Monitoring Query Language), as far as the stack's alarms use it, and what it says of values that were posted.

using System.Globalization;
using System.Text.RegularExpressions;

namespace RedisHaProcesses;

/// <summary>A query.</summary>
/// <param name="Metric">The metric.</param>
/// <param name="Deployment">The deployment whose values count.</param>
/// <param name="Group">The dimension that values are put together by.</param>
/// <param name="IsAbove">Whether it asks for values above the threshold; otherwise below.</param>
/// <param name="Threshold">The threshold.</param>
public sealed partial record AlarmQuery(string Metric, string Deployment, string Group, bool IsAbove, double Threshold)
{
    /// <summary>Reads a query that compares the largest value of a minute; null for others.</summary>
    public static AlarmQuery? Parse(string query) => Form().Match(query) is { Success: true } match
        ? new AlarmQuery(match.Groups["metric"].Value, match.Groups["deployment"].Value, match.Groups["group"].Value, match.Groups["sign"].Value == ">",
            double.Parse(match.Groups["threshold"].Value, CultureInfo.InvariantCulture))
        : null;

    /// <summary>The groups for which it holds at a moment, with their value.</summary>
    public IReadOnlyList<(string Group, double Value)> Holds(IEnumerable<PostedValue> values, DateTimeOffset now) =>
        [.. Values(values, now).Where(each => IsAbove ? each.Value > Threshold : each.Value < Threshold)];

    /// <summary>Each group's largest value of the minute before a moment.</summary>
    public IReadOnlyList<(string Group, double Value)> Values(IEnumerable<PostedValue> values, DateTimeOffset now) =>
        [.. values.Where(value => value.Metric == Metric && value.Dimensions["deployment"] == Deployment && value.Time > now - TimeSpan.FromMinutes(1)
            && value.Time <= now).GroupBy(value => value.Dimensions[Group]).Select(group => (group.Key, group.Max(value => value.Value)))];

    [GeneratedRegex("""^(?<metric>[A-Za-z]+)\[1m\]\{deployment = "(?<deployment>[^"]+)"\}\.groupBy\((?<group>[a-z]+)\)\.max\(\) (?<sign>[<>]) (?<threshold>[0-9]+)$""",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Form();
}
