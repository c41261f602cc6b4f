// Proof 2, the adversary: what it can do in a step, a fault, an operator's command, or lost and delayed answers to a proxy; and what that
// makes of the world.

namespace RedisHaProxy.Tests.Routing.Model;

/// <summary>What the adversary does in a step.</summary>
internal enum MoveKind
{
    None,
    Crash,
    Restart,
    Suspend,
    Resume,
    PowerOff,
    PowerOn,
    SentinelCrash,
    SentinelRestart,
    Partition,
    CutLink,
    Heal,
    FailoverTo,
    ForcedFailover,
    AnnouncedFailover,
    CoordinatedFailover,
    AutomaticFailover,
    Lock,
    Unlock,
    Lose,
    Delay,

    /// <summary>For prologues only: a Sentinel's auth-pass is wrong from now on.</summary>
    Blind,

    /// <summary>For prologues only: a leader is elected, promotes, and its Sentinel dies before anybody has heard of it.</summary>
    LeaderDies,

    /// <summary>For prologues only: the proxies may not subscribe to any Sentinel's events.</summary>
    Mute,
}

/// <summary>A move with its operands.</summary>
internal readonly record struct Move(MoveKind Kind, int A = -1, int B = -1)
{
    /// <summary>Whether it counts against the budget of faults; Sentinels' own work does not.</summary>
    public bool IsFault => Kind is not (MoveKind.None or MoveKind.AutomaticFailover);

    public override string ToString() => A < 0 ? $"{Kind}" : B < 0 ? $"{Kind}({A})" : $"{Kind}({A},{B})";
}

/// <summary>The moves.</summary>
internal sealed partial class ModelWorld
{
    /// <summary>All moves that are possible now.</summary>
    /// <param name="faults">Whether faults are still in the budget.</param>
    public IEnumerable<Move> Moves(bool faults)
    {
        yield return new Move(MoveKind.None);
        for (int leader = 0; leader < Machines; leader++)
        {
            for (int b = 0; b < Machines; b++)
            {
                if (CanFailOver(leader, b))
                {
                    yield return new Move(MoveKind.AutomaticFailover, leader, b);
                }
            }
        }

        if (!faults)
        {
            yield break;
        }

        for (int i = 0; i < Machines; i++)
        {
            bool powered = (PoweredOff & (1 << i)) == 0;
            if (!powered)
            {
                yield return new Move(MoveKind.PowerOn, i);
                continue;
            }

            yield return new Move(MoveKind.PowerOff, i);
            yield return new Move(Nodes[i].Up ? MoveKind.Crash : MoveKind.Restart, i);
            if (Nodes[i].Up)
            {
                yield return new Move(Nodes[i].Suspended ? MoveKind.Resume : MoveKind.Suspend, i);
            }

            yield return new Move(Sentinels[i].Up ? MoveKind.SentinelCrash : MoveKind.SentinelRestart, i);
            if (Nodes[i].Up)
            {
                yield return new Move(Nodes[i].Locked ? MoveKind.Unlock : MoveKind.Lock, i);
            }

            for (int b = 0; b < Machines; b++)
            {
                if (CanForce(i, b))
                {
                    yield return new Move(MoveKind.ForcedFailover, i, b);
                    yield return new Move(MoveKind.AnnouncedFailover, i, b);
                    if (CanHandOver(i, b))
                    {
                        yield return new Move(MoveKind.CoordinatedFailover, i, b);
                    }
                }

                if (i != b && Claims(i) && NodeServes(i) && NodeServes(b) && Reaches(i, b) && Nodes[b].Of == i && Nodes[b].LinkUp)
                {
                    yield return new Move(MoveKind.FailoverTo, i, b);
                }
            }
        }

        if (Cuts != 0)
        {
            yield return new Move(MoveKind.Heal);
        }
        else
        {
            for (int side = 2; side < 1 << Entities; side += 2)
            {
                yield return new Move(MoveKind.Partition, side);
            }

            for (int a = 0; a < Entities; a++)
            {
                for (int b = a + 1; b < Entities; b++)
                {
                    if (a < Machines)
                    {
                        yield return new Move(MoveKind.CutLink, a, b);
                    }
                }
            }
        }

        for (int proxy = 0; proxy < ModelState.Proxies; proxy++)
        {
            for (int machine = 0; machine <= Machines; machine++)
            {
                // One machine more: everything; the proxy itself was paused.
                yield return new Move(MoveKind.Lose, proxy, machine);
                yield return new Move(MoveKind.Delay, proxy, machine);
            }
        }
    }

    private void Apply(Move move)
    {
        switch (move.Kind)
        {
            case MoveKind.Crash:
                Nodes[move.A].Up = false;
                Nodes[move.A].Suspended = false;
                break;
            case MoveKind.Restart:
                // In the role that it had: no boot rule, the worst case.
                Start(move.A);
                break;
            case MoveKind.Suspend:
                Nodes[move.A].Suspended = true;
                break;
            case MoveKind.Resume:
                Nodes[move.A].Suspended = false;
                break;
            case MoveKind.PowerOff:
                PoweredOff |= 1 << move.A;
                break;
            case MoveKind.PowerOn:
                PoweredOff &= ~(1 << move.A);
                Start(move.A);
                Sentinels[move.A].Up = true;
                Sentinels[move.A].UpSince = Now;
                Sentinels[move.A].LastOk = Now;
                Sentinels[move.A].Voted = false;
                Sentinels[move.A].Promoting = -1;
                Sentinels[move.A].Announced = -1;
                Sentinels[move.A].Coordinated = false;
                break;
            case MoveKind.SentinelCrash:
                Sentinels[move.A].Up = false;
                Sentinels[move.A].Promoting = -1;
                Sentinels[move.A].Announced = -1;
                Sentinels[move.A].Coordinated = false;
                break;
            case MoveKind.SentinelRestart:
                Sentinels[move.A].Up = true;
                Sentinels[move.A].UpSince = Now;
                Sentinels[move.A].LastOk = Now;
                Sentinels[move.A].Voted = false;
                break;
            case MoveKind.Blind:
                Sentinels[move.A].Blind = true;
                break;
            case MoveKind.Partition:
                for (int a = 0; a < Entities; a++)
                {
                    for (int b = a + 1; b < Entities; b++)
                    {
                        if (((move.A >> a) & 1) != ((move.A >> b) & 1))
                        {
                            Cuts |= Bit(a, b);
                        }
                    }
                }

                break;
            case MoveKind.CutLink:
                Cuts |= Bit(move.A, move.B);
                break;
            case MoveKind.Heal:
                Cuts = 0;
                break;
            case MoveKind.FailoverTo:
                Nodes[move.B].Of = -1;
                // Sentinels give it no epoch; it is later than every failover so far.
                Nodes[move.B].Epoch = Nodes.Max(n => n.Epoch);
                Nodes[move.A].Of = move.B;
                Nodes[move.A].LinkUp = true;
                Nodes[move.A].AcksAt = Now;
                break;
            case MoveKind.AutomaticFailover:
                Announcements.Add((move.A, move.B));
                Promote(move.A, move.B, automatic: true);
                break;
            case MoveKind.LeaderDies:
                Promote(move.A, move.B, automatic: true);
                Sentinels[move.A].Up = false;
                Sentinels[move.A].Promoting = -1;
                break;
            case MoveKind.ForcedFailover:
                Promote(move.A, move.B, automatic: false);
                break;
            case MoveKind.AnnouncedFailover:
                Announcements.Add((move.A, move.B));
                Sentinels[move.A].Announced = move.B;
                break;
            case MoveKind.CoordinatedFailover:
                Announcements.Add((move.A, move.B));
                Sentinels[move.A].Announced = move.B;
                Sentinels[move.A].Coordinated = true;
                Sentinels[move.A].PromotingEpoch = Elect(move.A, automatic: true);
                break;
            case MoveKind.Mute:
                for (int s = 0; s < Machines; s++)
                {
                    Sentinels[s].Mute = true;
                }

                break;
            case MoveKind.Lock or MoveKind.Unlock:
                Nodes[move.A].Locked = move.Kind == MoveKind.Lock;
                break;
            default:
                break;
        }
    }

    private void Start(int i)
    {
        Nodes[i].Up = true;
        Nodes[i].Suspended = false;
        Nodes[i].LinkUp = false;
        Nodes[i].AcksAt = LongAgo;
        Nodes[i].Run++;
        Nodes[i].Misclaims = 0;
    }
}
