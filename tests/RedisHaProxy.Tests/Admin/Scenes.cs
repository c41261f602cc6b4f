// Moments of a proxy with everything an operator can be shown, from a normal day to the worst: what the forms of the status are tested with.

using System.Buffers;
using System.Net;
using System.Text.Json;
using RedisHaProxy.Admin;
using RedisHaProxy.Commands;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Linux;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;
using NodeStatus = RedisHaProxy.Routing.NodeStatus;

namespace RedisHaProxy.Tests.Admin;

/// <summary>What a proxy knows at one moment, and the documents made of it.</summary>
internal sealed partial record Scene(ProxyConfiguration Settings, RoutingSnapshot Control, ForwarderSnapshot Data)
{
    public static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static readonly RedisNode[] Nodes = [.. Enumerable.Range(1, 3).Select(i => new RedisNode($"redis{i}", IPEndPoint.Parse($"10.0.0.{i}:6379")))];

    public static readonly IPEndPoint[] Sentinels = [.. Enumerable.Range(1, 3).Select(i => IPEndPoint.Parse($"10.0.0.{i}:26379"))];

    /// <summary>What the process takes.</summary>
    public static readonly ProcessUsage Usage = new(TimeSpan.FromSeconds(36.5), 44_040_192, () => 37, 20_480);

    public bool Draining { get; init; }

    public WrongPassword? WrongPassword { get; init; }

    /// <summary>All that the forms are made from.</summary>
    public Moment Moment => new()
    {
        Host = "proxy1",
        Version = "1.2.3",
        ProcessId = 17,
        Started = Now.AddHours(-2),
        Phase = Draining ? LifecyclePhase.Draining : LifecyclePhase.Serving,
        PhaseSince = Now.AddHours(-2),
        Settings = Settings,
        Data = Data,
        Control = Control,
        Rates = new Rates(2.4, 8, 10, 20),
        Usage = Usage,
        WrongPassword = WrongPassword,
    };

    /// <summary>A normal day with other nodes.</summary>
    public static Moment With(params NodeStatus[] nodes) => Healthy.Moment with { Control = Healthy.Control with { Nodes = nodes } };

    /// <summary>A normal day with other Sentinels.</summary>
    public static Moment With(params SentinelStatus[] sentinels) => Healthy.Moment with { Control = Healthy.Control with { Sentinels = sentinels } };

    /// <summary>What a program gets that asks for a document.</summary>
    public static JsonElement Json<T>(IReadOnlyList<Figure<T>> figures, T item)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            new Part<T>(figures, item).Write(json);
        }

        return JsonDocument.Parse(bytes.WrittenMemory).RootElement;
    }

    /// <summary>The text of "status".</summary>
    public static string Text(Moment moment, int width = 100)
    {
        var screen = new Screen(width);
        StatusText.Write(screen, Json(moment.Figures.ForTerminal, moment), moment.Figures);
        return screen.ToString();
    }

    /// <summary>Sessions and bytes of the second before.</summary>
    public (long Sessions, long In, long Out) Second { get; init; } = (12, 3_400_000, 56_000_000);

    /// <summary>A master with two replicas, all Sentinels name it, nobody wants anything.</summary>
    public static Scene Healthy { get; } = new(
        new ProxyConfiguration
        {
            Listen = [IPEndPoint.Parse("10.0.0.9:6379")],
            Redis = new RedisConfiguration { Nodes = Nodes },
            Sentinel = new SentinelConfiguration { Master = "redis", Nodes = Sentinels },
        },
        new RoutingSnapshot
        {
            At = TimeSpan.FromHours(2),
            Time = Now,
            HasHeardAll = true,
            Nodes = [Master(0, 2), Replica(1, 0, lag: 0), Replica(2, 0, lag: 14_000)],
            Sentinels = [Sentinel(0), Sentinel(1), Sentinel(2)],
            Decision = Decision(RoutingAction.Route, 0, RuleId.R1),
            Evidence = "redis1 claims master; redis2 follows redis1; redis3 follows redis1; Sentinels: 3 of 3 name redis1, 3 leases for redis1 (2 needed)",
            DecisionSince = Now.AddMinutes(-10),
            LeaseLeft = TimeSpan.FromMilliseconds(4321.5),
            Support = "redis1: 3 of 3 Sentinels name it, 3 hold a lease for it (2 needed), 3 are known not to have voted to replace it (2 needed); 2 of 2 "
                + "other nodes follow it",
            Leases = (3, 2),
            Gate = new GateOrder(GateMode.Open, Nodes[0], 7),
            GateSince = Now.AddMinutes(-10),
            Events =
            [
                new GateEvent { Generation = 6, At = TimeSpan.FromMinutes(110), Time = Now.AddMinutes(-10.01), Mode = GateMode.Park, Target = null, Rule = "0",
                    Evidence = "redis1 not known", Took = TimeSpan.FromMilliseconds(0.2) },
                new GateEvent { Generation = 7, At = TimeSpan.FromMinutes(110), Time = Now.AddMinutes(-10), Mode = GateMode.Open, Target = "redis1",
                    Rule = "R5", Evidence = "redis1 claims master, <b>promotion</b> seen", Took = TimeSpan.FromMilliseconds(0.1) },
            ],
            Switchovers = [],
        },
        new ForwarderSnapshot
        {
            Sessions = 14,
            SessionsMax = 40,
            SessionsTotal = 81_234,
            SessionsLimit = 10_000,
            Parked = 0,
            BytesIn = 1_234_567,
            BytesOut = 9_876_543_210,
            Ends = [.. Enumerable.Range(1, Enum.GetValues<SessionEnd>().Length).Select(i => (long)i * 100)],
            Order = new GateOrder(GateMode.Open, Nodes[0], 7),
            StalledMilliseconds = 250,
            Engine = ForwardingEngine.IoUring,
            ConnectTimes = new HistogramSnapshot([0.001, 0.5], [3, 5, 6], 1.25),
            RouteTimes = new HistogramSnapshot([0.001], [1, 6], 2.5),
            SessionTimes = new HistogramSnapshot([10], [0, 2], 77),
            Nodes = [Traffic(0, 14, 40, 80_000), Traffic(1, 0, 3, 1234) with { ConnectFailures = 2 }, Traffic(2, 0, 0, 0)],
        });

    /// <summary>The master is silent, one Sentinel fails over; read-only sessions go on. The first failover was seen to the end.</summary>
    public static Scene Failover { get; } = Healthy with
    {
        Settings = Healthy.Settings with
        {
            ReadOnly = new ReadOnlyConfiguration
            {
                Listen = [IPEndPoint.Parse("10.0.0.9:6380")],
                MaxLag = TimeSpan.FromSeconds(10)
            }
        },
        Control = Healthy.Control with
        {
            Nodes =
            [
                Master(0, 2) with
                {
                    Health = ServerHealth.Silent, Since = Now.AddSeconds(-4), State = default, StateText = "not known", Age = TimeSpan.FromSeconds(4.2),
                        Error = "no answer for 4000 ms",
                    Falls = 2, Downtime = TimeSpan.FromSeconds(75),
                },
                Replica(1, 0, lag: null) with { State = NodeState.Follows(0, false), StateText = "follows redis1, link down",
                    Answer = Answer(1) with { LinkUp = false, MasterAddress = "10.0.0.1:6379", Offset = -1 } },
                Replica(2, 0, lag: 42),
            ],
            Sentinels =
            [
                Sentinel(0) with { Health = ServerHealth.ConnectTimeout, Since = Now.AddSeconds(-3), Vote = SentinelVote.None, VoteText = "nobody",
                    Answer = null, Age = null, Error = "no answer within 1000 ms", Events = ServerHealth.Unknown },
                Sentinel(1, 13) with { Answer = Said(1, 13) with { MarkedDown = true, FailoverInProgress = true }, Promotes = "redis2" },
                Sentinel(2, 13) with { Answer = Said(2, 13) with { MarkedDown = true } },
            ],
            Decision = Decision(RoutingAction.Park, -1, RuleId.Rule0),
            Evidence = "redis1 not known; redis2 follows redis1, link down; redis3 follows redis1; Sentinels: 1 of 3 name redis1",
            DecisionSince = Now.AddSeconds(-1),
            LeaseLeft = null,
            Support = null,
            Leases = null,
            Gate = new GateOrder(GateMode.Park, null, 8),
            GateSince = Now.AddSeconds(-1),
            Totals = new GateTotals { Failovers = 2, Interruptions = 3, Interrupted = TimeSpan.FromSeconds(7.25), ShutSince = null },
            Interruption = new InterruptionStatus("redis1", Now.AddSeconds(-1), new SessionDamage(260, 1300)),
            Switchovers =
            [
                Switchover(null, "redis2", "start", "R1", 1500, null, false, Now.AddHours(-2)),
                Switchover("redis2", "redis1", "0", "R5", 51.4, 3.25, false, Now.AddMinutes(-10)),
                Switchover("redis1", "redis1", "R1", "R1", 900, null, true, Now.AddMinutes(-5)),
            ],
            Reads = Reads(GateMode.Open, [Nodes[2]], [Nodes[1]], null),
            Replicas =
            [
                new ReplicaStatus(ReadFitness.None, "does not answer", null),
                new ReplicaStatus(ReadFitness.Keep, "its link to the master is down", TimeSpan.FromSeconds(6.04)),
                new ReplicaStatus(ReadFitness.Take, "fit", TimeSpan.FromMilliseconds(120)),
            ],
        },
        Data = Healthy.Data with
        {
            Order = new GateOrder(GateMode.Park, null, 8),
            Parked = 9,
            Engine = ForwardingEngine.Epoll,
            ReadOnly = ReadData(GateMode.Open, 5),
        },
    };

    /// <summary>Two claim, the evidence decides for none; the read-only listener has nobody left.</summary>
    public static Scene Closed { get; } = Failover with
    {
        Second = (0, 0, 0),
        Settings = Failover.Settings with { Sentinel = null, ReadOnly = Failover.Settings.ReadOnly! with { Master = true } },
        Control = Failover.Control with
        {
            Nodes = [Master(0, 0), Master(1, 1) with { State = NodeState.Promoted, StateText = "claims master, promotion seen" }, Replica(2, 1, lag: 0)],
            Sentinels = [],
            Decision = Decision(RoutingAction.Closed, -1, RuleId.C2),
            Evidence = "redis1 claims master; redis2 claims master; redis3 follows redis2; no Sentinels configured",
            Gate = new GateOrder(GateMode.Closed, null, 11),
            Reads = Reads(GateMode.Closed, [], [], null),
            Replicas = [],
        },
        Data = Failover.Data with
        {
            Order = new GateOrder(GateMode.Closed, null, 10),
            Parked = 0,
            Sessions = 0,
            SessionsLimit = 0,
            Nodes = [],
            ReadOnly = ReadData(GateMode.Closed, 0),
        },
    };

    /// <summary>The master is silent and held: its sessions live. Read-only sessions go to the last resort.</summary>
    public static Scene Held { get; } = Failover with
    {
        Control = Failover.Control with
        {
            Nodes = [Master(0, 2) with { Health = ServerHealth.Silent, State = NodeState.Claims with { Silent = true }, StateText = "claims master, silent" },
                Replica(1, 0, 0), Replica(2, 0, 0)],
            Sentinels = [Sentinel(0) with { Vote = new SentinelVote(1, true, true), VoteText = "redis2" }, Sentinel(1) with { Vote = new SentinelVote(1, true,
                true), VoteText = "redis2" }, Sentinel(2) with { Vote = new SentinelVote(1, true, true), VoteText = "redis2" }],
            Decision = Decision(RoutingAction.Route, 0, RuleId.R4),
            Reads = Reads(GateMode.Open, [], [Nodes[1]], Nodes[0]),
        },
        Data = Failover.Data with { Order = new GateOrder(GateMode.Park, Nodes[0], 9), ReadOnly = ReadData(GateMode.Open, 2) },
    };

    /// <summary>All that can deserve attention at once, while a proxy drains whose route is withheld.</summary>
    public static Scene Reasons { get; } = Failover with
    {
        Draining = true,
        Settings = Failover.Settings with
        {
            Tls = new TlsConfiguration { Listen = [IPEndPoint.Parse("10.0.0.9:6381")], Identity = Certificate("CN=proxy, O=\"Some, Company\"", 5) },
            Admin = new AdminConfiguration { Tls = Certificate("CN=admin", 400) },
            Redis = Failover.Settings.Redis with { Tls = new TlsPeerConfiguration { Authorities = [], Identity = Certificate("CN=expired", -3) } },
        },
        Control = Failover.Control with
        {
            Nodes =
            [
                Master(0, 2) with { MaintenanceSince = Now.AddMinutes(-90) },
                Replica(1, 0, 0) with { StateText = "follows an unknown address (6.6.6.6:6379)", State = NodeState.Follows(-1, true),
                    Answer = Answer(1) with { MasterAddress = "6.6.6.6:6379", Master = -1 } },
                Replica(2, 0, null) with { Health = ServerHealth.NotPermitted, Error = "NOPERM <b>\"quoted\", error\nof a node</b>.", StateText = "not known",
                    State = default, Answer = null, Age = null, Latency = null, Since = Now.AddDays(-2), Falls = 1, Downtime = TimeSpan.FromDays(2) },
            ],
            Sentinels =
            [
                Sentinel(0) with { Concerns = ["names 6.6.6.6:6379 as the master, which is not in redis.nodes", "has epoch 1099511627777, which no failovers "
                    + "led to"], Vote = new SentinelVote(SentinelVote.Foreign, true, false), VoteText = "an unknown address (6.6.6.6:6379)",
                        Answer = Said(0, 1099511627777) },
                Sentinel(1) with { Events = ServerHealth.NotPermitted, EventsError = "NOPERM this user has no permissions to access one of the channels",
                    Concerns = ["names 6.6.6.6:6379 as the master, which is not in redis.nodes"] },
                Sentinel(2) with { Health = ServerHealth.WrongPassword, Error = "WRONGPASS invalid username-password pair", Vote = SentinelVote.None,
                    VoteText = "nobody", Answer = null, Events = ServerHealth.Disconnected, EventsError = "reset" },
            ],
            Decision = Decision(RoutingAction.Route, 0, RuleId.R1),
            Withheld = "redis1 is in maintenance",
            Blind = new BlindStatus
            {
                Node = "redis3",
                Health = ServerHealth.NotPermitted,
                Since = Now.AddSeconds(-30),
                Lasts = TimeSpan.FromSeconds(30),
                DownAfter = TimeSpan.FromSeconds(5)
            },
            Recording = new RecordingStatus
            {
                File = "/var/lib/x/recording",
                Problem = "no space is left on its disk",
                Since = Now.AddMinutes(-3),
                Dropped = 7
            },
            Reads = Reads(GateMode.Park, [], [], null),
            Replicas =
            [
                new ReplicaStatus(ReadFitness.None, "in maintenance", null),
                new ReplicaStatus(ReadFitness.None, "does not follow the routed master", TimeSpan.MaxValue),
                new ReplicaStatus(ReadFitness.None, "does not answer", null),
            ],
        },
        Data = Failover.Data with
        {
            Sessions = 10_000,
            Parked = 17,
            RecordsDropped = 3,
            Handshakes = new HandshakeCounters(400, 12),
            HandOver = new HandOverCounters(Available: true, Taken: 210, Refused: 3, Refusal: "a connection over IPv6"),
            ReadOnly = ReadData(GateMode.Park, 3) with { Parked = 3 },
        },
    };

    /// <summary>Both replicas are dead, and the master refuses all writes.</summary>
    public static Scene ReadOnlyInEffect { get; } = Healthy with
    {
        Control = Healthy.Control with
        {
            Nodes =
            [
                Master(0, 0) with { Answer = Answer(0) with { IsMaster = true, Master = -1, Offset = 123_456, GoodReplicas = 0 } },
                Dead(1), Dead(2),
            ],
            Evidence = "redis1 claims master; redis2 not known; redis3 not known; Sentinels: 3 of 3 name redis1, 3 leases for redis1 (2 needed)",
        },
        WrongPassword = new WrongPassword(IPAddress.Parse("10.0.0.77"), Now.AddMinutes(-1)),
    };

    /// <summary>Two Sentinels are dead beside a healthy master.</summary>
    public static Scene MajorityLost { get; } = Healthy with
    {
        Control = Healthy.Control with { Sentinels = [Sentinel(0), DeadSentinel(1), DeadSentinel(2)] },
    };

    /// <summary>The master is dead as well, and nobody can promote a replica.</summary>
    public static Scene NoFailover { get; } = MajorityLost with
    {
        Control = MajorityLost.Control with
        {
            Nodes = [Dead(0), Replica(1, 0, null), Replica(2, 0, null)],
            Sentinels = [Sentinel(0), DeadSentinel(1), DeadSentinel(2)],
            Decision = Decision(RoutingAction.Park, -1, RuleId.Rule0),
            Evidence = "redis1 not known; redis2 follows redis1; redis3 follows redis1; Sentinels: 1 of 3 name redis1",
            DecisionSince = Now.AddSeconds(-95),
            LeaseLeft = null,
            Support = null,
            Leases = null,
            Gate = new GateOrder(GateMode.Closed, null, 9),
            GateSince = Now.AddSeconds(-75),
            Interruption = new InterruptionStatus("redis1", Now.AddSeconds(-95), new SessionDamage(286, 1159)),
        },
        Data = Healthy.Data with { Order = new GateOrder(GateMode.Closed, null, 9), Sessions = 3, Parked = 3 },
    };

    /// <summary>A normal day, and this proxy drains.</summary>
    public static Scene Drains { get; } = Healthy with { Draining = true };

    /// <summary>One replica is dead, and another is in maintenance.</summary>
    public static Scene DeadNode { get; } = Healthy with
    {
        Control = Healthy.Control with
        {
            Nodes = [Master(0, 1), Dead(1), Replica(2, 0, 0) with { MaintenanceSince = Now.AddMinutes(-12) }],
            Sentinels = [Sentinel(0), Sentinel(1), Sentinel(2) with { Answer = Said(2, 12) with { Tilt = true, DownAfter = TimeSpan.FromSeconds(30) },
                Vote = new SentinelVote(0, false, false), KnowsFew = true }],
        },
    };

    public static NodeStatus Down { get; } = Replica(2, 0, null) with
    {
        Health = ServerHealth.Refused,
        State = default,
        StateText = "not known",
        Answer = null,
        Latency = null,
        Error = "<b>\"quoted\", error\nof a node</b>",
    };

    public static IReadOnlyDictionary<string, Scene> All { get; } = new Dictionary<string, Scene>
    {
        ["healthy"] = Healthy,
        ["failover"] = Failover,
        ["closed"] = Closed,
        ["held"] = Held,
        ["reasons"] = Reasons,
        ["read-only"] = ReadOnlyInEffect,
        ["majority-lost"] = MajorityLost,
        ["no-failover"] = NoFailover,
        ["draining"] = Drains,
        ["dead-node"] = DeadNode,
    };
}
