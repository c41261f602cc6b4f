// From decisions to what new sessions meet: connected, waiting, or refused. What users want when there is no master:
//
// - A failover is under way or about to begin (rules 0, H, P1, P2): wait. Clients that wait see one slow request instead of a burst of errors. Each
//   session waits at most timeouts.park (the forwarder sees to it); once there has been no master for longer than any failover
//   takes, new sessions are refused at once, because then an error is more useful than a wait.
// - There is a claim whose support does not exclude another master (C1, C2): refuse, so that the client tries again and may reach a proxy that sees more.
//   But first wait two seconds: at start, and within a failover, such moments pass as soon as the Sentinels have spoken
//   (1.1 s measured).
// - The master does not answer, but nothing says that it is gone, or it hands over by itself (a held decision): its sessions live, new ones wait.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Routing;

/// <summary>What the gate should do, before it has a generation.</summary>
/// <param name="Mode">What new sessions meet.</param>
/// <param name="Node">Index of the node whose sessions may live; -1 for none.</param>
internal readonly record struct GateIntent(GateMode Mode, int Node);

/// <summary>The policy above; its only state is since when there has been no route.</summary>
internal sealed class GatePolicy(ProxyConfiguration configuration)
{
    /// <summary>How long an unsupported claim makes sessions wait before they are refused.</summary>
    internal static readonly TimeSpan ClosedGrace = TimeSpan.FromSeconds(2);

    private readonly Patience _patience = new(configuration);
    private IReadOnlyList<RedisNode> _nodes = configuration.Redis.Nodes;
    private TimeSpan _closedSince;
    private bool _closed;

    /// <summary>Index of the node whose sessions may live; -1 for none.</summary>
    public int Living { get; private set; } = -1;

    /// <summary>Takes the nodes and time-outs of another configuration; the next decision must be one of it.</summary>
    public void Reconfigure(ProxyConfiguration changed)
    {
        RedisNode? living = Living >= 0 ? _nodes[Living] : null;
        _nodes = changed.Redis.Nodes;
        _patience.Reconfigure(changed);
        Living = living is null ? -1 : _nodes.ToList().IndexOf(living);
    }

    /// <summary>The order that is wanted now, also when only time has passed.</summary>
    /// <param name="decision">The rule's answer.</param>
    /// <param name="withheld">Its route must not be taken (its node is in maintenance): sessions wait as if there were no master.</param>
    /// <param name="now">The moment.</param>
    public GateOrder Wish(RoutingDecision decision, bool withheld, TimeSpan now)
    {
        GateIntent intent = withheld ? NextWithheld(now) : Next(decision, now);
        return new GateOrder(intent.Mode, intent.Node >= 0 ? _nodes[intent.Node] : null, 0);
    }

    /// <summary>What the gate should do while the rule's node is in maintenance: as in a failover that somebody is working on.</summary>
    public GateIntent NextWithheld(TimeSpan now)
    {
        LeaveRoute(now);
        _closed = false;
        return new GateIntent(now >= _patience.EndsAt ? GateMode.Closed : GateMode.Park, -1);
    }

    /// <summary>What the gate should do now.</summary>
    public GateIntent Next(RoutingDecision decision, TimeSpan now)
    {
        if (decision.Action == RoutingAction.Route)
        {
            _patience.Note(served: true, now);
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

        bool refuse = _closed ? now >= ClosedEndsAt : decision.Rule == RuleId.Rule0 && now >= _patience.EndsAt;
        return new GateIntent(refuse ? GateMode.Closed : GateMode.Park, -1);
    }

    /// <summary>The first moment after now at which the same decision means something else; <see cref="TimeSpan.MaxValue"/> when there is none.</summary>
    public TimeSpan NextChange(TimeSpan now)
    {
        TimeSpan closed = ClosedEndsAt > now ? ClosedEndsAt : TimeSpan.MaxValue;
        return _patience.EndsAt > now && _patience.EndsAt < closed ? _patience.EndsAt : closed;
    }

    private TimeSpan ClosedEndsAt => _closed ? _closedSince + ClosedGrace : TimeSpan.MaxValue;

    private void LeaveRoute(TimeSpan now)
    {
        _patience.Note(served: false, now);
        Living = -1;
    }
}
