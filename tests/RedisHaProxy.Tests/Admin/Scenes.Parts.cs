// What the moments are made of: nodes, Sentinels, decisions, traffic.

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;
using NodeStatus = RedisHaProxy.Routing.NodeStatus;

namespace RedisHaProxy.Tests.Admin;

internal sealed partial record Scene
{
    public static NodeStatus Master(int index, int replicas) => new()
    {
        Node = Nodes[index],
        Health = ServerHealth.Up,
        Since = Now.AddHours(-1),
        State = NodeState.Claims,
        StateText = "claims master",
        Answer = Answer(index) with { IsMaster = true, Master = -1, Replicas = replicas, Offset = 123_456 },
        Age = TimeSpan.FromMilliseconds(20.5),
        Latency = TimeSpan.FromMilliseconds(0.25),
        LagBytes = null,
        Error = null,
    };

    public static NodeStatus Replica(int index, int master, long? lag) => Master(index, 0) with
    {
        State = NodeState.Follows(master, true),
        StateText = $"follows redis{master + 1}",
        Answer = Answer(index) with { Master = master, MasterAddress = $"10.0.0.{master + 1}:6379", LinkUp = true, Offset = 123_000 },
        LagBytes = lag,
    };

    public static SentinelStatus Sentinel(int index, long epoch = 12) => new()
    {
        Address = Sentinels[index].ToString(),
        Health = ServerHealth.Up,
        Since = Now.AddHours(-1),
        Vote = new SentinelVote(0, true, true),
        VoteText = "redis1",
        Promotes = null,
        Answer = Said(index, epoch),
        Age = TimeSpan.FromMilliseconds(35),
        Error = null,
        Events = ServerHealth.Up,
    };

    private static NodeStatus Dead(int index) => Replica(index, 0, null) with
    {
        Health = ServerHealth.Refused,
        Since = Now.AddMinutes(-5),
        State = default,
        StateText = "not known",
        Answer = null,
        Age = TimeSpan.FromMinutes(5),
        Latency = null,
        Error = "connection refused",
        Falls = 1,
        Downtime = TimeSpan.FromMinutes(5),
    };

    private static SentinelStatus DeadSentinel(int index) => Sentinel(index) with
    {
        Health = ServerHealth.Refused,
        Since = Now.AddMinutes(-5),
        Vote = SentinelVote.None,
        VoteText = "nobody",
        Answer = null,
        Age = TimeSpan.FromMinutes(5),
        Error = "connection refused",
        Events = ServerHealth.Unknown,
    };

    private static NodeReport Answer(int index) => new()
    {
        Node = index,
        SentAt = default,
        At = default,
        Health = ServerHealth.Up,
        RunId = new string((char)('a' + index), 40)
    };

    private static SentinelReport Said(int index, long epoch) => new()
    {
        Sentinel = index,
        SentAt = default,
        At = default,
        Health = ServerHealth.Up,
        Named = 0,
        ConfigEpoch = epoch
    };

    private static RoutingDecision Decision(RoutingAction action, int node, RuleId rule) =>
        new(action, node, rule, new Situation([NodeState.Claims, NodeState.Follows(0, true), NodeState.Follows(0, true)], []));

    private static Switchover Switchover(string? from, string to, string shutRule, string openRule, double shutMs, double? promotionMs, bool kept,
        DateTimeOffset open) => new()
        {
            From = from,
            To = to,
            ShutTime = open.AddMilliseconds(-shutMs),
            ShutRule = shutRule,
            OpenTime = open,
            OpenRule = openRule,
            Shut = TimeSpan.FromMilliseconds(shutMs),
            PromotionToOpen = promotionMs is { } ms ? TimeSpan.FromMilliseconds(ms) : null,
            SessionsKept = kept,
        };

    private static GateOrder Reads(GateMode mode, RedisNode[] take, RedisNode[] keep, RedisNode? master) => new(mode, take, keep, 4) { LastResort = master };

    private static NodeSnapshot Traffic(int index, int now, int max, long total) => new()
    {
        Node = Nodes[index],
        Sessions = now,
        SessionsMax = max,
        SessionsTotal = total,
        ConnectFailures = 0,
        BytesIn = 1000 * total,
        BytesOut = 123 * total,
    };

    private static ForwarderSnapshot ReadData(GateMode mode, int now) => Healthy.Data with
    {
        Sessions = now,
        SessionsMax = 7,
        SessionsTotal = 40,
        SessionsLimit = 9000,
        Parked = 1,
        BytesIn = 1100,
        BytesOut = 22_000_000,
        Order = new GateOrder(mode, [], [], 4),
        Nodes = [Traffic(0, 0, 0, 0), Traffic(1, 2, 3, 9), Traffic(2, now, 7, 31) with { ConnectFailures = 5 }],
    };

    private static TlsIdentity Certificate(string subject, double days)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new TlsIdentity(new CertificateRequest(subject, key, HashAlgorithmName.SHA256).CreateSelfSigned(Now.AddDays(-100), Now.AddDays(days)), []);
    }
}
