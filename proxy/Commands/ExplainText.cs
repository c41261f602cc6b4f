// The text of "explain", "timeline" and "sessions".

using System.Globalization;
using System.Text.Json;
using RedisHaProxy.Admin;
using Spectre.Console;

namespace RedisHaProxy.Commands;

/// <summary>Writes the current decision for people.</summary>
internal static class ExplainText
{
    public static void Write(IAnsiConsole console, JsonElement explain)
    {
        JsonElement gate = explain.GetProperty("gate");
        console.MarkupLine($"[bold]{Markup.Escape(explain.Text("summary")!)}[/]");
        console.WriteLine($"Decided at {Terminal.Exactly(gate.Time("ruleSince"))} UTC.");
        if (gate.Number("leaseLeftMs") is { } lease)
        {
            console.WriteLine($"No failover away from {gate.Text("target")} can begin for another {Quantities.Milliseconds(lease)} (the Sentinels' leases).");
        }

        if (gate.Text("support") is { } support)
        {
            console.WriteLine($"The claim of {support}.");
        }

        console.WriteLine();
        console.WriteLine("What the nodes say:");
        foreach (JsonElement node in explain.List("nodes"))
        {
            console.WriteLine($"  {node.Text("name")} ({node.Text("address")}) "
                + $"{(node.Field("maintenanceSince") is null ? "" : "MAINT, ")}{node.Text("state")}; {node.Text("health")}{Age(node)}");
        }

        if (explain.List("sentinels").Any())
        {
            console.WriteLine("What the Sentinels say:");
        }

        foreach (JsonElement sentinel in explain.List("sentinels"))
        {
            string vote = sentinel.Is("voteCounts") ? $"names {sentinel.Text("vote")} (epoch {sentinel.Field("epoch")?.GetRawText() ?? "-"})"
                : "has no vote that counts";
            console.WriteLine($"  {sentinel.Text("address")} {vote}; "
                + $"{sentinel.Text("health")}{Age(sentinel)}{(sentinel.Is("markedDown") ? ", sees it down" : "")}{(sentinel.Is("tilt") ? ", TILT" : "")}");
        }

        StatusText.WriteReads(console, explain, explain.Text("readOnlySummary"), Figures.All);
        StatusText.WriteHints(console, explain);
    }

    private static string Age(JsonElement server) => server.Number("checkAgeMs") is { } age
        ? $", {(server.Is("up") ? "asked" : "last answer")} {Quantities.Milliseconds(age)} ago" : "";
}

/// <summary>Writes what happened for people.</summary>
internal static class TimelineText
{
    public static void Write(IAnsiConsole console, JsonElement timeline)
    {
        var interruptions = timeline.List("interruptions").ToList();
        if (interruptions.Count == 0)
        {
            console.WriteLine("No master has been routed to since the start.");
        }
        else
        {
            var table = Terminal.Table("opened at (UTC)", "from > to", ">shut for", ">promotion to open", "rules", "old sessions", ">refused");
            foreach (var entry in interruptions)
            {
                table.AddRow(
                    Terminal.Exactly(entry.Time("open")),
                    Markup.Escape($"{entry.Text("from") ?? "(start)"} > {entry.Text("to")}"),
                    Quantities.Milliseconds(entry.Number("shutMs") ?? 0),
                    entry.Number("promotionToOpenMs") is { } promotion ? Quantities.Milliseconds(promotion) : "-",
                    $"{entry.Text("shutRule")} > {entry.Text("openRule")}",
                    entry.Field("from") is null ? "-" : entry.Is("sessionsKept") ? "kept" : $"{entry.Number("sessionsCut"):0} cut",
                    $"{entry.Number("sessionsRefused"):0}");
            }

            console.Write(table);
        }

        console.WriteLine();
        console.WriteLine("Orders of the gate, the newest first:");
        foreach (JsonElement order in timeline.List("orders"))
        {
            console.WriteLine($"  {Terminal.Exactly(order.Time("time"))}  {order.Text("mode"),-6} {order.Text("target") ?? "-",-10} rule "
                + $"{order.Text("rule"),-2}  {order.Text("evidence")}");
        }
    }
}

/// <summary>Writes the open sessions for people.</summary>
internal static class SessionsText
{
    /// <param name="console">Where to.</param>
    /// <param name="sessions">Those that match.</param>
    /// <param name="all">How many there are.</param>
    /// <param name="wide">Exact numbers and times.</param>
    public static void Write(IAnsiConsole console, IReadOnlyList<JsonElement> sessions, int all, bool wide)
    {
        var table = Terminal.Table(">id", "client", "node", ">port", "state", "accepted (UTC)", ">quiet for", ">in", ">out");
        foreach (var session in sessions)
        {
            var accepted = session.Time("accepted");
            table.AddRow(
                session.GetProperty("id").GetRawText(),
                Markup.Escape(session.Text("client")!),
                Markup.Escape(session.Text("node") ?? "-"),
                session.Field("localPort")?.GetRawText() ?? "-",
                session.Text("state")!,
                wide ? Terminal.Exactly(accepted) : accepted.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
                Quantities.Milliseconds(session.Number("quietMs") ?? 0),
                wide ? $"{session.Number("bytesIn"):0}" : Quantities.Bytes(session.Number("bytesIn") ?? 0),
                wide ? $"{session.Number("bytesOut"):0}" : Quantities.Bytes(session.Number("bytesOut") ?? 0));
        }

        if (sessions.Count > 0)
        {
            console.Write(table);
        }

        console.WriteLine((all == 1 ? "1 session" : $"{all} sessions") + (sessions.Count < all ? $", {sessions.Count} shown" : ""));
    }
}
