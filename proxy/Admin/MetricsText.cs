// /metrics: the Prometheus text format, version 0.0.4. Names follow its conventions: base units, _total for counters.

using System.Globalization;
using System.Text;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

/// <summary>Writes the metrics.</summary>
internal static class MetricsText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private const string Prefix = "redis_ha_proxy_";

    /// <summary>All metrics of one moment.</summary>
    public static string Write(StatusDocument status, ForwarderSnapshot data)
    {
        var text = new StringBuilder(8192);
        Process(text, status);
        Sessions(text, status.Sessions);
        Histogram(text, "connect_duration_seconds", "Time to connect to a node, without waiting for a master.", data.ConnectTimes);
        Histogram(text, "route_duration_seconds", "Time from a session's accept to the connection with its node, waiting included.", data.RouteTimes);
        Histogram(text, "session_duration_seconds", "Time from a session's accept to its end.", data.SessionTimes);
        Nodes(text, status.Nodes);
        Sentinels(text, status.Sentinels);
        Recording(text, status.Recording);
        Certificates(text, status.Certificates ?? []);
        ReadOnlyForms.Metrics(text, status);
        return text.ToString();
    }

    private static void Process(StringBuilder text, StatusDocument status)
    {
        Family(text, "build_info", "gauge", "The version of the program.");
        Sample(text, "build_info", 1, ("version", status.Process.Version));
        Single(text, "start_time_seconds", "gauge", "When the process started, in seconds since 1970.", status.Process.Started.ToUnixTimeMilliseconds() / 1000.0);
        Single(text, "healthy", "gauge", "1 when /healthz succeeds.", status.Process.Healthy ? 1 : 0);
        Single(text, "blind", "gauge", "1 when /healthz fails because most Sentinels find a master well that this proxy cannot use.",
            status.Process.Blind is { FailsHealth: true } ? 1 : 0);
        Family(text, "phase", "gauge", "1 for the phase of the process.");
        foreach (string phase in (string[])["starting", "serving", "draining", "stopping"])
        {
            Sample(text, "phase", status.Process.Phase == phase ? 1 : 0, ("phase", phase));
        }

        Single(text, "event_loop_stall_seconds", "gauge", "Since the slowest event loop last went round; loops wake every second.", status.Process.StalledMs / 1000.0);
        Family(text, "gate", "gauge", "1 for the mode of the gate: open, park (new sessions wait) or closed (they are refused).");
        foreach (string mode in (string[])["open", "park", "closed"])
        {
            Sample(text, "gate", status.Gate.Mode == mode ? 1 : 0, ("mode", mode));
        }

        Single(text, "gate_changed_time_seconds", "gauge", "When the gate last changed, in seconds since 1970.", status.Gate.Since.ToUnixTimeMilliseconds() / 1000.0);
        Single(text, "gate_orders_total", "counter", "Orders of the gate since the start.", status.Gate.Generation);
        Family(text, "rule_info", "gauge", "The row of the routing table that decides.");
        Sample(text, "rule_info", 1, ("rule", status.Gate.Rule));
    }

    private static void Sessions(StringBuilder text, SessionStatus sessions)
    {
        Single(text, "sessions", "gauge", "Open client sessions, waiting ones included.", sessions.Current);
        Single(text, "sessions_max", "gauge", "The most open client sessions since the start.", sessions.Max);
        Single(text, "sessions_limit", "gauge", "limits.connections.", sessions.Limit);
        Single(text, "sessions_parked", "gauge", "Sessions waiting for a master.", sessions.Parked);
        Single(text, "sessions_accepted_total", "counter", "Client sessions accepted, refused ones included.", sessions.Total);
        Family(text, "sessions_ended_total", "counter", "Ended client sessions by termination code.");
        foreach (var (code, count) in sessions.Ends)
        {
            Sample(text, "sessions_ended_total", count, ("code", code));
        }

        Single(text, "session_records_dropped_total", "counter", "Ended sessions that are missing in the log, because they came too fast.", sessions.RecordsDropped);
        if (sessions is { Handshakes: { } handshakes, HandshakeFailures: { } failures })
        {
            Single(text, "tls_handshakes_total", "counter", "TLS handshakes with clients that became a session.", handshakes);
            Single(text, "tls_handshake_failures_total", "counter", "TLS handshakes with clients that failed.", failures);
        }

        Single(text, "received_bytes_total", "counter", "Bytes from clients.", sessions.BytesIn);
        Single(text, "sent_bytes_total", "counter", "Bytes to clients.", sessions.BytesOut);
    }

    private static void Nodes(StringBuilder text, IReadOnlyList<NodeEntry> nodes)
    {
        PerNode(text, nodes, "node_up", "gauge", "1 when the node answers its check.", n => n.Up ? 1 : 0);
        PerNode(text, nodes, "node_master", "gauge", "1 when the node claims to be master.", n => n.Role == "master" ? 1 : 0);
        PerNode(text, nodes, "node_routed", "gauge", "1 when sessions go to the node.", n => n.Routed ? 1 : 0);
        PerNode(text, nodes, "node_maintenance", "gauge", "1 when an operator has the node in maintenance: it gets no sessions.", n => n.MaintenanceSince is null ? 0 : 1);
        PerNode(text, nodes, "node_replication_link_up", "gauge", "Replicas only: 1 when the link to the master is up.", n => n.LinkUp is { } up ? (up ? 1 : 0) : null);
        PerNode(text, nodes, "node_replication_lag_bytes", "gauge", "Replicas only: bytes behind the master.", n => n.LagBytes);
        PerNode(text, nodes, "node_check_duration_seconds", "gauge", "Duration of the last answered check.", n => n.CheckLatencyMs / 1000);
        PerNode(text, nodes, "node_check_age_seconds", "gauge", "Age of the last answer.", n => n.CheckAgeMs / 1000);
        PerNode(text, nodes, "node_falls_total", "counter", "How often the node went down.", n => n.Falls);
        PerNode(text, nodes, "node_down_seconds_total", "counter", "How long the node was down in all.", n => n.DowntimeMs / 1000);
        PerNode(text, nodes, "node_sessions", "gauge", "Sessions connected to the node.", n => n.Sessions);
        PerNode(text, nodes, "node_sessions_total", "counter", "Sessions that were connected to the node.", n => n.SessionsTotal);
        PerNode(text, nodes, "node_connect_failures_total", "counter", "Connects to the node that failed.", n => n.ConnectFailures);
        PerNode(text, nodes, "node_sent_bytes_total", "counter", "Bytes from clients to the node.", n => n.BytesIn);
        PerNode(text, nodes, "node_received_bytes_total", "counter", "Bytes from the node to clients.", n => n.BytesOut);
    }

    private static void Sentinels(StringBuilder text, IReadOnlyList<SentinelEntry> sentinels)
    {
        PerSentinel(text, sentinels, "sentinel_up", "1 when the Sentinel answers.", s => s.Up ? 1 : 0);
        PerSentinel(text, sentinels, "sentinel_events_heard", "1 when all published events of the Sentinel are heard; absent while it does not answer.",
            s => s.EventsHeard is { } heard ? (heard ? 1 : 0) : null);
        PerSentinel(text, sentinels, "sentinel_concerns", "Things that the Sentinel says and that should be looked into: foreign addresses, an epoch that jumps.",
            s => s.Concerns.Count);
        PerSentinel(text, sentinels, "sentinel_config_epoch", "config-epoch of the master that the Sentinel names.", s => s.Epoch);
        PerSentinel(text, sentinels, "sentinel_sees_master_down", "1 when the Sentinel has marked the master down.", s => s.MarkedDown ? 1 : 0);
        PerSentinel(text, sentinels, "sentinel_tilt", "1 when the Sentinel is in TILT.", s => s.Tilt ? 1 : 0);
        Family(text, "sentinel_vote_info", "gauge", "The node that the Sentinel names, where the vote counts.");
        foreach (var sentinel in sentinels.Where(s => s.VoteCounts))
        {
            Sample(text, "sentinel_vote_info", 1, ("sentinel", sentinel.Address), ("node", sentinel.Vote));
        }
    }

    private static void Recording(StringBuilder text, RecordingEntry? recording)
    {
        if (recording is not null)
        {
            Single(text, "recording", "gauge", "1 while recording.file is written, 0 while that fails.", recording.Writing ? 1 : 0);
            Single(text, "recording_dropped_lines_total", "counter", "Lines that are missing in the recording, because the disk was full, too slow or out of reach.", recording.Dropped);
        }
    }

    private static void Certificates(StringBuilder text, IReadOnlyList<CertificateEntry> certificates)
    {
        if (certificates.Count > 0)
        {
            Family(text, "certificate_not_after_timestamp_seconds", "gauge", "The last moment at which a certificate of the proxy is valid, in seconds since 1970.");
            foreach (var certificate in certificates)
            {
                Sample(text, "certificate_not_after_timestamp_seconds", certificate.NotAfter.ToUnixTimeSeconds(), ("use", certificate.Use));
            }
        }
    }

    private static void PerNode(StringBuilder text, IReadOnlyList<NodeEntry> nodes, string name, string type, string help, Func<NodeEntry, double?> value)
    {
        Family(text, name, type, help);
        foreach (var node in nodes)
        {
            if (value(node) is { } number)
            {
                Sample(text, name, number, ("node", node.Name));
            }
        }
    }

    private static void PerSentinel(StringBuilder text, IReadOnlyList<SentinelEntry> sentinels, string name, string help, Func<SentinelEntry, double?> value)
    {
        Family(text, name, "gauge", help);
        foreach (var sentinel in sentinels)
        {
            if (value(sentinel) is { } number)
            {
                Sample(text, name, number, ("sentinel", sentinel.Address));
            }
        }
    }

    private static void Histogram(StringBuilder text, string name, string help, HistogramSnapshot histogram)
    {
        var cumulative = histogram.Cumulative;
        Family(text, name, "histogram", help);
        for (int i = 0; i < histogram.Bounds.Count; i++)
        {
            Sample(text, name + "_bucket", cumulative[i], ("le", Number(histogram.Bounds[i])));
        }

        Sample(text, name + "_bucket", cumulative[^1], ("le", "+Inf"));
        Sample(text, name + "_sum", histogram.SumSeconds);
        Sample(text, name + "_count", cumulative[^1]);
    }

    internal static void Single(StringBuilder text, string name, string type, string help, double value)
    {
        Family(text, name, type, help);
        Sample(text, name, value);
    }

    internal static void Family(StringBuilder text, string name, string type, string help) =>
        text.Append("# HELP ").Append(Prefix).Append(name).Append(' ').Append(help).Append('\n')
            .Append("# TYPE ").Append(Prefix).Append(name).Append(' ').Append(type).Append('\n');

    internal static void Sample(StringBuilder text, string name, double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        text.Append(Prefix).Append(name);
        for (int i = 0; i < labels.Length; i++)
        {
            text.Append(i == 0 ? '{' : ',').Append(labels[i].Name).Append("=\"").Append(Escaped(labels[i].Value)).Append('"');
        }

        text.Append(labels.Length > 0 ? "} " : " ").Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Escaped(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
