// Makes the documents from the snapshots of both planes. Nothing here is kept: every answer is of its own moment.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>Reads the running proxy.</summary>
internal sealed class StatusSource(
    Func<ProxyConfiguration> configuration,
    Lifecycle lifecycle,
    IForwarder forwarder,
    Func<RoutingSnapshot> routing,
    TrafficRates rates)
{
    /// <summary>The whole document.</summary>
    public StatusDocument Status()
    {
        var settings = configuration();
        var data = forwarder.Snapshot();
        var control = routing();
        var health = ProxyHealth.Serving(lifecycle.Phase, data, control.Blind is { } blind && blind.Lasts > Blindness.Limit(blind.DownAfter));
        return new StatusDocument
        {
            Process = new ProcessStatus
            {
                Host = Environment.MachineName,
                Version = ProductVersion.Text,
                Engine = data.Engine == ForwardingEngine.IoUring ? "io_uring" : "epoll",
                ProcessId = Environment.ProcessId,
                Time = control.Time,
                Started = lifecycle.Started,
                Phase = Lower(lifecycle.Phase),
                PhaseSince = lifecycle.Since,
                Healthy = health.Good,
                Health = health.Reason,
                StalledMs = data.StalledMilliseconds,
                Blind = BlindOf(control.Blind),
                Listen = [.. settings.Listen.Select(l => l.ToString()), .. (settings.Tls?.Listen ?? []).Select(l => $"{l} (TLS)")],
            },
            Gate = GateOf(control, data),
            Sessions = SessionsOf(settings, data, rates.Current),
            Nodes = [.. control.Nodes.Select(node => NodeOf(node, data.Nodes.FirstOrDefault(n => n.Node == node.Node), data.Order))],
            Sentinels = [.. control.Sentinels.Select(SentinelOf)],
            Recording = control.Recording is { } recording
                ? new RecordingEntry { File = recording.File, Writing = recording.Problem is null, Since = recording.Since, Problem = recording.Problem, Dropped = recording.Dropped }
                : null,
            Certificates = CertificatesOf(settings),
            ReadOnly = ReadOnlyStatus.From(settings, data, control),
        };
    }

    /// <summary>What happened.</summary>
    public TimelineDocument Timeline()
    {
        var control = routing();
        return new TimelineDocument
        {
            Interruptions =
            [
                .. control.Switchovers.Reverse().Select(s => new InterruptionEntry
                {
                    From = s.From,
                    To = s.To,
                    Shut = s.ShutTime,
                    ShutRule = s.ShutRule,
                    Open = s.OpenTime,
                    OpenRule = s.OpenRule,
                    ShutMs = s.Shut.TotalMilliseconds,
                    PromotionToOpenMs = s.PromotionToOpen?.TotalMilliseconds,
                    SessionsKept = s.SessionsKept,
                }),
            ],
            Orders =
            [
                .. control.Events.Reverse().Select(e => new GateEntry
                {
                    Time = e.Time,
                    Generation = e.Generation,
                    Mode = Lower(e.Mode),
                    Target = e.Target,
                    Rule = e.Rule,
                    Evidence = e.Evidence,
                    TookMs = e.Took.TotalMilliseconds,
                }),
            ],
        };
    }

    /// <summary>The current decision.</summary>
    public ExplainDocument Explain()
    {
        var status = Status();
        return new ExplainDocument
        {
            Summary = Explanation.Summary(status),
            Hints = Explanation.Hints(status),
            Gate = status.Gate,
            Nodes = status.Nodes,
            Sentinels = status.Sentinels,
            ReadOnly = status.ReadOnly,
        };
    }

    // In a failover the Sentinels' leases outlive the master by down-after at most.
    private static BlindEntry? BlindOf(BlindStatus? blind) => blind is null || blind.Lasts <= blind.DownAfter ? null : new BlindEntry
    {
        Node = blind.Node,
        Reason = blind.Health.Text(),
        Remedy = Remedy(blind.Health, "redis"),
        Since = blind.Since,
        FailsHealth = blind.Lasts > Blindness.Limit(blind.DownAfter),
    };

    private static GateStatus GateOf(RoutingSnapshot control, ForwarderSnapshot data) => new()
    {
        // The order in force is the data plane's; the newest one may still be on its way.
        Mode = Lower(data.Order.Mode),
        Target = data.Order.Target?.Name,
        Since = control.GateSince,
        Generation = data.Order.Generation,
        Rule = control.Decision.RuleName,
        RuleMeaning = Explanation.Meaning(control.Decision.Rule),
        RuleSince = control.DecisionSince,
        Evidence = control.Evidence,
        Withheld = control.Withheld,
        LeaseLeftMs = control.LeaseLeft?.TotalMilliseconds,
        LeasesHeld = control.Leases?.Held,
        LeasesNeeded = control.Leases?.Needed,
        Support = control.Support,
    };

    private static List<CertificateEntry> CertificatesOf(ProxyConfiguration settings)
    {
        (string Use, TlsIdentity? Identity)[] uses =
        [
            ("clients", settings.Tls?.Identity),
            ("admin", settings.Admin?.Tls),
            ("redis", settings.Redis.Tls?.Identity),
            ("sentinel", settings.Sentinel?.Tls?.Identity),
        ];
        return [.. uses.Where(u => u.Identity is not null).Select(u => new CertificateEntry { Use = u.Use, Subject = u.Identity!.Certificate.Subject, NotAfter = u.Identity.NotAfter })];
    }

    private static SessionStatus SessionsOf(ProxyConfiguration settings, ForwarderSnapshot data, Rates rates) => new()
    {
        Current = data.Sessions,
        Max = data.SessionsMax,
        Limit = data.SessionsLimit > 0 ? data.SessionsLimit : settings.Limits.Connections,
        Total = data.SessionsTotal,
        Parked = data.Parked,
        ParkedLimit = settings.Limits.Parked,
        PerSecond = rates.SessionsPerSecond,
        PerSecondMax = rates.SessionsPerSecondMax,
        BytesIn = data.BytesIn,
        BytesOut = data.BytesOut,
        BytesInPerSecond = rates.BytesInPerSecond,
        BytesOutPerSecond = rates.BytesOutPerSecond,
        Ends = Enum.GetValues<SessionEnd>().ToDictionary(EndCode.Of, end => data.Ends[(int)end]),
        RecordsDropped = data.RecordsDropped,
        Handshakes = data.Handshakes?.Succeeded,
        HandshakeFailures = data.Handshakes?.Failed,
    };

    private static NodeEntry NodeOf(Routing.NodeStatus node, NodeSnapshot? traffic, GateOrder order) => new()
    {
        Name = node.Node.Name,
        Address = node.Node.EndPoint.ToString(),
        Role = node.State.Role switch
        {
            NodeRole.Claims or NodeRole.Promoted => "master",
            NodeRole.Follows => "replica",
            _ => "unknown",
        },
        State = node.StateText,
        Routed = order.Target == node.Node,
        MaintenanceSince = node.MaintenanceSince,
        Falls = node.Falls,
        DowntimeMs = node.Downtime.TotalMilliseconds,
        Health = node.Health.Text(),
        Up = node.Health == ServerHealth.Up,
        Since = node.Since,
        Error = node.Error,
        Remedy = Remedy(node.Health, "redis"),
        CheckAgeMs = node.Age?.TotalMilliseconds,
        CheckLatencyMs = node.Latency?.TotalMilliseconds,
        LinkUp = node.Answer is { IsMaster: false } replica ? replica.LinkUp : null,
        Follows = node.Answer is { IsMaster: false } follower ? follower.MasterAddress : null,
        LagBytes = node.LagBytes,
        Offset = node.Answer?.Offset,
        Replicas = node.Answer is { IsMaster: true } master ? master.Replicas : null,
        RunId = node.Answer?.RunId,
        Sessions = traffic?.Sessions ?? 0,
        SessionsMax = traffic?.SessionsMax ?? 0,
        SessionsTotal = traffic?.SessionsTotal ?? 0,
        ConnectFailures = traffic?.ConnectFailures ?? 0,
        BytesIn = traffic?.BytesIn ?? 0,
        BytesOut = traffic?.BytesOut ?? 0,
    };

    private static SentinelEntry SentinelOf(Routing.SentinelStatus sentinel) => new()
    {
        Address = sentinel.Address,
        Health = sentinel.Health.Text(),
        Up = sentinel.Health == ServerHealth.Up,
        Since = sentinel.Since,
        Error = sentinel.Error,
        Remedy = Remedy(sentinel.Health, "sentinel"),
        EventsHeard = sentinel.Health != ServerHealth.Up || sentinel.Events == ServerHealth.Unknown ? null : sentinel.Events == ServerHealth.Up,
        EventsError = sentinel.Health != ServerHealth.Up ? null : EventsError(sentinel),
        Concerns = sentinel.Concerns,
        Vote = sentinel.VoteText,
        VoteCounts = sentinel.Vote.Fresh,
        Epoch = sentinel.Answer?.ConfigEpoch,
        MarkedDown = sentinel.Answer?.MarkedDown ?? false,
        FailoverInProgress = sentinel.Answer?.FailoverInProgress ?? false,
        Tilt = sentinel.Answer?.Tilt ?? false,
        CheckAgeMs = sentinel.Age?.TotalMilliseconds,
    };

    private static string? Remedy(ServerHealth health, string section) => health.Remedy(section) is { Length: > 0 } remedy ? remedy : null;

    private static string? EventsError(Routing.SentinelStatus sentinel) => sentinel.Events is ServerHealth.Up or ServerHealth.Unknown ? null
        : $"{sentinel.Events.Text()}{Explanation.Error(sentinel.Events.Text(), sentinel.EventsError)}. {sentinel.Events.Remedy("sentinel")}".TrimEnd();

    private static string Lower<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
