// The gate between decisions and the data plane: one target at a time. A switch is: shut (park, no target), wait until the data
// plane has acknowledged that no session to the old node is left, open to the new one. While an order is being carried out
// newer wishes overwrite each other; only the newest counts.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>Drives an <see cref="IForwarder"/> by decisions.</summary>
internal sealed partial class Gate : IDisposable
{
    private readonly IForwarder _forwarder;
    private readonly GatePolicy _policy;
    private readonly MonotonicClock _clock;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly Lock _lock = new();
    private readonly RepeatedLines _lines = new(burst: 20); // the timeline has all of them

    private IReadOnlyList<RedisNode> _nodes;
    private Wish _wish;
    private GateOrder _order = new(GateMode.Park, null, 0);
    private TimeSpan _orderAt;
    private Interruption? _interruption;

    public Gate(ProxyConfiguration configuration, IForwarder forwarder, MonotonicClock clock, ILogger logger)
    {
        _nodes = configuration.Redis.Nodes;
        _forwarder = forwarder;
        _policy = new GatePolicy(configuration);
        _clock = clock;
        _logger = logger;
        _wish = new Wish(GateMode.Park, null, "start", "nothing observed yet", null);
        _interruption = new Interruption(null, clock.Now, clock.Time.GetUtcNow(), "start", SessionsKept: false);
    }

    /// <summary>The newest 256 orders, oldest first.</summary>
    public Ring<GateEvent> Events { get; } = new(256);

    /// <summary>The newest 256 interruptions, oldest first.</summary>
    public Ring<Switchover> Switchovers { get; } = new(256);

    /// <summary>The newest order, and when it was given.</summary>
    public (GateOrder Order, TimeSpan Since) Current
    {
        get
        {
            lock (_lock)
            {
                return (_order, _orderAt);
            }
        }
    }

    /// <summary>Takes a decision; cheap when it changes nothing. Called by one thread at a time, also when only time has passed.</summary>
    /// <param name="decision">The rule's answer now.</param>
    /// <param name="names">The names for its evidence.</param>
    /// <param name="promotionSeenAt">When the promotion of the decision's node was seen, if it was.</param>
    /// <param name="withheld">Why the decision's route must not be taken (its node is in maintenance): sessions wait as if there were no master. Null when it may.</param>
    public void Take(RoutingDecision decision, EvidenceNames names, TimeSpan? promotionSeenAt, string? withheld = null)
    {
        lock (_lock)
        {
            GateIntent intent = withheld is null ? _policy.Next(decision, _clock.Now) : _policy.NextWithheld(_clock.Now);
            RedisNode? target = intent.Node >= 0 ? _nodes[intent.Node] : null;
            if (intent.Mode == _wish.Mode && target == _wish.Target)
            {
                return;
            }

            string evidence = names.Describe(decision.Situation);
            _wish = withheld is null
                ? new Wish(intent.Mode, target, decision.RuleName, evidence, promotionSeenAt)
                : new Wish(intent.Mode, target, Router.MaintenanceReason, $"{withheld}; rule {decision.RuleName} would route to it: {evidence}", promotionSeenAt);
            if (_signal.CurrentCount == 0)
            {
                _signal.Release();
            }
        }
    }

    /// <summary>The first moment after now at which the last decision would make another wish; <see cref="TimeSpan.MaxValue"/> when there is none.</summary>
    public TimeSpan NextChange(TimeSpan now)
    {
        lock (_lock)
        {
            return _policy.NextChange(now);
        }
    }

    /// <summary>Takes the nodes and time-outs of another configuration; the next decision must be one of it.</summary>
    public void Reconfigure(ProxyConfiguration configuration)
    {
        lock (_lock)
        {
            RedisNode? living = _policy.Living >= 0 ? _nodes[_policy.Living] : null;
            _nodes = configuration.Redis.Nodes;
            _policy.Reconfigure(configuration, living is null ? -1 : ((List<RedisNode>)[.. _nodes]).IndexOf(living));
        }
    }

    /// <summary>Carries out wishes until cancelled. An exception of the data plane ends it: what sessions do would be unknown.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        await ApplyAsync(GateMode.Park, null, _wish);
        while (true)
        {
            try
            {
                await _signal.WaitAsync(stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await FollowAsync();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _signal.Dispose();

    private async ValueTask FollowAsync()
    {
        while (true)
        {
            Wish wish;
            GateOrder order;
            lock (_lock)
            {
                wish = _wish;
                order = _order;
            }

            RedisNode? target = wish.Target;
            if (order.Mode == wish.Mode && order.Target == target)
            {
                return;
            }

            if (order.Target is not null && target is not null && order.Target != target)
            {
                // From one node to another: first none. Then look again, the world may have moved on.
                await ApplyAsync(GateMode.Park, null, wish);
                continue;
            }

            await ApplyAsync(wish.Mode, target, wish);
        }
    }

    private async ValueTask ApplyAsync(GateMode mode, RedisNode? target, Wish wish)
    {
        GateOrder before, order;
        TimeSpan at = _clock.Now;
        DateTimeOffset time = _clock.Time.GetUtcNow();
        lock (_lock)
        {
            before = _order;
            order = new GateOrder(mode, target, before.Generation + 1);
            _order = order;
            _orderAt = at;
        }

        if (before.Mode == GateMode.Open)
        {
            _interruption = new Interruption(before.Target, at, time, wish.Rule, SessionsKept: true);
        }

        if (_interruption is not null && target is null)
        {
            _interruption = _interruption with { SessionsKept = false };
        }

        await _forwarder.ApplyAsync(order);
        TimeSpan took = _clock.Now - at;
        Events.Add(new GateEvent
        {
            Generation = order.Generation,
            At = at,
            Time = time,
            Mode = mode,
            Target = target?.Name,
            Rule = wish.Rule,
            Evidence = wish.Evidence,
            Took = took,
        });
        if (mode == GateMode.Open)
        {
            Opened(target!, wish);
        }
        else if (before.Generation > 0 && _lines.Lets((int)mode, at, out int left))
        {
            LogShut(mode, target?.Name ?? "none", wish.Rule, took.TotalMilliseconds, $"{wish.Evidence}{RepeatedLines.Describe(left)}");
        }
    }

    private void Opened(RedisNode target, Wish wish)
    {
        Interruption interruption = _interruption!;
        _interruption = null;
        TimeSpan now = _clock.Now;
        var switchover = new Switchover
        {
            From = interruption.From?.Name,
            To = target.Name,
            ShutTime = interruption.Time,
            ShutRule = interruption.Rule,
            OpenTime = _clock.Time.GetUtcNow(),
            OpenRule = wish.Rule,
            Shut = now - interruption.At,
            PromotionToOpen = interruption.From == target ? null : now - wish.PromotionSeenAt,
            SessionsKept = interruption.SessionsKept,
        };
        Switchovers.Add(switchover);
        if (_lines.Lets((int)GateMode.Open, now, out int left))
        {
            string evidence = wish.Evidence + RepeatedLines.Describe(left);
            LogOpened(target.Name, wish.Rule, switchover.Shut.TotalMilliseconds, interruption.From?.Name ?? "none", evidence);
        }
    }

    private readonly record struct Wish(GateMode Mode, RedisNode? Target, string Rule, string Evidence, TimeSpan? PromotionSeenAt);

    private sealed record Interruption(RedisNode? From, TimeSpan At, DateTimeOffset Time, string Rule, bool SessionsKept);
}
