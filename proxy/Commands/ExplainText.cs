// The text of "explain", "timeline" and "sessions".

using System.Globalization;
using System.Text.Json;
using RedisHaProxy.Admin;

namespace RedisHaProxy.Commands;

/// <summary>Writes the current decision for people.</summary>
internal static class ExplainText
{
    public static void Write(Screen screen, JsonElement explain)
    {
        JsonElement gate = explain.GetProperty("gate");
        screen.Line(new Words(explain.Text("summary")!, Look.Bold));
        screen.Line($"Decided at {Terminal.Exactly(gate.Time("ruleSince"))} UTC.");
        if (gate.Number("leaseLeftMs") is { } lease)
        {
            screen.Line($"No failover away from {gate.Text("target")} can begin for another {Quantities.Milliseconds(lease)} (the Sentinels' leases).");
        }

        if (gate.Text("support") is { } support)
        {
            screen.Line($"The claim of {support}.");
        }

        screen.Line();
        screen.Line("What the nodes say:");
        foreach (JsonElement node in explain.List("nodes"))
        {
            screen.Line($"  {node.Text("name")} ({node.Text("address")}) "
                + $"{(node.Field("maintenanceSince") is null ? "" : "MAINT, ")}{node.Text("state")}; {node.Text("health")}{Age(node)}");
        }

        if (explain.Has("sentinels"))
        {
            screen.Line("What the Sentinels say:");
        }

        foreach (JsonElement sentinel in explain.List("sentinels"))
        {
            string vote = sentinel.Is("voteCounts") ? $"names {sentinel.Text("vote")} (epoch {sentinel.Field("epoch")?.GetRawText() ?? "-"})"
                : "has no vote that counts";
            screen.Line($"  {sentinel.Text("address")} {vote}; "
                + $"{sentinel.Text("health")}{Age(sentinel)}{(sentinel.Is("markedDown") ? ", sees it down" : "")}{(sentinel.Is("tilt") ? ", TILT" : "")}");
        }

        StatusText.WriteReads(screen, explain, explain.Text("readOnlySummary"), Figures.All);
        StatusText.WriteHints(screen, explain);
    }

    private static string Age(JsonElement server) => server.Number("checkAgeMs") is { } age
        ? $", {(server.Is("up") ? "asked" : "last answer")} {Quantities.Milliseconds(age)} ago" : "";
}

/// <summary>Writes what happened for people.</summary>
internal static class TimelineText
{
    public static void Write(Screen screen, JsonElement timeline)
    {
        var rows = new List<Words[]>();
        foreach (JsonElement entry in timeline.List("interruptions"))
        {
            rows.Add(
            [
                Terminal.Exactly(entry.Time("open")),
                $"{entry.Text("from") ?? "(start)"} > {entry.Text("to")}",
                Quantities.Milliseconds(entry.Number("shutMs") ?? 0),
                entry.Number("promotionToOpenMs") is { } promotion ? Quantities.Milliseconds(promotion) : "-",
                $"{entry.Text("shutRule")} > {entry.Text("openRule")}",
                entry.Field("from") is null ? "-" : entry.Is("sessionsKept") ? "kept" : $"{entry.Number("sessionsCut"):0} cut",
                $"{entry.Number("sessionsRefused"):0}",
            ]);
        }

        if (rows.Count == 0)
        {
            screen.Line("No master has been routed to since the start.");
        }
        else
        {
            screen.Table(["opened at (UTC)", "from > to", ">shut for", ">~promotion to open", "rules", "~old sessions", ">refused"], rows);
        }

        screen.Line();
        screen.Line("Orders of the gate, the newest first:");
        foreach (JsonElement order in timeline.List("orders"))
        {
            screen.Line($"  {Terminal.Exactly(order.Time("time"))}  {order.Text("mode"),-6} {order.Text("target") ?? "-",-10} rule "
                + $"{order.Text("rule"),-2}  {order.Text("evidence")}");
        }
    }
}

/// <summary>Writes the open sessions for people.</summary>
internal static class SessionsText
{
    /// <param name="screen">Where to.</param>
    /// <param name="sessions">Those that match.</param>
    /// <param name="all">How many there are.</param>
    /// <param name="wide">Exact numbers and times.</param>
    public static void Write(Screen screen, IReadOnlyList<JsonElement> sessions, int all, bool wide)
    {
        var rows = new List<Words[]>();
        foreach (var session in sessions)
        {
            var accepted = session.Time("accepted");
            rows.Add(
            [
                session.GetProperty("id").GetRawText(),
                session.Text("client")!,
                session.Text("node") ?? "-",
                session.Field("localPort")?.GetRawText() ?? "-",
                session.Text("state")!,
                wide ? Terminal.Exactly(accepted) : accepted.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
                Quantities.Milliseconds(session.Number("quietMs") ?? 0),
                wide ? $"{session.Number("bytesIn"):0}" : Quantities.Bytes(session.Number("bytesIn") ?? 0),
                wide ? $"{session.Number("bytesOut"):0}" : Quantities.Bytes(session.Number("bytesOut") ?? 0),
            ]);
        }

        if (rows.Count > 0)
        {
            screen.Table([">id", "client", "node", ">port", "state", "accepted (UTC)", ">quiet for", ">in", ">out"], rows);
        }

        screen.Line((all == 1 ? "1 session" : $"{all} sessions") + (sessions.Count < all ? $", {sessions.Count} shown" : ""));
    }
}
