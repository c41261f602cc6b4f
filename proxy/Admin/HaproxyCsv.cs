// /stats;csv: the statistics in HAProxy's own columns (management guide, 9.1), so that what read HAProxy's reads these. Each listener is a
// service with a frontend, its servers and a backend, as HAProxy lists a "listen" section. Columns that have no meaning here stay empty, as
// HAProxy leaves those that do not apply.

using System.Globalization;
using System.Text;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Admin;

/// <summary>Writes the CSV.</summary>
internal static class HaproxyCsv
{
    /// <summary>HAProxy 2.6's columns, in its order.</summary>
    public static readonly IReadOnlyList<string> Columns =
    [
        "pxname", "svname", "qcur", "qmax", "scur", "smax", "slim", "stot", "bin", "bout", "dreq", "dresp", "ereq", "econ", "eresp", "wretr", "wredis",
        "status", "weight", "act", "bck", "chkfail", "chkdown", "lastchg", "downtime", "qlimit", "pid", "iid", "sid", "throttle", "lbtot", "tracked",
        "type", "rate", "rate_lim", "rate_max", "check_status", "check_code", "check_duration",
        "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "hanafail", "req_rate", "req_rate_max", "req_tot", "cli_abrt", "srv_abrt",
        "comp_in", "comp_out", "comp_byp", "comp_rsp", "lastsess", "last_chk", "last_agt", "qtime", "ctime", "rtime", "ttime",
        "agent_status", "agent_code", "agent_duration", "check_desc", "agent_desc", "check_rise", "check_fall", "check_health",
        "agent_rise", "agent_fall", "agent_health", "addr", "cookie", "mode", "algo", "conn_rate", "conn_rate_max", "conn_tot",
    ];

    /// <summary>The header, and the lines of each listener.</summary>
    public static string Write(Moment moment)
    {
        var text = new StringBuilder(2048);
        text.Append("# ").AppendJoin(',', Columns).Append(",\n");
        foreach (Dictionary<string, string> row in Rows(moment))
        {
            text.AppendJoin(',', Columns.Select(column => row.TryGetValue(column, out string? value) ? Quoted(value) : "")).Append(",\n");
        }

        return text.ToString();
    }

    private static IEnumerable<Dictionary<string, string>> Rows(Moment moment)
    {
        (Figures figures, IReadOnlyList<NodeMoment> nodes) = (moment.Figures, moment.Nodes);
        string listening = moment.Phase == LifecyclePhase.Serving ? "OPEN" : "STOP";
        yield return Frontend("redis", 2, listening, moment.Data, Cells(figures.Sessions, moment), ("rate_lim", "0"));
        for (int i = 0; i < nodes.Count; i++)
        {
            NodeMoment node = nodes[i];
            yield return Server("redis", 2, i + 1, node.Name, State(node), node.Routed, Cells(figures.Nodes, node),
                ("lastchg", Seconds(moment.Time - (node.Status.MaintenanceSince ?? node.Status.Since))),
                ("check_status", node.Status.Health.HaproxyCode()),
                ("check_duration", node.Latency is { } latency ? N(latency.TotalMilliseconds) : ""),
                ("last_chk", node.Status.Error ?? node.Status.StateText));
        }

        bool open = moment.Gate.Mode == GateMode.Open;
        yield return Backend("redis", 2, open, open ? 1 : 0, moment.Data, nodes.Select(n => n.Traffic),
            BackendCells(figures.Sessions, moment), ("lastchg", Seconds(moment.Time - moment.Control.GateSince)));
        if (moment.Reads is not { } reads)
        {
            yield break;
        }

        yield return Frontend("redis-readonly", 3, listening, reads.Data, Cells(figures.ReadListener, reads));
        foreach ((ReadNodeMoment node, int i) in reads.Nodes.Select((node, i) => (node, i)))
        {
            string state = node.Target ? "UP" : node.State == "unfit" ? "DOWN" : "NOLB";
            yield return Server("redis-readonly", 3, i + 1, node.Node.Name, state, node.Target, Cells(figures.ReadNodes, node));
        }

        yield return Backend("redis-readonly", 3, reads.Data.Order.Mode == GateMode.Open, reads.Targets.Count, reads.Data, reads.Nodes.Select(n => n.Traffic),
            BackendCells(figures.ReadListener, reads), ("algo", "leastconn"));
    }

    private static Dictionary<string, string> Frontend(
        string service, int id, string state, ForwarderSnapshot data, Dictionary<string, string> cells,
            params ReadOnlySpan<(string Column, string Value)> further) =>
        Row(service, "FRONTEND", id, 0, type: 0, state, cells, [("dreq", "0"), ("dresp", "0"), ("ereq", N(data.Ended(SessionEnd.ProxyHeader))), .. further]);

    private static Dictionary<string, string> Server(
        string service, int id, int server, string name, string state, bool active, Dictionary<string, string> cells,
            params ReadOnlySpan<(string Column, string Value)> further) =>
        Row(service, name, id, server, type: 2, state, cells,
            [
                ("qcur", "0"), ("qmax", "0"), ("dresp", "0"), ("eresp", "0"), ("wretr", "0"), ("wredis", "0"),
                ("weight", "1"), ("act", active ? "1" : "0"), ("bck", active ? "0" : "1"), .. further,
            ]);

    private static Dictionary<string, string> Backend(
        string service, int id, bool open, int active, ForwarderSnapshot data, IEnumerable<NodeSnapshot> nodes, Dictionary<string, string> cells,
            params ReadOnlySpan<(string Column, string Value)> further) =>
        Row(service, "BACKEND", id, 0, type: 1, open ? "UP" : "DOWN", cells,
            [
                ("scur", N(data.Sessions - data.Parked)), ("dreq", N(data.Ended(SessionEnd.Limit))), ("dresp", "0"),
                ("econ", N(data.Ended(SessionEnd.ConnectFailed) + data.Ended(SessionEnd.NoMaster) + data.Ended(SessionEnd.ParkTimeout))),
                ("eresp", "0"), ("wretr", "0"), ("wredis", "0"), ("weight", open ? "1" : "0"), ("act", N(active)), ("bck", "0"),
                ("lbtot", N(nodes.Sum(n => n.SessionsTotal))), ("cli_abrt", "0"),
                ("srv_abrt", N(data.Ended(SessionEnd.ServerClosed) + data.Ended(SessionEnd.RoleLost))), .. further,
            ]);

    private static Dictionary<string, string> Row(
        string service, string name, int id, int server, int type, string state, Dictionary<string, string> cells,
            ReadOnlySpan<(string Column, string Value)> further)
    {
        foreach ((string column, string value) in (ReadOnlySpan<(string, string)>)[
            ("pxname", service), ("svname", name), ("status", state), ("pid", "1"), ("iid", N(id)), ("sid", N(server)), ("type", N(type)), ("mode", "tcp"),
                .. further])
        {
            cells[column] = value;
        }

        return cells;
    }

    private static Dictionary<string, string> Cells<T>(IReadOnlyList<Figure<T>> figures, T item) => Cells(figures, item, figure => figure.Csv);

    private static Dictionary<string, string> BackendCells<T>(IReadOnlyList<Figure<T>> figures, T item) => Cells(figures, item, figure => figure.BackendCsv);

    private static Dictionary<string, string> Cells<T>(IReadOnlyList<Figure<T>> figures, T item, Func<Figure, string> columns) =>
        figures.SelectMany(figure => columns(figure).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(column => (column, Cell(figure.Value(item)))))
            .ToDictionary(cell => cell.column, cell => cell.Item2);

    private static string Cell(object? value) => value switch
    {
        null => "",
        string text => text,
        TimeSpan span => N(span.TotalSeconds),
        _ => N(Convert.ToDouble(value, CultureInfo.InvariantCulture)),
    };

    // A replica is up and takes no sessions: HAProxy's NOLB.
    private static string State(NodeMoment node) => node.InMaintenance ? "MAINT" : node.Routed ? "UP" : node.Up ? "NOLB" : "DOWN";

    private static string N(double number) => Math.Round(number).ToString("0", CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan span) => N(Math.Max(0, span.TotalSeconds));

    private static string Quoted(string value) =>
        value.AsSpan().IndexOfAny(",\"\n\r") < 0 ? value : $"\"{value.ReplaceLineEndings(" ").Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
