// The stats page: made on the server, section by section, so that it is whole without a script; with it, changed sections are sent again.

using System.Globalization;
using System.Reflection;
using System.Text;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>A part of the page that is replaced as a whole.</summary>
/// <param name="Id">Of the element.</param>
/// <param name="Html">Its content.</param>
internal sealed record PageSection(string Id, string Html);

/// <summary>Renders the page.</summary>
internal static class StatsPage
{
    private const int OrdersShown = 12;

    private const string Links = "<a href=\"/stats;csv\">CSV</a><a href=\"/stats.json\">JSON</a><a href=\"/metrics\">metrics</a>"
        + "<a href=\"/explain\">explain</a><a href=\"/timeline\">timeline</a>";

    private static readonly string Style = Resource("stats.css");
    private static readonly string Script = Resource("stats.js");

    /// <summary>The title: in a browser's tab the master is seen without opening it.</summary>
    public static string Title(Moment moment)
    {
        string what = moment.Gate.Mode switch
        {
            GateMode.Open => $"{moment.Gate.Target?.Name} is master",
            GateMode.Park => "waiting for a master",
            _ => "NO MASTER",
        };
        return $"{what} - {moment.Host}";
    }

    /// <summary>The whole page.</summary>
    /// <param name="moment">What is shown.</param>
    /// <param name="nonce">The one of the Content-Security-Policy: no other script or style is allowed.</param>
    public static string Write(Moment moment, string nonce)
    {
        var html = new StringBuilder(16 * 1024);
        html.Append($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Html.Text(Title(moment))}</title>
            <link rel="icon" href="data:,">
            <noscript><meta http-equiv="refresh" content="3"></noscript>
            <style nonce="{nonce}">
            {Style}</style>
            </head>
            <body>
            <p id="lost" role="alert" hidden></p>
            <header><h1>redis-ha-proxy on {Html.Text(moment.Host)}</h1>
            <nav aria-label="Other forms">{Links}</nav></header>
            <main>

            """);
        foreach (var section in Sections(moment))
        {
            // The headline is announced when it changes; everything else is read on demand.
            string role = section.Id == "headline" ? " role=\"status\"" : "";
            html.Append(CultureInfo.InvariantCulture, $"<section id=\"{section.Id}\"{role}>{section.Html}</section>\n");
        }

        html.Append(CultureInfo.InvariantCulture, $"</main>\n<script nonce=\"{nonce}\">\n{Script}</script>\n</body>\n</html>\n");
        return html.ToString();
    }

    /// <summary>The sections, in order.</summary>
    public static IReadOnlyList<PageSection> Sections(Moment moment) =>
    [
        new("headline", Headline(moment)),
        new("hints", Hints(moment)),
        new("picture",
            $"<div class=\"card wide\" id=\"picture-card\" tabindex=\"0\" role=\"region\" aria-label=\"Picture\">{StatsPicture.Write(moment)}</div>"),
        new("nodes", Nodes(moment)),
        new("traffic", Traffic(moment)),
        new("sentinels", Sentinels(moment)),
        new("failovers", Failovers(moment.Control)),
        new("sessions", Sessions(moment)),
        new("readonly", moment.Reads is { } reads ? ReadOnly(moment.Figures, reads) : ""),
        new("orders", Orders(moment.Control)),
        new("process", ProcessLine(moment)),
    ];

    private static string Headline(Moment moment)
    {
        string? target = moment.Gate.Target?.Name;
        string big = (moment.Gate.Mode, moment.Control.Withheld) switch
        {
            (GateMode.Park, { } why) => $"{why}; sessions wait",
            (GateMode.Closed, { } why) => $"{why}; sessions are refused",
            (GateMode.Open, _) => $"Master: {target}",
            (GateMode.Park, _) when target is not null => $"sessions to {target} go on; new ones wait",
            (GateMode.Park, _) => "No master now; sessions wait for one",
            _ => "No master; sessions are refused",
        };
        return $"<div class=\"card headline {moment.GateMode}\"><p class=\"big\">{Html.Text(big)}</p>"
            + $"<p>Rule {Html.Text(moment.Control.Decision.RuleName)}: {Html.Text(moment.RuleMeaning)}.</p>"
            + $"<p class=\"soft\">Since {Html.Time(moment.Control.GateSince)}. {Html.Text(moment.Control.Evidence)}</p></div>";
    }

    private static string Hints(Moment moment)
    {
        var hints = Explanation.Hints(moment);
        return hints.Count == 0
            ? ""
            : "<div class=\"card\"><h2 class=\"warn\">What deserves attention</h2>"
            + $"<ul class=\"hints\">{string.Concat(hints.Select(h => $"<li>{Html.Text(h)}</li>"))}</ul></div>";
    }

    private static string Nodes(Moment moment) => Html.Table(
        "nodes", "Data nodes", ["node", "address", "role", "link", ">lag", ">offset", "last check", ">took", "since", ">down for"],
        moment.Nodes.Select(n => new HtmlRow(n.Routed ? "routed" : "",
        [
            Html.Text(n.Name) + (n.InMaintenance ? " <span class=\"warn\">MAINT</span>" : n.Routed ? " <span class=\"good\">&larr; sessions</span>" : ""),
            Html.Text(n.Address),
            n.Role == "master" ? $"<span class=\"good\">master</span> ({n.Replicas?.ToString(CultureInfo.InvariantCulture) ?? "?"} replicas)"
                : Html.Text(n.Role),
            n.LinkUp is { } up ? Html.State(up, "up", "down") : "",
            n.Status.LagBytes is { } lag ? Html.Text(Quantities.Bytes(lag)) : "",
            n.Status.Answer?.Offset is { } offset and >= 0 ? N(offset) : "",
            Html.State(n.Up, "up", n.Status.Health.Text()) + Html.Text(Explanation.Error(n.Status.Health, n.Status.Error)),
            n.Status.Latency is { } latency ? Html.Text(Quantities.Milliseconds(latency.TotalMilliseconds)) : "",
            Html.Time(n.Status.MaintenanceSince ?? n.Status.Since),
            n.Status.Downtime > TimeSpan.Zero ? Html.Text(Quantities.Span(n.Status.Downtime)) : "",
        ])));

    private static string Traffic(Moment moment) => FigureTable("traffic", "Sessions by node", moment.Figures.Nodes, moment.Nodes,
        ["node"], n => (n.Routed ? "routed" : "", [Html.Text(n.Name)]));

    private static string Sentinels(Moment moment) => moment.Sentinels.Count == 0
        ? "<div class=\"card\"><h2>Sentinels</h2>None are configured: replication links and observed promotions decide.</div>"
        : FigureTable("sentinels", "Sentinels", moment.Figures.Sentinels, moment.Sentinels,
            ["address", "votes for", ">epoch", "sees the master", "last check", "since"],
            s => ("",
            [
                Html.Text(s.Address),
                s.Vote.Fresh ? Html.Text(s.VoteText) : "<span class=\"soft\">no vote that counts</span>",
                s.Answer?.ConfigEpoch.ToString(CultureInfo.InvariantCulture) ?? "",
                s.Answer is not { } said ? "" : said.Tilt ? "<span class=\"warn\">TILT</span>"
                    : said.FailoverInProgress ? "<span class=\"warn\">failing over</span>"
                    : said.MarkedDown ? "<span class=\"bad\">down</span>" : "up",
                Html.State(s.IsUp, "up", s.Health.Text()) + Html.Text(Explanation.Error(s.Health, s.Error))
                    + (s.EventsHeard == false ? ", <span class=\"bad\">events not heard</span>" : ""),
                Html.Time(s.Since),
            ]));

    private static string Sessions(Moment moment) =>
        $"<div class=\"card\"><h2>Sessions</h2><dl class=\"tiles\">{Tiles(moment.Figures.Sessions, moment)}</dl></div>"
        + Html.Table("ends", "Ended sessions by code", ["code", ">sessions", "meaning"],
            Enum.GetValues<SessionEnd>().Select(end =>
                new HtmlRow("", [EndCode.Of(end), N(moment.Data.Ended(end)), $"<span class=\"text\">{Html.Text(EndCode.Meaning(end))}</span>"])));

    private static string ReadOnly(Figures figures, ReadMoment reads) =>
        $"<div class=\"card\"><h2>Read-only listener</h2><p>{Html.Text(reads.Summary)}</p><dl class=\"tiles\">{Tiles(figures.ReadListener, reads)}</dl>"
        + $"<p class=\"soft\">Ended: {Html.Text(FigureText.Fill("{ends}", figures.ReadListener, reads))}</p></div>"
        + FigureTable("readonly-nodes", "Replicas for read-only sessions", figures.ReadNodes, reads.Nodes, ["node", "new sessions", "why", ">data at most"],
            n => ("",
            [
                Html.Text(n.Node.Name), Html.State(n.Target, "yes", "no"), Html.Text(n.Reason),
                n.Age is { } age ? Html.Text(Quantities.Milliseconds(age.TotalMilliseconds) + " old") : "",
            ]));

    private static string Failovers(RoutingSnapshot control) => control.Switchovers.Count == 0
        ? "<div class=\"card\"><h2>Failovers</h2>No master has been routed to since the start.</div>"
        : Html.Table("failovers", "Failovers, the newest first",
            ["opened", "from", "to", ">shut for", ">promotion to open", "shut by", "opened by", "old sessions"],
            control.Switchovers.Reverse().Select(s => new HtmlRow("",
            [
                Html.Time(s.OpenTime, milliseconds: true), Html.Text(s.From ?? "(start)"), Html.Text(s.To),
                    Html.Text(Quantities.Milliseconds(s.Shut.TotalMilliseconds)),
                s.PromotionToOpen is { } p ? Html.Text(Quantities.Milliseconds(p.TotalMilliseconds))
                    : "", Html.Text("rule " + s.ShutRule), Html.Text("rule " + s.OpenRule),
                s.From is null ? "" : s.SessionsKept ? "kept" : "ended",
            ])));

    private static string Orders(RoutingSnapshot control) => Html.Table(
        "orders", "What the gate did, the newest first", ["time", "gate", "sessions go to", "rule", ">carried out in", "evidence"],
        control.Events.Reverse().Take(OrdersShown).Select(e => new HtmlRow("",
        [
            Html.Time(e.Time, milliseconds: true),
            $"<span class=\"{(e.Mode switch { GateMode.Open => "good", GateMode.Park => "warn", _ => "bad" })}\">{Moment.Lower(e.Mode)}</span>",
                Html.Text(e.Target ?? "-"),
            Html.Text(e.Rule), Html.Text(Quantities.Milliseconds(e.Took.TotalMilliseconds)), $"<span class=\"text\">{Html.Text(e.Evidence)}</span>",
        ])));

    private static string ProcessLine(Moment moment)
    {
        var (phase, health) = (Moment.Lower(moment.Phase), moment.Health);
        return $"<footer class=\"soft\">{Html.State(health.Good, phase, health.Good || health.Reason == phase ? phase : $"{phase}: {health.Reason}")} since "
            + $"{Html.Time(moment.PhaseSince)}; "
            + $"listening on {Html.Text(string.Join(", ", moment.Listen))}; process {moment.ProcessId}, version {Html.Text(moment.Version)}, started "
                + $"{Html.Time(moment.Started)}. Times are UTC.</footer>";
    }

    // The columns that are more than a figure, then those of the table.
    private static string FigureTable<T>(
        string id, string caption, IReadOnlyList<Figure<T>> figures, IEnumerable<T> items, IReadOnlyList<string> columns, Func<T,
            (string Class, IReadOnlyList<string> Cells)> first)
    {
        var further = figures.Where(f => f.Column is not null).ToList();
        return Html.Table(id, caption, [.. columns, .. further.Select(f => f.Column!)], items.Select(item =>
        {
            var (style, cells) = first(item);
            return new HtmlRow(style, [.. cells, .. further.Select(f => Html.Text(f.Write(f.Value(item))))]);
        }));
    }

    private static string Tiles<T>(IReadOnlyList<Figure<T>> figures, T item) => string.Concat(
        figures.Select(f => f.Tile).OfType<Tile>().Select(tile =>
            Html.Tile(tile.Title, FigureText.Fill(tile.Value, figures, item), FigureText.Fill(tile.Further, figures, item))));

    private static string N(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
