// Hand-overs that are heard in another way than by an announcement, and masters that are silent or alone: from reports to symbols and decisions.

using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class HandOverTests
{
    private readonly RoutingState _state = new(3, 3, new RoutingTiming());

    [Fact]
    public void A_Sentinel_that_is_not_heard_and_says_that_it_promotes_announces_by_that_for_a_second_and_a_half()
    {
        Everybody(at: 0);
        Vote(2, at: 100, r => r with { FailoverInProgress = true });
        Assert.Equal(RuleId.R1, Decide(at: 110).Rule); // not elected yet
        for (int at = 200; at <= 1600; at += 100)
        {
            Everybody(at, but: 2);
            Vote(2, at, r => r with { FailoverInProgress = true, Promotes = true });
            Assert.Equal((RuleId.H, RoutingAction.Park), (Decide(at + 10).Rule, Decide(at + 10).Action));
        }

        Assert.Equal(Milliseconds(1700), _state.NextChange(Milliseconds(1699)));
        Assert.Equal(RuleId.H, Decide(at: 1699).Rule);
        Assert.NotEqual(RuleId.H, Decide(at: 1700).Rule);
        Vote(2, at: 1800);
        Vote(2, at: 1900, r => r with { FailoverInProgress = true, Promotes = true });
        Assert.Equal(RuleId.H, Decide(at: 1910).Rule); // another one
    }

    [Fact]
    public void One_that_is_heard_does_not_and_nor_does_one_whose_promotion_has_been_seen()
    {
        Everybody(at: 0);
        Vote(2, at: 100, r => r with { FailoverInProgress = true, Promotes = true, HeardSince = Milliseconds(1), HeardAt = Milliseconds(100) });
        Assert.Equal(RuleId.R1, Decide(at: 110).Rule);
        Vote(2, at: 120, r => r with { FailoverInProgress = true, Promotes = true, HeardSince = Milliseconds(1), HeardAt = Milliseconds(0) });
        Assert.Equal(RuleId.R1, Decide(at: 130).Rule);
        Assert.Equal(RuleId.H, Decide(at: 501).Rule); // the subscription answers no more
        Master(1, at: 510);
        Assert.Equal(RuleId.P1, Decide(at: 520).Rule);
    }

    [Fact]
    public void A_leader_whose_replica_died_in_that_moment_does_not_void_its_lease_for_minutes()
    {
        Everybody(at: 0);
        Vote(1, at: 0, r => r with { LastOkPingReply = Milliseconds(5000), MarkedDown = true });
        Vote(2, at: 100, r => r with { FailoverInProgress = true, Promotes = true });
        Assert.False(Decide(at: 110).Situation.FailoverExcluded(0));
        Vote(2, at: 5000, r => r with { FailoverInProgress = true, Promotes = true });
        Vote(0, at: 5000);
        Assert.False(_state.At(Milliseconds(5099)).FailoverExcluded(0));
        Assert.True(_state.At(Milliseconds(5100)).FailoverExcluded(0));
    }

    [Fact]
    public void A_coordinated_failover_ends_no_session_before_the_master_steps_down_and_lets_new_ones_wait()
    {
        Everybody(at: 0);
        Vote(2, at: 100, r => r with { FailoverInProgress = true, Coordinated = true });
        Assert.False(Decide(at: 110).IsHeld);
        Vote(2, at: 200, r => r with { FailoverInProgress = true, Coordinated = true, Promotes = true });
        Announce(2, node: 1, at: 210);
        Assert.Equal((RuleId.R1, 0, true), (Decide(at: 220).Rule, Decide(at: 220).Node, Decide(at: 220).IsHeld));

        // Longer than an announcement counts: as long as the master says so itself.
        for (int at = 300; at <= 9000; at += 100)
        {
            Everybody(at, handsOver: true, but: 2);
            Vote(2, at, r => r with { FailoverInProgress = true, Coordinated = true, Promotes = true });
            Assert.Equal((0, true), (Decide(at + 10).Node, Decide(at + 10).IsHeld));
        }

        Everybody(at: 9100);
        Assert.Equal((RuleId.R1, 0, false), (Decide(at: 9110).Rule, Decide(at: 9110).Node, Decide(at: 9110).IsHeld)); // given up
    }

    [Fact]
    public void Without_the_word_that_it_is_coordinated_an_announcement_ends_the_sessions()
    {
        Everybody(at: 0);
        Announce(2, node: 1, at: 210);
        Assert.Equal(RuleId.H, Decide(at: 220).Rule);
        Announce(2, node: SentinelVote.Nobody, at: 230);
        Assert.Equal(RuleId.R1, Decide(at: 240).Rule);
    }

    [Fact]
    public void A_silent_master_keeps_its_sessions_until_so_many_leases_have_ended_that_a_failover_may_have_begun()
    {
        Everybody(at: 0);
        for (int at = 500; at <= 6000; at += 100)
        {
            // The Sentinels' pings were answered until then: each says how long ago that was.
            Vote(0, at, r => r with { LastOkPingReply = Milliseconds(at) });
            Vote(1, at, r => r with { LastOkPingReply = Milliseconds(at - 400) });
            Vote(2, at, r => r with { LastOkPingReply = Milliseconds(at - 300) });
            Replica(1, at);
            Replica(2, at);
        }

        Vote(0, at: 3001, r => r with { LastOkPingReply = Milliseconds(3001) });
        Vote(1, at: 3001, r => r with { LastOkPingReply = Milliseconds(2601) });
        Vote(2, at: 3001, r => r with { LastOkPingReply = Milliseconds(2701) });
        Assert.Equal(NodeState.Claims with { Silent = true }, _state.At(Milliseconds(3002)).Nodes[0]);
        Assert.Equal(NodeState.Claims with { Silent = true }, _state.At(Milliseconds(5000)).Nodes[0]);
        Assert.Equal(NodeState.Unknown, _state.At(Milliseconds(5001)).Nodes[0]); // down-after since it was heard, at the longest

        Vote(2, at: 4000, r => r with { LastOkPingReply = Milliseconds(4000), MarkedDown = true });
        Vote(1, at: 4000, r => r with { LastOkPingReply = Milliseconds(4000), MarkedDown = true });
        Assert.Equal(NodeState.Unknown, _state.At(Milliseconds(4010)).Nodes[0]);
    }

    [Fact]
    public void A_master_is_alone_when_it_misses_its_replicas_and_nobody_else_has_been_heard_while_it_was()
    {
        Everybody(at: 0);
        Everybody(at: 100);
        Assert.False(Alone(from: 150, to: 650, at: 699, acknowledging: 0));
        Assert.True(Alone(from: 700, to: 700, at: 700, acknowledging: 0));
        Assert.Equal((RuleId.P2, RoutingAction.Park), (Decide(at: 701).Rule, Decide(at: 701).Action));
        Assert.False(Alone(from: 750, to: 750, at: 750, acknowledging: 1)); // one does acknowledge
        Assert.False(Alone(from: 800, to: 1050, at: 1099, acknowledging: 0));
        Assert.True(Alone(from: 1100, to: 1100, at: 1100, acknowledging: 0));
        Vote(0, at: 1110);
        Vote(1, at: 1110);
        Assert.Equal(RuleId.R1, Decide(at: 1111).Rule); // most Sentinels are heard
        Replica(1, at: 1120);
        Assert.False(Alone(from: 1150, to: 1150, at: 1150, acknowledging: 0));
    }

    [Fact]
    public void A_replica_s_word_that_its_link_is_up_counts_for_R3_only_while_the_master_has_its_acknowledgements()
    {
        Everybody(at: 0);
        for (int at = 6000; at <= 6300; at += 50)
        {
            // All Sentinels are dead, and one replica is.
            Master(0, at, acknowledging: at >= 6050 ? 0 : 1);
            Replica(1, at);
        }

        Assert.Equal(RuleId.R3, Decide(at: 6301).Rule); // it may have been paused, and read them in a moment
        Master(0, at: 6350, acknowledging: 0);
        Assert.Equal(RuleId.C1, Decide(at: 6351).Rule);
        Master(0, at: 6400, acknowledging: 1);
        Assert.Equal(RuleId.R3, Decide(at: 6401).Rule);
    }

    [Fact]
    public void Who_was_paused_himself_takes_nobody_for_isolated()
    {
        Everybody(at: 0);
        Assert.False(Alone(from: 2000, to: 2000, at: 2000, acknowledging: 0));
        Assert.False(Alone(from: 2050, to: 4000, at: 4000, acknowledging: 0)); // others were not heard in the same pause
        Replica(1, at: 4010);
        Replica(2, at: 4010);
        Assert.True(Alone(from: 4050, to: 4700, at: 4700, acknowledging: 0));
    }

    [Fact]
    public void The_evidence_names_strangers_by_their_addresses()
    {
        Everybody(at: 0);
        var stranger = new NodeReport { Node = 2, SentAt = Milliseconds(10), At = Milliseconds(11), Health = ServerHealth.Up, Master = -1 };
        _state.Apply(stranger with { RunId = "run2", MasterAddress = "10.0.0.9:6379" });
        Vote(1, at: 10, r => r with { Named = SentinelVote.Foreign, NamedAddress = "10.0.0.8:6379" });
        var names = new EvidenceNames(["a", "b", "c"]);
        Assert.Equal(
            "a claims master; b follows a; c follows an unknown address (10.0.0.9:6379), link down; "
            + "a Sentinel promotes an unknown address (10.0.0.8:6379) now; Sentinels: 1 of 3 name an unknown address (10.0.0.8:6379), 2 of 3 name a, 2 leases "
                + "for a (2 needed)",
            names.Describe(_state.At(Milliseconds(20))));
    }

    private static TimeSpan Milliseconds(int value) => TimeSpan.FromMilliseconds(value);

    private RoutingDecision Decide(int at) => RoutingRule.Decide(_state.At(Milliseconds(at)));

    // The master answers every 50 ms and nobody else does.
    private bool Alone(int from, int to, int at, int acknowledging)
    {
        for (int moment = from; moment <= to; moment += 50)
        {
            Master(0, moment, acknowledging);
        }

        return _state.At(Milliseconds(at)).Nodes[0].Alone;
    }

    private void Everybody(int at, bool handsOver = false, int but = -1)
    {
        Master(0, at, handsOver: handsOver);
        Replica(1, at);
        Replica(2, at);
        foreach (int i in Enumerable.Range(0, 3).Where(i => i != but))
        {
            Vote(i, at);
        }
    }

    private void Announce(int sentinel, int node, int at) => _state.Apply(new PromotionNotice { Sentinel = sentinel, At = Milliseconds(at), Node = node });

    private void Master(int node, int at, int acknowledging = 2, bool handsOver = false) => _state.Apply(new NodeReport
    {
        Node = node,
        SentAt = Milliseconds(at),
        At = Milliseconds(at + 1),
        Health = ServerHealth.Up,
        RunId = $"run{node}",
        IsMaster = true,
        Master = -1,
        Acknowledging = acknowledging,
        HandsOver = handsOver,
    });

    private void Replica(int node, int at) => _state.Apply(new NodeReport
    {
        Node = node,
        SentAt = Milliseconds(at),
        At = Milliseconds(at + 1),
        Health = ServerHealth.Up,
        RunId = $"run{node}",
        Master = 0,
        LinkUp = true,
    });

    private void Vote(int sentinel, int at, Func<SentinelReport, SentinelReport>? change = null)
    {
        var report = new SentinelReport
        {
            Sentinel = sentinel,
            SentAt = Milliseconds(at),
            At = Milliseconds(at + 1),
            Health = ServerHealth.Up,
            NamedAddress = "172.31.0.1:6379",
            ConfigEpoch = 1,
            DownAfter = Milliseconds(5000),
            Quorum = 2,
            OtherSentinels = 2,
        };
        _state.Apply(change?.Invoke(report) ?? report);
    }
}
