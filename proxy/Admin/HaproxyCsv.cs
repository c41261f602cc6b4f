// /stats;csv: the statistics in HAProxy's own columns (management guide, 9.1), so that what read HAProxy's reads these.
// Columns that have no meaning here stay empty, as HAProxy leaves those that do not apply.

using System.Globalization;
using System.Text;

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

    // The proxy's only service, listed as a frontend, its servers, and a backend, as HAProxy lists a "listen" section.
    private const string Service = "redis";

    /// <summary>The header and one line for the frontend, each node, and the backend.</summary>
    public static string Write(StatusDocument status)
    {
        var text = new StringBuilder(2048);
        text.Append("# ").AppendJoin(',', Columns).Append(",\n");
        foreach (var row in Rows(status).Concat(ReadOnlyForms.Rows(status)))
        {
            text.AppendJoin(',', Columns.Select(column => row.TryGetValue(column, out string? value) ? Quoted(value) : "")).Append(",\n");
        }

        return text.ToString();
    }

    private static IEnumerable<Dictionary<string, string>> Rows(StatusDocument status)
    {
        var s = status.Sessions;
        long refused = s.Ends["limit"];
        long cut = s.Ends["server-closed"] + s.Ends["role-lost"];
        bool open = status.Gate.Mode == "open";
        yield return new()
        {
            ["pxname"] = Service,
            ["svname"] = "FRONTEND",
            ["scur"] = N(s.Current),
            ["smax"] = N(s.Max),
            ["slim"] = N(s.Limit),
            ["stot"] = N(s.Total),
            ["bin"] = N(s.BytesIn),
            ["bout"] = N(s.BytesOut),
            ["dreq"] = "0",
            ["dresp"] = "0",
            ["ereq"] = N(s.Ends["proxy-header"]),
            ["status"] = status.Process.Phase == "serving" ? "OPEN" : "STOP",
            ["pid"] = "1",
            ["iid"] = "2",
            ["sid"] = "0",
            ["type"] = "0",
            ["rate"] = N(s.PerSecond),
            ["rate_lim"] = "0",
            ["rate_max"] = N(s.PerSecondMax),
            ["mode"] = "tcp",
            ["conn_rate"] = N(s.PerSecond),
            ["conn_rate_max"] = N(s.PerSecondMax),
            ["conn_tot"] = N(s.Total),
        };
        for (int i = 0; i < status.Nodes.Count; i++)
        {
            var node = status.Nodes[i];
            yield return new()
            {
                ["pxname"] = Service,
                ["svname"] = node.Name,
                ["qcur"] = "0",
                ["qmax"] = "0",
                ["scur"] = N(node.Sessions),
                ["smax"] = N(node.SessionsMax),
                ["stot"] = N(node.SessionsTotal),
                ["bin"] = N(node.BytesIn),
                ["bout"] = N(node.BytesOut),
                ["dresp"] = "0",
                ["econ"] = N(node.ConnectFailures),
                ["eresp"] = "0",
                ["wretr"] = "0",
                ["wredis"] = "0",
                ["status"] = State(node),
                ["weight"] = "1",
                ["act"] = node.Routed ? "1" : "0",
                ["bck"] = node.Routed ? "0" : "1",
                ["chkdown"] = N(node.Falls),
                ["downtime"] = N(node.DowntimeMs / 1000),
                ["lastchg"] = Seconds(status.Process.Time - (node.MaintenanceSince ?? node.Since)),
                ["pid"] = "1",
                ["iid"] = "2",
                ["sid"] = N(i + 1),
                ["lbtot"] = N(node.SessionsTotal),
                ["type"] = "2",
                ["check_status"] = node.Up ? "L7OK" : node.Health is "silent" ? "L7TOUT" : node.Health is "no answer to connect" ? "L4TOUT" : node.Health is "connection refused" or "unreachable" ? "L4CON" : "L7RSP",
                ["check_duration"] = node.CheckLatencyMs is { } latency ? N(Math.Round(latency)) : "",
                ["last_chk"] = node.Error ?? node.State,
                ["check_desc"] = node.Health,
                ["addr"] = node.Address,
                ["mode"] = "tcp",
            };
        }

        yield return new()
        {
            ["pxname"] = Service,
            ["svname"] = "BACKEND",
            ["qcur"] = N(s.Parked),
            ["scur"] = N(s.Current - s.Parked),
            ["smax"] = N(s.Max),
            ["slim"] = N(s.Limit),
            ["stot"] = N(s.Total),
            ["bin"] = N(s.BytesIn),
            ["bout"] = N(s.BytesOut),
            ["dreq"] = N(refused),
            ["dresp"] = "0",
            ["econ"] = N(s.Ends["connect-failed"] + s.Ends["no-master"] + s.Ends["park-timeout"]),
            ["eresp"] = "0",
            ["wretr"] = "0",
            ["wredis"] = "0",
            ["status"] = open ? "UP" : "DOWN",
            ["weight"] = open ? "1" : "0",
            ["act"] = open ? "1" : "0",
            ["bck"] = "0",
            ["lastchg"] = Seconds(status.Process.Time - status.Gate.Since),
            ["qlimit"] = N(s.ParkedLimit),
            ["pid"] = "1",
            ["iid"] = "2",
            ["sid"] = "0",
            ["lbtot"] = N(status.Nodes.Sum(n => n.SessionsTotal)),
            ["type"] = "1",
            ["rate"] = N(s.PerSecond),
            ["rate_max"] = N(s.PerSecondMax),
            ["cli_abrt"] = "0",
            ["srv_abrt"] = N(cut),
            ["mode"] = "tcp",
        };
    }

    // A replica is up and takes no sessions: HAProxy's NOLB.
    private static string State(NodeEntry node) => node.MaintenanceSince is not null ? "MAINT" : node.Routed ? "UP" : node.Up ? "NOLB" : "DOWN";

    private static string N(double number) => Math.Round(number).ToString("0", CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan span) => N(Math.Max(0, span.TotalSeconds));

    private static string Quoted(string value) =>
        value.AsSpan().IndexOfAny(",\"\n\r") < 0 ? value : $"\"{value.ReplaceLineEndings(" ").Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
