// The text of "status".

using System.Text.Json;
using RedisHaProxy.Admin;

namespace RedisHaProxy.Commands;

/// <summary>Writes a status for people.</summary>
internal static class StatusText
{
    /// <param name="screen">Where to.</param>
    /// <param name="status">The document.</param>
    /// <param name="wide">With all columns of the table of figures.</param>
    public static void Write(Screen screen, JsonElement status, bool wide = false) => Write(screen, status, Figures.All, wide);

    /// <summary>The same with another table of figures.</summary>
    public static void Write(Screen screen, JsonElement status, Figures figures, bool wide = false)
    {
        (JsonElement process, JsonElement gate) = (status.GetProperty("process"), status.GetProperty("gate"));
        DateTimeOffset now = process.Time("time");
        string phase = process.Text("phase")!, health = process.Text("health")!;
        bool healthy = process.Is("healthy");
        screen.Line(
            new(process.Text("host")!, Look.Bold), " ", new(phase, healthy ? Look.Green : Look.Red),
            $" for {Quantities.Span(now - process.Time("phaseSince"))}{(healthy || health == phase ? "" : $" ({health})")} on {Listeners(process)}, version "
                + $"{process.Text("version")!}, by {process.Text("engine")}");
        bool open = gate.Text("mode") == "open";
        DateTimeOffset since = open ? gate.Time("since") : gate.Field("interruptedSince")?.GetDateTimeOffset() ?? gate.Time("since");
        screen.Line(
            new(gate.Text("headline")!, gate.Text("level") switch { "good" => Look.Green, "warn" => Look.Yellow, _ => Look.Red }),
            $" since {Terminal.Clock(since, now)} UTC ({Quantities.Span(now - since)})");
        if (gate.Number("sessionsRefused") is { } refused)
        {
            screen.Line($"so far {refused:0} sessions refused, {gate.Number("sessionsCut"):0} cut; "
                + $"{status.GetProperty("sessions").Number("parked"):0} wait");
        }

        screen.Line(status.Text("summary")!);
        screen.Line();
        WriteNodes(screen, status, figures, now, wide);
        screen.Line();
        WriteSentinels(screen, status, figures, now);
        foreach (string line in Lines(figures.Sessions, status.GetProperty("sessions")).Concat(Lines(figures.Gate, gate)))
        {
            screen.Line(line);
        }

        WriteReads(screen, status, status.Text("readOnlySummary"), figures);
        WriteHints(screen, status);
    }

    /// <summary>Where read-only sessions go, and which replica is fit for them; nothing without a read-only listener.</summary>
    public static void WriteReads(Screen screen, JsonElement document, string? summary, Figures figures)
    {
        if (document.Field("readOnly") is not { } reads)
        {
            return;
        }

        screen.Line(summary!);
        foreach (string line in Lines(figures.ReadListener, reads))
        {
            screen.Line(line);
        }

        foreach (JsonElement node in reads.List("nodes"))
        {
            string old = node.Number("ageMs") is { } age ? $", data at most {Quantities.Milliseconds(age)} old" : "";
            screen.Line($"  {node.Text("name")}: {node.Text("reason")}{old}, {node.Number("sessions")} sessions");
        }
    }

    public static void WriteHints(Screen screen, JsonElement document)
    {
        if (document.Has("hints"))
        {
            screen.Line();
        }

        foreach (JsonElement hint in document.List("hints"))
        {
            screen.Line(new("!", Look.Yellow), " " + hint.GetString());
        }
    }

    private static void WriteNodes(Screen screen, JsonElement status, Figures figures, DateTimeOffset now, bool wide) => WriteTable(
        screen, figures.Nodes, status.List("nodes"), ["node", "address", "~role", ">lag", "~check", "since"],
        node =>
        {
            bool up = node.Is("up"), routed = node.Is("routed"), maintenance = node.Field("maintenanceSince") is not null;
            string role = node.Text("role")!;
            return
            [
                new((routed ? "> " : "  ") + node.Text("name"), routed ? Look.Bold : Look.Plain),
                node.Text("address")!,
                new(
                    maintenance ? $"MAINT, {role}" : role == "replica" && node.IsNot("linkUp") ? "replica, link down" : role == "unknown" ? "-"
                        : node.Field("writesRefused") is not null ? $"{role}, read-only" : role,
                    maintenance ? Look.Yellow : role == "master" ? Look.Green : node.IsNot("linkUp") ? Look.Yellow : Look.Plain),
                node.Number("lagBytes") is { } lag ? Quantities.Bytes(lag) : "-",
                new(up && node.Number("checkLatencyMs") is { } latency ? $"up, {Quantities.Milliseconds(latency)}" : node.Text("health")! + LastAnswer(node),
                    up ? Look.Plain : Look.Red),
                Terminal.Clock(node.Time("since"), now),
            ];
        }, wide);

    private static void WriteSentinels(Screen screen, JsonElement status, Figures figures, DateTimeOffset now)
    {
        if (!status.Has("sentinels"))
        {
            screen.Line("no Sentinels are configured");
        }
        else
        {
            WriteTable(screen, figures.Sentinels, status.List("sentinels"), ["sentinel", "votes for", ">epoch", "~sees master", "~check", "since"],
                sentinel =>
            {
                string sees = sentinel.Is("tilt") ? "TILT" : sentinel.Is("failoverInProgress") ? "failover" : sentinel.Is("markedDown") ? "down"
                    : sentinel.Field("epoch") is null ? "-" : "up";
                return
                [
                    "  " + sentinel.Text("address"),
                    sentinel.Is("voteCounts") ? sentinel.Text("vote")! : "-",
                    sentinel.Field("epoch")?.GetRawText() ?? "-",
                    new(sees, sees == "up" ? Look.Plain : Look.Yellow),
                    sentinel.IsNot("eventsHeard")
                        ? new("up, no events", Look.Red)
                        : new(sentinel.Text("health")! + (sentinel.Is("up") ? "" : LastAnswer(sentinel)), sentinel.Is("up") ? Look.Plain : Look.Red),
                    Terminal.Clock(sentinel.Time("since"), now),
                ];
            });
        }

        screen.Line();
    }

    /// <summary>How old the last answer of a server is that does not answer.</summary>
    private static string LastAnswer(JsonElement server) =>
        server.Number("checkAgeMs") is { } age ? $", answered {Quantities.Age(TimeSpan.FromMilliseconds(age))} ago" : ", never answered";

    // The columns that are more than a figure, then those of the table of figures.
    private static void WriteTable(
        Screen screen, IReadOnlyList<Figure> figures, JsonElement.ArrayEnumerator items, string[] columns, Func<JsonElement, Words[]> first,
        bool wide = false)
    {
        var further = figures.Where(f => f.TextColumn is not null || (wide && f.Column is not null)).ToList();
        var rows = new List<Words[]>();
        foreach (var item in items)
        {
            rows.Add([.. first(item), .. further.Select(f => new Words(f.Write(item.Value(f.Name))))]);
        }

        screen.Table([.. columns, .. further.Select(f => f.TextColumn ?? f.Column!)], rows);
    }

    private static IEnumerable<string> Lines(IReadOnlyList<Figure> figures, JsonElement item) => figures
        .Select(f => f.Text).OfType<TextPart>().GroupBy(part => part.Line, part => part.Part)
        .Select(line => line.Key.PadRight(10) + FigureText.Fill(string.Join(", ", line), figures, name => item.Value(name)));

    private static string Listeners(JsonElement process)
    {
        var listeners = new List<string>();
        foreach (JsonElement listener in process.List("listen"))
        {
            listeners.Add(listener.GetString()!);
        }

        return string.Join(", ", listeners);
    }
}
