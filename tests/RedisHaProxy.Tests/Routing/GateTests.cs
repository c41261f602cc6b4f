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
    private readonly CancellationTokenSource _stop = new();
    private readonly Gate _gate;
    private Task _run = Task.CompletedTask;

    public GateTests() => _gate = new Gate(_configuration, _forwarder, new MonotonicClock(_time), NullLogger.Instance);

    [Fact]
    public async Task A_switch_shuts_awaits_the_acknowledgement_and_opens()
    {
        _run = _gate.RunAsync(_stop.Token);
        Take(Route(0));
        await LastAsync(GateMode.Open, 0);
        _forwarder.HoldAcknowledgements = true;
        Take(Route(1));
        await LastAsync(GateMode.Park, null);

        // Not acknowledged: however long it takes and whatever else is wished, nothing is opened.
        _time.Advance(TimeSpan.FromSeconds(30));
        Take(Route(2));
        Take(Route(1));
        await Task.Yield();
        Assert.Equal(GateMode.Park, _forwarder.Last.Mode);

        _forwarder.HoldAcknowledgements = false;
        _forwarder.Acknowledge();
        await LastAsync(GateMode.Open, 1);
        Assert.Equal(["Park -", "Open redis1", "Park -", "Open redis2"], _forwarder.Orders.Select(Text));
        Assert.Equal([1, 2, 3, 4], _forwarder.Orders.Select(o => o.Generation));
        Switchover switchover = Assert.Single(_gate.Switchovers.ToList(), s => s.From is not null);
        Assert.Equal(("redis1", "redis2", TimeSpan.FromSeconds(30), false), (switchover.From, switchover.To, switchover.Shut, switchover.SessionsKept));
    }

    [Fact]
    public async Task A_silent_master_keeps_its_sessions_and_opens_again()
    {
        _run = _gate.RunAsync(_stop.Token);
        Take(Route(0));
        await LastAsync(GateMode.Open, 0);
        Take(Route(0, silent: true));
        await LastAsync(GateMode.Park, 0);
        _time.Advance(TimeSpan.FromMilliseconds(400));
        Take(Route(0));
        await LastAsync(GateMode.Open, 0);
        Switchover stall = _gate.Switchovers.ToList()[^1];
        Assert.True(stall.SessionsKept);
        Assert.Equal(TimeSpan.FromMilliseconds(400), stall.Shut);
        Assert.DoesNotContain(_forwarder.Orders.Skip(1), o => o.Target is null);
    }

    [Fact]
    public async Task A_master_that_is_silent_from_the_start_has_no_sessions_to_keep()
    {
        _run = _gate.RunAsync(_stop.Token);
        Take(Route(0));
        await LastAsync(GateMode.Open, 0);
        Take(Route(1, silent: true));
        await LastAsync(GateMode.Park, null);
    }

    [Fact]
    public async Task A_failover_parks_and_a_long_absence_of_a_master_refuses()
    {
        _run = _gate.RunAsync(_stop.Token);
        Take(Route(0));
        await LastAsync(GateMode.Open, 0);
        RoutingDecision nobody = RoutingRule.Decide(new Situation([default, default, default], Votes));
        Take(nobody);
        await LastAsync(GateMode.Park, null);
        _time.Advance(TimeSpan.FromSeconds(19.9));
        Take(nobody);
        Assert.Equal(GateMode.Park, _gate.Current.Order.Mode);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Take(nobody);
        await LastAsync(GateMode.Closed, null);
        Take(Route(1));
        await LastAsync(GateMode.Open, 1);
    }

    [Fact]
    public async Task An_unsupported_claim_refuses_after_two_seconds_and_a_moment_of_it_does_not()
    {
        _run = _gate.RunAsync(_stop.Token);
        RoutingDecision unsupported = RoutingRule.Decide(new Situation([NodeState.Claims, default, default], [default, default, default]));
        Assert.Equal(RuleId.C1, unsupported.Rule);
        Take(unsupported);
        _time.Advance(TimeSpan.FromSeconds(1.9));
        Take(unsupported);
        Take(Route(0));
        await LastAsync(GateMode.Open, 0);
        Take(unsupported);
        await LastAsync(GateMode.Park, null);
        _time.Advance(TimeSpan.FromSeconds(2));
        Take(unsupported);
        await LastAsync(GateMode.Closed, null);
    }

    [Fact]
    public async Task A_failure_of_the_data_plane_ends_the_gate()
    {
        _run = _gate.RunAsync(_stop.Token);
        await LastAsync(GateMode.Park, null);
        _forwarder.Failure = new InvalidOperationException("a loop has died");
        Take(Route(0));
        Task run = _run;
        _run = Task.CompletedTask;
        Assert.Equal("a loop has died", (await Assert.ThrowsAsync<InvalidOperationException>(() => run)).Message);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _gate.Dispose();
        _stop.Dispose();
    }

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

    private void Take(RoutingDecision decision) => _gate.Take(decision, new EvidenceNames(_configuration.Redis.Nodes), null);

    private Task LastAsync(GateMode mode, int? node) => Eventually.HoldsAsync(
        () => _forwarder.Last is var order && order.Mode == mode && order.Target == (node is { } n ? _configuration.Redis.Nodes[n] : null)
            && (_forwarder.HoldAcknowledgements || mode != GateMode.Open || _gate.Events.ToList() is [.., { } last] && last.Generation == order.Generation && _gate.Switchovers.ToList().Count > 0),
        () => $"{mode} {node}; last order: {_forwarder.Last}");
}
