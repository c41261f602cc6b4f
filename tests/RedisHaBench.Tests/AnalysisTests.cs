// The figures are computed by pure functions: each is shown a run in which the answer is known.

using RedisHaBench.Failover;

namespace RedisHaBench.Tests;

public sealed class AnalysisTests
{
    [Fact]
    public void A_clean_switch_has_its_times_and_no_fault()
    {
        var run = CleanSwitch().Build(finalMaster: 1);

        var figures = Analysis.Measure(run);

        Assert.Equal(2040, figures.Persistent.Outage); // last acknowledged write at 990, first at 3030
        Assert.Equal(2030, figures.New.Outage); // 990 and 3020
        Assert.False(figures.Persistent.OutageLasts);
        Assert.Equal(2000, figures.BeginToPromotion);
        Assert.Equal(10, figures.PromotionToWritable);
        Assert.Equal(25, figures.Persistent.PromotionToAnswer);
        Assert.Equal(20, figures.New.PromotionToAnswer);
        Assert.Equal(20, figures.Persistent.WritableToAcknowledged);
        Assert.Equal(10, figures.New.WritableToAcknowledged);
        Assert.Equal((0, 0, 0, 0), (figures.Lost, figures.ReadOnly, figures.WaitsLeftBehind, figures.WaitsEndedForNothing));
        Assert.Equal(0, figures.TwoTargets);
        Assert.Equal(2, figures.Failed); // NOREPLICAS and one broken
    }

    [Fact]
    public void A_client_that_never_writes_again_has_an_outage_that_lasts()
    {
        var figures = Analysis.Measure(Base().Writes("persistent", 0, 1000, 0).Writes("new", 0, 10_000, 0).Build());

        Assert.Equal(9010, figures.Persistent.Outage);
        Assert.True(figures.Persistent.OutageLasts);
        Assert.Equal(10, figures.New.Outage);
        Assert.False(figures.New.OutageLasts);
        Assert.Null(figures.Persistent.PromotionToAnswer);
    }

    [Fact]
    public void The_outage_is_that_of_the_client_which_had_it_worst()
    {
        var figures = Analysis.Measure(Base()
            .Writes("persistent:1", 0, 10_000, 0)
            .Writes("persistent:2", 0, 4000, 0).Writes("persistent:2", 4500, 10_000, 0)
            .Writes("new", 0, 10_000, 0).Build());

        Assert.Equal(510, figures.Persistent.Outage);
    }

    [Theory]
    [InlineData(990, 0, 0)] // before the promotion at 3000
    [InlineData(3050, 1, 0)] // within the 100 ms
    [InlineData(3200, 1, 1)] // later
    public void A_lost_write_is_counted_by_when_it_was_sent(int at, int afterPromotion, int late)
    {
        var run = Base().State(1, 3000, NodeState.Master)
            .Write("persistent", at, 0).MissingOn(1, "persistent").Write("new", 10, 0).Build(finalMaster: 1);

        var figures = Analysis.Measure(run);

        Assert.Equal((1, afterPromotion, late), (figures.Lost, figures.LostAfterPromotion, figures.LostLate));
    }

    [Fact]
    public void A_write_that_only_a_replica_lacks_is_lost_and_one_that_was_not_acknowledged_is_not()
    {
        var run = Base().Write("persistent", 500, 0).MissingOn(2, "persistent")
            .Write("persistent", 510, -1, Outcome.TimedOut).Write("new", 10, 0).Build();

        Assert.Equal(1, Analysis.Measure(run).Lost);
    }

    [Fact]
    public void The_writes_of_the_newest_master_are_not_late_because_another_was_promoted_before()
    {
        var run = Base().State(1, 2000, NodeState.Master).State(2, 4000, NodeState.Master)
            .Write("persistent", 5000, 2).MissingOn(0, "persistent") // sent to the newest master: Redis' loss
            .Write("persistent", 6000, 1).MissingOn(0, "persistent") // sent to one that was replaced 2 s before
            .Write("new", 10, 0).Build(finalMaster: 2);

        var figures = Analysis.Measure(run);

        Assert.Equal((2, 1, 1), (figures.Lost, figures.LostAfterPromotion, figures.LostLate));
    }

    [Theory]
    [InlineData(0, 900, 2100, 0)] // opened before the demotion at 2000: no fault of the proxy
    [InlineData(0, 2050, 2300, 0)] // within 100 ms of it
    [InlineData(0, 2150, 2300, 1)] // later
    [InlineData(2, 500, 510, 1)] // a node that never was master
    public void READONLY_counts_against_a_proxy_by_when_the_connection_was_opened(int node, int opened, int at, int fresh)
    {
        var run = Base().State(0, 2000, NodeState.Replica).State(1, 2000, NodeState.Master)
            .Write("persistent", at, node, Outcome.ReadOnly, opened).Write("new", 10, 0).Build(finalMaster: 1);

        var figures = Analysis.Measure(run);

        Assert.Equal((1, fresh), (figures.ReadOnly, figures.ReadOnlyOnFreshConnection));
    }

    [Fact]
    public void Two_targets_is_the_time_in_which_acknowledgements_take_turns()
    {
        // One client stays on node 0, another writes to node 1, from 2000 to 3000.
        var run = Base().Writes("persistent", 0, 3000, 0).Writes("new", 2005, 5000, 1).Build(finalMaster: 1);

        Assert.InRange(Analysis.Measure(run).TwoTargets, 970, 1000);
    }

    [Fact]
    public void A_return_to_a_node_after_more_than_a_second_is_a_second_switch()
    {
        var run = Base().Writes("persistent", 0, 2000, 0).Writes("persistent", 2010, 5000, 1).Writes("persistent", 5010, 9000, 0).Write("new", 10, 0).Build();

        Assert.Equal(0, Analysis.Measure(run).TwoTargets);
    }

    [Fact]
    public void Waiting_clients_are_cut_left_behind_or_cut_for_nothing()
    {
        var run = CleanSwitch()
            .Wait(10, 3040, 0) // cut 40 ms after the promotion
            .Wait(10, null, 0) // left behind
            .Wait(3100, null, 1) // rightly on the new master
            .Wait(10, 500, 0) // cut while its master was well
            .Wait(10, 2900, 0) // cut for the announced promotion
            .Build(finalMaster: 1);

        var figures = Analysis.Measure(run);

        Assert.Equal((2, 1, 1), (figures.WaitsEnded, figures.WaitsLeftBehind, figures.WaitsEndedForNothing));
        Assert.Equal(40, figures.PromotionToWaitsEnded);
    }

    [Fact]
    public void The_last_switch_is_measured_when_asked_for()
    {
        var run = Base().State(1, 2000, NodeState.Master).State(2, 5000, NodeState.Master)
            .Writes("persistent", 0, 1990, 0).Writes("persistent", 2020, 4990, 1).Writes("persistent", 5300, 9000, 2)
            .Write("new", 10, 0).Write("new", 2010, 1).Write("new", 5400, 2).Build(finalMaster: 2);

        Assert.Equal(20, Analysis.Measure(run).Persistent.PromotionToAnswer);
        Assert.Equal(300, Analysis.Measure(run, lastSwitch: true).Persistent.PromotionToAnswer);
    }

    [Fact]
    public void A_phase_and_a_recovery_have_figures_of_their_own()
    {
        var run = Base().Writes("persistent", 0, 2000, 0).Writes("persistent", 2700, 10_000, 0).Writes("new", 0, 10_000, 0)
            .Phase("quiet", 1500, 2500).Phase("well", 4000, 5000).Mark(Analysis.Recovered, 2400).Build();

        var figures = Analysis.Measure(run);

        Assert.Equal(510, figures.PhaseOutage["quiet"]); // 1990 to the end of the phase
        Assert.Equal(10, figures.PhaseOutage["well"]);
        Assert.Equal(300, figures.Recovery);
    }

    /// <summary>Promotion of node 1 at 3000; it takes writes from 3010 on.</summary>
    private static RunBuilder CleanSwitch() => Base()
        .State(0, 1000, NodeState.Silent).State(1, 3000, NodeState.Master).Writable(1, 3010)
        .Writes("persistent", 0, 1000, 0).Write("persistent", 1005, -1, Outcome.Broken).Write("persistent", 3025, 1, Outcome.NoReplicas)
        .Writes("persistent", 3030, 10_000, 1)
        .Writes("new", 0, 1000, 0).Writes("new", 3020, 10_000, 1);

    private static RunBuilder Base() => new();
}
