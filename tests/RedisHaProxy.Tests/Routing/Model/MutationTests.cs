// The proofs' own test: every row of the rule is made wrong on purpose, in several ways, and each wrong rule must be caught.

using RedisHaProxy.Routing;
using Xunit.Abstractions;

namespace RedisHaProxy.Tests.Routing.Model;

public sealed class MutationTests(ITestOutputHelper output)
{
    /// <summary>What catches a mutation at the least.</summary>
    public enum CaughtBy
    {
        /// <summary>Only the counts of the enumeration: it routes nowhere it should not, but refuses where it should wait, or the like.</summary>
        Counts,

        /// <summary>An invariant of the enumeration.</summary>
        Enumeration,

        /// <summary>An invariant of the model check.</summary>
        Model,
    }

    private static readonly (string Name, RuleId Row, CaughtBy By, Func<RoutingRow, RoutingRow> Spoil)[] Mutations =
    [
        ("0 refuses instead of parking", RuleId.Rule0, CaughtBy.Counts, r => r with { Action = RoutingAction.Closed }),
        ("H never", RuleId.H, CaughtBy.Model, Never),
        ("H routes", RuleId.H, CaughtBy.Enumeration, r => r with { Action = RoutingAction.Route }),
        ("H refuses instead of parking", RuleId.H, CaughtBy.Counts, r => r with { Action = RoutingAction.Closed }),
        ("H also after the promotion has been seen", RuleId.H, CaughtBy.Model, r => r with { Holds = (s, _) => s.Announced >= 0 }),
        ("H without strangers", RuleId.H, CaughtBy.Model, r => r with { Holds = (s, _) => s.Announced >= 0 && s.AwaitsPromotion }),
        ("H for one claimant only", RuleId.H, CaughtBy.Enumeration, r => r with { Claimants = Claimants.One }),
        ("H without replicas that are not known", RuleId.H, CaughtBy.Model,
            r => r with { Holds = (s, _) => s.Announced != SentinelVote.SomeReplica && s.AwaitsPromotion }),
        ("P2 never", RuleId.P2, CaughtBy.Model, Never),
        ("P2 routes", RuleId.P2, CaughtBy.Model, r => r with { Action = RoutingAction.Route }),
        ("P2 although most Sentinels are heard", RuleId.P2, CaughtBy.Model, r => r with { Holds = (s, m) => s.Nodes[m].Alone && s.FailoverExcluded(m) }),
        ("P2 although others answer", RuleId.P2, CaughtBy.Model, r => r with { Holds = (s, m) => !s.HearsSentinelMajority && s.FailoverExcluded(m) }),
        ("P2 when leases have ended", RuleId.P2, CaughtBy.Enumeration, r => r with { Holds = (s, m) => s.Nodes[m].Alone && !s.HearsSentinelMajority }),
        ("R1 never", RuleId.R1, CaughtBy.Model, Never),
        ("R1 without any lease", RuleId.R1, CaughtBy.Enumeration, Always),
        ("R1 with one lease", RuleId.R1, CaughtBy.Model, r => r with { Holds = (s, m) => s.Votes.Any(v => v.Leased && v.Node == m) }),
        ("R1 by fresh votes instead of leases", RuleId.R1, CaughtBy.Model, r => r with { Holds = (s, m) => s.Named == m }),
        ("R1 by leases alone", RuleId.R1, CaughtBy.Model, r => r with { Holds = (s, m) => s.LeaseHolds(m) }),
        ("R1 by one abstention", RuleId.R1, CaughtBy.Model, r => r with { Holds = (s, m) => s.LeaseHolds(m) || s.Abstentions(m) > 0 }),
        ("R2 never", RuleId.R2, CaughtBy.Counts, Never),
        ("R2 with one follower", RuleId.R2, CaughtBy.Model, r => r with { Holds = (s, m) => s.Followers(m) > 0 }),
        ("R2 without followers", RuleId.R2, CaughtBy.Enumeration, Always),
        ("R3 never", RuleId.R3, CaughtBy.Model, Never),
        ("R3 without followers", RuleId.R3, CaughtBy.Enumeration, r => r with { Holds = (s, _) => s.Named == SentinelVote.Nobody }),
        ("R3 only without a verdict", RuleId.R3, CaughtBy.Enumeration,
            r => r with { Holds = (s, m) => s.HoldsDataMajority(m) && s.Named == SentinelVote.Nobody }),
        ("R3 although a Sentinel may have elected another", RuleId.R3, CaughtBy.Model,
            r => r with { Holds = (s, m) => s.HoldsDataMajority(m) && (s.Named == SentinelVote.Nobody || s.Named == m) }),
        ("R3 by the replicas' word alone", RuleId.R3, CaughtBy.Model,
            r => r with { Holds = (s, m) => s.HoldsDataMajority(m) && (s.Named == SentinelVote.Nobody || s.Named == m) && !s.MayBeReplaced(m) }),
        ("R3 against Sentinels", RuleId.R3, CaughtBy.Model, r => r with { Holds = (s, m) => s.HoldsDataMajority(m) }),
        ("R4 never", RuleId.R4, CaughtBy.Model, Never),
        ("R4 without asking the named node", RuleId.R4, CaughtBy.Model, r => r with { Holds = (s, m) => s.HoldsDataMajorityThrough(m) }),
        ("R5 never", RuleId.R5, CaughtBy.Model, Never),
        ("R5 without a promotion", RuleId.R5, CaughtBy.Enumeration, Always),
        ("C1 routes", RuleId.C1, CaughtBy.Enumeration, r => r with { Action = RoutingAction.Route }),
        ("C1 parks", RuleId.C1, CaughtBy.Counts, r => r with { Action = RoutingAction.Park }),
        ("R6 never", RuleId.R6, CaughtBy.Model, Never),
        ("R6 against a promotion", RuleId.R6, CaughtBy.Enumeration, r => r with { Holds = (s, m) => m >= 0 && s.Nodes[m].IsClaimant && s.LeaseHolds(m) }),
        ("R6 to the first claimant", RuleId.R6, CaughtBy.Enumeration, r => r with { Holds = (s, m) => m >= 0 && !s.AnotherIsPromoted(m) }),
        ("R6 without followers", RuleId.R6, CaughtBy.Counts,
            r => r with { Holds = (s, m) => m >= 0 && s.Nodes[m].IsClaimant && s.LeaseHolds(m) && !s.AnotherIsPromoted(m) }),
        ("R6 without leases", RuleId.R6, CaughtBy.Model, r => r with { Holds = (s, m) => m >= 0 && s.Nodes[m].IsClaimant && !s.AnotherIsPromoted(m)
            && (s.Followers(m) > 0 || !s.AnotherClaimantHasFollowers(m)) }),
        ("P1 routes", RuleId.P1, CaughtBy.Enumeration, r => r with { Action = RoutingAction.Route }),
        ("P1 never", RuleId.P1, CaughtBy.Counts, Never),
        ("C2 routes", RuleId.C2, CaughtBy.Enumeration, r => r with { Action = RoutingAction.Route }),
        ("C2 parks", RuleId.C2, CaughtBy.Counts, r => r with { Action = RoutingAction.Park }),
    ];

    public static TheoryData<string> Names => [.. Mutations.Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_wrong_rule_is_caught(string name)
    {
        (_, RuleId row, CaughtBy by, Func<RoutingRow, RoutingRow> spoil) = Mutations.Single(m => m.Name == name);
        RoutingRow[] table = [.. RoutingRule.Table.Select(r => r.Id == row ? spoil(r) : r)];

        string? invariant = RoutingRuleEnumerationTests.Violations(table).FirstOrDefault();
        int differing = RoutingRuleEnumerationTests.AllSituations().Concat(RoutingRuleEnumerationTests.AnnouncedSituations())
            .Count(s => !RoutingRule.Decide(s).IsSameAs(RoutingRule.Decide(s, table)));
        string? model = by == CaughtBy.Model ? ModelViolation(table) : null;
        output.WriteLine($"{name}: {differing} of 6860 decisions differ; enumeration: {invariant ?? "-"}; model: {model ?? "-"}");
        switch (by)
        {
            case CaughtBy.Counts:
                Assert.True(differing > 0);
                break;
            case CaughtBy.Enumeration:
                Assert.NotNull(invariant);
                break;
            default:
                Assert.NotNull(model);
                break;
        }
    }

    [Fact]
    public void Every_row_has_a_mutation()
    {
        Assert.Empty(RoutingRule.Table.Select(r => r.Id).Except(Mutations.Select(m => m.Row)));
    }

    private static string? ModelViolation(RoutingRow[] table)
    {
        // From quick searches to thorough ones: most are caught by one of the first.
        var strangers = new Deployment(3, 2, Strangers: 1);
        foreach ((int depth, int faults) in new[] { (12, 0), (5, 1), (10, 1), (5, 2) })
        {
            foreach ((string name, Move[] prologue) in Scenarios.All)
            {
                if (faults <= Scenarios.MostFaults(name) && new ModelExplorer(table, prologue, depth, faults).Run() is { } broken)
                {
                    return $"{name}: {broken.Split('\n')[0]}";
                }
            }

            foreach ((string name, Move[] prologue) in Scenarios.Of(strangers))
            {
                if (faults < 2 && new ModelExplorer(table, prologue, Math.Min(depth, 5), faults, deployment: strangers).Run() is { } broken)
                {
                    return $"{strangers}: {name}: {broken.Split('\n')[0]}";
                }
            }
        }

        return null;
    }

    private static RoutingRow Never(RoutingRow row) => row with { Holds = (_, _) => false };

    private static RoutingRow Always(RoutingRow row) => row with { Holds = (_, _) => true };
}
