// The text of "status".

using System.Text.Json;
using RedisHaProxy.Admin;
using Spectre.Console;

namespace RedisHaProxy.Commands;

/// <summary>Writes a status for people.</summary>
internal static class StatusText
{
    /// <param name="console">Where to.</param>
    /// <param name="status">The document.</param>
    /// <param name="wide">With all columns of the table of figures.</param>
    public static void Write(IAnsiConsole console, JsonElement status, bool wide = false) => Write(console, status, Figures.All, wide);

    /// <summary>The same with another table of figures.</summary>
    public static void Write(IAnsiConsole console, JsonElement status, Figures figures, bool wide = false)
    {
        (JsonElement process, JsonElement gate) = (status.GetProperty("process"), status.GetProperty("gate"));
        DateTimeOffset now = process.Time("time");
        string phase = process.Text("phase")!, health = process.Text("health")!;
        bool healthy = process.Is("healthy");
        console.MarkupLine($"[bold]{Markup.Escape(process.Text("host")!)}[/] {Coloured(healthy ? "green" : "red", phase)}"
            + $" for {Quantities.Span(now - process.Time("phaseSince"))}{(healthy || health == phase ? "" : $" ({Markup.Escape(health)})")}"
            + $" on {Markup.Escape(string.Join(", ", process.List("listen").Select(l => l.GetString())))}, version "
                + $"{Markup.Escape(process.Text("version")!)}, by {process.Text("engine")}");
        bool open = gate.Text("mode") == "open";
        DateTimeOffset since = open ? gate.Time("since") : gate.Field("interruptedSince")?.GetDateTimeOffset() ?? gate.Time("since");
        console.MarkupLine($"{Coloured(gate.Text("level") switch { "good" => "green", "warn" => "yellow", _ => "red" }, gate.Text("headline")!)}"
            + $" since {Terminal.Clock(since, now)} UTC ({Quantities.Span(now - since)})");
        if (gate.Number("sessionsRefused") is { } refused)
        {
            console.WriteLine($"so far {refused:0} sessions refused, {gate.Number("sessionsCut"):0} cut; "
                + $"{status.GetProperty("sessions").Number("parked"):0} wait");
        }

        console.WriteLine(status.Text("summary")!);
        console.WriteLine();
        WriteNodes(console, status, figures, now, wide);
        console.WriteLine();
        WriteSentinels(console, status, figures, now);
        foreach (string line in Lines(figures.Sessions, status.GetProperty("sessions")).Concat(Lines(figures.Gate, gate)))
        {
            console.WriteLine(line);
        }

        WriteReads(console, status, status.Text("readOnlySummary"), figures);
        WriteHints(console, status);
    }

    /// <summary>Where read-only sessions go, and which replica is fit for them; nothing without a read-only listener.</summary>
    public static void WriteReads(IAnsiConsole console, JsonElement document, string? summary, Figures figures)
    {
        if (document.Field("readOnly") is not { } reads)
        {
            return;
        }

        console.WriteLine(summary!);
        foreach (string line in Lines(figures.ReadListener, reads))
        {
            console.WriteLine(line);
        }

        foreach (JsonElement node in reads.List("nodes"))
        {
            string old = node.Number("ageMs") is { } age ? $", data at most {Quantities.Milliseconds(age)} old" : "";
            console.WriteLine($"  {node.Text("name")}: {node.Text("reason")}{old}, {node.Number("sessions")} sessions");
        }
    }

    public static void WriteHints(IAnsiConsole console, JsonElement document)
    {
        var hints = document.List("hints").ToList();
        if (hints.Count > 0)
        {
            console.WriteLine();
        }

        foreach (JsonElement hint in hints)
        {
            console.MarkupLine($"[yellow]![/] {Markup.Escape(hint.GetString()!)}");
        }
    }

    private static void WriteNodes(IAnsiConsole console, JsonElement status, Figures figures, DateTimeOffset now, bool wide) => WriteTable(
        console, figures.Nodes, status.List("nodes"), ["node", "address", "~role", ">lag", "~check", "since"],
        node =>
        {
            bool up = node.Is("up"), routed = node.Is("routed"), maintenance = node.Field("maintenanceSince") is not null;
            string role = node.Text("role")!;
            return
            [
                new Text((routed ? "> " : "  ") + node.Text("name"), routed ? new Style(decoration: Decoration.Bold) : Style.Plain),
                new Text(node.Text("address")!),
                new Text(
                    maintenance ? $"MAINT, {role}" : role == "replica" && node.IsNot("linkUp") ? "replica, link down" : role == "unknown" ? "-"
                        : node.Field("writesRefused") is not null ? $"{role}, read-only" : role,
                    new Style(maintenance ? Color.Yellow : role == "master" ? Color.Green : node.IsNot("linkUp") ? Color.Yellow : Color.Default)),
                new Text(node.Number("lagBytes") is { } lag ? Quantities.Bytes(lag) : "-"),
                new Text(up && node.Number("checkLatencyMs") is { } latency ? $"up, {Quantities.Milliseconds(latency)}" : node.Text("health")!
                    + LastAnswer(node),
                    up ? Style.Plain : new Style(Color.Red)),
                new Text(Terminal.Clock(node.Time("since"), now)),
            ];
        }, wide);

    private static void WriteSentinels(IAnsiConsole console, JsonElement status, Figures figures, DateTimeOffset now)
    {
        if (!status.List("sentinels").Any())
        {
            console.WriteLine("no Sentinels are configured");
        }
        else
        {
            WriteTable(console, figures.Sentinels, status.List("sentinels"), ["sentinel", "votes for", ">epoch", "~sees master", "~check", "since"],
                sentinel =>
            {
                string sees = sentinel.Is("tilt") ? "TILT" : sentinel.Is("failoverInProgress") ? "failover" : sentinel.Is("markedDown") ? "down"
                    : sentinel.Field("epoch") is null ? "-" : "up";
                return
                [
                    new Text("  " + sentinel.Text("address")),
                    new Text(sentinel.Is("voteCounts") ? sentinel.Text("vote")! : "-"),
                    new Text(sentinel.Field("epoch")?.GetRawText() ?? "-"),
                    new Text(sees, sees == "up" ? Style.Plain : new Style(Color.Yellow)),
                    sentinel.IsNot("eventsHeard")
                        ? new Text("up, no events", new Style(Color.Red))
                        : new Text(sentinel.Text("health")! + (sentinel.Is("up") ? "" : LastAnswer(sentinel)), sentinel.Is("up") ? Style.Plain
                            : new Style(Color.Red)),
                    new Text(Terminal.Clock(sentinel.Time("since"), now)),
                ];
            });
        }

        console.WriteLine();
    }

    /// <summary>How old the last answer of a server is that does not answer.</summary>
    private static string LastAnswer(JsonElement server) =>
        server.Number("checkAgeMs") is { } age ? $", answered {Quantities.Age(TimeSpan.FromMilliseconds(age))} ago" : ", never answered";

    // The columns that are more than a figure, then those of the table of figures.
    private static void WriteTable(
        IAnsiConsole console, IReadOnlyList<Figure> figures, IEnumerable<JsonElement> items, IReadOnlyList<string> columns,
        Func<JsonElement, IReadOnlyList<Text>> first, bool wide = false)
    {
        var further = figures.Where(f => f.TextColumn is not null || (wide && f.Column is not null)).ToList();
        var table = Terminal.Table([.. columns, .. further.Select(f => f.TextColumn ?? f.Column!)]);
        foreach (var item in items)
        {
            Text[] cells = [.. first(item), .. further.Select(f => new Text(f.Write(item.Value(f.Name))))];
            table.AddRow(cells);
        }

        console.Write(table);
    }

    private static IEnumerable<string> Lines(IReadOnlyList<Figure> figures, JsonElement item) => figures
        .Select(f => f.Text).OfType<TextPart>().GroupBy(part => part.Line, part => part.Part)
        .Select(line => line.Key.PadRight(10) + FigureText.Fill(string.Join(", ", line), figures, name => item.Value(name)));

    private static string Coloured(string colour, string text) => $"[{colour}]{Markup.Escape(text)}[/]";
}
