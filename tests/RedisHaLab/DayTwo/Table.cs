// The table in docs/day2.md: rows that were measured take the place of those of the same change, in the order of the changes.

using System.Globalization;
using System.Text;

namespace RedisHaLab.DayTwo;

/// <summary>Puts rows into the document.</summary>
internal static class Table
{
    private const string End = "<!-- /day2 -->";

    private const string Head = """
        | change | time | failed without retry | failed with one retry | lost writes | longest gap | one client's longest wait | fewest nodes in step |
        |---|---|---|---|---|---|---|---|
        """;

    /// <summary>The table that rows go to: with three nodes without faults it has no name.</summary>
    /// <param name="nodes">Redis nodes at the beginning.</param>
    /// <param name="isWithDeadNode">Whether another node is dead meanwhile.</param>
    public static string Section(int nodes, bool isWithDeadNode) => string.Join(' ',
        new[] { nodes == 3 ? "" : Text($"{nodes} nodes"), isWithDeadNode ? "one dead" : "" }.Where(part => part.Length > 0));

    /// <summary>The document with these rows; others stay as they are.</summary>
    /// <param name="document">The document.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="section">The table; see <see cref="Section"/>.</param>
    /// <exception cref="FormatException">It has no place for the table.</exception>
    public static string Merge(string document, IEnumerable<Row> rows, string section = "")
    {
        var mark = section.Length == 0 ? "<!-- day2 -->" : $"<!-- day2 {section} -->";
        var begin = document.IndexOf(mark, StringComparison.Ordinal);
        var end = begin < 0 ? -1 : document.IndexOf(End, begin, StringComparison.Ordinal);
        if (end < 0)
        {
            throw new FormatException($"the document has no lines {mark} and {End}, between which the table goes");
        }

        var known = document[begin..end].Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal))
            .Select(line => (What: WhatOf(line), Line: line)).Where(row => row.What is not null)
            .ToDictionary(row => row.What!, row => row.Line, StringComparer.Ordinal);
        foreach (var row in rows)
        {
            var what = Changes.All.First(change => change.Name == row.Change).What;
            known[what] = Line(what, row);
        }

        var text = new StringBuilder(document[..begin]).Append(mark).Append('\n').Append(Head.ReplaceLineEndings("\n")).Append('\n');
        foreach (var change in Changes.All.Where(change => known.ContainsKey(change.What)))
        {
            text.Append(known[change.What]).Append('\n');
        }

        return text.Append(document[end..]).ToString();
    }

    // The longest that fits: one may begin as another one does.
    private static string? WhatOf(string line) => Changes.All.Select(change => change.What)
        .Where(what => line.StartsWith($"| {what} |", StringComparison.Ordinal) || line.StartsWith($"| {what}: ", StringComparison.Ordinal))
        .MaxBy(what => what.Length);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // A lab by itself keeps each processor busy with two processes at most.
    private const double Quiet = 2;

    private static string Busy(Row row) => row.MachineLoad > Quiet ? string.Create(CultureInfo.InvariantCulture, $", busy machine ({row.MachineLoad:0})") : "";

    // What happened at the fault is in the first column, so that all tables have the same ones.
    private static string Line(string what, Row row) => string.Create(CultureInfo.InvariantCulture,
        $"| {what}{(row.Note is null ? "" : $": {row.Note}")} | {row.Seconds:0} s{Busy(row)} | {row.FailedOnce} of {row.Commands} | {row.FailedTwice} "
            + $"| {row.Lost} | {row.LongestGap:0} ms | {row.LongestWait:0} ms | {row.LeastInStep} |");
}
