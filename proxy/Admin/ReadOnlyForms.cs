// The read-only listener in each form in which the status is served: a second service in the CSV, metrics of its own, a section of
// the page, lines of text.

using System.Globalization;
using System.Text;

namespace RedisHaProxy.Admin;

/// <summary>Writes the read-only listener's part.</summary>
internal static class ReadOnlyForms
{
    private const string Service = "redis-readonly";

    /// <summary>A line for the frontend, each node, and the backend, in HAProxy's columns.</summary>
    public static IEnumerable<Dictionary<string, string>> Rows(StatusDocument status)
    {
        if (status.ReadOnly is not { } reads)
        {
            yield break;
        }

        bool open = reads.Mode == "open";
        yield return Row("FRONTEND", 0, 0, reads.Current, reads.Max, reads.Total, reads.BytesIn, reads.BytesOut, status.Process.Phase == "serving" ? "OPEN" : "STOP", ("slim", N(reads.Limit)), ("ereq", N(reads.Ends["proxy-header"])), ("conn_tot", N(reads.Total)));
        for (int i = 0; i < reads.Nodes.Count; i++)
        {
            var node = reads.Nodes[i];
            yield return Row(node.Name, i + 1, 2, node.Sessions, node.SessionsMax, node.SessionsTotal, node.BytesIn, node.BytesOut,
                node.Target ? "UP" : node.State == "unfit" ? "DOWN" : "NOLB",
                ("econ", N(node.ConnectFailures)), ("weight", "1"), ("act", node.Target ? "1" : "0"), ("bck", node.Target ? "0" : "1"), ("lbtot", N(node.SessionsTotal)), ("addr", node.Address), ("last_chk", node.Reason));
        }

        yield return Row("BACKEND", 0, 1, reads.Current - reads.Parked, reads.Max, reads.Total, reads.BytesIn, reads.BytesOut, open ? "UP" : "DOWN",
            ("qcur", N(reads.Parked)), ("slim", N(reads.Limit)), ("econ", N(reads.Ends["connect-failed"] + reads.Ends["no-master"] + reads.Ends["park-timeout"])),
            ("weight", open ? "1" : "0"), ("act", N(reads.Targets.Count)), ("srv_abrt", N(reads.Ends["server-closed"] + reads.Ends["role-lost"])), ("lbtot", N(reads.Nodes.Sum(n => n.SessionsTotal))), ("algo", "leastconn"));
    }

    /// <summary>The metrics.</summary>
    public static void Metrics(StringBuilder text, StatusDocument status)
    {
        if (status.ReadOnly is not { } reads)
        {
            return;
        }

        MetricsText.Single(text, "read_only_sessions", "gauge", "Open sessions of the read-only listener, waiting ones included.", reads.Current);
        MetricsText.Single(text, "read_only_sessions_parked", "gauge", "Sessions of the read-only listener that wait for a replica.", reads.Parked);
        MetricsText.Single(text, "read_only_sessions_accepted_total", "counter", "Sessions of the read-only listener accepted, refused ones included.", reads.Total);
        MetricsText.Family(text, "read_only_sessions_ended_total", "counter", "Ended sessions of the read-only listener by termination code.");
        foreach (var (code, count) in reads.Ends)
        {
            MetricsText.Sample(text, "read_only_sessions_ended_total", count, ("code", code));
        }

        MetricsText.Single(text, "read_only_received_bytes_total", "counter", "Bytes from clients of the read-only listener.", reads.BytesIn);
        MetricsText.Single(text, "read_only_sent_bytes_total", "counter", "Bytes to clients of the read-only listener.", reads.BytesOut);
        PerNode("read_only_node_target", "gauge", "1 when new sessions of the read-only listener go to the node.", n => n.Target ? 1 : 0);
        PerNode("read_only_node_data_age_seconds", "gauge", "Replicas only: how old the node's data is at most, where it can be said.", n => n.AgeMs / 1000);
        PerNode("read_only_node_sessions", "gauge", "Sessions of the read-only listener connected to the node.", n => n.Sessions);
        PerNode("read_only_node_sessions_total", "counter", "Sessions of the read-only listener that were connected to the node.", n => n.SessionsTotal);
        PerNode("read_only_node_connect_failures_total", "counter", "Connects of the read-only listener to the node that failed.", n => n.ConnectFailures);

        void PerNode(string name, string type, string help, Func<ReadOnlyNode, double?> value)
        {
            MetricsText.Family(text, name, type, help);
            foreach (var node in reads.Nodes)
            {
                if (value(node) is { } number)
                {
                    MetricsText.Sample(text, name, number, ("node", node.Name));
                }
            }
        }
    }

    /// <summary>A section of the page; empty without a read-only listener.</summary>
    public static string Section(StatusDocument status)
    {
        if (status.ReadOnly is not { } reads)
        {
            return "";
        }

        string tiles = Html.Tile("read-only sessions now", N(reads.Current), $"most {N(reads.Max)}, limit {N(reads.Limit)}")
            + Html.Tile("waiting for a replica", N(reads.Parked), $"{N(reads.Total)} in all")
            + Html.Tile("bytes in", Quantities.Bytes(reads.BytesIn), "in all")
            + Html.Tile("bytes out", Quantities.Bytes(reads.BytesOut), "in all");
        string ended = string.Join(", ", reads.Ends.Where(e => e.Value > 0).Select(e => $"{e.Key} {N(e.Value)}").DefaultIfEmpty("none yet"));
        return $"<div class=\"card\"><h2>Read-only listener</h2><p>{Html.Text(Summary(reads))}</p><dl class=\"tiles\">{tiles}</dl><p class=\"soft\">Ended: {Html.Text(ended)}</p></div>"
            + Html.Table("readonly-nodes", "Replicas for read-only sessions", ["node", "new sessions", "why", ">data at most", ">sessions", ">most", ">total", ">in", ">out", ">errors"],
                reads.Nodes.Select(n => new HtmlRow("",
                [
                    Html.Text(n.Name), Html.State(n.Target, "yes", "no"), Html.Text(n.Reason), n.AgeMs is { } age ? Html.Text(Quantities.Milliseconds(age) + " old") : "",
                    N(n.Sessions), N(n.SessionsMax), N(n.SessionsTotal), Html.Text(Quantities.Bytes(n.BytesIn)), Html.Text(Quantities.Bytes(n.BytesOut)), N(n.ConnectFailures),
                ])));
    }

    /// <summary>Where read-only sessions go, in a sentence.</summary>
    public static string Summary(ReadOnlyStatus reads) => reads switch
    {
        { Mode: "open", Targets: { Count: > 0 } targets } => $"New read-only sessions go to {string.Join(", ", targets)}{(reads.Nodes.Any(n => n.Target && n.State == "fit") ? "" : ", the last resort")}.",
        { Mode: "closed" } => "No replica has been fit for long: new read-only sessions are refused.",
        _ => "No replica is fit: new read-only sessions wait.",
    };

    /// <summary>Lines for "status" and "explain"; none without a read-only listener.</summary>
    public static IEnumerable<string> Lines(ReadOnlyStatus? reads)
    {
        if (reads is null)
        {
            yield break;
        }

        yield return Summary(reads);
        yield return $"          {N(reads.Current)} now (most {N(reads.Max)}), {N(reads.Total)} in all, {N(reads.Parked)} waiting";
        foreach (var node in reads.Nodes)
        {
            yield return $"  {node.Name}: {node.Reason}{(node.AgeMs is { } age ? $", data at most {Quantities.Milliseconds(age)} old" : "")}, {N(node.Sessions)} sessions";
        }
    }

    private static Dictionary<string, string> Row(
        string name, int id, int type, long current, long max, long total, long bytesIn, long bytesOut, string state, params ReadOnlySpan<(string Column, string Value)> further)
    {
        var row = new Dictionary<string, string>
        {
            ["pxname"] = Service,
            ["svname"] = name,
            ["scur"] = N(current),
            ["smax"] = N(max),
            ["stot"] = N(total),
            ["bin"] = N(bytesIn),
            ["bout"] = N(bytesOut),
            ["status"] = state,
            ["pid"] = "1",
            ["iid"] = "3",
            ["sid"] = N(id),
            ["type"] = N(type),
            ["mode"] = "tcp",
        };
        foreach ((string column, string value) in further)
        {
            row[column] = value;
        }

        return row;
    }

    private static string N(long number) => number.ToString(CultureInfo.InvariantCulture);
}
