// From decisions to what new sessions meet: connected, waiting, or refused. What users want when there is no master:
//
// - A failover is under way (rules 0 and P1): wait. Clients that wait see one slow request instead of a burst of errors. Each
//   session waits at most timeouts.park (the forwarder sees to it); once there has been no master for longer than any failover
//   takes, new sessions are refused at once, because then an error is more useful than a wait.
// - There is a claim that nothing supports (C1, C2): refuse, so that the client tries again and may reach a proxy that sees more.
//   But first wait two seconds: at start, and within a failover, such moments pass as soon as the Sentinels have spoken
//   (1.1 s measured).
// - The master does not answer, but nothing says that it is gone (a held decision): its sessions live, new ones wait.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Routing;

/// <summary>What the gate should do, before it has a generation.</summary>
/// <param name="Mode">What new sessions meet.</param>
/// <param name="Node">Index of the node whose sessions may live; -1 for none.</param>
internal readonly record struct GateIntent(GateMode Mode, int Node);

/// <summary>The policy above; its only state is since when there has been no route.</summary>
internal sealed class GatePolicy
{
    /// <summary>How long an unsupported claim makes sessions wait before they are refused.</summary>
    internal static readonly TimeSpan ClosedGrace = TimeSpan.FromSeconds(2);

    private TimeSpan _waitForFailover;
    private TimeSpan _unroutedSince;
    private TimeSpan _closedSince;
    private bool _routed;
    private bool _closed;

    /// <param name="configuration">timeouts.park and sentinel.downAfter bound the wait for a failover.</param>
    public GatePolicy(ProxyConfiguration configuration) => Reconfigure(configuration, -1);

    /// <summary>Index of the node whose sessions may live; -1 for none.</summary>
    public int Living { get; private set; }

    /// <summary>Takes the time-outs of another configuration, and the index that the living node has there.</summary>
    public void Reconfigure(ProxyConfiguration configuration, int living)
    {
        TimeSpan downAfter = configuration.Sentinel?.DownAfter ?? TimeSpan.FromSeconds(5);
        _waitForFailover = configuration.Timeouts.Park == TimeSpan.Zero ? TimeSpan.MaxValue : (downAfter * 2) + configuration.Timeouts.Park;
        Living = living;
    }

    /// <summary>What the gate should do while the rule's node is in maintenance: as in a failover that somebody is working on.</summary>
    public GateIntent NextWithheld(TimeSpan now)
    {
        LeaveRoute(now);
        _closed = false;
        return new GateIntent(now - _unroutedSince >= _waitForFailover ? GateMode.Closed : GateMode.Park, -1);
    }

    /// <summary>What the gate should do now.</summary>
    public GateIntent Next(RoutingDecision decision, TimeSpan now)
    {
        if (decision.Action == RoutingAction.Route)
        {
            _routed = true;
            _closed = false;
            if (!decision.IsHeld)
            {
                Living = decision.Node;
                return new GateIntent(GateMode.Open, decision.Node);
            }

            Living = Living == decision.Node ? Living : -1;
            return new GateIntent(GateMode.Park, Living);
        }

        LeaveRoute(now);
        if (decision.Action == RoutingAction.Closed != _closed)
        {
            _closed = !_closed;
            _closedSince = now;
        }

        bool refuse = _closed ? now - _closedSince >= ClosedGrace : decision.Rule == RuleId.Rule0 && now - _unroutedSince >= _waitForFailover;
        return new GateIntent(refuse ? GateMode.Closed : GateMode.Park, -1);
    }

    /// <summary>The first moment after now at which the same decision means something else; <see cref="TimeSpan.MaxValue"/> when there is none.</summary>
    public TimeSpan NextChange(TimeSpan now)
    {
        TimeSpan closed = _closed ? _closedSince + ClosedGrace : TimeSpan.Zero;
        TimeSpan unrouted = !_routed && _waitForFailover < TimeSpan.MaxValue ? _unroutedSince + _waitForFailover : TimeSpan.Zero;
        return (closed > now, unrouted > now) switch
        {
            (true, true) => closed < unrouted ? closed : unrouted,
            (true, false) => closed,
            (false, true) => unrouted,
            _ => TimeSpan.MaxValue,
        };
    }

    private void LeaveRoute(TimeSpan now)
    {
        if (_routed)
        {
            _routed = false;
            _unroutedSince = now;
        }

        Living = -1;
    }
}
