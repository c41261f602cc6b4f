// The rows of the table that both listeners and all nodes have alike.

using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

internal sealed partial record Figures
{
    // The sessions of a listener, in three parts because some figures of the first one stand between them.
    private static IEnumerable<Figure<T>> Listener<T>(
        Func<T, ForwarderSnapshot> of, Func<T, int> limit, string prefix, string title, string waiting, string beside)
    {
        string sessions = prefix.Length == 0 ? "client sessions" : "sessions of the read-only listener";
        yield return new("current", $"Open {sessions}, waiting ones included.", x => of(x).Sessions)
        {
            Metric = Metric.Gauge($"{prefix}sessions"),
            Csv = "scur",
            Tile = new(title, "{current}", "peak {max}, limit {limit}"),
            Text = new("sessions", "{current} now (peak {max}, limit {limit})"),
        };
        yield return new("max", $"Peak of open {sessions} since the start.", x => of(x).SessionsMax)
        {
            Metric = Metric.Gauge($"{prefix}sessions_max"),
            Csv = "smax",
            BackendCsv = "smax",
        };
        yield return new("limit", "limits.connections.", x => limit(x))
        {
            Metric = Metric.Gauge($"{prefix}sessions_limit"),
            Csv = "slim",
            BackendCsv = "slim"
        };
        yield return new("total", $"{Capital(sessions)} accepted, refused ones included.", x => of(x).SessionsTotal)
        {
            Metric = Metric.Counter($"{prefix}sessions_accepted_total"),
            Csv = "stot conn_tot",
            BackendCsv = "stot",
            Text = new("sessions", "{total} total"),
        };
        yield return new("parked", prefix.Length == 0 ? "Sessions waiting for a master."
            : "Sessions of the read-only listener that wait for a replica.", x => of(x).Parked)
        {
            Metric = Metric.Gauge($"{prefix}sessions_parked"),
            BackendCsv = "qcur",
            Tile = new(waiting, "{parked}", beside),
            Text = new("sessions", "{parked} waiting"),
        };
    }

    private static IEnumerable<Figure<T>> ListenerBytes<T>(Func<T, ForwarderSnapshot> of, string prefix)
    {
        string clients = prefix.Length == 0 ? "clients" : "clients of the read-only listener";
        yield return new("bytesIn", $"Bytes from {clients}.", x => of(x).BytesIn)
        {
            Metric = Metric.Counter($"{prefix}received_bytes_total"),
            Csv = "bin",
            BackendCsv = "bin",
            Unit = Unit.Bytes,
            Tile = prefix.Length == 0 ? null : new("bytes in", "{bytesIn}", "total"),
            Text = prefix.Length == 0 ? new("bytes", "{bytesIn} in") : null,
        };
        yield return new("bytesOut", $"Bytes to {clients}.", x => of(x).BytesOut)
        {
            Metric = Metric.Counter($"{prefix}sent_bytes_total"),
            Csv = "bout",
            BackendCsv = "bout",
            Unit = Unit.Bytes,
            Tile = prefix.Length == 0 ? null : new("bytes out", "{bytesOut}", "total"),
            Text = prefix.Length == 0 ? new("bytes", "{bytesOut} out") : null,
        };
    }

    private static Figure<T> ListenerEnds<T>(Func<T, ForwarderSnapshot> of, string prefix) =>
        new("ends", prefix.Length == 0 ? "Ended client sessions by termination code."
            : "Ended sessions of the read-only listener by termination code.", x => EndCode.Counts(of(x).Ends))
        {
            Metric = Metric.Counter($"{prefix}sessions_ended_total", "code"),
            Text = prefix.Length == 0 ? new("ended", "{ends}") : null,
        };

    private static IEnumerable<Figure<T>> Traffic<T>(Func<T, NodeSnapshot> of, string prefix)
    {
        string sessions = prefix.Length == 0 ? "Sessions" : "Sessions of the read-only listener";
        string clients = prefix.Length == 0 ? "clients" : "clients of the read-only listener";
        yield return new("sessions", $"{sessions} connected to the node.", x => of(x).Sessions)
        {
            Metric = Metric.Gauge($"{prefix}node_sessions"),
            Csv = "scur",
            Column = ">Cur",
            TextColumn = ">sess",
        };
        yield return new("sessionsMax", "Peak since the start.", x => of(x).SessionsMax) { Csv = "smax", Column = ">Max" };
        yield return new("sessionsTotal", $"{sessions} that were connected to the node.", x => of(x).SessionsTotal)
        {
            Metric = Metric.Counter($"{prefix}node_sessions_total"),
            Csv = "stot lbtot",
            Column = ">Total",
        };
        yield return new("connectFailures", prefix.Length == 0 ? "Connects to the node that failed."
            : "Connects of the read-only listener to the node that failed.", x => of(x).ConnectFailures)
        {
            Metric = Metric.Counter($"{prefix}node_connect_failures_total"),
            Csv = "econ",
            Column = ">Errors",
        };
        yield return new("bytesIn", $"Bytes from {clients} to the node.", x => of(x).BytesIn)
        {
            Metric = Metric.Counter($"{prefix}node_sent_bytes_total"),
            Csv = "bin",
            Column = ">In",
            Unit = Unit.Bytes,
        };
        yield return new("bytesOut", $"Bytes from the node to {clients}.", x => of(x).BytesOut)
        {
            Metric = Metric.Counter($"{prefix}node_received_bytes_total"),
            Csv = "bout",
            Column = ">Out",
            Unit = Unit.Bytes,
        };
    }
}
