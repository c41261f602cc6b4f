// What the timeline counts: failovers, interruptions and their length, which a counter must never take back.

using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class GateTotalsTests
{
    private static readonly RedisNode One = new("redis1", new(1, 6379)), Other = new("redis2", new(2, 6379));

    private readonly FakeTimeProvider _time = new();
    private readonly MonotonicClock _clock;
    private readonly GateTimeline _timeline;
    private GateOrder _order = GateOrder.Start;

    public GateTotalsTests()
    {
        _clock = new MonotonicClock(_time);
        _timeline = new GateTimeline(_clock, NullLogger.Instance, () => default);
    }

    [Fact]
    public void The_wait_for_the_first_master_is_no_interruption()
    {
        After(5, GateMode.Closed, null);
        After(5, GateMode.Open, One);

        Assert.Equal(new GateTotals(), _timeline.Totals);
    }

    [Fact]
    public void A_failover_counts_as_one_interruption_however_many_orders_it_takes_and_its_length_grows_while_it_lasts()
    {
        After(1, GateMode.Open, One);
        After(9, GateMode.Park, One);
        double[] lengths = [Length(), Length(after: 2)];
        After(1, GateMode.Closed, null);
        After(1, GateMode.Park, null);
        After(3, GateMode.Open, Other);

        Assert.Equal([0, 2], lengths);
        Assert.Equal((1, 1, 7), (_timeline.Totals.Failovers, _timeline.Totals.Interruptions, Length()));
        Assert.Equal(7, Length(after: 60));
    }

    [Fact]
    public void A_master_that_was_silent_for_a_moment_is_an_interruption_and_no_failover()
    {
        After(1, GateMode.Open, One);
        After(1, GateMode.Park, One);
        After(2, GateMode.Open, One);
        After(1, GateMode.Park, One);
        After(4, GateMode.Open, One);

        Assert.Equal((0, 2, 6), (_timeline.Totals.Failovers, _timeline.Totals.Interruptions, Length()));
    }

    private double Length(int after = 0)
    {
        _time.Advance(TimeSpan.FromSeconds(after));
        return _timeline.Totals.InterruptedAt(_clock.Now).TotalSeconds;
    }

    private void After(int seconds, GateMode mode, RedisNode? target)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        var before = _order;
        _order = new GateOrder(mode, target, before.Generation + 1);
        _timeline.Add(new CarriedOrder(before, _order, new GateReason("R1", "", null), _clock.Now, _time.GetUtcNow()));
    }
}
