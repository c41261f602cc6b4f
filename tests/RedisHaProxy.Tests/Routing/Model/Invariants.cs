// Proof 2, what must hold in every state.

using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing.Model;

internal static class Invariants
{
    /// <summary>
    /// Steps for which two proxies may route to different nodes when Sentinels fail over by themselves: none. What remains is
    /// shorter than a step: the life of a node's answer (300 ms) and one probe interval.
    /// </summary>
    public const int AutomaticBound = 0;

    /// <summary>The same when an operator forces a failover while a proxy is cut off: until its leases end, within down-after.</summary>
    public const int ForcedBound = ModelWorld.DownAfter - 1;

    /// <summary>
    /// The same where links are cut one by one so that each proxy misses one claimant, and a Sentinel dies on top: as long as an
    /// observed promotion is evidence (R5 of one proxy against R3 of the other).
    /// </summary>
    public const int AsymmetricBound = 4;

    /// <summary>Says which invariant the state breaks, or null.</summary>
    /// <param name="state">After the step.</param>
    /// <param name="automaticBound">The bound of S1 without forced failovers.</param>
    /// <param name="move">The step's move.</param>
    /// <param name="sawReplica">Per proxy and node: whether it was heard as a replica in the step before.</param>
    /// <param name="before">Per proxy: the node that it routed to in the step before; -1 for none.</param>
    public static string? Broken(ModelState state, int automaticBound, Move move, bool[] sawReplica, int[] before)
    {
        if (state.Overlap > (state.Forced ? ForcedBound : automaticBound))
        {
            return $"S1: the proxies have routed to different masters for {state.Overlap} s";
        }

        for (int p = 0; p < ModelState.Proxies; p++)
        {
            string? broken = RoutesToReplaced(state, p) ?? RoutesToNonClaimant(state, p) ?? Idles(state, p) ?? IgnoresConfirmation(state, p) ?? MissesPromotion(state, p, sawReplica)
                ?? IgnoresAnnouncement(state, p) ?? IgnoresStranger(state, p) ?? DropsLocked(state, p, before[p]);
            if (broken is not null)
            {
                return $"{broken} (proxy {p}, after {move})";
            }
        }

        return null;
    }

    private static int Majority(ModelWorld world) => (world.Machines / 2) + 1;

    // What a proxy owes its clients where it does not know all nodes is not said here.
    private static bool HasStrangers(ModelWorld world) => world.Known < world.Machines;

    // S2: a majority of Sentinels, heard in this step, names another node with a newer epoch than the one under which the
    // routed node became master. (Where the named node itself says that it follows the routed one, it has not replaced it.)
    private static string? RoutesToReplaced(ModelState state, int p)
    {
        int m = state.Decisions[p].Node;
        if (m < 0 || state.Decisions[p].IsHeld)
        {
            return null;
        }

        for (int x = 0; x < state.World.Machines; x++)
        {
            int newer = 0;
            for (int s = 0; s < state.World.Machines && x != m; s++)
            {
                newer += state.HeardSentinel(p, s, out SentinelReport vote) && vote.Named == (x < state.World.Known ? x : SentinelVote.Foreign) && vote.ConfigEpoch > state.World.Nodes[m].Epoch ? 1 : 0;
            }

            bool followsItself = x < state.World.Known && state.Heard(p, x, out NodeReport named) && !named.IsMaster && named.Master == m && named.LinkUp;
            if (newer > state.World.Machines / 2 && !followsItself)
            {
                return $"S2: routes to {ModelState.Letters[m]} although a majority names {ModelState.Letters[x]} with a newer epoch";
            }
        }

        return null;
    }

    // S3: whoever answers in this step that he is no master, or is known to be dead, gets no traffic.
    private static string? RoutesToNonClaimant(ModelState state, int p)
    {
        int m = state.Decisions[p].Node;
        return m >= 0 && ((state.Heard(p, m, out NodeReport report) && !report.IsMaster)
                || (!state.World.Nodes[m].Up && state.World.Reaches(state.World.Machines + p, m) && state.Quiet > 1))
            ? $"S3: routes to {ModelState.Letters[m]}, which is no master"
            : null;
    }

    // S4: between the announcement and the promotion nobody is left with the old master.
    private static string? IgnoresAnnouncement(ModelState state, int p)
    {
        int m = state.Decisions[p].Node;
        foreach ((int leader, int node) in state.World.Announcements)
        {
            if (state.World.Sentinels[leader].Announced == node && state.World.Reaches(state.World.Machines + p, leader) && m >= 0 && m != node)
            {
                return $"S4: routes to {ModelState.Letters[m]} after Sentinel {ModelState.Letters[leader]} has announced {ModelState.Letters[node]}";
            }
        }

        return null;
    }

    // S5: a proxy that hears from a Sentinel in this step that it has left one of ours for a stranger is not left with the old master, for as
    // long as its older evidence may last.
    private static string? IgnoresStranger(ModelState state, int p)
    {
        int m = state.Decisions[p].Node;
        for (int s = 0; s < state.World.Machines && m >= 0; s++)
        {
            if (state.HeardSentinel(p, s, out SentinelReport vote) && vote.Named == SentinelVote.Foreign && state.LeftOurs(p, s) < ModelWorld.DownAfter)
            {
                return $"S5: routes to {ModelState.Letters[m]} although Sentinel {ModelState.Letters[s]} has left it for a stranger";
            }
        }

        return null;
    }

    // L4: a master that only refuses our probes keeps its traffic while a majority of Sentinels names it and has its answers.
    private static string? DropsLocked(ModelState state, int p, int before)
    {
        ModelWorld w = state.World;
        if (before < 0 || HasStrangers(w) || !w.Nodes[before].Locked || !w.Claims(before) || !w.NodeServes(before) || w.Announcements.Count > 0 || state.Quiet == 0 || w.Cuts != 0)
        {
            return null;
        }

        int namers = 0;
        for (int i = 0; i < state.World.Machines; i++)
        {
            namers += w.SentinelServes(i) && w.Sentinels[i].Names == before && w.Sentinels[i].LastOk == w.Now && w.Sentinels[i].ConfigEpoch == w.Nodes[before].Epoch ? 1 : 0;
            if (i != before && w.Claims(i))
            {
                return null;
            }
        }

        return namers >= Majority(w) && state.Decisions[p].Node != before ? $"L4: leaves {ModelState.Letters[before]}, which only refuses the probes" : null;
    }

    // L1: in a world that has been left alone for a while, with one serving claimant that a majority of Sentinels or all
    // other living nodes support, traffic flows to it.
    private static string? Idles(ModelState state, int p)
    {
        ModelWorld w = state.World;
        if (state.Quiet < 8 || w.Cuts != 0 || HasStrangers(w))
        {
            return null;
        }

        int m = -1, claimants = 0, namers = 0, followers = 0, sentinels = 0;
        for (int i = 0; i < state.World.Machines; i++)
        {
            if (w.Nodes[i].Locked)
            {
                // Who does not let us look cannot be found to be master, nor to follow one; what holds then is L4.
                return null;
            }

            if (w.Claims(i))
            {
                claimants++;
                m = i;
            }
        }

        if (claimants != 1 || !w.NodeServes(m))
        {
            return null;
        }

        bool namedFollows = true;
        for (int i = 0; i < state.World.Machines; i++)
        {
            sentinels += w.SentinelServes(i) ? 1 : 0;
            namers += w.SentinelServes(i) && w.Sentinels[i].Names == m ? 1 : 0;
            int named = w.Sentinels[i].Names;
            namedFollows &= !w.SentinelServes(i) || named == m || (w.NodeServes(named) && w.Nodes[named].Of == m && w.Nodes[named].LinkUp);
            followers += i != m && w.NodeServes(i) && w.Nodes[i].Of == m && w.Nodes[i].LinkUp ? 1 : 0;
        }

        bool supported = namers >= Majority(w) || followers == w.Machines - 1 || (followers + 1 >= Majority(w) && (sentinels < Majority(w) || namedFollows));
        return supported && state.Decisions[p].Node != m ? $"L1: does not route to {ModelState.Letters[m]}, the only and supported master" : null;
    }

    // L3: a master that has been named by a majority of Sentinels, reached by them, followed by somebody and seen by this proxy
    // for a while gets its traffic, whoever else claims.
    private static string? IgnoresConfirmation(ModelState state, int p)
    {
        ModelWorld w = state.World;
        if (state.Quiet < 8 || HasStrangers(w))
        {
            return null;
        }

        for (int m = 0; m < state.World.Machines; m++)
        {
            int namers = 0, followers = 0;
            bool sees = w.Claims(m) && w.NodeServes(m);
            for (int i = 0; i < state.World.Machines; i++)
            {
                sees &= w.Reaches(state.World.Machines + p, i) && !w.Nodes[i].Locked;
                namers += w.SentinelServes(i) && w.Sentinels[i].Names == m && w.Sentinels[i].LastOk == w.Now ? 1 : 0;
                followers += w.NodeServes(i) && w.Nodes[i].Of == m && w.Nodes[i].LinkUp && w.Reaches(i, m) ? 1 : 0;
            }

            if (sees && namers >= Majority(w) && followers > 0 && state.Decisions[p].Node != m)
            {
                return $"L3: does not route to {ModelState.Letters[m]}, which the Sentinels confirm";
            }
        }

        return null;
    }

    // L2: a promotion that the proxy has seen itself, with nobody else claiming, is followed in the same step.
    private static string? MissesPromotion(ModelState state, int p, bool[] sawReplica)
    {
        for (int m = 0; m < state.World.Known; m++)
        {
            if (!sawReplica[(p * state.World.Machines) + m] || !state.Heard(p, m, out NodeReport report) || !report.IsMaster)
            {
                continue;
            }

            // Alone, and no further promotion is announced.
            Situation situation = state.Decisions[p].Situation;
            bool alone = !situation.AwaitsPromotion || situation.Announced == m;
            for (int i = 0; i < state.World.Known; i++)
            {
                alone &= i == m || !situation.Nodes[i].IsClaimant;
            }

            if (alone && state.Decisions[p].Node != m)
            {
                return $"L2: saw the promotion of {ModelState.Letters[m]} and does not follow it";
            }
        }

        return null;
    }
}
