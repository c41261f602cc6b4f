// Proof 2, what must hold in every state.

using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing.Model;

internal static class Invariants
{
    /// <summary>
    /// Two proxies never route to different nodes when Sentinels fail over by themselves. (What remains is shorter than a step: the life of a node's
    /// answer, 300 ms, and one probe interval.) When an operator forces a failover while a proxy is cut off, they may for so many steps since he
    /// did so last, this one included: until the leases of the old master, or what is remembered of the promotion, have ended.
    /// </summary>
    public const int ForcedBound = ModelWorld.DownAfter + 1;

    /// <summary>Says which invariant the state breaks, or null.</summary>
    /// <param name="state">After the step.</param>
    /// <param name="move">The step's move.</param>
    /// <param name="sawReplica">Per proxy and node: whether it was heard as a replica in the step before.</param>
    /// <param name="before">Per proxy: the node that it routed to in the step before; -1 for none.</param>
    public static string? Broken(ModelState state, Move move, bool[] sawReplica, int[] before)
    {
        if (state.Overlap > 0 && state.SinceForced >= ForcedBound)
        {
            return $"S1: the proxies have routed to different masters for {state.Overlap} s, and nobody has forced a failover for {ForcedBound} s";
        }

        for (int p = 0; p < ModelState.Proxies; p++)
        {
            string? broken = RoutesToReplaced(state, p) ?? RoutesToNonClaimant(state, p) ?? Idles(state, p) ?? IgnoresConfirmation(state, p)
                ?? MissesPromotion(state, p, sawReplica)
                ?? IgnoresAnnouncement(state, p) ?? IgnoresStranger(state, p) ?? KeepsIsolated(state, p) ?? ServesHandOver(state, p)
                ?? DropsLocked(state, p, before[p]) ?? CutsHandOver(state, p, before[p]) ?? ParksSupported(state, p);
            if (broken is not null)
            {
                return $"{broken} (proxy {p}, after {move})";
            }
        }

        return null;
    }

    // A leader's promotion may come about at any moment, as long as nobody can tell that it will not.
    private static bool Promotes(ModelWorld world) =>
        Array.Exists(world.Sentinels, s => s.Announced >= 0 || (s.Promoting >= 0 && world.Now - (s.PromotingEpoch >> 8) <= ModelWorld.DownAfter + 1));

    private static int Majority(ModelWorld world) => (world.Machines / 2) + 1;

    // What a proxy owes its clients where it does not know all nodes is not said here.
    private static bool HasStrangers(ModelWorld world) => world.Known < world.Machines;

    // S2: a majority of Sentinels, heard in this step, names another node with a newer epoch than the one under which the
    // routed node became master, and newer than what was known when the proxy saw that (of two hand-overs that are ordered at the same time it cannot
    // know which is the later one, for as long as M1 lasts). (Where the named node itself says that it follows the routed one, it has not replaced it.)
    private static string? RoutesToReplaced(ModelState state, int p)
    {
        int m = state.Decisions[p].Node;
        if (m < 0)
        {
            return null;
        }

        long epoch = state.Decisions[p].Situation.Nodes[m].Role != NodeRole.Promoted ? state.World.Nodes[m].Epoch
            : Math.Max(state.World.Nodes[m].Epoch, state.Known(p, m).EpochAtPromotion);
        for (int x = 0; x < state.World.Machines; x++)
        {
            int newer = 0;
            for (int s = 0; s < state.World.Machines && x != m; s++)
            {
                newer += state.HeardSentinel(p, s, out SentinelReport vote) && vote.Named == (x < state.World.Known ? x : SentinelVote.Foreign)
                    && vote.ConfigEpoch > epoch ? 1 : 0;
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
            ModelSentinel sentinel = state.World.Sentinels[leader];
            bool known = sentinel.Mute ? sentinel.Names == m && state.HeardSentinel(p, leader, out _) : state.World.Reaches(state.World.Machines + p, leader);
            // Of a coordinated one nobody need be ended before the master steps down (S7).
            if (sentinel.Announced == node && !sentinel.Coordinated && known && m >= 0 && m != node)
            {
                return $"S4: routes to {ModelState.Letters[m]} after Sentinel {ModelState.Letters[leader]} has announced {ModelState.Letters[node]}";
            }
        }

        return null;
    }

    // S6: of nobody but the master a proxy has heard for a while, the master itself misses its replicas, and most Sentinels are not heard: others
    // may promote at any moment now, and what is acknowledged here is lost.
    private static string? KeepsIsolated(ModelState state, int p)
    {
        int m = state.Decisions[p].Node;
        if (m < 0 || state.Decisions[p].Situation.Nodes[m].Role == NodeRole.Promoted || !state.Heard(p, m, out NodeReport report)
            || state.Known(p, m).UnacknowledgedSince is not { } missing || report.SentAt - missing < ModelState.Timing.MissingAcknowledgements)
        {
            return null;
        }

        int sentinels = 0;
        for (int i = 0; i < state.World.Machines; i++)
        {
            sentinels += state.HeardSentinel(p, i, out _) ? 1 : 0;
            TimeSpan heard = i < state.World.Known ? state.Known(p, i).LastContact : TimeSpan.Zero;
            if (i < state.World.Known && i != m && (report.SentAt - heard < ModelState.Timing.Isolation || state.Known(p, m).UnbrokenSince > heard))
            {
                return null;
            }
        }

        return sentinels < Majority(state.World) ? $"S6: routes to {ModelState.Letters[m]}, which is isolated together with this proxy" : null;
    }

    // S7: a master that says that it hands over gets no new sessions.
    private static string? ServesHandOver(ModelState state, int p)
    {
        int m = state.Decisions[p].Node;
        return m >= 0 && !state.Decisions[p].IsHeld && state.Heard(p, m, out NodeReport report) && report.HandsOver
            ? $"S7: gives new sessions to {ModelState.Letters[m]}, which hands over" : null;
    }

    // L5: in a deployment that is otherwise well, a coordinated hand-over ends no session before the master steps down.
    private static string? CutsHandOver(ModelState state, int p, int before)
    {
        ModelWorld w = state.World;
        if (before < 0 || w.Cuts != 0 || w.PoweredOff != 0 || HasStrangers(w) || !w.HandsOver(before) || state.Decisions[p].Node == before)
        {
            return null;
        }

        for (int i = 0; i < w.Machines; i++)
        {
            // Well and heard, and nothing else is going on.
            ModelSentinel s = w.Sentinels[i];
            bool well = w.NodeServes(i) && !w.Nodes[i].Locked && (i == before || w.Nodes[i] is { Of: >= 0, LinkUp: true }) && state.Heard(p, i, out _)
                && w.SentinelServes(i) && s.Names == before && s.LastOk == w.Now && s.Promoting < 0 && (s.Announced < 0 || s.Coordinated)
                && state.HeardSentinel(p, i, out _);
            if (!well || (i != before && w.Nodes[i].Of != before))
            {
                return null;
            }
        }

        return state.Quiet == 0 && w.Announcements.Count == 1 ? $"L5: ends sessions to {ModelState.Letters[before]}, which hands over by itself" : null;
    }

    // L6: a master of which others are heard is not taken for isolated.
    private static string? ParksSupported(ModelState state, int p)
    {
        if (state.Decisions[p].Rule != RuleId.P2)
        {
            return null;
        }

        int m = state.Decisions[p].Situation.LoneClaimant, sentinels = 0;
        for (int i = 0; i < state.World.Machines; i++)
        {
            sentinels += state.HeardSentinel(p, i, out _) ? 1 : 0;
            if (i != m && i < state.World.Known && state.Heard(p, i, out _))
            {
                return $"L6: takes {ModelState.Letters[m]} for isolated although {ModelState.Letters[i]} is heard";
            }
        }

        return sentinels >= Majority(state.World) ? $"L6: takes {ModelState.Letters[m]} for isolated although most Sentinels are heard" : null;
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
        if (before < 0 || HasStrangers(w) || !w.Nodes[before].Locked || !w.Claims(before) || !w.NodeServes(before) || w.Announcements.Count > 0 || Promotes(w)
            || state.Quiet == 0
            || !w.Reaches(w.Machines + p, before))
        {
            return null;
        }

        int namers = 0;
        for (int i = 0; i < state.World.Machines; i++)
        {
            namers += w.SentinelServes(i) && w.Reaches(w.Machines + p, i) && w.Sentinels[i].Names == before && w.Sentinels[i].LastOk == w.Now
                && w.Sentinels[i].ConfigEpoch == w.Nodes[before].Epoch ? 1 : 0;
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

        int m = -1, claimants = 0, namers = 0, leases = 0, followers = 0, sentinels = 0;
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

        int descendants = 0;
        bool mayElect = false, namedFollows = false, allNamedFollow = true;
        for (int i = 0; i < state.World.Machines; i++)
        {
            // What it has voted for may come about.
            mayElect |= w.SentinelServes(i) && w.Sentinels[i].VotedEpoch > w.Sentinels[i].ConfigEpoch
                && w.Now - w.Sentinels[i].VotedAt < ModelState.Timing.BallotLife.TotalSeconds;
            sentinels += w.SentinelServes(i) ? 1 : 0;
            namers += w.SentinelServes(i) && w.Sentinels[i].Names == m ? 1 : 0;
            leases += w.SentinelServes(i) && w.Sentinels[i].Names == m && w.Sentinels[i].LastOk == w.Now && w.Sentinels[i].Promoting < 0 ? 1 : 0;
            bool follows = i != m && w.NodeServes(i) && w.Nodes[i].Of == m && w.Nodes[i].LinkUp;
            followers += follows ? 1 : 0;
            descendants += i != m && Descends(w, i, m) ? 1 : 0;
            int named = w.Sentinels[i].Names;
            allNamedFollow &= !w.SentinelServes(i) || named == m || (w.NodeServes(named) && w.Nodes[named].Of == m && w.Nodes[named].LinkUp);
            namedFollows |= follows && w.Sentinels.Where((s, other) => w.SentinelServes(other) && s.Names == i).Count() >= Majority(w);
        }

        bool supported = followers == w.Machines - 1 || leases >= Situation.LeasesNeededOf(w.Machines, w.Quorum)
            || (descendants + 1 >= Majority(w) && namedFollows)
            || (!mayElect && (namers >= Majority(w) || (followers + 1 >= Majority(w) && (sentinels < Majority(w) || allNamedFollow))));
        return supported && state.Decisions[p].Node != m ? $"L1: does not route to {ModelState.Letters[m]}, the only and supported master" : null;
    }

    private static bool Descends(ModelWorld w, int node, int from)
    {
        for (int steps = 0; steps < w.Machines && node != from; steps++)
        {
            if (!w.NodeServes(node) || w.Nodes[node].Of < 0 || !w.Nodes[node].LinkUp)
            {
                return false;
            }

            node = w.Nodes[node].Of;
        }

        return node == from;
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

            // In the same step it has heard that most Sentinels name another with a newer epoch: for all it knows, they have decided later.
            int others = 0;
            for (int s = 0; s < state.World.Machines; s++)
            {
                bool heard = state.HeardSentinel(p, s, out SentinelReport vote);
                others += heard && vote.Named != m && vote.ConfigEpoch > state.Known(p, m).EpochAtPromotion ? 1 : 0;
            }

            if (others >= Majority(state.World))
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
