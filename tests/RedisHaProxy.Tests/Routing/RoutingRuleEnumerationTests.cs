// Proof 1: every combination of three nodes' states and the Sentinels' verdict, 7^3 x 5 = 1715 of them.

using RedisHaProxy.Routing;
using Xunit.Abstractions;

namespace RedisHaProxy.Tests.Routing;

public sealed class RoutingRuleEnumerationTests(ITestOutputHelper output)
{
    /// <summary>The Sentinels' verdict: a majority for a node, votes for different nodes, or no vote.</summary>
    internal const int Split = 3;
    internal const int NoVote = 4;

    [Fact]
    public void All_1715_combinations_are_decided_and_counted_as_the_table_says()
    {
        var actions = new Dictionary<RoutingAction, int>();
        var rules = new Dictionary<RuleId, int>();
        int total = 0;
        foreach (Situation situation in AllSituations())
        {
            RoutingDecision decision = RoutingRule.Decide(situation);
            Assert.True(decision.IsSameAs(RoutingRule.Decide(situation)), "deterministic");
            actions[decision.Action] = actions.GetValueOrDefault(decision.Action) + 1;
            rules[decision.Rule] = rules.GetValueOrDefault(decision.Rule) + 1;
            total++;
        }

        string counts = string.Join(", ", actions.OrderByDescending(a => a.Key).Select(a => $"{a.Key} {a.Value}"));
        string perRule = string.Join(", ", rules.OrderBy(r => r.Key).Select(r => $"{RoutingDecision.Name(r.Key)} {r.Value}"));
        output.WriteLine($"{total} combinations: {counts}");
        output.WriteLine(perRule);
        Assert.Equal("Route 588, Park 852, Closed 275", counts);
        Assert.Equal("0 625, R1 150, R2 24, R3 96, R4 48, R5 216, C1 216, R6 54, P1 227, C2 59", perRule);
        Assert.Equal(1715, total);
    }

    [Fact]
    public void An_announced_promotion_never_routes_and_changes_nothing_once_it_is_seen()
    {
        int total = 0, parked = 0;
        foreach (Situation announced in AnnouncedSituations())
        {
            RoutingDecision decision = RoutingRule.Decide(announced);
            RoutingDecision without = RoutingRule.Decide(new Situation(announced.Nodes, announced.Votes, quorum: 2));
            bool waits = announced.Claimants > 0 && !announced.Nodes[announced.Announced].IsClaimant;
            Assert.True(waits ? (decision.Rule, decision.Action) == (RuleId.H, RoutingAction.Park) : decision.IsSameAs(without),
                new EvidenceNames(["A", "B", "C"]).Describe(announced));
            total++;
            parked += waits ? 1 : 0;
        }

        output.WriteLine($"{total} combinations with an announcement: H {parked}");
        Assert.Equal(1715 * 3, total);
        Assert.Equal(1800, parked);
    }

    [Fact]
    public void An_announced_stranger_or_a_replica_that_is_not_known_parks_whoever_claims()
    {
        Assert.All(
            AllSituations(SentinelVote.Foreign).Concat(AllSituations(SentinelVote.SomeReplica)).Where(s => s.Claimants > 0),
            s => Assert.Equal((RuleId.H, RoutingAction.Park), (RoutingRule.Decide(s).Rule, RoutingRule.Decide(s).Action)));
    }

    [Fact]
    public void A_claimant_that_is_alone_waits_where_only_leases_of_Sentinels_that_are_not_heard_would_route_to_it()
    {
        int parked = 0, total = 0;
        foreach (Situation alone in AloneSituations())
        {
            RoutingDecision decision = RoutingRule.Decide(alone);
            RoutingDecision without = RoutingRule.Decide(WithClaimant(alone, alone.Nodes[0] with { Alone = false }));
            bool waits = without.Rule == RuleId.R1 && alone.Nodes[0].Role == NodeRole.Claims && alone.Votes.Count(v => v.Fresh) < alone.SentinelMajority;
            Assert.True(
                waits ? (decision.Rule, decision.Action) == (RuleId.P2, RoutingAction.Park) : decision.IsSameAs(without),
                new EvidenceNames(["A", "B", "C"]).Describe(alone));
            total++;
            parked += waits ? 1 : 0;
        }

        output.WriteLine($"{total} situations in which a claimant is alone: P2 {parked}");
        Assert.InRange(parked, 1, total - 1);
    }

    [Fact]
    public void A_claimant_that_hands_over_is_routed_as_ever_and_held()
    {
        foreach (Situation situation in EvidenceSituations.OfThree())
        {
            RoutingDecision without = RoutingRule.Decide(situation);
            RoutingDecision decision = RoutingRule.Decide(WithClaimant(situation, situation.Nodes[0] with { HandsOver = true }));
            Assert.Equal((without.Action, without.Node, without.Rule), (decision.Action, decision.Node, decision.Rule));
            Assert.Equal(decision.Node == 0, decision.IsHeld);
        }
    }

    [Fact]
    public void Evidence_is_monotonic_one_living_Sentinel_or_follower_more_never_shuts_the_gate()
    {
        int routed = 0, grown = 0;
        var names = new EvidenceNames(["A", "B", "C", "D", "E"]);
        foreach (Situation situation in AllSituations().Concat(EvidenceSituations.OfThree()).Concat(EvidenceSituations.OfFive()))
        {
            RoutingDecision decision = RoutingRule.Decide(situation);
            if (decision.Action != RoutingAction.Route)
            {
                continue;
            }

            routed++;
            foreach (Situation more in EvidenceSituations.WithMore(situation, decision.Node))
            {
                grown++;
                RoutingDecision then = RoutingRule.Decide(more);
                Assert.True(
                    then.Node == decision.Node, $"{decision.RuleName} routes: {names.Describe(situation)}; {then.RuleName} with {names.Describe(more)}");
            }
        }

        output.WriteLine($"{routed} routed situations of three and five nodes, {grown} with one Sentinel or follower more");
        Assert.True(grown > 10_000, $"{grown}");
    }

    [Fact]
    public void No_combination_violates_an_invariant()
    {
        Assert.Empty(Violations(RoutingRule.Table));
    }

    /// <summary>The invariants, checked over all combinations with any table; what is broken, in words.</summary>
    internal static IEnumerable<string> Violations(IReadOnlyList<RoutingRow> table)
    {
        var names = new EvidenceNames(["A", "B", "C", "D", "E"]);
        foreach (Situation situation in AllSituations().Concat(AnnouncedSituations()).Concat(EvidenceSituations.OfThree()).Concat(AloneSituations()))
        {
            RoutingDecision decision = RoutingRule.Decide(situation, table);
            if (decision.Rule == RuleId.P2 && !situation.FailoverExcluded(0))
            {
                yield return $"I6 waits for nothing: {names.Describe(situation)}";
            }

            if (decision.Action != RoutingAction.Route)
            {
                continue;
            }

            int m = decision.Node;
            string where = $"{decision.RuleName} routes {names.Node(m)}: {names.Describe(situation)}";
            if (m < 0 || !situation.Nodes[m].IsClaimant)
            {
                yield return $"I0 routes to a node that does not claim: {where}";
                continue;
            }

            if (!situation.Nodes[m].Alone
                && EvidenceSituations.WithMore(situation, m).FirstOrDefault(more => RoutingRule.Decide(more, table) is var d && d.Node != m) is { } worse)
            {
                yield return $"I5 more evidence for it shuts the gate: {where}; with {names.Describe(worse)}";
            }

            if (situation.Announced == SentinelVote.Foreign || (situation.Announced >= 0 && !situation.Nodes[situation.Announced].IsClaimant))
            {
                yield return $"I4 a promotion is announced and not seen: {where}";
            }

            if (situation.AnotherIsPromoted(m))
            {
                yield return $"I1 another claimant is M1: {where}";
            }

            if (situation.Named >= 0 && situation.Named != m && situation.Nodes[situation.Named].IsClaimant)
            {
                yield return $"I2 a Sentinel majority names another claimant: {where}";
            }

            if (situation.Claimants == 1 && situation.Leases(m) < situation.SentinelMajority && situation.Named != m && situation.Followers(m) == 0
                && situation.Nodes[m].Role != NodeRole.Promoted)
            {
                yield return $"I3 a lone claimant with no majority, no follower and no promotion: {where}";
            }
        }
    }

    /// <summary>Node A claims, is alone, and the others' evidence comes in all shades.</summary>
    internal static IEnumerable<Situation> AloneSituations() =>
        from situation in EvidenceSituations.OfThree()
        where situation.Nodes.Skip(1).All(n => n.Role == NodeRole.Unknown)
        select WithClaimant(situation, situation.Nodes[0] with { Alone = true });

    private static Situation WithClaimant(Situation situation, NodeState claimant) =>
        new([claimant, .. situation.Nodes.Skip(1)], situation.Votes, situation.Quorum, sentinels: situation.Sentinels);

    /// <summary>All combinations, with each node announced in turn.</summary>
    internal static IEnumerable<Situation> AnnouncedSituations() => Enumerable.Range(0, 3).SelectMany(AllSituations);

    /// <summary>All combinations.</summary>
    // FAILOVER TO redis2 of five: redis1 follows it, the others go on following redis1, which the Sentinels name for half a minute. redis5 may be dead.
    [Theory]
    [InlineData(true, true, RuleId.R4)]
    [InlineData(false, true, RuleId.R4)]
    [InlineData(false, false, RuleId.C1)]
    public void Replicas_of_the_old_master_are_the_new_one_s_after_FAILOVER_TO(bool fifth, bool fourth, RuleId rule)
    {
        NodeState[] nodes =
        [
            NodeState.Follows(1, linkUp: true), NodeState.Claims, NodeState.Follows(0, linkUp: fourth), NodeState.Follows(0, linkUp: fourth),
            fifth ? NodeState.Follows(0, linkUp: true) : NodeState.Unknown,
        ];
        var situation = new Situation(nodes, [.. Enumerable.Repeat(Vote(0), 5)], quorum: 3);
        Assert.Equal(rule, RoutingRule.Decide(situation).Rule);

        // A circle of replicas that are cut off from the master belongs to nobody.
        nodes[0] = NodeState.Follows(2, linkUp: true);
        Assert.Equal(0, new Situation(nodes, situation.Votes, quorum: 3).Descendants(1));
    }

    internal static IEnumerable<Situation> AllSituations() => AllSituations(announced: -1);

    private static IEnumerable<Situation> AllSituations(int announced)
    {
        foreach (NodeState a in States(0))
        {
            foreach (NodeState b in States(1))
            {
                foreach (NodeState c in States(2))
                {
                    for (int verdict = 0; verdict <= NoVote; verdict++)
                    {
                        yield return new Situation([a, b, c], Votes(verdict), quorum: 2, announced);
                    }
                }
            }
        }
    }

    private static IEnumerable<NodeState> States(int node)
    {
        yield return NodeState.Unknown;
        yield return NodeState.Claims;
        yield return NodeState.Promoted;
        foreach (int master in Enumerable.Range(0, 3).Where(other => other != node))
        {
            yield return NodeState.Follows(master, linkUp: true);
            yield return NodeState.Follows(master, linkUp: false);
        }
    }

    private static SentinelVote[] Votes(int verdict) => verdict switch
    {
        Split => [Vote(0), Vote(1), Vote(2)],
        NoVote => [SentinelVote.None, SentinelVote.None, SentinelVote.None],
        _ => [Vote(verdict), Vote(verdict), SentinelVote.None],
    };

    private static SentinelVote Vote(int node) => new(node, Fresh: true, Leased: true);
}
