// A status as the forms of output get it.

using RedisHaProxy.Admin;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Admin;

internal static class SampleStatus
{
    public static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static RecordingEntry Recording { get; } = new() { File = "/var/lib/x/recording", Writing = false, Since = Now, Problem = "no space is left on its disk", Dropped = 7 };

    public static NodeEntry Master { get; } = new()
    {
        Name = "redis1",
        Address = "10.0.0.1:6379",
        Role = "master",
        State = "claims master",
        Routed = true,
        Health = "up",
        Up = true,
        Since = Now.AddHours(-1),
        Error = null,
        CheckAgeMs = 20,
        CheckLatencyMs = 0.5,
        LinkUp = null,
        Follows = null,
        LagBytes = null,
        Offset = 1000,
        Replicas = 1,
        RunId = "a",
        Sessions = 3,
        SessionsMax = 5,
        SessionsTotal = 70,
        ConnectFailures = 2,
        BytesIn = 1234,
        BytesOut = 5678,
    };

    public static NodeEntry Replica { get; } = Master with
    {
        Name = "redis2",
        Address = "10.0.0.2:6379",
        Role = "replica",
        State = "follows redis1",
        Routed = false,
        LinkUp = true,
        Follows = "10.0.0.1:6379",
        LagBytes = 42,
        Replicas = null,
        Sessions = 0,
    };

    public static NodeEntry Down { get; } = Replica with
    {
        Name = "redis3",
        Address = "10.0.0.3:6379",
        Role = "unknown",
        State = "not known",
        Health = "connection refused",
        Up = false,
        Error = "<b>\"quoted\", error\nof a node</b>",
        LinkUp = null,
        Follows = null,
        LagBytes = null,
        CheckLatencyMs = null,
    };

    public static StatusDocument Document { get; } = new()
    {
        Process = new ProcessStatus
        {
            Host = "proxy1",
            Version = "1.2.3",
            Engine = "io_uring",
            ProcessId = 17,
            Time = Now,
            Started = Now.AddHours(-2),
            Phase = "serving",
            PhaseSince = Now.AddHours(-2),
            Healthy = true,
            Health = "ok",
            StalledMs = 100,
            Listen = ["10.0.0.9:6379"],
        },
        Gate = new GateStatus
        {
            Mode = "open",
            Target = "redis1",
            Since = Now.AddMinutes(-10),
            Generation = 7,
            Rule = "R1",
            RuleMeaning = "one node claims to be master, and a majority of the Sentinels names it",
            RuleSince = Now.AddMinutes(-10),
            Evidence = "redis1 claims master",
            LeaseLeftMs = 900,
            LeasesHeld = 3,
            LeasesNeeded = 2,
            Support = "redis1: 3 of 3 Sentinels name it, 3 leases (2 needed), 3 have been heard to vote for no failover (2 needed); 2 of 2 other nodes follow it",
        },
        Sessions = new SessionStatus
        {
            Current = 4,
            Max = 9,
            Limit = 100,
            Total = 80,
            Parked = 1,
            ParkedLimit = 50,
            PerSecond = 2.4,
            PerSecondMax = 8,
            BytesIn = 1234,
            BytesOut = 5678,
            BytesInPerSecond = 10,
            BytesOutPerSecond = 20,
            Ends = Enum.GetValues<SessionEnd>().ToDictionary(EndCode.Of, end => (long)end),
            RecordsDropped = 0,
            Handshakes = 40,
            HandshakeFailures = 2,
        },
        Certificates = [new CertificateEntry { Use = "clients", Subject = "CN=proxy", NotAfter = Now.AddDays(90) }],
        Nodes = [Master, Replica, Down],
        Sentinels =
        [
            new SentinelEntry
            {
                Address = "10.0.0.1:26379",
                Health = "up",
                Up = true,
                Since = Now.AddHours(-1),
                Error = null,
                Vote = "redis1",
                VoteCounts = true,
                Epoch = 12,
                MarkedDown = false,
                FailoverInProgress = false,
                Tilt = false,
                CheckAgeMs = 30,
            },
        ],
    };

    public static TimelineDocument Timeline { get; } = new()
    {
        Interruptions =
        [
            new InterruptionEntry
            {
                From = "redis2",
                To = "redis1",
                Shut = Now.AddMinutes(-10),
                ShutRule = "0",
                Open = Now.AddMinutes(-10),
                OpenRule = "R5",
                ShutMs = 51,
                PromotionToOpenMs = 3,
                SessionsKept = false,
            },
        ],
        Orders = [new GateEntry { Time = Now, Generation = 7, Mode = "open", Target = "redis1", Rule = "R5", Evidence = "<script>alert(1)</script>", TookMs = 0.2 }],
    };
}
