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
    };

    private static readonly string[] RunIds = [.. Enumerable.Range(0, 64).Select(i => $"run{i}")];

    private readonly RoutingState[] _heard = new RoutingState[Proxies];

    /// <summary>Answers that were asked for in the last step and arrive in this one.</summary>
    private readonly List<(int Proxy, NodeReport? Node, SentinelReport? Sentinel)> _late = [];

    public ModelState(ModelWorld world)
    {
        World = world;
        for (int p = 0; p < Proxies; p++)
        {
            _heard[p] = new RoutingState(ModelWorld.Machines, ModelWorld.Machines, Timing);
            Decisions[p] = RoutingRule.Decide(_heard[p].At(TimeSpan.Zero));
        }
    }

    public ModelWorld World { get; }

    public RoutingDecision[] Decisions { get; } = new RoutingDecision[Proxies];

    /// <summary>Steps for which the proxies have routed to different nodes.</summary>
    public int Overlap { get; private set; }

    /// <summary>An operator has forced a failover (SENTINEL FAILOVER, FAILOVER): leases do not exclude those.</summary>
    public bool Forced { get; private set; }

    /// <summary>Steps since the last fault or failover.</summary>
    public int Quiet { get; private set; }

    public ModelState Clone()
    {
        var copy = new ModelState(World.Clone(), _heard, _late) { Overlap = Overlap, Forced = Forced, Quiet = Quiet };
        Decisions.CopyTo(copy.Decisions, 0);
        return copy;
    }

    private ModelState(ModelWorld world, RoutingState[] heard, List<(int, NodeReport?, SentinelReport?)> late)
    {
        World = world;
        _late = [.. late];
        for (int p = 0; p < Proxies; p++)
        {
            _heard[p] = heard[p].Clone();
        }
    }

    /// <summary>One second; what is broken then, or null.</summary>
    public string? Step(Move move, IReadOnlyList<RoutingRow> table, int automaticBound = Invariants.AutomaticBound)
    {
        int[] before = [Decisions[0].Node, Decisions[1].Node];
        bool[] sawReplica = new bool[Proxies * ModelWorld.Machines];
        for (int p = 0; p < Proxies; p++)
        {
            for (int i = 0; i < ModelWorld.Machines; i++)
            {
                NodeTrack track = _heard[p].Node(i);
                sawReplica[(p * ModelWorld.Machines) + i] = track is { HasAnswer: true, Answer.IsMaster: false } && track.Answer.SentAt == Seconds(World.Now);
            }
        }

        World.Step(move);
        Quiet = move.Kind == MoveKind.None ? Math.Min(Quiet + 1, 12) : 0;
        Forced |= move.Kind is MoveKind.ForcedFailover or MoveKind.AnnouncedFailover or MoveKind.FailoverTo;
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
        Overlap = differ ? Math.Min(Overlap + 1, 99) : 0;
        return Invariants.Broken(this, automaticBound, move, sawReplica, before);
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

    /// <summary>A fingerprint that is equal for states with the same future: all times relative to now, and no longer than any bound.</summary>
    public UInt128 Fingerprint()
    {
        var hash = new ModelHash();
        ModelWorld w = World;
        hash.Add(w.Cuts);
        hash.Add(w.PoweredOff);
        for (int i = 0; i < ModelWorld.Machines; i++)
        {
            ModelNode n = w.Nodes[i];
            hash.Add((n.Up ? 1 : 0) | (n.Suspended ? 2 : 0) | (n.LinkUp ? 4 : 0) | ((n.Of + 1) << 3) | (n.Run << 6) | (n.Epoch << 12) | (n.Misclaims << 20) | (n.Locked ? 1 << 28 : 0));
            ModelSentinel s = w.Sentinels[i];
            hash.Add((s.Up ? 1 : 0) | (s.Names << 1) | (s.ConfigEpoch << 4) | (s.CurrentEpoch << 12) | (Age(s.LastOk) << 20) | ((s.Promoting + 1) << 26) | (s.Voted ? 1 << 29 : 0));
            hash.Add(s.Promoting < 0 ? 0 : (s.PromotingEpoch & 255) | (Age(s.PromotingEpoch >> 8) << 8));
            hash.Add(s.Announced);
        }

        for (int p = 0; p < Proxies; p++)
        {
            for (int i = 0; i < ModelWorld.Machines; i++)
            {
                AddNode(ref hash, _heard[p].Node(i));
                AddSentinel(ref hash, _heard[p].Sentinel(i));
            }
        }

        hash.Add(Overlap | (Forced ? 256 : 0) | (Quiet << 9));
        foreach ((int proxy, NodeReport? node, SentinelReport? sentinel) in _late)
        {
            hash.Add(proxy | ((node?.Node ?? sentinel!.Value.Sentinel) << 2) | (node is null ? 16 : 0));
            hash.Add(node is { } n ? Symbol(n) : Symbol(sentinel!.Value));
        }

        return hash.Value;
    }

    public override string ToString()
    {
        var names = new EvidenceNames(["A", "B", "C"]);
        string nodes = string.Join(' ', World.Nodes.Select((n, i) =>
            $"{"ABC"[i]}:{(!World.NodeServes(i) ? n.Up ? "silent " : "dead " : "")}{(n.Locked ? "locked " : "")}{(n.Of < 0 ? "master" : $"of {"ABC"[n.Of]} {(n.LinkUp ? "up" : "down")}")}"));
        string sentinels = string.Join(' ', World.Sentinels.Select(s => s.Up ? $"{"ABC"[s.Names]}@{s.ConfigEpoch}" : "dead"));
        string proxies = string.Join("; ", Decisions.Select(d => $"{d.RuleName} {d.Action} {names.Node(d.Node)}{(d.IsHeld ? " held" : "")}"));
        return $"{World.Now,2} {nodes} | Sentinels {sentinels} | {proxies}";
    }

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);

    private int Age(int since) => Math.Min(World.Now - since, 15);

    private int Age(TimeSpan since) => Age((int)since.TotalSeconds);

    private void Poll(int p, Move move)
    {
        int entity = ModelWorld.Machines + p;
        foreach ((int leader, int node) in World.Announcements)
        {
            if (World.Reaches(entity, leader))
            {
                _heard[p].Apply(new PromotionNotice { Sentinel = leader, At = Seconds(World.Now), Node = node });
            }
        }

        for (int i = 0; i < ModelWorld.Machines; i++)
        {
            bool disturbed = move.A == p && (move.B == i || move.B == ModelWorld.Machines);
            if (!World.Reaches(entity, i) || (disturbed && move.Kind == MoveKind.Lose))
            {
                continue;
            }

            bool late = disturbed && move.Kind == MoveKind.Delay;
            NodeReport? node = AskNode(i);
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
            _heard[proxy].Apply(sentinel!.Value with { At = Seconds(World.Now) });
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
            : new NodeReport { Node = i, SentAt = now, At = now, Health = ServerHealth.Up, RunId = RunIds[node.Run], IsMaster = node.Of < 0, Master = node.Of, LinkUp = node.LinkUp };
    }

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
                Named = sentinel.Names,
                ConfigEpoch = sentinel.ConfigEpoch,
                LastOkPingReply = Seconds(World.Now - sentinel.LastOk),
                DownAfter = Seconds(ModelWorld.DownAfter),
                Quorum = 2,
                MarkedDown = World.Now - sentinel.LastOk >= ModelWorld.DownAfter,
            };
    }

    private void AddNode(ref ModelHash hash, in NodeTrack n)
    {
        hash.Add((int)n.Health | (n.HasAnswer ? 64 : 0));
        if (n.HasAnswer)
        {
            hash.Add(Symbol(n.Answer));
            hash.Add(Age(n.Answer.SentAt) | (n.RefusedAt > n.Answer.SentAt ? (1 + Age(n.RefusedAt)) << 8 : 0));
        }

        hash.Add(n.ReplicaRunId is null ? 0 : 1 + Run(n.ReplicaRunId) + (Age(n.ReplicaSentAt) << 8));
        hash.Add(n.PromotedRunId is null ? 0 : 1 + Run(n.PromotedRunId) + (Age(n.PromotedAfter) << 8) + ((int)n.EpochAtPromotion << 16));
    }

    private void AddSentinel(ref ModelHash hash, in SentinelTrack s)
    {
        hash.Add((int)s.Health | (s.HasAnswer ? 64 : 0));
        if (s.HasAnswer)
        {
            hash.Add(Symbol(s.Answer));
            hash.Add(Age(s.Answer.SentAt) | (Age(s.Answer.SentAt - s.Answer.LastOkPingReply) << 8));
        }

        TimeSpan left = s.PromotesUntil - Seconds(World.Now);
        hash.Add(left <= TimeSpan.Zero ? 0 : 1 + s.Promotes + ((int)left.TotalMilliseconds << 4));
    }

    private static int Symbol(in NodeReport r) =>
        (int)r.Health | (r.IsMaster ? 64 : 0) | (r.LinkUp ? 128 : 0) | ((r.Master + 1) << 8) | ((r.RunId is null ? 0 : Run(r.RunId)) << 12);

    private static int Symbol(in SentinelReport r) => (int)r.Health | (r.Named << 6) | (r.MarkedDown ? 256 : 0) | ((int)r.ConfigEpoch << 9);

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
