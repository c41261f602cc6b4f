// The gate: one target at a time, acknowledged before the next, and what new sessions meet in the meantime.

using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class GateTests : IAsyncDisposable
{
    private static readonly SentinelVote[] Votes = [new(0, true, true), new(0, true, true), new(0, true, true)];

    private readonly FakeTimeProvider _time = new();
    private readonly RecordingForwarder _forwarder = new();
    private readonly ProxyConfiguration _configuration = RunningRouter.Configuration(5000);
    private readonly MonotonicClock _clock;
    private readonly GatePolicy _policy;
    private readonly GateTimeline _timeline;
    private readonly Gate _gate;

    public GateTests()
    {
        _clock = new MonotonicClock(_time);
        _policy = new GatePolicy(_configuration);
        _timeline = new GateTimeline(_clock, NullLogger.Instance, () => default);
        _gate = new Gate(_forwarder.Apply, _clock, oneTarget: true, _timeline.Add);
    }

    [Fact]
    public void A_switch_shuts_awaits_the_acknowledgement_and_opens()
    {
        _gate.Start();
        Take(Route(0));
        AssertLast(GateMode.Open, 0);
        _forwarder.HoldAcknowledgements = true;
        Take(Route(1));
        AssertLast(GateMode.Park, null);

        // Not acknowledged: however long it takes and whatever else is wished, nothing is opened.
        _time.Advance(TimeSpan.FromSeconds(30));
        Take(Route(2));
        Take(Route(1));
        Assert.Equal(GateMode.Park, _forwarder.Last.Mode);

        _forwarder.HoldAcknowledgements = false;
        _forwarder.Acknowledge();
        AssertLast(GateMode.Open, 1);
        Assert.Equal(["Park -", "Open redis1", "Park -", "Open redis2"], _forwarder.Orders.Select(Text));
        Assert.Equal([1, 2, 3, 4], _forwarder.Orders.Select(o => o.Generation));
        Switchover switchover = Assert.Single(_timeline.Switchovers.ToList(), s => s.From is not null);
        Assert.Equal(("redis1", "redis2", TimeSpan.FromSeconds(30), false), (switchover.From, switchover.To, switchover.Shut, switchover.SessionsKept));
    }

    [Fact]
    public void A_silent_master_keeps_its_sessions_and_opens_again()
    {
        _gate.Start();
        Take(Route(0));
        AssertLast(GateMode.Open, 0);
        Take(Route(0, silent: true));
        AssertLast(GateMode.Park, 0);
        _time.Advance(TimeSpan.FromMilliseconds(400));
        Take(Route(0));
        AssertLast(GateMode.Open, 0);
        Switchover stall = _timeline.Switchovers.ToList()[^1];
        Assert.True(stall.SessionsKept);
        Assert.Equal(TimeSpan.FromMilliseconds(400), stall.Shut);
        Assert.DoesNotContain(_forwarder.Orders.Skip(1), o => o.Target is null);
    }

    [Fact]
    public void A_master_that_is_silent_from_the_start_has_no_sessions_to_keep()
    {
        _gate.Start();
        Take(Route(0));
        AssertLast(GateMode.Open, 0);
        Take(Route(1, silent: true));
        AssertLast(GateMode.Park, null);
    }

    [Fact]
    public void A_failover_parks_and_a_long_absence_of_a_master_refuses()
    {
        _gate.Start();
        Take(Route(0));
        AssertLast(GateMode.Open, 0);
        RoutingDecision nobody = RoutingRule.Decide(new Situation([default, default, default], Votes));
        Take(nobody);
        AssertLast(GateMode.Park, null);
        _time.Advance(TimeSpan.FromSeconds(19.9));
        Take(nobody);
        Assert.Equal(GateMode.Park, _gate.Current.Order.Mode);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Take(nobody);
        AssertLast(GateMode.Closed, null);
        Take(Route(1));
        AssertLast(GateMode.Open, 1);
    }

    [Fact]
    public void An_unsupported_claim_refuses_after_two_seconds_and_a_moment_of_it_does_not()
    {
        _gate.Start();
        RoutingDecision unsupported = RoutingRule.Decide(new Situation([NodeState.Claims, default, default], [default, default, default]));
        Assert.Equal(RuleId.C1, unsupported.Rule);
        Take(unsupported);
        _time.Advance(TimeSpan.FromSeconds(1.9));
        Take(unsupported);
        Take(Route(0));
        AssertLast(GateMode.Open, 0);
        Take(unsupported);
        AssertLast(GateMode.Park, null);
        _time.Advance(TimeSpan.FromSeconds(2));
        Take(unsupported);
        AssertLast(GateMode.Closed, null);
    }

    [Fact]
    public void A_failure_of_the_data_plane_reaches_who_gives_the_order()
    {
        _gate.Start();
        _forwarder.Failure = new InvalidOperationException("a loop has died");
        Assert.Equal("a loop has died", Assert.Throws<InvalidOperationException>(() => Take(Route(0))).Message);
    }

    [Fact]
    public void Nothing_is_ordered_before_the_start_and_after_the_end()
    {
        Take(Route(0));
        Assert.Empty(_forwarder.Orders);
        _gate.Start();
        AssertLast(GateMode.Open, 0);
        _forwarder.HoldAcknowledgements = true;
        Take(Route(1));
        _gate.Stop();
        _forwarder.Acknowledge();
        AssertLast(GateMode.Park, null);
    }

    [Fact]
    public void A_listener_with_several_targets_goes_from_some_to_others_at_once()
    {
        IReadOnlyList<RedisNode> nodes = _configuration.Redis.Nodes;
        var gate = new Gate(_forwarder.Apply, _clock, oneTarget: false);
        gate.Start();
        gate.Want(new GateOrder(GateMode.Open, [nodes[0], nodes[1]], [], 0), () => default);
        gate.Want(new GateOrder(GateMode.Open, [nodes[0], nodes[1]], [], 0), () => throw new InvalidOperationException("nothing new is wanted"));
        gate.Want(new GateOrder(GateMode.Open, [nodes[2]], [], 0), () => default);

        Assert.Equal(["Park -", "Open redis1", "Open redis3"], _forwarder.Orders.Select(Text));
    }

    public ValueTask DisposeAsync() => _forwarder.DisposeAsync();

    private static string Text(GateOrder order) => $"{order.Mode} {order.Target?.Name ?? "-"}";

    private static RoutingDecision Route(int node, bool silent = false)
    {
        var nodes = new NodeState[3];
        nodes[node] = NodeState.Claims with { Silent = silent };
        SentinelVote[] votes = [.. Votes.Select(v => v with { Node = node })];
        RoutingDecision decision = RoutingRule.Decide(new Situation(nodes, votes));
        Assert.Equal((RuleId.R1, node, silent), (decision.Rule, decision.Node, decision.IsHeld));
        return decision;
    }

    private void Take(RoutingDecision decision) =>
        _gate.Want(_policy.Wish(decision, withheld: false, _clock.Now), () => new GateReason(decision.RuleName, "", null));

    private void AssertLast(GateMode mode, int? node) =>
        Assert.Equal((mode, node is { } n ? _configuration.Redis.Nodes[n] : null), (_forwarder.Last.Mode, _forwarder.Last.Target));
}
