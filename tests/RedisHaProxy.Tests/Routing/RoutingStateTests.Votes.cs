// What Sentinels' answers are worth: leases, votes, epochs, quorum, majority.

using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed partial class RoutingStateTests
{
    [Fact]
    public void A_lease_ends_down_after_past_the_last_answered_ping_and_the_median_counts()
    {
        Vote(0, named: 0, at: 1000, lastOk: 100);
        Vote(1, named: 0, at: 1000, lastOk: 900);
        Vote(2, named: 0, at: 1000, lastOk: 500);
        Assert.Equal(Milliseconds(5500), _state.LeaseUntil(0, _state.At(Milliseconds(1000))));
        Assert.True(_state.At(Milliseconds(5499)).LeaseHolds(0));
        Assert.False(_state.At(Milliseconds(5500)).LeaseHolds(0));
    }

    [Fact]
    public void A_vote_is_fresh_for_half_a_second_and_its_lease_lives_on_when_the_Sentinel_dies()
    {
        Vote(0, named: 0, at: 0);
        Vote(1, named: 0, at: 0);
        Assert.Equal(0, _state.At(Milliseconds(500)).Named);
        Assert.Equal(SentinelVote.Nobody, _state.At(Milliseconds(501)).Named);
        _state.Apply(new SentinelReport { Sentinel = 0, SentAt = Milliseconds(10), At = Milliseconds(10), Health = ServerHealth.Refused });
        Assert.Equal(SentinelVote.Nobody, _state.At(Milliseconds(20)).Named);
        Assert.True(_state.At(Milliseconds(4000)).LeaseHolds(0));
    }

    [Fact]
    public void TILT_and_down_marks_and_failovers_in_progress_give_no_lease()
    {
        Vote(0, named: 0, at: 0);
        Vote(1, named: 0, at: 0);
        Assert.True(_state.At(Milliseconds(10)).LeaseHolds(0));
        Vote(1, named: 0, at: 10, change: r => r with { Tilt = true });
        Situation tilt = _state.At(Milliseconds(20));
        Assert.False(tilt.LeaseHolds(0));
        Assert.Equal(SentinelVote.Nobody, tilt.Named);
        Vote(1, named: 0, at: 10, change: r => r with { MarkedDown = true });
        Assert.False(_state.At(Milliseconds(20)).LeaseHolds(0));
        Assert.Equal(0, _state.At(Milliseconds(20)).Named);
        Vote(1, named: 0, at: 10, change: r => r with { FailoverInProgress = true });
        Assert.False(_state.At(Milliseconds(20)).LeaseHolds(0));
    }

    [Fact]
    public void A_newer_epoch_anywhere_ends_older_leases_for_down_after()
    {
        Vote(2, named: 1, at: 0, epoch: 8);
        for (int at = 0; at <= 6000; at += 100)
        {
            Vote(0, named: 0, at, epoch: 7);
            Vote(1, named: 0, at, epoch: 7);
        }

        Assert.False(_state.At(Milliseconds(5000)).LeaseHolds(0));
        Assert.True(_state.At(Milliseconds(5001)).LeaseHolds(0));
    }

    [Fact]
    public void A_quorum_below_the_majority_needs_more_leases()
    {
        Vote(0, named: 0, at: 0, change: r => r with { Quorum = 1 });
        Vote(1, named: 0, at: 0, change: r => r with { Quorum = 1 });
        Assert.False(_state.At(Milliseconds(10)).LeaseHolds(0));
        Vote(2, named: 0, at: 0, change: r => r with { Quorum = 1 });
        Assert.True(_state.At(Milliseconds(10)).LeaseHolds(0));
    }

    [Fact]
    public void The_quorum_of_a_Sentinel_that_has_died_counts_for_down_after()
    {
        Vote(2, named: 0, at: 0, change: r => r with { Quorum = 1 });
        for (int at = 0; at <= 6000; at += 100)
        {
            Vote(0, named: 0, at);
            Vote(1, named: 0, at);
        }

        Assert.Equal(3, _state.At(Milliseconds(5000)).LeasesNeeded);
        Assert.Equal(2, _state.At(Milliseconds(5001)).LeasesNeeded);
    }

    [Fact]
    public void A_Sentinel_of_another_cluster_ends_no_leases_and_says_nothing_of_quorum_and_majority()
    {
        Vote(0, named: 0, at: 0, epoch: 7);
        Vote(1, named: 0, at: 0, epoch: 7);
        Vote(2, named: SentinelVote.Foreign, at: 0, epoch: 900, change: r => r with { Quorum = 1, OtherSentinels = 8 });
        Situation situation = _state.At(Milliseconds(10));
        Assert.True(situation.LeaseHolds(0));
        Assert.Equal((2, 3, false), (situation.LeasesNeeded, situation.Sentinels, situation.AwaitsPromotion));
    }

    [Fact]
    public void A_Sentinel_that_leaves_ours_for_a_stranger_parks_for_down_after_and_most_of_them_for_as_long_as_they_do()
    {
        for (int sentinel = 0; sentinel < 3; sentinel++)
        {
            Vote(sentinel, named: 0, at: 0, epoch: 7);
        }

        Vote(1, named: SentinelVote.Foreign, at: 100, epoch: 8);
        Assert.True(_state.At(Milliseconds(110)).AwaitsPromotion);
        Assert.False(_state.At(Milliseconds(110)).LeaseHolds(0));
        for (int at = 200; at <= 20_000; at += 100)
        {
            Vote(1, named: SentinelVote.Foreign, at, epoch: 8);
        }

        Assert.False(_state.At(Milliseconds(20_010)).AwaitsPromotion);
        Vote(2, named: SentinelVote.Foreign, at: 20_000, epoch: 8);
        for (int at = 20_100; at <= 30_000; at += 100)
        {
            Vote(1, named: SentinelVote.Foreign, at, epoch: 8);
            Vote(2, named: SentinelVote.Foreign, at, epoch: 8);
        }

        Assert.True(_state.At(Milliseconds(30_010)).AwaitsPromotion);
        Vote(1, named: 1, at: 30_100, epoch: 9);
        Vote(2, named: 1, at: 30_100, epoch: 9);
        Assert.False(_state.At(Milliseconds(30_110)).AwaitsPromotion);
    }

    [Fact]
    public void An_announced_stranger_counts_for_a_second_and_a_half_and_no_claim_of_ours_ends_that()
    {
        Announce(2, node: SentinelVote.Foreign, at: 100);
        Master(0, at: 100);
        Assert.True(_state.At(Milliseconds(1599)).AwaitsPromotion);
        Assert.False(_state.At(Milliseconds(1600)).AwaitsPromotion);
    }

    [Fact]
    public void The_majority_is_that_of_all_Sentinels_that_the_listed_ones_know()
    {
        for (int sentinel = 0; sentinel < 3; sentinel++)
        {
            Vote(sentinel, named: 0, at: 0, change: r => r with { OtherSentinels = 4, Quorum = 3 });
        }

        Situation all = _state.At(Milliseconds(10));
        Assert.Equal((5, 3, 3, true, 0), (all.Sentinels, all.SentinelMajority, all.LeasesNeeded, all.LeaseHolds(0), all.Named));
        Vote(2, named: 1, at: 0, change: r => r with { OtherSentinels = 4, Quorum = 3 });
        Assert.False(_state.At(Milliseconds(10)).LeaseHolds(0));
        Assert.Equal(SentinelVote.Nobody, _state.At(Milliseconds(10)).Named);
    }

    [Fact]
    public void A_Sentinel_abstains_when_it_has_been_heard_for_longer_than_a_vote_counts_and_has_given_none()
    {
        Assert.False(Heard(at: 20_000, since: 8001, change: r => r).Abstains);
        Assert.True(Heard(at: 20_000, since: 8000, change: r => r).Abstains);
        Assert.True(Heard(at: 20_000, since: 0, change: r => r with { MarkedDown = true }) is { Abstains: true, MayElect: false });
        Assert.True(Heard(at: 20_000, since: 9000, change: r => r with { MarkedDown = true }) is { Abstains: false, MayElect: true });
        Assert.False(Heard(at: 20_000, since: 0, change: r => r with { HeardAt = Milliseconds(19_500) }).Abstains);
        Assert.False(Heard(at: 20_000, since: 0, change: r => r with { HeardSince = null }).Abstains);
        Assert.False(Heard(at: 20_000, since: 0, change: r => r with { FailoverInProgress = true }).Abstains);
    }

    [Fact]
    public void A_vote_counts_for_twelve_seconds_or_until_the_Sentinel_names_what_came_of_it()
    {
        Assert.True(Heard(at: 20_000, since: 0, change: Voted(at: 8011, epoch: 2)) is { Abstains: false, MayElect: true });
        Assert.True(Heard(at: 20_000, since: 0, change: Voted(at: 8010, epoch: 2)) is { Abstains: true, MayElect: false });
        Assert.True(Heard(at: 20_000, since: 0, change: Voted(at: 19_000, epoch: 1)) is { Abstains: true, MayElect: false });
    }

    // The failover that it has voted for may come about, though it has heard from the master again since, or names another one.
    [Fact]
    public void A_Sentinel_that_has_voted_for_a_leader_lends_no_lease_for_down_after_or_until_it_names_what_came_of_it()
    {
        Assert.False(Heard(at: 20_000, since: 0, change: Voted(at: 15_011, epoch: 2)).Leased);
        Assert.True(Heard(at: 20_000, since: 0, change: Voted(at: 15_010, epoch: 2)).Leased);
        Assert.True(Heard(at: 20_000, since: 0, change: Voted(at: 19_000, epoch: 1)).Leased);
    }

    [Fact]
    public void A_Sentinel_with_a_smaller_down_after_is_believed_and_one_with_a_greater_is_not()
    {
        Vote(0, named: 0, at: 0, change: r => r with { DownAfter = Milliseconds(1000) });
        Vote(1, named: 0, at: 0, change: r => r with { DownAfter = Milliseconds(30_000) });
        Vote(2, named: 0, at: 0, change: r => r with { DownAfter = Milliseconds(1000) });
        Assert.False(_state.At(Milliseconds(1000)).LeaseHolds(0));
        Assert.Equal(Milliseconds(1000), _state.LeaseUntil(0, _state.At(Milliseconds(10))));
    }
}
