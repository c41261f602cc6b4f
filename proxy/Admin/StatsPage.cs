// The stats page: made on the server, section by section, so that it is whole without a script; with it, changed sections are sent again.

using System.Globalization;
using System.Reflection;
using System.Text;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

/// <summary>A part of the page that is replaced as a whole.</summary>
/// <param name="Id">Of the element.</param>
/// <param name="Html">Its content.</param>
internal sealed record PageSection(string Id, string Html);

/// <summary>Renders the page.</summary>
internal static class StatsPage
{
    private const int OrdersShown = 12;

    private static readonly string Style = Resource("stats.css");
    private static readonly string Script = Resource("stats.js");

    /// <summary>The title: in a browser's tab the master is seen without opening it.</summary>
    public static string Title(StatusDocument status) =>
        $"{(status.Gate.Mode == "open" ? $"{status.Gate.Target} is master" : status.Gate.Mode == "park" ? "waiting for a master" : "NO MASTER")} - {status.Process.Host}";

    /// <summary>The whole page.</summary>
    /// <param name="status">What is shown.</param>
    /// <param name="timeline">What happened.</param>
    /// <param name="nonce">The one of the Content-Security-Policy: no other script or style is allowed.</param>
    public static string Write(StatusDocument status, TimelineDocument timeline, string nonce)
    {
        var html = new StringBuilder(16 * 1024);
        html.Append($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Html.Text(Title(status))}</title>
            <link rel="icon" href="data:,">
            <noscript><meta http-equiv="refresh" content="3"></noscript>
            <style nonce="{nonce}">
            {Style}</style>
            </head>
            <body>
            <p id="lost" role="alert" hidden></p>
            <header><h1>redis-ha-proxy on {Html.Text(status.Process.Host)}</h1>
            <nav aria-label="Other forms"><a href="/stats;csv">CSV</a><a href="/stats.json">JSON</a><a href="/metrics">metrics</a><a href="/explain">explain</a><a href="/timeline">timeline</a></nav></header>
            <main>

            """);
        foreach (var section in Sections(status, timeline))
        {
            // The headline is announced when it changes; everything else is read on demand.
            html.Append(CultureInfo.InvariantCulture, $"<section id=\"{section.Id}\"{(section.Id == "headline" ? " role=\"status\"" : "")}>{section.Html}</section>\n");
        }

        html.Append(CultureInfo.InvariantCulture, $"</main>\n<script nonce=\"{nonce}\">\n{Script}</script>\n</body>\n</html>\n");
        return html.ToString();
    }

    /// <summary>The sections, in order.</summary>
    public static IReadOnlyList<PageSection> Sections(StatusDocument status, TimelineDocument timeline) =>
    [
        new("headline", Headline(status)),
        new("hints", Hints(status)),
        new("picture", "<div class=\"card wide\" id=\"picture-card\" tabindex=\"0\" role=\"region\" aria-label=\"Picture\">" + StatsPicture.Write(status) + "</div>"),
        new("nodes", Nodes(status)),
        new("traffic", Traffic(status)),
        new("sentinels", Sentinels(status)),
        new("failovers", Failovers(timeline)),
        new("sessions", Sessions(status)),
        new("readonly", ReadOnlyForms.Section(status)),
        new("orders", Orders(timeline)),
        new("process", ProcessLine(status)),
    ];

    private static string Headline(StatusDocument status)
    {
        var gate = status.Gate;
        string big = gate.Mode switch
        {
            "park" when gate.Withheld is not null => $"{gate.Withheld}; sessions wait",
            "closed" when gate.Withheld is not null => $"{gate.Withheld}; sessions are refused",
            "open" => $"Master: {gate.Target}",
            "park" when gate.Target is not null => $"{gate.Target} is silent; new sessions wait",
            "park" => "No master now; sessions wait for one",
            _ => "No master; sessions are refused",
        };
        return $"<div class=\"card headline {gate.Mode}\"><p class=\"big\">{Html.Text(big)}</p>"
            + $"<p>Rule {Html.Text(gate.Rule)}: {Html.Text(gate.RuleMeaning)}.</p>"
            + $"<p class=\"soft\">Since {Html.Time(gate.Since)}. {Html.Text(gate.Evidence)}</p></div>";
    }

    private static string Hints(StatusDocument status)
    {
        var hints = Explanation.Hints(status);
        return hints.Count == 0
            ? ""
            : $"<div class=\"card\"><h2 class=\"warn\">What deserves attention</h2><ul class=\"hints\">{string.Concat(hints.Select(h => $"<li>{Html.Text(h)}</li>"))}</ul></div>";
    }

    private static string Nodes(StatusDocument status) => Html.Table(
        "nodes", "Data nodes", ["node", "address", "role", "link", ">lag", ">offset", "last check", ">took", "since", ">down for"],
        status.Nodes.Select(n => new HtmlRow(n.Routed ? "routed" : "",
        [
            Html.Text(n.Name) + (n.MaintenanceSince is not null ? " <span class=\"warn\">MAINT</span>" : n.Routed ? " <span class=\"good\">&larr; sessions</span>" : ""),
            Html.Text(n.Address),
            n.Role == "master" ? $"<span class=\"good\">master</span> ({n.Replicas?.ToString(CultureInfo.InvariantCulture) ?? "?"} replicas)" : Html.Text(n.Role),
            n.LinkUp is { } up ? Html.State(up, "up", "down") : "",
            n.LagBytes is { } lag ? Html.Text(Quantities.Bytes(lag)) : "",
            n.Offset is { } offset and >= 0 ? N(offset) : "",
            Html.State(n.Up, "up", n.Health) + Html.Text(Explanation.Error(n.Health, n.Error)),
            n.CheckLatencyMs is { } latency ? Html.Text(Quantities.Milliseconds(latency)) : "",
            n.MaintenanceSince is { } maintenance ? Html.Time(maintenance) : Html.Time(n.Since),
            n.DowntimeMs > 0 ? Html.Text(Quantities.Span(TimeSpan.FromMilliseconds(n.DowntimeMs))) : "",
        ])));

    private static string Traffic(StatusDocument status) => Html.Table(
        "traffic", "Sessions by node", ["node", ">now", ">most", ">in all", ">bytes in", ">bytes out", ">failed connects"],
        status.Nodes.Select(n => new HtmlRow(n.Routed ? "routed" : "",
        [
            Html.Text(n.Name), N(n.Sessions), N(n.SessionsMax), N(n.SessionsTotal), Html.Text(Quantities.Bytes(n.BytesIn)), Html.Text(Quantities.Bytes(n.BytesOut)), N(n.ConnectFailures),
        ])));

    private static string Sentinels(StatusDocument status) => status.Sentinels.Count == 0
        ? "<div class=\"card\"><h2>Sentinels</h2>None are configured: replication links and observed promotions decide.</div>"
        : Html.Table("sentinels", "Sentinels", ["address", "votes for", ">epoch", "sees the master", "last check", "since"],
            status.Sentinels.Select(s => new HtmlRow("",
            [
                Html.Text(s.Address),
                s.VoteCounts ? Html.Text(s.Vote) : "<span class=\"soft\">no vote that counts</span>",
                s.Epoch?.ToString(CultureInfo.InvariantCulture) ?? "",
                s.Tilt ? "<span class=\"warn\">TILT</span>" : s.FailoverInProgress ? "<span class=\"warn\">failing over</span>" : s.MarkedDown ? "<span class=\"bad\">down</span>" : s.Epoch is null ? "" : "up",
                Html.State(s.Up, "up", s.Health) + Html.Text(Explanation.Error(s.Health, s.Error))
                    + (s.EventsHeard == false ? ", <span class=\"bad\">events not heard</span>" : ""),
                Html.Time(s.Since),
            ])));

    private static string Sessions(StatusDocument status)
    {
        var s = status.Sessions;
        string tiles = Html.Tile("sessions now", N(s.Current), $"most {s.Max}, limit {s.Limit}")
            + Html.Tile("waiting for a master", N(s.Parked), $"limit {s.ParkedLimit}")
            + Html.Tile("new sessions", string.Create(CultureInfo.InvariantCulture, $"{s.PerSecond:0.#}/s"), string.Create(CultureInfo.InvariantCulture, $"most {s.PerSecondMax:0.#}/s, {s.Total} in all"))
            + Html.Tile("bytes in", $"{Quantities.Bytes(s.BytesInPerSecond)}/s", $"{Quantities.Bytes(s.BytesIn)} in all")
            + Html.Tile("bytes out", $"{Quantities.Bytes(s.BytesOutPerSecond)}/s", $"{Quantities.Bytes(s.BytesOut)} in all");
        return $"<div class=\"card\"><h2>Sessions</h2><dl class=\"tiles\">{tiles}</dl></div>"
            + Html.Table("ends", "Ended sessions by code", ["code", ">sessions", "meaning"],
                Enum.GetValues<SessionEnd>().Select(end => new HtmlRow("", [EndCode.Of(end), N(s.Ends[EndCode.Of(end)]), $"<span class=\"text\">{Html.Text(EndCode.Meaning(end))}</span>"])));
    }

    private static string Failovers(TimelineDocument timeline) => timeline.Interruptions.Count == 0
        ? "<div class=\"card\"><h2>Failovers</h2>No master has been routed to since the start.</div>"
        : Html.Table("failovers", "Failovers, the newest first", ["opened", "from", "to", ">shut for", ">promotion to open", "shut by", "opened by", "old sessions"],
            timeline.Interruptions.Select(i => new HtmlRow("",
            [
                Html.Time(i.Open, milliseconds: true), Html.Text(i.From ?? "(start)"), Html.Text(i.To), Html.Text(Quantities.Milliseconds(i.ShutMs)),
                i.PromotionToOpenMs is { } p ? Html.Text(Quantities.Milliseconds(p)) : "", Html.Text("rule " + i.ShutRule), Html.Text("rule " + i.OpenRule),
                i.From is null ? "" : i.SessionsKept ? "kept" : "ended",
            ])));

    private static string Orders(TimelineDocument timeline) => Html.Table(
        "orders", "What the gate did, the newest first", ["time", "gate", "sessions go to", "rule", ">carried out in", "evidence"],
        timeline.Orders.Take(OrdersShown).Select(o => new HtmlRow("",
        [
            Html.Time(o.Time, milliseconds: true), $"<span class=\"{(o.Mode == "open" ? "good" : o.Mode == "park" ? "warn" : "bad")}\">{Html.Text(o.Mode)}</span>", Html.Text(o.Target ?? "-"),
            Html.Text(o.Rule), Html.Text(Quantities.Milliseconds(o.TookMs)), $"<span class=\"text\">{Html.Text(o.Evidence)}</span>",
        ])));

    private static string ProcessLine(StatusDocument status)
    {
        var p = status.Process;
        return $"<footer class=\"soft\">{Html.State(p.Healthy, p.Phase, p.Healthy || p.Health == p.Phase ? p.Phase : $"{p.Phase}: {p.Health}")} since {Html.Time(p.PhaseSince)}; "
            + $"listening on {Html.Text(string.Join(", ", p.Listen))}; process {p.ProcessId}, version {Html.Text(p.Version)}, started {Html.Time(p.Started)}. Times are UTC.</footer>";
    }

    private static string N(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
