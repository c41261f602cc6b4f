// Proof 2, the world: machines, three of them as a rule, each with a Redis node and a Sentinel, and two proxies, in steps of one second.
//
// What is abstract: replication content, and everything faster than a step. What is as in Redis 7.0 (sentinel.c, replication.c):
//  - a replica's link stays "up" when its master is cut off or suspended (repl-timeout is a minute), and goes down at once
//    when the master's process dies within reach;
//  - a Sentinel marks its master down when down-after has passed since its last reply; an automatic failover needs a quorum of
//    such Sentinels and the votes of a majority in a new epoch; a forced one (SENTINEL FAILOVER) needs one Sentinel alone;
//  - the leader names the new master one step after the promotion, the others one step after they can hear of it, always the
//    newest epoch winning; then replicas are re-pointed; an old master that claims is converted only after ConversionDelay;
//  - a leader announces the promotion; with AnnouncedFailover a whole step before it, otherwise within it (and a proxy that reaches
//    the leader hears it), and with ForcedFailover the announcement is lost;
//  - of those that vote for a leader no more than needed, those last that are first in the order: near the old master nobody need have voted;
//  - FAILOVER TO swaps two nodes at once and tells Sentinels nothing; a coordinated failover (Valkey 9) does so a step after the leader has
//    announced it, by votes like an automatic one, and the master lets nobody write in between;
//  - a master knows which replicas acknowledge to it: those that could reach it in this step or the one before.
// The adversary chooses one move a step: a fault, an operator's command, or lost and delayed answers to a proxy.

namespace RedisHaProxy.Tests.Routing.Model;

/// <summary>A data node. Structs, so that a world is copied by copying three small arrays.</summary>
internal struct ModelNode
{
    public bool Up;
    public bool Suspended;

    /// <summary>It refuses the proxies' probes: their password is wrong there.</summary>
    public bool Locked;

    /// <summary>The node that it follows; -1 for a master.</summary>
    public int Of;
    public bool LinkUp;

    /// <summary>Number of the process: grows with each start.</summary>
    public int Run;

    /// <summary>The epoch under which it last became master; for invariants only.</summary>
    public int Epoch;

    /// <summary>As replica: when it last acknowledged to its master.</summary>
    public int AcksAt;

    /// <summary>For how long it has claimed, as far as Sentinels wait before they convert a claimant that they do not name.</summary>
    public int Misclaims;
}

/// <summary>A Sentinel.</summary>
internal struct ModelSentinel
{
    public bool Up;
    public int Names;
    public int ConfigEpoch;
    public int CurrentEpoch;

    /// <summary>When the named master last answered its ping.</summary>
    public int LastOk;

    /// <summary>As leader: the node that it has promoted and not yet named; -1 for none.</summary>
    public int Promoting;
    public int PromotingEpoch;

    /// <summary>As leader of a forced failover: the node that it has announced, and promotes in the next step; -1 for none.</summary>
    public int Announced;

    /// <summary>What it has announced the named master does by itself (Valkey's coordinated failover).</summary>
    public bool Coordinated;

    /// <summary>Nobody may subscribe to its events.</summary>
    public bool Mute;

    /// <summary>It cannot log in to its named master (a wrong auth-pass), and sees it down.</summary>
    public bool Blind;

    /// <summary>When it was started, when it last voted for a leader, and in which epoch: what a proxy hears of it.</summary>
    public int UpSince;
    public int VotedAt;
    public int VotedEpoch;

    /// <summary>It has taken part in an election for its named master: it starts none of its own for two failover-timeouts.</summary>
    public bool Voted;
}

/// <summary>What is deployed.</summary>
/// <param name="Machines">Each with a node and a Sentinel; at most 7.</param>
/// <param name="Quorum">The Sentinels' quorum.</param>
/// <param name="Strangers">How many of the nodes, from the last, the proxies do not know.</param>
internal sealed record Deployment(int Machines, int Quorum, int Strangers = 0)
{
    public static Deployment Usual { get; } = new(3, 2);

    public override string ToString() => $"{Machines} machines, quorum {Quorum}{(Strangers > 0 ? $", {Strangers} unknown to the proxies" : "")}";
}

/// <summary>The machines and the network.</summary>
internal sealed partial class ModelWorld
{
    public const int DownAfter = 5;
    public const int ConversionDelay = 8;

    /// <summary>Longer ago than any bound.</summary>
    public const int LongAgo = -20;

    /// <summary>How many machines there are; the proxies follow them as entities.</summary>
    public readonly int Machines;
    public readonly int Entities;
    public readonly int Quorum;

    /// <summary>How many of the nodes the proxies know; the others are strangers. They know all Sentinels.</summary>
    public readonly int Known;

    public readonly ModelNode[] Nodes;
    public readonly ModelSentinel[] Sentinels;

    /// <summary>Bit of a pair of entities (machines first, then two proxies): they cannot reach each other.</summary>
    public long Cuts;
    public int PoweredOff;
    public int Now;

    /// <summary>What was announced in this step.</summary>
    public readonly List<(int Leader, int Node)> Announcements = [];

    private ModelWorld(int machines, int quorum, int known)
    {
        (Machines, Entities, Quorum, Known) = (machines, machines + ModelState.Proxies, quorum, known);
        Nodes = new ModelNode[machines];
        Sentinels = new ModelSentinel[machines];
    }

    /// <summary>A, B, C ... with A as master, everything well for a long time.</summary>
    public static ModelWorld Healthy(Deployment deployment)
    {
        var world = new ModelWorld(deployment.Machines, deployment.Quorum, deployment.Machines - deployment.Strangers);
        for (int i = 0; i < deployment.Machines; i++)
        {
            world.Nodes[i] = new ModelNode { Up = true, Of = i == 0 ? -1 : 0, LinkUp = i != 0, Run = 1, Epoch = 1 };
            world.Sentinels[i] = new ModelSentinel
            {
                Up = true,
                Names = 0,
                ConfigEpoch = 1,
                CurrentEpoch = 1,
                Promoting = -1,
                Announced = -1,
                UpSince = LongAgo,
                VotedAt = LongAgo
            };
        }

        return world;
    }

    public ModelWorld Clone()
    {
        var copy = new ModelWorld(Machines, Quorum, Known) { Cuts = Cuts, PoweredOff = PoweredOff, Now = Now };
        Nodes.CopyTo(copy.Nodes, 0);
        Sentinels.CopyTo(copy.Sentinels, 0);
        return copy;
    }

    public bool Reaches(int a, int b) =>
        a == b || ((Cuts & Bit(a, b)) == 0 && (a >= Machines || (PoweredOff & (1 << a)) == 0) && (b >= Machines || (PoweredOff & (1 << b)) == 0));

    public bool NodeServes(int i) => Nodes[i].Up && !Nodes[i].Suspended && (PoweredOff & (1 << i)) == 0;

    public bool Claims(int i) => Nodes[i].Up && Nodes[i].Of < 0 && (PoweredOff & (1 << i)) == 0;

    /// <summary>How many replicas a master believes to acknowledge.</summary>
    public int Acknowledging(int i)
    {
        int count = 0;
        for (int other = 0; other < Machines; other++)
        {
            count += other != i && Nodes[other].Of == i && Now - Nodes[other].AcksAt < 2 ? 1 : 0;
        }

        return count;
    }

    /// <summary>It has been ordered to hand over, and does in the next step.</summary>
    public bool HandsOver(int i)
    {
        for (int s = 0; s < Machines; s++)
        {
            if (Sentinels[s] is { Announced: >= 0, Coordinated: true } && Sentinels[s].Names == i && Nodes[i].Of < 0 && Reaches(s, i))
            {
                return true;
            }
        }

        return false;
    }

    public bool SentinelServes(int s) => Sentinels[s].Up && (PoweredOff & (1 << s)) == 0;

    /// <summary>One second: the move, then replication, then Sentinels.</summary>
    public void Step(Move move)
    {
        Now++;
        Announcements.Clear();
        Apply(move);
        PromoteAnnounced(move);
        Replicate();
        RunSentinels();
    }

    private static long Bit(int a, int b) => 1L << ((Math.Max(a, b) * (Math.Max(a, b) - 1) / 2) + Math.Min(a, b));

    private void Replicate()
    {
        for (int i = 0; i < Machines; i++)
        {
            ref ModelNode node = ref Nodes[i];
            if (!node.Up || node.Of < 0 || !Reaches(i, node.Of))
            {
                continue;
            }

            if (!Nodes[node.Of].Up)
            {
                node.LinkUp = false;
            }
            else if (NodeServes(node.Of) && NodeServes(i))
            {
                node.LinkUp = true;
                node.AcksAt = Now;
            }
        }
    }
}
