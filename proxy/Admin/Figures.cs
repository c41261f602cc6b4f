// The table of all figures: what the status is made of, scope by scope. To add a figure, add a row: JSON, metrics, CSV, page, "status" and
// docs/stats-json.md (held against it by a test) take it from here.

using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>The scopes.</summary>
internal sealed partial record Figures
{
    public static Figures All { get; } = new();

    public IReadOnlyList<Figure<Moment>> Process { get; init; } =
    [
        new("host", "The machine's name.", m => m.Host),
        new("version", "The version of the program.", m => m.Version) { Metric = Metric.Gauge("build_info") with { Label = "version" } },
        new("engine", "How bytes are moved: `epoll` or `io_uring`.", m => m.Data.Engine == Configuration.ForwardingEngine.IoUring ? "io_uring" : "epoll"),
        new("processId", "The process.", m => m.ProcessId),
        new("time", "The moment of the answer.", m => m.Time),
        new("started", "When the process started.", m => m.Started) { Metric = Metric.Gauge("process_start_time_seconds") },
        new("phase", "`starting`, `serving`, `draining` or `stopping`.", m => Moment.Lower(m.Phase))
        {
            Metric = new("gauge", "phase", "phase", [.. Enum.GetValues<LifecyclePhase>().Select(Moment.Lower)], "1 for the phase of the process."),
        },
        new("phaseSince", "Since when.", m => m.PhaseSince),
        new("healthy", "Whether /healthz succeeds.", m => m.Health.Good) { Metric = Metric.Gauge("healthy") },
        new("health", "Why.", m => m.Health.Reason),
        new("handOver",
            "Whether plain sessions are handed over to the kernel: `on`, or `waiting` while its helper cannot be reached; null where it is not configured.",
            m => m.Data.HandOver is { } handOver ? handOver.Available ? "on" : "waiting" : null),
        new("stalledMs", "Time since the slowest event loop last ran; loops wake every second.", m => TimeSpan.FromMilliseconds(m.Data.StalledMilliseconds))
        {
            Metric = Metric.Gauge("event_loop_stall_seconds"),
        },
        new("processorMs", "Processor time of the process since its start.", m => m.Usage.Processor) { Metric = Metric.Counter("process_cpu_seconds_total") },
        new("residentBytes", "Memory of the process that is in RAM.", m => m.Usage.ResidentBytes)
        {
            Metric = Metric.Gauge("process_resident_memory_bytes"),
            Unit = Unit.Bytes,
        },
        new("openFiles", "File descriptors that the process has open.", m => m.Usage.OpenFiles()) { Metric = Metric.Gauge("process_open_fds") },
        new("openFilesLimit", "The most file descriptors that it may have.", m => m.Usage.OpenFilesLimit) { Metric = Metric.Gauge("process_max_fds") },
        new("listen", "The addresses for clients.", m => m.Listen),
        Figure<Moment>.One("blind", "What most Sentinels see and this proxy cannot use; null when there is nothing, as on a normal day and in a failover.",
            Blind, m => m.Blind) with
        {
            Metric = Metric.Gauge("blind", "1 when /healthz fails because most Sentinels see a healthy master that this proxy cannot use."),
            Sample = m => m.BlindFails,
        },
    ];

    public IReadOnlyList<Figure<Moment>> Gate { get; init; } =
    [
        new("headline", "The state in one line.", m => m.Headline.Text),
        new("level", "How bad it is: `good`, `warn` or `bad`.", m => Moment.Lower(m.Headline.Level))
        {
            Metric = new("gauge", "level", "level", [.. Enum.GetValues<Level>().Select(Moment.Lower)],
                "1 for how bad it is: good only while sessions reach a master that takes writes and can be replaced."),
        },
        new("mode", "`open` (sessions go to the target), `park` (new ones wait), `closed` (new ones are refused).", m => m.GateMode)
        {
            Metric = new("gauge", "gate", "mode", ["open", "park", "closed"],
                "1 for the mode of the gate: open, park (new sessions wait) or closed (they are refused)."),
        },
        new("target", "Name of the node whose sessions may live.", m => m.Gate.Target?.Name),
        new("since", "When the gate last changed.", m => m.Control.GateSince) { Metric = Metric.Gauge("gate_changed_time_seconds") },
        new("generation", "Orders of the gate since the start.", m => m.Gate.Generation) { Metric = Metric.Counter("gate_orders_total") },
        new("rule", "The row of the routing table that decides.",
            m => m.Control.Decision.RuleName) { Metric = Metric.Gauge("rule_info") with { Label = "rule" } },
        new("ruleMeaning", "The row in words.", m => m.RuleMeaning),
        new("ruleSince", "Since when it decides so.", m => m.Control.DecisionSince),
        new("evidence", "What was observed, in words.", m => m.Control.Evidence),
        new("withheld", "Why the rule's route is not taken (`redis1 is in maintenance`).", m => m.Control.Withheld),
        new("leaseLeftMs", "How long the Sentinels' leases still exclude a failover away from the node.", m => m.Control.LeaseLeft),
        new("leasesHeld", "How many leases the claim to be master has.", m => m.Control.Leases?.Held),
        new("leasesNeeded", "How many exclude a failover.", m => m.Control.Leases?.Needed),
        new("interruptedSince", "Since when there has been no open gate; null while it is open.", m => m.InterruptedSince),
        new("sessionsCut", "Sessions that were ended by the interruption that goes on; null while the gate is open.", m => m.Damage?.Cut),
        new("sessionsRefused", "Sessions that were refused in it; null while the gate is open.", m => m.Damage?.Refused),
        new("sentinelsReachable", "Sentinels that answer and are not in TILT; null without Sentinels.", m => m.Sentinels.Count == 0 ? null : m.Chance.Able)
        {
            Metric = Metric.Gauge("sentinels_reachable"),
        },
        new("sentinelsNeeded", "How many Sentinels a failover takes: a majority of all that there are, and the quorum; null without Sentinels.",
            m => m.Sentinels.Count == 0 ? null : m.Chance.Needed) { Metric = Metric.Gauge("sentinels_needed") },
        new("support", "What supports the claim to be master, in words.", m => m.Control.Support),
        new("failovers", "How often sessions went to another master than before, since the start.", m => m.Control.Totals.Failovers)
        {
            Metric = Metric.Counter("failovers_total"),
            Text = new("failovers", "{failovers}"),
        },
        new("interruptions", "How often new sessions could not go to a master, failovers included; the time before the first master does not count.",
            m => m.Control.Totals.Interruptions)
        {
            Metric = Metric.Counter("interruptions_total"),
            Text = new("failovers", "interruptions {interruptions}"),
        },
        new("interruptedMs", "For how long in all, the present interruption included.", m => m.Control.Totals.InterruptedAt(m.Control.At))
        {
            Metric = Metric.Counter("interruption_seconds_total"),
            Unit = Unit.Duration,
            Text = new("failovers", "{interruptedMs} in all"),
        },
    ];

    public IReadOnlyList<Figure<Moment>> Sessions { get; init; } =
    [
        .. Listener<Moment>(m => m.Data, m => m.SessionsLimit, "", "sessions now", "waiting for a master", "limit {parkedLimit}"),
        new("parkedLimit", "limits.parked.", m => m.Settings.Limits.Parked) { BackendCsv = "qlimit" },
        new("perSecond", "New ones in the last second.", m => m.Rates.SessionsPerSecond)
        {
            Csv = "rate conn_rate",
            BackendCsv = "rate",
            Tile = new("new sessions", "{perSecond}/s", "peak {perSecondMax}/s, {total} total"),
            Text = new("sessions", "{perSecond}/s"),
        },
        new("perSecondMax", "Peak in one second.", m => m.Rates.SessionsPerSecondMax) { Csv = "rate_max conn_rate_max", BackendCsv = "rate_max" },
        .. ListenerBytes<Moment>(m => m.Data, ""),
        new("bytesInPerSecond", "Bytes from clients in the last second.", m => m.Rates.BytesInPerSecond)
        {
            Unit = Unit.Bytes,
            Tile = new("bytes in", "{bytesInPerSecond}/s", "{bytesIn} total"),
            Text = new("bytes", "now {bytesInPerSecond}/s in"),
        },
        new("bytesOutPerSecond", "Bytes to clients in the last second.", m => m.Rates.BytesOutPerSecond)
        {
            Unit = Unit.Bytes,
            Tile = new("bytes out", "{bytesOutPerSecond}/s", "{bytesOut} total"),
            Text = new("bytes", "{bytesOutPerSecond}/s out"),
        },
        ListenerEnds<Moment>(m => m.Data, ""),
        new("recordsDropped", "Ended sessions that are missing in the log, because they came too fast.",
            m => m.Data.RecordsDropped) { Metric = Metric.Counter("session_records_dropped_total") },
        new("handshakes", "TLS handshakes with clients that became a session.",
            m => m.Data.Handshakes?.Succeeded) { Metric = Metric.Counter("tls_handshakes_total") },
        new("handshakeFailures", "TLS handshakes with clients that failed.",
            m => m.Data.Handshakes?.Failed) { Metric = Metric.Counter("tls_handshake_failures_total") },
        new("handedOver", "Sessions that the kernel has taken over.",
            m => m.Data.HandOver?.Taken) { Metric = Metric.Counter("sessions_handed_over_total") },
        new("notHandedOver", "Sessions that stay with the proxy, for what their connections are.",
            m => m.Data.HandOver?.Refused) { Metric = Metric.Counter("sessions_not_handed_over_total") },
        new("notHandedOverReason", "Why the last of these does.", m => m.Data.HandOver?.Refusal),
    ];

    public IReadOnlyList<Figure<NodeMoment>> Nodes { get; init; } =
    [
        new("name", "As in `redis.nodes`.", n => n.Name),
        new("address", "Its address.", n => n.Address) { Csv = "addr" },
        new("role", "`master`, `replica` or `unknown`: what the node itself says, while that is fresh.", n => n.Role)
        {
            Metric = Metric.Gauge("node_master", "1 when the node claims to be master."),
            Sample = n => n.Role == "master",
        },
        new("state", "What the routing makes of it, in words.", n => n.Status.StateText),
        new("routed", "Whether sessions go to the node.", n => n.Routed) { Metric = Metric.Gauge("node_routed") },
        new("maintenanceSince", "Since when an operator has it in maintenance.", n => n.Status.MaintenanceSince)
        {
            Metric = Metric.Gauge("node_maintenance", "1 when an operator has the node in maintenance: it gets no sessions."),
            Sample = n => n.InMaintenance,
        },
        new("health", "How the last check went, in words.", n => n.Status.Health.Text()) { Csv = "check_desc" },
        new("up", "Whether the node answers its check.", n => n.Up) { Metric = Metric.Gauge("node_up") },
        new("since", "Since when the check goes so.", n => n.Status.Since),
        new("falls", "How often the node went down.", n => n.Status.Falls) { Metric = Metric.Counter("node_falls_total"), Csv = "chkdown" },
        new("downtimeMs", "For how long the node was down.", n => n.Status.Downtime) { Metric = Metric.Counter("node_down_seconds_total"), Csv = "downtime" },
        new("error", "The last error; a reset alone does not replace the reason that a server gave within 30 s before.", n => n.Status.Error),
        new("remedy", "What an operator can do about the health, or null.", n => Remedy(n.Status.Health, "redis")),
        new("checkAgeMs", "Age of the last answer.", n => n.Status.Age) { Metric = Metric.Gauge("node_check_age_seconds") },
        new("checkLatencyMs", "Duration of the last check; null while the node does not answer.", n =>
            n.Latency) { Metric = Metric.Gauge("node_check_duration_seconds") },
        new("linkUp", "Whether the link to the master is up; replicas only.",
            n => n.LinkUp) { Metric = Metric.Gauge("node_replication_link_up", "Replicas only: 1 when the link to the master is up.") },
        new("follows", "Replicas only: the master's address as the replica reports it.", n => n.Follows),
        new("lagBytes", "Replicas only: bytes behind the master.", n => n.LagBytes)
        {
            Metric = Metric.Gauge("node_replication_lag_bytes"),
            Unit = Unit.Bytes,
        },
        new("offset", "Replication offset.", n => n.Answer?.Offset),
        new("replicas", "Masters only: how many replicas are connected.", n => n.Replicas),
        new("goodReplicas", "Masters only: how many replicas count for `min-replicas-to-write`; null where that is 0.", n => n.GoodReplicas)
        {
            Metric = Metric.Gauge("node_good_replicas"),
        },
        new("neededReplicas", "Masters only: how many it takes (`redis.minReplicasToWrite`); null where `goodReplicas` is.",
            n => n.GoodReplicas is null ? null : n.MinReplicasToWrite) { Metric = Metric.Gauge("node_needed_replicas") },
        new("writesRefused", "Masters only: why the node refuses all writes, with the code that clients get; null when it does not.", n => n.RefusalText)
        {
            Metric = new("gauge", "node_writes_refused", "reason", WriteRefusals.Codes,
                "Masters only: 1 for the reason for which the node refuses all writes."),
            Sample = n => n.Answer is { IsMaster: true } ? n.Refusal.Code() : null,
        },
        new("runId", "Changes with each start of the server.", n => n.Answer?.RunId),
        .. Traffic<NodeMoment>(n => n.Traffic, ""),
    ];

    public IReadOnlyList<Figure<SentinelStatus>> Sentinels { get; init; } =
    [
        new("address", "As in `sentinel.nodes`.", s => s.Address),
        new("health", "How the last question went, in words.", s => s.Health.Text()),
        new("up", "Whether the Sentinel answers.", s => s.IsUp) { Metric = Metric.Gauge("sentinel_up") },
        new("since", "Since when the questions go so.", s => s.Since),
        new("error", "The last error.", s => s.Error),
        new("remedy", "What an operator can do about the health, or null.", s => Remedy(s.Health, "sentinel")),
        new("eventsHeard", "Whether all published events of the Sentinel are heard; null while it does not answer.", s => s.EventsHeard)
        {
            Metric = Metric.Gauge("sentinel_events_heard", "1 when all published events of the Sentinel are heard; absent while it does not answer."),
        },
        new("eventsError", "Why they are not, and what to do.", s => Explanation.EventsError(s)),
        new("concerns", "Things that the Sentinel says and that should be looked into: foreign addresses, an epoch that jumps.",
            s => s.Concerns) { Metric = Metric.Gauge("sentinel_concerns") },
        new("vote", "The node that the Sentinel names, `nobody`, or `an unknown address` with the address; null while it does not answer.",
            s => s.Said is null ? null : s.VoteText)
        {
            Metric = Metric.Gauge("sentinel_vote_info", "The node that the Sentinel names, where the vote counts.") with { Label = "node" },
            Sample = s => s.Vote.Fresh ? s.VoteText : null,
        },
        new("voteCounts", "Whether the vote is fresh and the Sentinel not in TILT.", s => s.Vote.Fresh),
        new("epoch", "config-epoch of the master that the Sentinel names; this and what follows is null while it does not answer.", s =>
            s.Said?.ConfigEpoch) { Metric = Metric.Gauge("sentinel_config_epoch") },
        new("markedDown", "Whether the Sentinel has marked the master down.",
            s => s.Said?.MarkedDown) { Metric = Metric.Gauge("sentinel_sees_master_down") },
        new("failoverInProgress", "Whether it knows of a failover that is under way.", s => s.Said?.FailoverInProgress),
        new("tilt", "Whether the Sentinel is in TILT.", s => s.Said?.Tilt) { Metric = Metric.Gauge("sentinel_tilt") },
        new("checkAgeMs", "Age of its last answer.", s => s.Age),
    ];

    /// <summary>Without its nodes.</summary>
    public IReadOnlyList<Figure<ReadMoment>> ReadListener { get; init; } =
    [
        new("listen", "The addresses for clients that only read.", r => r.Settings.Listen.Select(l => l.ToString())),
        new("mode", "`open` (new sessions go to the targets), `park` (they wait), `closed` (they are refused).", r => r.Mode),
        new("targets", "Names of the nodes that get new sessions.", r => r.Targets.Select(n => n.Name)),
        new("maxLagMs", "`readOnly.maxLag`.", r => r.Settings.MaxLag),
        new("masterAllowed", "Whether the master is the last resort (`readOnly.master`).", r => r.Settings.Master),
        .. Listener<ReadMoment>(r => r.Data, r => r.Data.SessionsLimit, "read_only_", "read-only sessions now", "waiting for a replica", "{total} total"),
        .. ListenerBytes<ReadMoment>(r => r.Data, "read_only_"),
        ListenerEnds<ReadMoment>(r => r.Data, "read_only_"),
    ];

    public IReadOnlyList<Figure<ReadNodeMoment>> ReadNodes { get; init; } =
    [
        new("name", "As in `redis.nodes`.", n => n.Node.Name),
        new("address", "Its address.", n => n.Node.EndPoint.ToString()) { Csv = "addr" },
        new("target", "Whether new sessions of the read-only listener go to the node.", n => n.Target) { Metric = Metric.Gauge("read_only_node_target") },
        new("state", "`fit` (new sessions may come), `keeps` (its sessions live on) or `unfit`.", n => n.State),
        new("reason", "Why, in words.", n => n.Reason) { Csv = "last_chk" },
        new("ageMs", "Replicas only: how old the node's data is at most, where it can be said.",
            n => n.Age) { Metric = Metric.Gauge("read_only_node_data_age_seconds") },
        .. Traffic<ReadNodeMoment>(n => n.Traffic, "read_only_"),
    ];

    public IReadOnlyList<Figure<RecordingStatus>> Recording { get; init; } =
    [
        new("file", "The newer of the recording's two files; `recording` is null without one.", r => r.File),
        new("writing", "Whether it is being written.", r => r.Problem is null)
        {
            Metric = Metric.Gauge("recording", "1 while recording.file is written, 0 while that fails."),
        },
        new("since", "Since when that is so.", r => r.Since),
        new("problem", "Why it is not written.", r => r.Problem),
        new("dropped", "Lines that are missing in the recording, because the disk was full, too slow or out of reach.",
            r => r.Dropped) { Metric = Metric.Counter("recording_dropped_lines_total") },
    ];

    public IReadOnlyList<Figure<CertificateMoment>> Certificates { get; init; } =
    [
        new("use", "To whom the proxy shows the certificate: `clients`, `admin`, `redis` or `sentinel`.", c => c.Use),
        new("subject", "Its subject.", c => c.Identity.Certificate.Subject),
        new("notAfter", "The last moment at which a certificate of the proxy is valid.",
            c => c.Identity.NotAfter) { Metric = Metric.Gauge("certificate_not_after_timestamp_seconds") },
    ];

    /// <summary>The document of /stats.json.</summary>
    public IReadOnlyList<Figure<Moment>> Status =>
    [
        Figure<Moment>.One("process", "", Process, m => m),
        Figure<Moment>.One("gate", "", Gate, m => m),
        Figure<Moment>.One("sessions", "", Sessions, m => m),
        Figure<Moment>.Many("nodes", Nodes, m => m.Nodes),
        Figure<Moment>.Many("sentinels", Sentinels, m => m.Sentinels),
        ReadOnly,
        Figure<Moment>.One("recording", "", Recording, m => m.Control.Recording),
        Figure<Moment>.Many("certificates", Certificates, m => m.Certificates),
    ];

    /// <summary>The document of /explain.</summary>
    public IReadOnlyList<Figure<Moment>> Explain =>
    [
        new("summary", "The answer in a sentence.", Explanation.Summary),
        new("hints", "What deserves attention, the most important first; empty on a normal day.", Explanation.Hints),
        Figure<Moment>.One("gate", "", Gate, m => m),
        Figure<Moment>.Many("nodes", Nodes, m => m.Nodes),
        Figure<Moment>.Many("sentinels", Sentinels, m => m.Sentinels),
        ReadOnly,
    ];

    /// <summary>What the verbs "status" and "explain" are written from.</summary>
    public IReadOnlyList<Figure<Moment>> ForTerminal => [.. Explain.Take(2), new("readOnlySummary", "", m => m.Reads?.Summary), .. Status];

    private Figure<Moment> ReadOnly =>
        Figure<Moment>.One<ReadMoment>("readOnly", "", [.. ReadListener, Figure<ReadMoment>.Many("nodes", ReadNodes, r => r.Nodes)], m => m.Reads);

    private static IReadOnlyList<Figure<BlindStatus>> Blind =>
    [
        new("node", "Name of a node that most Sentinels see as healthy and this proxy cannot use.", b => b.Node),
        new("reason", "Its health as this proxy sees it.", b => b.Health.Text()),
        new("remedy", "What an operator can do, or null.", b => Remedy(b.Health, "redis")),
        new("since", "Since when.", b => b.Since),
        new("failsHealth", "Whether `/healthz` fails for it: after twice down-after.", b => b.Lasts > Blindness.Limit(b.DownAfter)),
    ];

    private static string? Remedy(ServerHealth health, string section) => health.Remedy(section) is { Length: > 0 } remedy ? remedy : null;

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
