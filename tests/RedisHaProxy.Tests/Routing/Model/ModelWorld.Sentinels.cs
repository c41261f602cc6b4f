// Proof 2, the world: what Sentinels do in a step. (Redis 7.0 sentinel.c)

namespace RedisHaProxy.Tests.Routing.Model;

internal sealed partial class ModelWorld
{
    private int VotesNeeded => Math.Max((Machines / 2) + 1, Quorum);

    private bool MarkedDown(int s) => Now - Sentinels[s].LastOk >= DownAfter;

    private bool CanPromote(int leader, int b) =>
        SentinelServes(leader) && Sentinels[leader].Promoting < 0 && b != Sentinels[leader].Names
        && NodeServes(b) && Reaches(leader, b) && Nodes[b].Of >= 0;

    // The master that the leader names does it, with a replica whose link to it is up.
    private bool CanHandOver(int leader, int b)
    {
        int master = Sentinels[leader].Names;
        return CanPromote(leader, b) && Claims(master) && NodeServes(master) && Reaches(leader, master) && Reaches(master, b)
            && Nodes[b].Of == master && Nodes[b].LinkUp;
    }

    private bool CanForce(int leader, int b) => CanPromote(leader, b) && Sentinels[leader].Announced < 0;

    // What was announced in the last step is done in this one, whatever else happens, unless the leader cannot any more.
    private void PromoteAnnounced(Move move)
    {
        for (int s = 0; s < Machines; s++)
        {
            int b = Sentinels[s].Announced;
            if (b < 0 || (move.Kind is MoveKind.AnnouncedFailover or MoveKind.CoordinatedFailover && move.A == s))
            {
                continue;
            }

            bool coordinated = Sentinels[s].Coordinated;
            bool can = coordinated ? CanHandOver(s, b) : CanPromote(s, b);
            Sentinels[s].Announced = -1;
            Sentinels[s].Coordinated = false;
            if (can && coordinated)
            {
                int master = Sentinels[s].Names;
                Nodes[master].Of = b;
                Nodes[master].LinkUp = true;
                Nodes[master].AcksAt = Now;
                Install(s, b, Sentinels[s].PromotingEpoch);
            }
            else if (can)
            {
                Promote(s, b, automatic: false);
            }
        }
    }

    private bool CanFailOver(int leader, int b)
    {
        if (!CanPromote(leader, b) || !MarkedDown(leader) || Sentinels[leader].Voted)
        {
            return false;
        }

        int agree = 0, votes = 0;
        for (int s = 0; s < Machines; s++)
        {
            if (SentinelServes(s) && Reaches(leader, s) && Sentinels[s].Names == Sentinels[leader].Names)
            {
                agree += MarkedDown(s) ? 1 : 0;
                votes++;
            }
        }

        return agree >= Quorum && votes >= VotesNeeded;
    }

    private void Promote(int leader, int b, bool automatic) => Install(leader, b, Elect(leader, automatic));

    private int Elect(int leader, bool automatic)
    {
        int epoch = 0;
        for (int s = 0; s < Machines; s++)
        {
            if (SentinelServes(s) && Reaches(leader, s))
            {
                epoch = Math.Max(epoch, Sentinels[s].CurrentEpoch);
            }
        }

        epoch++;
        int votes = automatic ? VotesNeeded - 1 : 0;
        for (int s = Machines - 1; s >= 0; s--)
        {
            if (SentinelServes(s) && Reaches(leader, s))
            {
                Sentinels[s].CurrentEpoch = epoch;
                Sentinels[s].Voted |= automatic;
                if (s == leader || (votes > 0 && Sentinels[s].Names == Sentinels[leader].Names))
                {
                    Sentinels[s].VotedAt = Now;
                    Sentinels[s].VotedEpoch = epoch;
                    votes -= s == leader ? 0 : 1;
                }
            }
        }

        return epoch;
    }

    private void Install(int leader, int b, int epoch)
    {
        Nodes[b].Of = -1;
        Nodes[b].Epoch = epoch;
        Nodes[b].Misclaims = 0;
        Sentinels[leader].Promoting = b;
        Sentinels[leader].PromotingEpoch = epoch + (Now << 8);
    }

    private void RunSentinels()
    {
        // Who can hear the newest configuration hears it as it was at the end of the last step.
        Span<int> names = stackalloc int[Machines];
        Span<int> epochs = stackalloc int[Machines];
        for (int s = 0; s < Machines; s++)
        {
            names[s] = Sentinels[s].Names;
            epochs[s] = Sentinels[s].ConfigEpoch;
            Nodes[s].Misclaims = Claims(s) && IsMisclaim(s) ? Math.Min(Nodes[s].Misclaims + 1, ConversionDelay) : 0;
        }

        for (int s = 0; s < Machines; s++)
        {
            if (!SentinelServes(s))
            {
                continue;
            }

            ref ModelSentinel sentinel = ref Sentinels[s];
            NamePromoted(ref sentinel, s);
            for (int other = 0; other < Machines; other++)
            {
                if (other != s && SentinelServes(other) && Reaches(s, other) && epochs[other] > sentinel.ConfigEpoch)
                {
                    Name(ref sentinel, names[other], epochs[other]);
                }
            }

            if (Reaches(s, sentinel.Names) && NodeServes(sentinel.Names) && !sentinel.Blind)
            {
                sentinel.LastOk = Now;
            }

            Repoint(sentinel, s);
        }
    }

    private bool IsMisclaim(int node)
    {
        for (int s = 0; s < Machines; s++)
        {
            if (SentinelServes(s) && Sentinels[s].Names != node && Sentinels[s].Promoting != node && Reaches(s, node))
            {
                return true;
            }
        }

        return false;
    }

    // The leader names the promoted node once INFO has shown it as a master: one step later.
    private void NamePromoted(ref ModelSentinel sentinel, int s)
    {
        int b = sentinel.Promoting;
        if (b < 0 || sentinel.PromotingEpoch >> 8 == Now || !Reaches(s, b) || !NodeServes(b))
        {
            return;
        }

        sentinel.Promoting = -1;
        if ((sentinel.PromotingEpoch & 255) > sentinel.ConfigEpoch && Nodes[b].Of < 0)
        {
            Name(ref sentinel, b, sentinel.PromotingEpoch & 255);
        }
    }

    private void Name(ref ModelSentinel sentinel, int node, int epoch)
    {
        sentinel.Names = node;
        sentinel.ConfigEpoch = epoch;
        sentinel.CurrentEpoch = Math.Max(sentinel.CurrentEpoch, epoch);
        sentinel.LastOk = Now;
        sentinel.Voted = false;
    }

    private void Repoint(in ModelSentinel sentinel, int s)
    {
        int master = sentinel.Names;
        if (!Reaches(s, master) || !Claims(master) || !NodeServes(master))
        {
            return;
        }

        for (int i = 0; i < Machines; i++)
        {
            ref ModelNode node = ref Nodes[i];
            if (i == master || !NodeServes(i) || !Reaches(s, i) || node.Of == master || sentinel.Promoting == i)
            {
                continue;
            }

            if (node.Of < 0 && node.Misclaims < ConversionDelay)
            {
                continue;
            }

            node.Of = master;
            node.LinkUp = false;
            node.AcksAt = LongAgo;
            node.Misclaims = 0;
        }
    }
}
