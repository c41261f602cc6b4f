// From reports to symbols: what is a promotion, how long evidence lasts, what a lease is worth.

using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed partial class RoutingStateTests
{
    private static readonly RoutingTiming Timing = new();

    private readonly RoutingState _state = new(3, 3, Timing);

    [Fact]
    public void A_claim_after_a_replica_s_answer_of_the_same_process_is_a_promotion_for_a_while()
    {
        Replica(1, of: 0, at: 0);
        Master(1, at: 50);
        Assert.Equal(NodeRole.Promoted, Node(1, at: 60).Role);
        for (int at = 100; at <= 5000; at += 50)
        {
            Master(1, at);
        }

        // Valid from the last question that was answered "replica", for down-after less a second.
        Assert.Equal(NodeRole.Promoted, Node(1, at: 3999).Role);
        Assert.Equal(NodeRole.Claims, Node(1, at: 4000).Role);
    }

    [Fact]
    public void A_claim_of_another_process_or_after_a_gap_is_no_promotion()
    {
        Replica(1, of: 0, at: 0);
        Master(1, at: 50, run: "another");
        Assert.Equal(NodeRole.Claims, Node(1, at: 60).Role);

        Replica(2, of: 0, at: 0);
        Master(2, at: 1001);
        Assert.Equal(NodeRole.Claims, Node(2, at: 1002).Role);
    }

    [Fact]
    public void A_claim_that_was_there_from_the_start_is_no_promotion()
    {
        Master(0, at: 0);
        Master(0, at: 50);
        Assert.Equal(NodeState.Claims, Node(0, at: 60));
    }

    [Fact]
    public void A_promotion_ends_when_a_majority_names_another_with_a_newer_epoch()
    {
        Vote(0, named: 0, at: 0, epoch: 3);
        Vote(1, named: 0, at: 0, epoch: 3);
        Replica(1, of: 0, at: 0);
        Master(1, at: 50);
        Vote(0, named: 0, at: 60, epoch: 3);
        Vote(1, named: 0, at: 60, epoch: 3);
        Assert.Equal(NodeRole.Promoted, Node(1, at: 100).Role);
        Vote(0, named: 2, at: 100, epoch: 4);
        Assert.Equal(NodeRole.Promoted, Node(1, at: 110).Role);
        Vote(1, named: 2, at: 110, epoch: 4);
        Assert.Equal(NodeRole.Claims, Node(1, at: 120).Role);
    }

    [Fact]
    public void A_silent_master_keeps_its_claim_for_a_bounded_time_and_a_silent_replica_does_not()
    {
        Master(0, at: 0);
        Replica(1, of: 0, at: 0);
        Assert.Equal(NodeState.Claims, Node(0, at: 300));
        Assert.Equal(NodeState.Follows(0, true), Node(1, at: 300));
        Assert.Equal(NodeState.Claims with { Silent = true }, Node(0, at: 301));
        Assert.Equal(NodeState.Unknown, Node(1, at: 301));
        Assert.Equal(NodeState.Claims with { Silent = true }, Node(0, at: 3000));
        Assert.Equal(NodeState.Unknown, Node(0, at: 3001));
    }

    [Theory]
    [InlineData(ServerHealth.Refused, false)]
    [InlineData(ServerHealth.Unreachable, false)]
    [InlineData(ServerHealth.Loading, false)]
    [InlineData(ServerHealth.ProtocolError, false)]
    [InlineData(ServerHealth.WrongPassword, true)]
    [InlineData(ServerHealth.PasswordRequired, true)]
    [InlineData(ServerHealth.NotPermitted, true)]
    [InlineData(ServerHealth.Disconnected, true)]
    [InlineData(ServerHealth.ConnectTimeout, true)]
    [InlineData(ServerHealth.Busy, true)]
    [InlineData(ServerHealth.ServerError, true)]
    public void A_dead_master_loses_its_claim_at_once_and_a_disconnected_or_busy_one_does_not(ServerHealth health, bool claims)
    {
        Master(0, at: 0);
        _state.Apply(new NodeReport { Node = 0, SentAt = Milliseconds(10), At = Milliseconds(10), Health = health });
        Assert.Equal(claims, Node(0, at: 20).IsClaimant);
    }

    [Fact]
    public void A_master_that_refuses_the_probe_keeps_its_claim_while_it_gives_signs_of_life()
    {
        Master(0, at: 0);
        Replica(1, of: 0, at: 0);
        for (int at = 250; at <= 60_000; at += 250)
        {
            Refused(0, at);
            Refused(1, at);
        }

        Assert.Equal(NodeState.Claims with { OnlyErrors = true }, Node(0, at: 60_750));
        Assert.Equal(NodeState.Claims with { OnlyErrors = true, Silent = true }, Node(0, at: 60_751));
        Assert.Equal(NodeState.Unknown, Node(0, at: 63_001));
        Assert.Equal(NodeState.Unknown, Node(1, at: 60_001));
        Master(0, at: 60_100);
        Assert.Equal(NodeState.Claims, Node(0, at: 60_200));
    }

    [Theory]
    [InlineData(ServerHealth.Busy, false, true)]
    [InlineData(ServerHealth.ServerError, false, true)]
    [InlineData(ServerHealth.Loading, true, true)]
    [InlineData(ServerHealth.Loading, false, false)]
    public void A_master_that_answers_errors_lives_and_new_sessions_wait(ServerHealth health, bool unbroken, bool lives)
    {
        Master(0, at: 0);
        for (int at = 50; at <= 60_000; at += 250)
        {
            _state.Apply(new NodeReport { Node = 0, SentAt = Milliseconds(at), At = Milliseconds(at + 1), Health = health, Unbroken = unbroken });
        }

        Assert.Equal(lives ? NodeState.Claims with { OnlyErrors = true, Silent = true } : NodeState.Unknown, Node(0, at: 60_000));
        _state.Apply(new NodeReport { Node = 0, SentAt = Milliseconds(60_010), At = Milliseconds(60_010), Health = ServerHealth.Refused });
        Assert.Equal(NodeState.Unknown, Node(0, at: 60_010));
    }

    [Fact]
    public void A_claim_behind_refused_logins_ends_with_a_gap_between_them_and_never_begins_with_them()
    {
        Refused(1, at: 10);
        Assert.Equal(NodeState.Unknown, Node(1, at: 20));
        Master(0, at: 0);
        Refused(0, at: 3000);
        Assert.True(Node(0, at: 3001).IsClaimant);
        Refused(0, at: 6001);
        Assert.Equal(NodeState.Unknown, Node(0, at: 6002));
    }

    [Fact]
    public void A_claim_behind_refused_logins_yields_to_one_that_is_seen_and_to_a_later_one()
    {
        Master(0, at: 0);
        Refused(0, at: 100);
        Replica(1, of: 0, at: 100);
        Master(1, at: 150);
        Assert.Equal(NodeState.Unknown, Node(0, at: 160));
        Assert.Equal(NodeRole.Promoted, Node(1, at: 160).Role);
        Refused(1, at: 200);
        Assert.Equal(NodeState.Unknown, Node(0, at: 210));
        Assert.True(Node(1, at: 210) is { IsClaimant: true, OnlyErrors: true });
    }

    [Fact]
    public void An_announcement_counts_until_it_is_given_up_by_the_same_Sentinel_or_a_second_and_a_half_are_over()
    {
        Assert.Equal(-1, _state.At(TimeSpan.Zero).Announced);
        Announce(2, node: 1, at: 100);
        Announce(0, node: -1, at: 200);
        Assert.Equal(1, _state.At(Milliseconds(1599)).Announced);
        Assert.Equal(-1, _state.At(Milliseconds(1600)).Announced);
        Announce(2, node: 1, at: 2000);
        Announce(2, node: -1, at: 2100);
        Assert.Equal(-1, _state.At(Milliseconds(2100)).Announced);
    }

    [Fact]
    public void Of_two_announcements_the_one_that_has_not_come_true_counts()
    {
        Announce(0, node: 1, at: 100);
        Announce(1, node: 2, at: 100);
        Announce(2, node: 1, at: 100);
        Master(1, at: 150);
        Assert.Equal((2, true), (_state.At(Milliseconds(200)).Announced, _state.At(Milliseconds(200)).AwaitsPromotion));
        Master(2, at: 150);
        Assert.False(_state.At(Milliseconds(200)).AwaitsPromotion);
    }

    [Theory]
    [InlineData(1000, 500, 2000)]
    [InlineData(2000, 750, 2000)]
    [InlineData(5000, 3000, 4000)]
    [InlineData(30_000, 21_750, 4000)]
    public void Bounds_follow_down_after(int downAfter, int silentHold, int promotionValidity)
    {
        RoutingTiming timing = RoutingTiming.From(RunningRouter.Configuration(downAfter));
        Assert.Equal(Milliseconds(silentHold), timing.SilentHold);
        Assert.Equal(Milliseconds(promotionValidity), timing.PromotionValidity);
        Assert.Equal(Milliseconds(300), timing.NodeEvidence);
        Assert.True(timing.SilentHold < Milliseconds(downAfter));
    }

    private static TimeSpan Milliseconds(int value) => TimeSpan.FromMilliseconds(value);

    private static Func<SentinelReport, SentinelReport> Voted(int at, long epoch) => r => r with { VotedAt = Milliseconds(at), VotedEpoch = epoch };

    private NodeState Node(int node, int at) => _state.At(Milliseconds(at)).Nodes[node];

    // A vote of Sentinel 0 for node 0 whose subscription has stood since a moment, as it counts 10 ms later.
    private SentinelVote Heard(int at, int since, Func<SentinelReport, SentinelReport> change)
    {
        Vote(0, named: 0, at, change: r => change(r with { HeardSince = Milliseconds(since), HeardAt = Milliseconds(at) }));
        return _state.At(Milliseconds(at + 10)).Votes[0];
    }

    private void Announce(int sentinel, int node, int at) => _state.Apply(new PromotionNotice { Sentinel = sentinel, At = Milliseconds(at), Node = node });

    private void Refused(int node, int at) => _state.Apply(new NodeReport
    {
        Node = node,
        SentAt = Milliseconds(at),
        At = Milliseconds(at + 1),
        Health = ServerHealth.WrongPassword
    });

    private void Replica(int node, int of, int at) => _state.Apply(new NodeReport
    {
        Node = node,
        SentAt = Milliseconds(at),
        At = Milliseconds(at + 1),
        Health = ServerHealth.Up,
        RunId = $"run{node}",
        Master = of,
        LinkUp = true,
    });

    private void Master(int node, int at, string? run = null) => _state.Apply(new NodeReport
    {
        Node = node,
        SentAt = Milliseconds(at),
        At = Milliseconds(at + 1),
        Health = ServerHealth.Up,
        RunId = run ?? $"run{node}",
        IsMaster = true,
        Acknowledging = 2,
        Master = -1,
    });

    private void Vote(int sentinel, int named, int at, long epoch = 1, int lastOk = 0, Func<SentinelReport, SentinelReport>? change = null)
    {
        var report = new SentinelReport
        {
            Sentinel = sentinel,
            SentAt = Milliseconds(at),
            At = Milliseconds(at + 1),
            Health = ServerHealth.Up,
            Named = named,
            ConfigEpoch = epoch,
            LastOkPingReply = Milliseconds(lastOk),
            DownAfter = Milliseconds(5000),
            Quorum = 2,
        };
        _state.Apply(change?.Invoke(report) ?? report);
    }
}
