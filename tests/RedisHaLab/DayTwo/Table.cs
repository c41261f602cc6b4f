// The table in docs/day2.md: rows that were measured take the place of those of the same change, in the order of the changes.

using System.Globalization;
using System.Text;

namespace RedisHaLab.DayTwo;

/// <summary>Puts rows into the document.</summary>
internal static class Table
{
    private const string Begin = "<!-- day2 -->", End = "<!-- /day2 -->";

    private const string Head = """
        | change | time | failed without retry | failed with one retry | lost writes | longest gap | one client's longest wait | fewest nodes in step |
        |---|---|---|---|---|---|---|---|
        """;

    /// <summary>The document with these rows; others stay as they are.</summary>
    /// <exception cref="FormatException">It has no place for the table.</exception>
    public static string Merge(string document, IEnumerable<Row> rows)
    {
        var begin = document.IndexOf(Begin, StringComparison.Ordinal);
        var end = begin < 0 ? -1 : document.IndexOf(End, begin, StringComparison.Ordinal);
        if (end < 0)
        {
            throw new FormatException($"the document has no lines {Begin} and {End}, between which the table goes");
        }

        var known = document[begin..end].Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal))
            .Select(line => (What: line[2..].Split(" | ")[0], Line: line)).ToDictionary(row => row.What, row => row.Line, StringComparer.Ordinal);
        foreach (var row in rows)
        {
            known[row.What] = Line(row);
        }

        var text = new StringBuilder(document[..begin]).Append(Begin).Append('\n').Append(Head.ReplaceLineEndings("\n")).Append('\n');
        foreach (var change in Changes.All.Where(change => known.ContainsKey(change.What)))
        {
            text.Append(known[change.What]).Append('\n');
        }

        return text.Append(document[end..]).ToString();
    }

    // A lab by itself keeps each processor busy with two processes at most.
    private const double Quiet = 2;

    private static string Busy(Row row) => row.MachineLoad > Quiet ? string.Create(CultureInfo.InvariantCulture, $", busy machine ({row.MachineLoad:0})") : "";

    private static string Line(Row row) => string.Create(CultureInfo.InvariantCulture,
        $"| {row.What} | {row.Seconds:0} s{Busy(row)} | {row.FailedOnce} of {row.Commands} | {row.FailedTwice} | {row.Lost} | {row.LongestGap:0} ms "
            + $"| {row.LongestWait:0} ms | {row.LeastInStep} |");
}
