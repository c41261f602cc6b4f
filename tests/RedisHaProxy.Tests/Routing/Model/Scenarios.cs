// Proof 2, where the searches begin: healthy, and in the last moment before Sentinels act on a fault, so that few further
// seconds and faults cover what follows from it.

namespace RedisHaProxy.Tests.Routing.Model;

internal static class Scenarios
{
    private const int A = 0, B = 1, C = 2;

    /// <summary>Sides of a partition as bits: machines A, B, C are 1, 2, 4; the proxies 8 and 16.</summary>
    private const int ProxyOne = 8;

    /// <summary>
    /// The network of the next-to-worst case: the old master reaches no other machine, one proxy does not see the new master, the
    /// other not the old one, and a replica that was cut off says for a minute that its link is up. When the leading Sentinel dies right after the
    /// promotion, only the master's own word that nobody acknowledges keeps R3 from believing that replica.
    /// With two more faults (the leader restarts, and counts its master's answers from its start) its lease is believed until it ends.
    /// </summary>
    public const string EachMissesOne = "the master can reach only the proxies, and each proxy misses one claimant";

    /// <summary>
    /// The same network where one proxy sees the old master alone and hears the Sentinel that votes for the new one. That vote holds it back, and
    /// when its news is lost and the Sentinel dies on top, the missing acknowledgements.
    /// </summary>
    public const string OneMissesTheNew = "the master can reach only the proxies, of which one does not see C";

    /// <summary>The same, and the leading Sentinel has died as it promoted, before anybody has heard it.</summary>
    public const string LeaderDied = "the master can reach only the proxies, each proxy misses one claimant, and the leader died as it promoted";

    /// <summary>With how many faults more the proxies never route to different masters: two, as far as it is searched.</summary>
    public static int MostFaults(string scenario) => scenario switch { LeaderDied => 0, EachMissesOne => 1, _ => 2 };

    /// <summary>Prologues by name.</summary>
    public static IReadOnlyList<(string Name, Move[] Prologue)> All { get; } =
    [
        ("healthy", []),
        ("the master has crashed", After(4, new Move(MoveKind.Crash, A))),
        ("the master's machine lost its power", After(4, new Move(MoveKind.PowerOff, A))),
        ("the master is suspended", After(4, new Move(MoveKind.Suspend, A))),
        ("the master is alone with a proxy", After(4, new Move(MoveKind.Partition, 1 + ProxyOne))),
        ("the master cannot reach B", After(4, new Move(MoveKind.CutLink, A, B))),
        ("the master can reach only the proxies", [new Move(MoveKind.CutLink, A, B), .. After(4, new Move(MoveKind.CutLink, A, C))]),
        (EachMissesOne, SingleCuts),
        (LeaderDied, [.. SingleCuts, new Move(MoveKind.None), new Move(MoveKind.None), new Move(MoveKind.LeaderDies, C, B)]),
        ("FAILOVER TO B", After(4, new Move(MoveKind.FailoverTo, A, B))),
        ("SENTINEL FAILOVER to B", After(1, new Move(MoveKind.ForcedFailover, C, B))),
        ("the master has crashed, and a failover is forced while Sentinels begin one", [.. After(3, new Move(MoveKind.Crash, A)),
            new Move(MoveKind.AnnouncedFailover, C, C)]),
        ("a hand-over to B is announced", After(1, new Move(MoveKind.AnnouncedFailover, C, B))),
        ("a coordinated hand-over to B", After(1, new Move(MoveKind.CoordinatedFailover, C, B))),
        ("the Sentinels' events are not heard", After(1, new Move(MoveKind.Mute))),
        ("the Sentinels' events are not heard, and a hand-over to B begins",
            [new Move(MoveKind.Mute), .. After(1, new Move(MoveKind.AnnouncedFailover, C, B))]),
        ("both replicas have crashed", [new Move(MoveKind.Crash, B), .. After(4, new Move(MoveKind.Crash, C))]),
        ("the master refuses the probes", After(4, new Move(MoveKind.Lock, A))),
        ("all nodes refuse the probes", [new Move(MoveKind.Lock, A), new Move(MoveKind.Lock, B), .. After(4, new Move(MoveKind.Lock, C))]),
        ("two Sentinels are dead", [new Move(MoveKind.SentinelCrash, B), .. After(4, new Move(MoveKind.SentinelCrash, C))]),
        ("a Sentinel has a wrong auth-pass", After(6, new Move(MoveKind.Blind, B))),
        ("a Sentinel has a wrong auth-pass, and a machine is dead", [.. After(6, new Move(MoveKind.Blind, B)), .. After(6, new Move(MoveKind.PowerOff, C))]),
        (OneMissesTheNew, TriplePartition),
        ("a replica is dead and all Sentinels", [new Move(MoveKind.SentinelCrash, A), new Move(MoveKind.SentinelCrash, B), new Move(MoveKind.SentinelCrash, C),
            .. After(6, new Move(MoveKind.Crash, B))]),
    ];

    /// <summary>The same for more machines, and where the proxies do not know the last one's node.</summary>
    public static IReadOnlyList<(string Name, Move[] Prologue)> Of(Deployment deployment)
    {
        int n = deployment.Machines, last = n - 1, minority = last / 2;
        int proxyOne = 1 << n;
        Move[] deadMinority = [.. Enumerable.Range(0, minority).SelectMany(i => After(3, new Move(MoveKind.PowerOff, last - i)))];
        return
        [
            ("healthy", []),
            ("the master's machine lost its power", After(4, new Move(MoveKind.PowerOff, A))),
            ("the master is alone with a proxy", After(4, new Move(MoveKind.Partition, 1 + proxyOne))),
            ("the master is in a minority with a proxy", After(4, new Move(MoveKind.Partition, ((1 << minority) - 1) + proxyOne))),
            ("as many machines are dead as may be", [.. deadMinority, .. After(3, new Move(MoveKind.None))]),
            ("as many machines are dead as may be, and the master, too", [.. deadMinority[1..], .. After(4, new Move(MoveKind.Crash, A))]),
            ("a Sentinel has a wrong auth-pass, and machines are dead", [.. After(6, new Move(MoveKind.Blind, B)), .. deadMinority]),
            ("FAILOVER TO the last", After(4, new Move(MoveKind.FailoverTo, A, last))),
            ("SENTINEL FAILOVER to the last", After(1, new Move(MoveKind.ForcedFailover, B, last))),
            ("a hand-over to the last is announced", After(1, new Move(MoveKind.AnnouncedFailover, B, last))),
            ("the master has crashed, and a failover is forced while Sentinels begin one", [.. After(3, new Move(MoveKind.Crash, A)),
                new Move(MoveKind.AnnouncedFailover, last, last)]),
        ];
    }

    // What follows is a promotion of C by the votes of B and C, while B's node says for a minute that its link to A is up.
    private static Move[] TriplePartition =>
        [new Move(MoveKind.CutLink, A, B), new Move(MoveKind.CutLink, A, C), .. After(4, new Move(MoveKind.CutLink, C, 3))];

    private static Move[] SingleCuts =>
    [
        new Move(MoveKind.CutLink, A, B), new Move(MoveKind.CutLink, B, 3), new Move(MoveKind.CutLink, A, 4), .. After(4, new Move(MoveKind.CutLink, A, C)),
    ];

    private static Move[] After(int seconds, Move move) => [move, .. Enumerable.Repeat(new Move(MoveKind.None), seconds - 1)];
}
