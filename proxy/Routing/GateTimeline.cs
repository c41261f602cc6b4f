// What the master's gate did and why, as its orders are carried out: the rings of the timeline, and a log line each.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>Keeps the newest orders and interruptions.</summary>
/// <param name="clock">For the moments.</param>
/// <param name="logger">Takes a line for each order.</param>
/// <param name="damage">Counts the sessions that suffered.</param>
internal sealed partial class GateTimeline(MonotonicClock clock, ILogger logger, Func<SessionDamage> damage)
{
    private readonly ILogger _logger = logger;
    private readonly RepeatedLines _lines = new(burst: 20); // the timeline has all of them
    private volatile InterruptionStatus? _status = new(null, clock.Time.GetUtcNow(), default);
    private SessionDamage _before; // when the gate last opened: what is cut at the shutting is counted before it is carried out
    private Interval? _interruption = new(null, clock.Now, clock.Time.GetUtcNow(), "start", SessionsKept: false);

    /// <summary>The newest 256 orders, oldest first.</summary>
    public Ring<GateEvent> Events { get; } = new(256);

    /// <summary>The newest 256 interruptions, oldest first.</summary>
    public Ring<Switchover> Switchovers { get; } = new(256);

    /// <summary>What was counted so far.</summary>
    public GateTotals Totals { get; private set; } = new();

    /// <summary>The interruption that goes on; null while the gate is open. From any thread.</summary>
    public InterruptionStatus? Interruption => _status;

    /// <summary>Takes an order that has been carried out. One after the other.</summary>
    public void Add(CarriedOrder carried)
    {
        (GateOrder before, GateOrder order, GateReason reason, TimeSpan at, DateTimeOffset time) = carried;
        if (before.Mode == GateMode.Open)
        {
            Totals = Totals with { Interruptions = Totals.Interruptions + 1, ShutSince = at };
            _interruption = new Interval(before.Target, at, time, reason.Rule, SessionsKept: true);
            _status = order.Mode == GateMode.Open ? null : new InterruptionStatus(before.Target?.Name, time, _before);
        }

        if (_interruption is not null && order.Target is null)
        {
            _interruption = _interruption with { SessionsKept = false };
        }

        TimeSpan took = clock.Now - at;
        Events.Add(new GateEvent
        {
            Generation = order.Generation,
            At = at,
            Time = time,
            Mode = order.Mode,
            Target = order.Target?.Name,
            Rule = reason.Rule,
            Evidence = reason.Evidence,
            Took = took,
        });
        if (order.Mode == GateMode.Open)
        {
            AddOpened(order.Target!, reason);
        }
        else if (before.Generation > 0 && _lines.Lets((int)order.Mode, at, out int left))
        {
            LogShut(order.Mode, order.Target?.Name ?? "none", reason.Rule, took.TotalMilliseconds, $"{reason.Evidence}{RepeatedLines.Describe(left)}");
        }
    }

    private void AddOpened(RedisNode target, GateReason reason)
    {
        Interval interruption = _interruption!;
        _interruption = null;
        _status = null;
        SessionDamage before = _before;
        _before = damage();
        TimeSpan now = clock.Now;
        var switchover = new Switchover
        {
            From = interruption.From?.Name,
            To = target.Name,
            ShutTime = interruption.Time,
            ShutRule = interruption.Rule,
            OpenTime = clock.Time.GetUtcNow(),
            OpenRule = reason.Rule,
            Shut = now - interruption.At,
            PromotionToOpen = interruption.From == target ? null : now - reason.PromotionSeenAt,
            SessionsKept = interruption.SessionsKept,
            Damage = _before.Since(before),
        };
        Switchovers.Add(switchover);
        if (interruption.From is { } from)
        {
            Totals = Totals with
            {
                Failovers = Totals.Failovers + (from == target ? 0 : 1),
                Interrupted = Totals.Interrupted + switchover.Shut,
                ShutSince = null,
            };
        }
        if (_lines.Lets((int)GateMode.Open, now, out int left))
        {
            string evidence = reason.Evidence + RepeatedLines.Describe(left);
            LogOpened(interruption.From is null ? LogLevel.Information : LogLevel.Warning, target.Name, reason.Rule, switchover.Shut.TotalMilliseconds,
                interruption.From?.Name ?? "none", evidence);
        }
    }

    private sealed record Interval(RedisNode? From, TimeSpan At, DateTimeOffset Time, string Rule, bool SessionsKept);

    [LoggerMessage(EventId = LogEvents.GateOpen,
        Message = "Gate open to {Target} by rule {Rule}; shut for {Shut:0} ms since {From}. {Evidence}", EventName = nameof(LogEvents.GateOpen))]
    private partial void LogOpened(LogLevel level, string target, string rule, double shut, string from, string evidence);

    [LoggerMessage(EventId = LogEvents.GateShut, Level = LogLevel.Warning,
        Message = "Gate shut ({Mode}, sessions kept to: {Target}) by rule {Rule}; carried out in {Took:0.0} ms. {Evidence}",
            EventName = nameof(LogEvents.GateShut))]
    private partial void LogShut(GateMode mode, string target, string rule, double took, string evidence);
}
