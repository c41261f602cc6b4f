// Proof 2, one state: the world, and what each of two proxies has heard of it, in the shipped RoutingState.

using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing.Model;

/// <summary>A world with two proxies.</summary>
internal sealed class ModelState
{
    public const int Proxies = 2;

    /// <summary>The shipped bounds with down-after 5 s, as RoutingTiming.From derives them; a step is a second.</summary>
    public static readonly RoutingTiming Timing = new()
    {
        DownAfter = Seconds(ModelWorld.DownAfter),
        NodeEvidence = TimeSpan.FromMilliseconds(300),
        SilentHold = Seconds(3),
        PromotionValidity = Seconds(4),
        PromotionWindow = Seconds(1),
        VoteEvidence = TimeSpan.FromMilliseconds(500),
        Isolation = Seconds(2),
    };

    /// <summary>The machines' names.</summary>
    public const string Letters = "ABCDEFG";

    private static readonly string[] RunIds = [.. Enumerable.Range(0, 64).Select(i => $"run{i}")];

    private readonly RoutingState[] _heard = new RoutingState[Proxies];

    // Per proxy and Sentinel: whom it named last, and since when that is a stranger.
    private readonly int[] _named;
    private readonly int[] _strangerSince;

    /// <summary>Answers that were asked for in the last step and arrive in this one.</summary>
    private readonly List<(int Proxy, NodeReport? Node, SentinelReport? Sentinel)> _late = [];

    public ModelState(ModelWorld world)
    {
        World = world;
        _named = [.. Enumerable.Repeat(SentinelVote.Nobody, Proxies * world.Machines)];
        _strangerSince = [.. Enumerable.Repeat(-1000, Proxies * world.Machines)];
        for (int p = 0; p < Proxies; p++)
        {
            _heard[p] = new RoutingState(world.Known, world.Machines, Timing);
            Decisions[p] = RoutingRule.Decide(_heard[p].At(TimeSpan.Zero));
        }
    }

    public ModelWorld World { get; }

    public RoutingDecision[] Decisions { get; } = new RoutingDecision[Proxies];

    /// <summary>Steps for which the proxies have routed to different nodes.</summary>
    public int Overlap { get; private set; }

    /// <summary>
    /// Steps since an operator's last forced failover (SENTINEL FAILOVER, FAILOVER) has come about: leases do not exclude those. No more are counted
    /// than matter.
    /// </summary>
    public int SinceForced { get; private set; } = Invariants.ForcedBound;

    /// <summary>Steps since the last fault or failover.</summary>
    public int Quiet { get; private set; }

    public ModelState Clone()
    {
        var copy = new ModelState(World.Clone(), this) { Overlap = Overlap, SinceForced = SinceForced, Quiet = Quiet };
        Decisions.CopyTo(copy.Decisions, 0);
        return copy;
    }

    private ModelState(ModelWorld world, ModelState other)
    {
        World = world;
        _late = [.. other._late];
        _named = [.. other._named];
        _strangerSince = [.. other._strangerSince];
        for (int p = 0; p < Proxies; p++)
        {
            _heard[p] = other._heard[p].Clone();
        }
    }

    /// <summary>One second; what is broken then, or null.</summary>
    public string? Step(Move move, IReadOnlyList<RoutingRow> table)
    {
        int[] before = [Decisions[0].Node, Decisions[1].Node];
        bool[] sawReplica = new bool[Proxies * World.Machines];
        for (int p = 0; p < Proxies; p++)
        {
            for (int i = 0; i < World.Known; i++)
            {
                NodeTrack track = _heard[p].Node(i);
                sawReplica[(p * World.Machines) + i] = track is { HasAnswer: true, Answer.IsMaster: false } && track.Answer.SentAt == Seconds(World.Now);
            }
        }

        bool forced = Array.Exists(World.Sentinels, s => s.Announced >= 0);
        World.Step(move);
        Quiet = move.Kind == MoveKind.None ? Math.Min(Quiet + 1, 12) : 0;
        SinceForced = forced || move.Kind is MoveKind.ForcedFailover or MoveKind.FailoverTo ? 0 : Math.Min(SinceForced + 1, Invariants.ForcedBound);
        (int Proxy, NodeReport? Node, SentinelReport? Sentinel)[] arriving = [.. _late];
        _late.Clear();
        foreach ((int proxy, NodeReport? node, SentinelReport? sentinel) in arriving)
        {
            Deliver(proxy, node, sentinel);
        }

        for (int p = 0; p < Proxies; p++)
        {
            Poll(p, move);
            Decisions[p] = RoutingRule.Decide(_heard[p].At(Seconds(World.Now)), table);
        }

        bool differ = Decisions[0].Node >= 0 && Decisions[1].Node >= 0 && Decisions[0].Node != Decisions[1].Node;
        Overlap = differ ? Overlap + 1 : 0;
        return Invariants.Broken(this, move, sawReplica, before);
    }

    /// <summary>Whether a proxy heard the node in this very step.</summary>
    public bool Heard(int proxy, int node, out NodeReport report)
    {
        NodeTrack track = _heard[proxy].Node(node);
        report = track.Answer;
        return track.HasAnswer && report.SentAt == Seconds(World.Now);
    }

    /// <summary>Whether a proxy heard the Sentinel in this very step.</summary>
    public bool HeardSentinel(int proxy, int sentinel, out SentinelReport report)
    {
        SentinelTrack track = _heard[proxy].Sentinel(sentinel);
        report = track.Answer;
        return track.HasAnswer && track.Health == ServerHealth.Up && report.SentAt == Seconds(World.Now);
    }

    /// <summary>For how many steps a Sentinel has named a stranger after one of ours, as a proxy has heard; a great number when it has not.</summary>
    public int LeftOurs(int proxy, int sentinel) => World.Now - _strangerSince[(proxy * World.Machines) + sentinel];

    /// <summary>A fingerprint that is equal for states with the same future: all times relative to now, and no longer than any bound.</summary>
    public UInt128 Fingerprint()
    {
        var hash = new ModelHash();
        ModelWorld w = World;
        hash.Add((int)w.Cuts);
        hash.Add((int)(w.Cuts >> 32));
        hash.Add(w.PoweredOff);
        for (int i = 0; i < World.Machines; i++)
        {
            ModelNode n = w.Nodes[i];
            hash.Add((n.Up ? 1 : 0) | (n.Suspended ? 2 : 0) | (n.LinkUp ? 4 : 0)
                | ((n.Of + 1) << 3) | (n.Run << 6) | (n.Epoch << 12) | (n.Misclaims << 20) | (n.Locked ? 1 << 28 : 0));
            hash.Add(n.Of >= 0 ? Math.Min(w.Now - n.AcksAt, 2) : 0);
            ModelSentinel s = w.Sentinels[i];
            hash.Add((s.Up ? 1 : 0) | (s.Names << 1) | (s.ConfigEpoch << 4) | (s.CurrentEpoch << 12) | (Age(s.LastOk) << 20)
                | ((s.Promoting + 1) << 26) | (s.Voted ? 1 << 29 : 0));
            hash.Add(s.Promoting < 0 ? 0 : (s.PromotingEpoch & 255) | (Age(s.PromotingEpoch >> 8) << 8));
            hash.Add(s.Announced | (s.Blind ? 256 : 0) | (s.Coordinated ? 1 << 28 : 0) | (s.Mute ? 1 << 29 : 0)
                | (Age(s.UpSince) << 9) | (Age(s.VotedAt) << 14) | (s.VotedEpoch << 20));
        }

        for (int p = 0; p < Proxies; p++)
        {
            for (int i = 0; i < World.Machines; i++)
            {
                if (i < World.Known)
                {
                    AddNode(ref hash, p, _heard[p].Node(i));
                }

                AddSentinel(ref hash, _heard[p].Sentinel(i));
            }
        }

        hash.Add(SinceForced | (Quiet << 9));
        foreach ((int proxy, NodeReport? node, SentinelReport? sentinel) in _late)
        {
            hash.Add(proxy | ((node?.Node ?? sentinel!.Value.Sentinel) << 2) | (node is null ? 16 : 0));
            hash.Add(node is { } n ? Symbol(n) : Symbol(sentinel!.Value));
        }

        return hash.Value;
    }

    public override string ToString()
    {
        var names = new EvidenceNames(Letters.Select(l => l.ToString()));
        string nodes = string.Join(' ', World.Nodes.Select((n, i) =>
            $"{Letters[i]}:{(!World.NodeServes(i) ? n.Up ? "silent " : "dead " : "")}{(n.Locked ? "locked " : "")}"
            + $"{(n.Of < 0 ? "master" : $"of {Letters[n.Of]} {(n.LinkUp ? "up" : "down")}")}"));
        string sentinels = string.Join(' ', World.Sentinels.Select(s => s.Up ? $"{Letters[s.Names]}@{s.ConfigEpoch}" : "dead"));
        string proxies = string.Join("; ", Decisions.Select(d => $"{d.RuleName} {d.Action} {names.Node(d.Node)}{(d.IsHeld ? " held" : "")}"));
        return $"{World.Now,2} {nodes} | Sentinels {sentinels} | {proxies}";
    }

    /// <summary>What a proxy knows of a node.</summary>
    public NodeTrack Known(int proxy, int node) => _heard[proxy].Node(node);

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);

    private int Age(int since) => Math.Min(World.Now - since, 15);

    private int Age(TimeSpan since) => Age((int)since.TotalSeconds);

    private void Poll(int p, Move move)
    {
        int entity = World.Machines + p;
        foreach ((int leader, int node) in World.Announcements)
        {
            if (World.Reaches(entity, leader) && !World.Sentinels[leader].Mute)
            {
                _heard[p].Apply(new PromotionNotice { Sentinel = leader, At = Seconds(World.Now), Node = Seen(node) });
            }
        }

        for (int i = 0; i < World.Machines; i++)
        {
            bool disturbed = move.A == p && (move.B == i || move.B == World.Machines);
            if (!World.Reaches(entity, i) || (disturbed && move.Kind == MoveKind.Lose))
            {
                continue;
            }

            bool late = disturbed && move.Kind == MoveKind.Delay;
            NodeReport? node = i < World.Known ? AskNode(i) : null;
            if (node is not null)
            {
                Send(late, p, node, null);
            }

            Send(late, p, null, AskSentinel(i));
        }
    }

    private void Send(bool late, int proxy, NodeReport? node, SentinelReport? sentinel)
    {
        if (late)
        {
            _late.Add((proxy, node, sentinel));
        }
        else
        {
            Deliver(proxy, node, sentinel);
        }
    }

    private void Deliver(int proxy, NodeReport? node, SentinelReport? sentinel)
    {
        if (node is { } n)
        {
            _heard[proxy].Apply(n with { At = Seconds(World.Now) });
        }
        else
        {
            SentinelReport report = sentinel!.Value;
            _heard[proxy].Apply(report with { At = Seconds(World.Now) });
            if (report.Health == ServerHealth.Up)
            {
                int i = (proxy * World.Machines) + report.Sentinel;
                _strangerSince[i] = report.Named >= 0 ? -1000 : _named[i] >= 0 ? (int)report.SentAt.TotalSeconds : _strangerSince[i];
                _named[i] = report.Named;
            }
        }
    }

    private NodeReport? AskNode(int i)
    {
        ModelNode node = World.Nodes[i];
        TimeSpan now = Seconds(World.Now);
        if (!node.Up)
        {
            return new NodeReport { Node = i, SentAt = now, At = now, Health = ServerHealth.Refused };
        }

        return node.Suspended
            ? null
            : node.Locked
            ? new NodeReport { Node = i, SentAt = now, At = now, Health = ServerHealth.WrongPassword }
            : new NodeReport
            {
                Node = i,
                SentAt = now,
                At = now,
                Health = ServerHealth.Up,
                RunId = RunIds[node.Run],
                IsMaster = node.Of < 0,
                Master = node.Of < World.Known ? node.Of : -1,
                LinkUp = node.LinkUp,
                Acknowledging = World.Acknowledging(i),
                HandsOver = World.HandsOver(i)
            };
    }

    private int Seen(int node) => node < World.Known ? node : SentinelVote.Foreign;

    private SentinelReport AskSentinel(int s)
    {
        ModelSentinel sentinel = World.Sentinels[s];
        TimeSpan now = Seconds(World.Now);
        return !sentinel.Up
            ? new SentinelReport { Sentinel = s, SentAt = now, At = now, Health = ServerHealth.Refused }
            : new SentinelReport
            {
                Sentinel = s,
                SentAt = now,
                At = now,
                Health = ServerHealth.Up,
                Named = Seen(sentinel.Names),
                NamedAddress = Letters[sentinel.Names..(sentinel.Names + 1)],
                ConfigEpoch = sentinel.ConfigEpoch,
                LastOkPingReply = Seconds(World.Now - sentinel.LastOk),
                DownAfter = Seconds(ModelWorld.DownAfter),
                Quorum = World.Quorum,
                OtherSentinels = World.Machines - 1,
                MarkedDown = World.Now - sentinel.LastOk >= ModelWorld.DownAfter,
                FailoverInProgress = sentinel.Announced >= 0 || sentinel.Promoting >= 0,
                Promotes = sentinel.Announced >= 0 || sentinel.Promoting >= 0,
                Coordinated = sentinel.Coordinated,
                HeardSince = sentinel.Mute ? null : Seconds(sentinel.UpSince),
                HeardAt = now,
                VotedAt = sentinel.Mute ? null : Seconds(sentinel.VotedAt),
                VotedEpoch = sentinel.Mute ? 0 : sentinel.VotedEpoch,
            };
    }

    private void AddNode(ref ModelHash hash, int p, in NodeTrack n)
    {
        hash.Add((int)n.Health | (n.HasAnswer ? 64 : 0));
        if (n.HasAnswer)
        {
            hash.Add(Symbol(n.Answer));
            int unbroken = 0;
            for (int i = 0; i < World.Known && n.Answer.IsMaster; i++)
            {
                // All that is asked of it: whether it began before another node fell silent.
                unbroken |= n.UnbrokenSince <= _heard[p].Node(i).LastContact ? 1 << i : 0;
            }

            hash.Add(unbroken);
            hash.Add(Age(n.Answer.SentAt) | (n.RefusedAt > n.Answer.SentAt ? (1 + Age(n.RefusedAt)) << 8 : 0));
        }

        hash.Add(n.UnacknowledgedSince is { } missing ? 1 + Math.Min(Age(missing), 2) : 0);
        hash.Add(n.ReplicaRunId is null ? 0 : 1 + Run(n.ReplicaRunId) + (Age(n.ReplicaSentAt) << 8));
        hash.Add(n.PromotedRunId is null ? 0 : 1 + Run(n.PromotedRunId) + (Age(n.PromotedAfter) << 8) + ((int)n.EpochAtPromotion << 16));
    }

    private void AddSentinel(ref ModelHash hash, in SentinelTrack s)
    {
        hash.Add((int)s.Health | (s.HasAnswer ? 64 : 0));
        if (s.HasAnswer)
        {
            hash.Add(Symbol(s.Answer));
            hash.Add(Age(s.Answer.SentAt) | (Age(s.Answer.SentAt - s.Answer.LastOkPingReply) << 8) | (Age(s.Answer.VotedAt ?? TimeSpan.Zero) << 16)
                | ((int)s.Answer.VotedEpoch << 22));
            hash.Add(Age(s.Answer.HeardSince ?? TimeSpan.Zero));
        }

        TimeSpan left = s.PromotesUntil - Seconds(World.Now);
        hash.Add(left <= TimeSpan.Zero ? 0 : 3 + s.Promotes + ((int)left.TotalMilliseconds << 4));
        hash.Add(s.StrangerSince is { } since ? 1 + Age(since) : 0);
        hash.Add(s.PromotingSince is { } promoting ? 1 + Math.Min(Age(promoting), 2) : 0);
    }

    private static int Symbol(in NodeReport r) =>
        (int)r.Health | (r.IsMaster ? 64 : 0) | (r.LinkUp ? 128 : 0) | ((r.Master + 1) << 8) | ((r.RunId is null ? 0 : Run(r.RunId)) << 12)
        | (r.HandsOver ? 1 << 20 : 0) | (r.Acknowledging << 21);

    private static int Symbol(in SentinelReport r) => (int)r.Health | ((r.Named + 2) << 5) | (r.MarkedDown ? 256 : 0) | ((int)r.ConfigEpoch << 9)
        | (r.FailoverInProgress ? 1 << 24 : 0) | (r.Coordinated ? 1 << 25 : 0) | (r.HeardSince is null ? 1 << 26 : 0);

    private static int Run(string id) => Array.IndexOf(RunIds, id);
}

/// <summary>Two 64-bit mixes of the same numbers: a collision among millions of states is out of the question.</summary>
internal struct ModelHash
{
    private ulong _a = 0x9E3779B97F4A7C15;
    private ulong _b = 0xC2B2AE3D27D4EB4F;

    public ModelHash()
    {
    }

    public readonly UInt128 Value => new(_a, _b);

    public void Add(int value)
    {
        _a = (System.Numerics.BitOperations.RotateLeft(_a, 23) ^ (uint)value) * 0xFF51AFD7ED558CCD;
        _a ^= _a >> 33;
        _b = (System.Numerics.BitOperations.RotateLeft(_b, 29) + (uint)value + 1) * 0xC4CEB9FE1A85EC53;
        _b ^= _b >> 31;
    }
}
