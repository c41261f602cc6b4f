// What the operator is shown, at one moment: the snapshots of both planes side by side. Every form of the status is made from it by the same
// table (Figures.cs), so that all say the same; what follows from several snapshots is said here once.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Linux;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>The proxy at one moment.</summary>
internal sealed record Moment
{
    /// <summary>The table: another one in a test of it.</summary>
    public Figures Figures { get; init; } = Figures.All;

    public required string Host { get; init; }

    public required string Version { get; init; }

    public required int ProcessId { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required LifecyclePhase Phase { get; init; }

    public required DateTimeOffset PhaseSince { get; init; }

    public required ProxyConfiguration Settings { get; init; }

    public required ForwarderSnapshot Data { get; init; }

    public required RoutingSnapshot Control { get; init; }

    public required Rates Rates { get; init; }

    public required ProcessUsage Usage { get; init; }

    /// <summary>The last wrong password for pages and metrics; null for none.</summary>
    public WrongPassword? WrongPassword { get; init; }

    public DateTimeOffset Time => Control.Time;

    public HealthAnswer Health => ProxyHealth.Serving(Phase, Data, BlindFails);

    /// <summary>/healthz fails because of <see cref="Blind"/>.</summary>
    public bool BlindFails => Control.Blind is { } blind && blind.Lasts > Blindness.Limit(blind.DownAfter);

    /// <summary>What most Sentinels see and this proxy cannot use. In a failover the Sentinels' leases outlive the master by down-after at most.</summary>
    public BlindStatus? Blind => Control.Blind is { } blind && blind.Lasts > blind.DownAfter ? blind : null;

    /// <summary>The state in one line.</summary>
    public Headline Headline => Headline.Of(this);

    /// <summary>Whether the Sentinels could promote a replica now.</summary>
    public FailoverChance Chance => FailoverChance.Of(
        Sentinels.Count, i => FailoverChance.IsAble(Sentinels[i].Health, Sentinels[i].Vote), i => Sentinels[i].Answer);

    /// <summary>Too few Sentinels take part for a failover; null while one is possible, and until all have been heard.</summary>
    public string? NoFailover => !Control.HasHeardAll || Chance.IsPossible ? null : Chance.Describe(
        Gate.Target is not null,
        Sentinels.Where(s => !FailoverChance.IsAble(s.Health, s.Vote) && s.Said?.Tilt != true).Select(s => s.Address),
        Sentinels.Count(s => !s.Vote.Fresh && s.Said?.Tilt == true),
        Settings.Redis.Nodes);

    /// <summary>Why no failover will bring a master, where there is none; null where there is one, or one may come.</summary>
    public string? WhyNone => Gate.Target is not null || Control.Nodes.Any(n => n.State.IsClaimant) ? null
        : NoFailover ?? (Sentinels.Count > 0 && Control.HasHeardAll && !Nodes.Any(n => n.Role == "replica" && n.Up)
            ? "No failover will come: no replica answers, so there is none to promote. Start Redis there: systemctl start redis-server on "
                + $"{string.Join(" and ", Nodes.Where(n => !n.Up).Select(n => n.Name))}."
            : null);

    /// <summary>The node that sessions go to, where it refuses all writes.</summary>
    public NodeMoment? ReadOnlyMaster => Nodes.FirstOrDefault(n => n.Routed && n.Refusal != WriteRefusal.None);

    /// <summary>Since when there is no master to route to; null while there is one.</summary>
    public DateTimeOffset? InterruptedSince => Control.Interruption?.Since;

    /// <summary>Sessions that suffered since then.</summary>
    public SessionDamage? Damage => Control.Interruption is { } interruption ? SessionDamage.Of(Data).Since(interruption.Before) : null;

    /// <summary>The order in force, which is the data plane's; the newest one may still be on its way.</summary>
    public GateOrder Gate => Data.Order;

    public string GateMode => Lower(Gate.Mode);

    public string RuleMeaning => RuleText.Of(Control.Decision.Rule).Meaning;

    public IEnumerable<string> Listen => [.. Settings.Listen.Select(l => l.ToString()), .. (Settings.Tls?.Listen ?? []).Select(l => $"{l} (TLS)")];

    public int SessionsLimit => Data.SessionsLimit > 0 ? Data.SessionsLimit : Settings.Limits.Connections;

    public IReadOnlyList<NodeMoment> Nodes =>
        [.. Control.Nodes.Select(n => new NodeMoment(n, Data.TrafficOf(n.Node), Gate.Target == n.Node, Settings.Redis.MinReplicasToWrite))];

    public IReadOnlyList<SentinelStatus> Sentinels => Control.Sentinels;

    public ReadMoment? Reads => Settings.ReadOnly is { } settings && Data.ReadOnly is { } sessions && Control.Reads is { } order
        ? new ReadMoment(settings, sessions, order, Control)
        : null;

    /// <summary>The proxy's certificates, and to whom it shows them.</summary>
    public IEnumerable<CertificateMoment> Certificates =>
        new (string Use, TlsIdentity? Identity)[]
        {
            ("clients", Settings.Tls?.Identity),
            ("admin", Settings.Admin?.Tls),
            ("redis", Settings.Redis.Tls?.Identity),
            ("sentinel", Settings.Sentinel?.Tls?.Identity),
        }.Where(c => c.Identity is not null).Select(c => new CertificateMoment(c.Use, c.Identity!));

    public static string Lower<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}

/// <summary>A data node.</summary>
/// <param name="Status">As the control plane sees it.</param>
/// <param name="Traffic">As the data plane counts it.</param>
/// <param name="Routed">Sessions go there now.</param>
/// <param name="MinReplicasToWrite">redis.minReplicasToWrite.</param>
internal sealed record NodeMoment(NodeStatus Status, NodeSnapshot Traffic, bool Routed, int MinReplicasToWrite)
{
    /// <summary>A connection that is just being renewed makes an answer no older than this.</summary>
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(1);

    public string Name => Status.Node.Name;

    public string Address => Status.Node.EndPoint.ToString();

    public bool Up => Status.Health == ServerHealth.Up;

    /// <summary>As the node itself says, while that is fresh.</summary>
    public string Role => Status.State.Role switch
    {
        NodeRole.Claims or NodeRole.Promoted => "master",
        NodeRole.Follows => "replica",
        _ => "unknown",
    };

    public bool InMaintenance => Status.MaintenanceSince is not null;

    /// <summary>What it says of itself; null when it does not answer: an old answer is no figure.</summary>
    public NodeReport? Answer => Up || (Status.Health == ServerHealth.Disconnected && Status.Age < Renewal) ? Status.Answer : null;

    /// <summary>Duration of the last check, while it answers.</summary>
    public TimeSpan? Latency => Answer is null ? null : Status.Latency;

    /// <summary>Of a replica: bytes behind the master.</summary>
    public long? LagBytes => Answer is null ? null : Status.LagBytes;

    /// <summary>Of a replica: whether its link to its master is up.</summary>
    public bool? LinkUp => Answer is { IsMaster: false } replica ? replica.LinkUp : null;

    /// <summary>Of a replica: the master's address as it reports it.</summary>
    public string? Follows => Answer is { IsMaster: false } replica ? replica.MasterAddress : null;

    /// <summary>Of a master: connected replicas.</summary>
    public int? Replicas => Answer is { IsMaster: true } master ? master.Replicas : null;

    /// <summary>Of a master: replicas that count for min-replicas-to-write.</summary>
    public int? GoodReplicas => Answer is { IsMaster: true } master ? master.GoodReplicas : null;

    /// <summary>Why it refuses all writes.</summary>
    public WriteRefusal Refusal => Answer is { } answer ? WriteRefusals.Of(answer, MinReplicasToWrite) : WriteRefusal.None;

    /// <summary>The same in words.</summary>
    public string? RefusalText => Refusal == WriteRefusal.None ? null : $"{Refusal.Brief()}: {Refusal.Text(Answer!.Value, MinReplicasToWrite)}";
}

/// <summary>The read-only listener. Its sessions are not among those of the gate.</summary>
internal sealed record ReadMoment(ReadOnlyConfiguration Settings, ForwarderSnapshot Data, GateOrder Order, RoutingSnapshot Control)
{
    /// <summary>The order in force, which is the data plane's.</summary>
    public string Mode => Moment.Lower(Data.Order.Mode);

    /// <summary>Nodes that get new sessions.</summary>
    public IReadOnlyList<RedisNode> Targets =>
        Data.Order.Mode != GateMode.Open ? [] : Order.Take.Count > 0 ? Order.Take : Order.LastResort is { } master ? [master] : [];

    public IReadOnlyList<ReadNodeMoment> Nodes =>
        [.. Control.Nodes.Select((n, i) =>
            new ReadNodeMoment(n.Node, Control.Replicas.ElementAtOrDefault(i), Data.TrafficOf(n.Node), Targets.Contains(n.Node)))];

    /// <summary>Where sessions go, in a sentence.</summary>
    public string Summary => this switch
    {
        { Mode: "open", Targets: { Count: > 0 } targets } => $"New read-only sessions go to {string.Join(", ", targets.Select(n => n.Name))}"
            + (Nodes.Any(n => n.Target && n.Replica.Fitness == ReadFitness.Take) ? "." : ", the last resort."),
        { Mode: "closed" } => "No replica has been fit for long: new read-only sessions are refused.",
        _ => "No replica is fit: new read-only sessions wait.",
    };
}

/// <summary>A data node as the read-only listener sees it.</summary>
/// <param name="Node">Which.</param>
/// <param name="Replica">What its sessions may do with it.</param>
/// <param name="Traffic">Its sessions.</param>
/// <param name="Target">New ones go there.</param>
internal sealed record ReadNodeMoment(RedisNode Node, ReplicaStatus Replica, NodeSnapshot Traffic, bool Target)
{
    public string State => Replica.Fitness switch { ReadFitness.Take => "fit", ReadFitness.Keep => "keeps", _ => "unfit" };

    public string Reason => Replica.Reason ?? "nothing observed yet";

    /// <summary>How old its data is, at most; null when that cannot be said.</summary>
    public TimeSpan? Age => Replica.Age is { } age && age != TimeSpan.MaxValue ? age : null;
}

/// <summary>A certificate of the proxy.</summary>
internal sealed record CertificateMoment(string Use, TlsIdentity Identity);
