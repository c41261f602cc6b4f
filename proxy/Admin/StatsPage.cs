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
    private const int InterruptionsShown = 5;

    private const string Links = "<a href=\"/stats;csv\">CSV</a><a href=\"/stats.json\">JSON</a><a href=\"/metrics\">metrics</a>"
        + "<a href=\"/explain.txt\">explain</a><a href=\"/timeline.txt\">timeline</a>";

    private static readonly string Style = Resource("stats.css");
    private static readonly string Script = Resource("stats.js");

    /// <summary>The title: in a browser's tab the master is seen without opening it.</summary>
    public static string Title(Moment moment)
    {
        return $"{moment.Headline.Title} - {moment.Host}";
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
            <nav aria-label="Other forms">{Links}{Peers(moment)}</nav></header>
            <main>

            """);
        foreach (PageSection section in Sections(moment))
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
        new("nodes", Nodes(moment)),
        new("sentinels", Sentinels(moment)),
        new("interruptions", Interruptions(moment.Control)),
        new("sessions", Sessions(moment)),
        new("readonly", moment.Reads is { } reads ? ReadOnly(moment.Figures, reads) : ""),
        new("process", ProcessLine(moment)),
    ];

    private static string Peers(Moment moment) => string.Concat((moment.Settings.Admin?.Peers ?? []).Select(peer =>
        $"<a href=\"{(moment.Settings.Admin!.Tls is null ? "http" : "https")}://{Html.Text(peer.EndPoint.ToString())}/stats\">{Html.Text(peer.Name)}</a>"));

    private static string Headline(Moment moment)
    {
        var headline = moment.Headline;
        string cost = Admin.Headline.Cost(moment);
        return $"<div class=\"card headline {Moment.Lower(headline.Level)}-back\"><p class=\"big\">{Html.Text(headline.Text)}</p>"
            + $"<p class=\"for\" aria-hidden=\"true\">for {Html.Text(Quantities.Span(moment.Time - headline.Since))}"
            + $"{(cost.Length > 0 ? $"; <strong>{Html.Text(cost)}</strong>" : "")}</p>"
            + $"<p>Rule {Html.Text(moment.Control.Decision.RuleName)}: {Html.Text(moment.RuleMeaning)}.</p>"
            + $"<p class=\"soft\">{Html.Text(moment.Control.Evidence)}</p></div>";
    }

    private static string Hints(Moment moment)
    {
        IReadOnlyList<string> hints = Explanation.Hints(moment);
        return hints.Count == 0
            ? ""
            : "<div class=\"card\"><h2 class=\"warn\">What deserves attention</h2>"
            + $"<ul class=\"hints\">{string.Concat(hints.Select(h => $"<li>{Html.Text(h)}</li>"))}</ul></div>";
    }

    // HAProxy's words. The first row is what clients see, and the only one with a limit.
    private static string Nodes(Moment moment)
    {
        var further = moment.Figures.Nodes.Where(f => f.Column is not null).ToList();
        string[] columns = ["Node", "Role", ">Lag", .. further.SelectMany(f => IsMost(f) ? [f.Column!, ">Limit"] : new[] { f.Column! }), "Last check",
            "Since", ">Downtime"];
        var clients = new HtmlRow("clients",
        [
            "Clients", moment.Phase == LifecyclePhase.Serving ? "OPEN" : $"<span class=\"warn\">{moment.Phase.ToString().ToUpperInvariant()}</span>", "",
            .. further.SelectMany(f => IsMost(f) ? [OfClients(moment, f), N(moment.SessionsLimit)] : new[] { OfClients(moment, f) }), "",
                Html.Since(moment.Started), "",
        ]);
        return Html.Table("nodes", "Sessions and data nodes", columns, moment.Nodes.Select(n => new HtmlRow(RowClass(n),
        [
            $"{Html.Text(n.Name)} <small>{Html.Text(n.Address)}</small>",
            Role(n),
            n.LagBytes is { } lag ? Html.Text(Quantities.Bytes(lag)) : "-",
            .. further.SelectMany(f => IsMost(f) ? [Html.Text(f.Write(f.Value(n))), "-"] : new[] { Html.Text(f.Write(f.Value(n))) }),
            Check(n.Up, n.Status.Health, n.Status.Error, n.Up ? n.Latency : null, n.Status.Age),
            Html.Since(n.Status.MaintenanceSince ?? n.Status.Since),
            n.Status.Downtime > TimeSpan.Zero ? Html.Text(Quantities.Span(n.Status.Downtime)) : "-",
        ])).Prepend(clients));

        static bool IsMost(Figure figure) => figure.Name == "sessionsMax";
    }

    // The figure of the listener that stands in the same column of HAProxy's.
    private static string OfClients(Moment moment, Figure figure) =>
        moment.Figures.Sessions.FirstOrDefault(f => f.Csv.Split(' ')[0] == figure.Csv.Split(' ')[0] && f.Csv.Length > 0) is { } same
            ? Html.Text(same.Write(same.Value(moment))) : "";

    private static string RowClass(NodeMoment node) => node switch
    {
        { InMaintenance: true } => "warn-row",
        { Up: false } => "bad-row",
        { Refusal: not WriteRefusal.None } or { LinkUp: false } => "warn-row",
        { Routed: true } => "good-row",
        _ => "",
    };

    private static string Role(NodeMoment node) => node switch
    {
        { InMaintenance: true } => $"<span class=\"warn\">MAINT</span>, {Html.Text(node.Role)}",
        { Refusal: not WriteRefusal.None } => "master, <span class=\"warn\">read-only</span>",
        { Role: "master", Routed: true } => "<span class=\"good\">master</span>",
        { Role: "unknown" } => "-",
        { LinkUp: false } => "replica, <span class=\"warn\">link down</span>",
        _ => Html.Text(node.Role),
    };

    // With the age of the last answer where there is none now: nothing else that is shown of such a server is old.
    private static string Check(bool up, ServerHealth health, string? error, TimeSpan? took, TimeSpan? age) =>
        Html.State(up, "up", health.Text()) + (took is { } latency ? Html.Text($", {Quantities.Milliseconds(latency.TotalMilliseconds)}") : "")
        + Html.Text(Explanation.Error(health, error))
        + (up ? "" : Html.Text(age is { } last ? $", answered {Quantities.Age(last)} ago" : ", never answered"));

    private static string Sentinels(Moment moment) => moment.Sentinels.Count == 0
        ? "<div class=\"card\"><h2>Sentinels</h2>None are configured: replication links and observed promotions decide.</div>"
        : FigureTable("sentinels", "Sentinels", moment.Figures.Sentinels, moment.Sentinels,
            ["Sentinel", "Votes for", ">Epoch", "Sees the master", "Last check", "Since"],
            s => (s.IsUp ? "" : "bad-row",
            [
                Html.Text(s.Address),
                s.Vote.Fresh ? Html.Text(s.VoteText) : "-",
                s.Said?.ConfigEpoch.ToString(CultureInfo.InvariantCulture) ?? "-",
                s.Said is not { } said ? "-" : said.Tilt ? "<span class=\"warn\">TILT</span>"
                    : said.FailoverInProgress ? "<span class=\"warn\">failing over</span>"
                    : said.MarkedDown ? "<span class=\"bad\">down</span>" : "up",
                Check(s.IsUp, s.Health, s.Error, null, s.Age) + (s.EventsHeard == false ? ", <span class=\"bad\">events not heard</span>" : ""),
                Html.Since(s.Since),
            ]));

    // Codes that occurred only; what they mean stands at each of them, and in docs/operations.md.
    private static string Sessions(Moment moment)
    {
        var ends = Enum.GetValues<SessionEnd>().Where(end => moment.Data.Ended(end) > 0)
            .Select(end => $"<abbr title=\"{Html.Text(EndCode.Meaning(end))}\">{EndCode.Of(end)}</abbr> {N(moment.Data.Ended(end))}");
        return $"<div class=\"card\"><h2>Traffic</h2><dl class=\"tiles\">{Tiles(moment.Figures.Sessions, moment)}</dl>"
            + $"<p class=\"soft\">Ended sessions: {string.Join(", ", ends.DefaultIfEmpty("none yet"))}.</p></div>";
    }

    private static string ReadOnly(Figures figures, ReadMoment reads) =>
        $"<div class=\"card\"><h2>Read-only listener</h2><p>{Html.Text(reads.Summary)}</p><dl class=\"tiles\">{Tiles(figures.ReadListener, reads)}</dl>"
        + $"<p class=\"soft\">Ended: {Html.Text(FigureText.Fill("{ends}", figures.ReadListener, reads))}</p></div>"
        + FigureTable("readonly-nodes", "Replicas for read-only sessions", figures.ReadNodes, reads.Nodes, ["Node", "New sessions", "Why", ">Data at most"],
            n => ("",
            [
                Html.Text(n.Node.Name), Html.State(n.Target, "yes", "no"), Html.Text(n.Reason),
                n.Age is { } age ? Html.Text(Quantities.Milliseconds(age.TotalMilliseconds) + " old") : "",
            ]));

    private static string Interruptions(RoutingSnapshot control) => control.Switchovers.All(s => s.From is null)
        ? "<div class=\"card\"><h2>Interruptions</h2><p>None since the start.</p></div>"
        : Html.Table("interruptions", "Interruptions, the newest first", ["Over at", "Master", ">Shut for", ">Cut", ">Refused", "Rules"],
            control.Switchovers.Where(s => s.From is not null).Reverse().Take(InterruptionsShown).Select(s => new HtmlRow("",
            [
                Html.Time(s.OpenTime),
                Html.Text(s.From == s.To ? s.To : $"{s.From} > {s.To}"),
                Html.Text(Quantities.Milliseconds(s.Shut.TotalMilliseconds)),
                s.SessionsKept ? "kept" : N(s.Damage.Cut),
                N(s.Damage.Refused),
                Html.Text($"{s.ShutRule} > {s.OpenRule}"),
            ])));

    private static string ProcessLine(Moment moment)
    {
        (string phase, HealthAnswer health) = (Moment.Lower(moment.Phase), moment.Health);
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
            (string style, IReadOnlyList<string> cells) = first(item);
            return new HtmlRow(style, [.. cells, .. further.Select(f => Html.Text(f.Write(f.Value(item))))]);
        }));
    }

    private static string Tiles<T>(IReadOnlyList<Figure<T>> figures, T item) => string.Concat(
        figures.Select(f => f.Tile).OfType<Tile>().Select(tile =>
            Html.Tile(tile.Title, FigureText.Fill(tile.Value, figures, item), FigureText.Fill(tile.Further, figures, item))));

    private static string N(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
