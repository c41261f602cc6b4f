// The text of "explain", "timeline" and "sessions".

using System.Globalization;
using RedisHaProxy.Admin;
using Spectre.Console;

namespace RedisHaProxy.Commands;

/// <summary>Writes the current decision for people.</summary>
internal static class ExplainText
{
    public static void Write(IAnsiConsole console, ExplainDocument explain)
    {
        console.MarkupLine($"[bold]{Markup.Escape(explain.Summary)}[/]");
        console.WriteLine($"Decided at {explain.Gate.RuleSince.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture)} UTC.");
        if (explain.Gate.LeaseLeftMs is { } lease)
        {
            console.WriteLine($"No failover away from {explain.Gate.Target} can begin for another {Quantities.Milliseconds(lease)} (the Sentinels' leases).");
        }

        if (explain.Gate.Support is { } support)
        {
            console.WriteLine($"The claim of {support}.");
        }

        console.WriteLine();
        console.WriteLine("What the nodes say:");
        foreach (var node in explain.Nodes)
        {
            console.WriteLine($"  {node.Name} ({node.Address}) {(node.MaintenanceSince is null ? "" : "MAINT, ")}{node.State}; {node.Health}{Age(node.CheckAgeMs)}");
        }

        if (explain.Sentinels.Count > 0)
        {
            console.WriteLine("What the Sentinels say:");
            foreach (var sentinel in explain.Sentinels)
            {
                string vote = sentinel.VoteCounts ? $"names {sentinel.Vote} (epoch {sentinel.Epoch?.ToString(CultureInfo.InvariantCulture) ?? "-"})" : "has no vote that counts";
                console.WriteLine($"  {sentinel.Address} {vote}; {sentinel.Health}{Age(sentinel.CheckAgeMs)}{(sentinel.MarkedDown ? ", sees it down" : "")}{(sentinel.Tilt ? ", TILT" : "")}");
            }
        }

        foreach (string line in ReadOnlyForms.Lines(explain.ReadOnly))
        {
            console.WriteLine(line);
        }

        if (explain.Hints.Count > 0)
        {
            console.WriteLine();
            foreach (string hint in explain.Hints)
            {
                console.MarkupLine($"[yellow]![/] {Markup.Escape(hint)}");
            }
        }
    }

    private static string Age(double? milliseconds) => milliseconds is { } age ? $", asked {Quantities.Milliseconds(age)} ago" : "";
}

/// <summary>Writes what happened for people.</summary>
internal static class TimelineText
{
    public static void Write(IAnsiConsole console, TimelineDocument timeline)
    {
        if (timeline.Interruptions.Count == 0)
        {
            console.WriteLine("No master has been routed to since the start.");
        }
        else
        {
            var table = Terminal.Table("opened at (UTC)", "from", "to", ">shut for", ">promotion to open", "rules", "old sessions");
            foreach (var entry in timeline.Interruptions)
            {
                table.AddRow(
                    entry.Open.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture),
                    Markup.Escape(entry.From ?? "(start)"),
                    Markup.Escape(entry.To),
                    Quantities.Milliseconds(entry.ShutMs),
                    entry.PromotionToOpenMs is { } promotion ? Quantities.Milliseconds(promotion) : "-",
                    $"{entry.ShutRule} > {entry.OpenRule}",
                    entry.From is null ? "-" : entry.SessionsKept ? "kept" : "ended");
            }

            console.Write(table);
        }

        console.WriteLine();
        console.WriteLine("Orders of the gate, the newest first:");
        foreach (var order in timeline.Orders)
        {
            console.WriteLine($"  {order.Time.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture)}  {order.Mode,-6} {order.Target ?? "-",-10} rule {order.Rule,-2}  {order.Evidence}");
        }
    }
}

/// <summary>Writes the open sessions for people.</summary>
internal static class SessionsText
{
    public static void Write(IAnsiConsole console, IReadOnlyList<SessionEntry> sessions)
    {
        var table = Terminal.Table(">id", "client", "node", ">port", "state", "accepted (UTC)", ">quiet for", ">in", ">out");
        foreach (var session in sessions)
        {
            table.AddRow(
                session.Id.ToString(CultureInfo.InvariantCulture),
                Markup.Escape(session.Client),
                Markup.Escape(session.Node ?? "-"),
                session.LocalPort?.ToString(CultureInfo.InvariantCulture) ?? "-",
                session.State,
                session.Accepted.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
                Quantities.Milliseconds(session.QuietMs),
                Quantities.Bytes(session.BytesIn),
                Quantities.Bytes(session.BytesOut));
        }

        if (sessions.Count > 0)
        {
            console.Write(table);
        }

        console.WriteLine(sessions.Count == 1 ? "1 session" : $"{sessions.Count} sessions");
    }
}
