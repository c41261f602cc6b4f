// The control plane: starts the probes, takes their reports, applies the rule after each of them and whenever time has passed,
// and hands decisions to the gate.
//
// Probes and router have one thread, a reactor. Reports are handled there, under one lock, to the end: from the bytes of an answer to
// the gate's signal there is no queue. A decision takes a few microseconds and about 90 of them are made a second. What time alone changes
// is known beforehand: a timer of the same thread is set to the first such moment, and does not fire while answers keep coming.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Reactor;

namespace RedisHaProxy.Routing;

/// <summary>Finds the one true master and tells the forwarder.</summary>
internal sealed partial class Router : IDisposable
{
    /// <summary>
    /// Longest time without looking at what time has changed. The bounds of <see cref="RoutingTiming"/> and of the gate are looked at when they
    /// pass (<see cref="RoutingState.NextChange"/>); this is for the ages of replicas' data, which are bounded in seconds.
    /// </summary>
    private static readonly TimeSpan LongestTick = TimeSpan.FromMilliseconds(100);

    /// <summary>Events of Sentinels cause at most one round of questions in this time, however many they send.</summary>
    private static readonly TimeSpan HintSpacing = TimeSpan.FromMilliseconds(10);

    /// <summary>How long the first decision waits for the first answer of everybody; a dead machine is known after a second.</summary>
    private static readonly TimeSpan FirstRound = TimeSpan.FromSeconds(1.1);

    /// <summary>How long the end waits for a disk that takes the recording's last lines.</summary>
    private static readonly TimeSpan LastLines = TimeSpan.FromSeconds(2);

    private readonly ReactorThread _reactor;
    private readonly MonotonicClock _clock;
    private readonly ITimer _tick;
    private readonly ILogger _logger;
    private readonly Gate _gate;
    private readonly GatePolicy _policy;
    private readonly GateTimeline _timeline;
    private readonly Gate? _readGate;
    private readonly ReadPolicy? _readPolicy;
    private readonly ObservationLog? _recording;
    private readonly Lock _lock = new();

    // What a reload replaces, in one step and under the lock (Router.Reload.cs).
    private ProxyConfiguration _configuration;
    private Watch _watch;

    private readonly Blindness _blindness = new();
    private volatile bool _isBlind;
    private volatile WriteRefusal _refusal;

    private readonly HealthLog _healthLog;
    private readonly DecisionLog _decisionLog;
    private readonly Maintenance _maintenance = new();

    private RoutingDecision _decision;
    private DateTimeOffset _decisionSince;
    private TimeSpan _evaluatedAt;
    private bool _firstRoundOver;
    private TimeSpan _lastHint = -HintSpacing;

    /// <summary>Prepares everything; nothing runs before <see cref="RunAsync"/>.</summary>
    /// <param name="configuration">A valid configuration.</param>
    /// <param name="forwarder">The data plane, started.</param>
    /// <param name="time">Where all time comes from.</param>
    /// <param name="loggers">For the log lines.</param>
    public Router(ProxyConfiguration configuration, IForwarder forwarder, TimeProvider time, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(forwarder);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(loggers);
        _configuration = configuration;
        _reactor = new ReactorThread("monitoring", time);
        _clock = new MonotonicClock(_reactor.Clock, _reactor.Clock.Origin);
        _tick = _clock.Time.CreateTimer(static router => ((Router)router!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _logger = loggers.CreateLogger("RedisHaProxy.Routing");
        _watch = new Watch(this, _reactor, _clock, configuration, before: null);
        _healthLog = new HealthLog(_clock, _logger, _maintenance.Has);
        _decisionLog = new DecisionLog(_clock, _logger);
        _policy = new GatePolicy(configuration);
        _timeline = new GateTimeline(_clock, _logger, () => SessionDamage.Of(forwarder.Snapshot()));
        _gate = new Gate(forwarder.Apply, _clock, oneTarget: true, _timeline.Add);
        if (configuration.ReadOnly is not null)
        {
            _readPolicy = new ReadPolicy(configuration, _logger);
            _readGate = new Gate(forwarder.ApplyReadOnly, _clock, oneTarget: false);
        }

        _decision = RoutingRule.Decide(_watch.State.At(TimeSpan.Zero));
        _decisionSince = time.GetUtcNow();
        _recording = configuration.Recording is { } recording
            ? new ObservationLog(recording, configuration, _watch.Timing, time, loggers.CreateLogger("RedisHaProxy.Recording")) : null;
    }

    /// <summary>The time, and timers that fire on monitoring's thread, together with what it does anyway: for other regular work that is short.</summary>
    internal TimeProvider Clock => _clock.Time;

    /// <summary>Observes, decides and drives the gate until cancelled.</summary>
    /// <exception cref="Exception">
    /// A defect, or the data plane's failure: traffic could no longer be vouched for, the process should end. No server's
    /// behaviour causes one.
    /// </exception>
    public async Task RunAsync(CancellationToken stop)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _ended = ended.Token;
        _gate.Start();
        _readGate?.Start();
        _reactor.Start();
        _watch.Start(ended.Token);
        _tick.Change(LongestTick, Timeout.InfiniteTimeSpan);
        Task watching = WatchAsync(ended.Token);

        // Not among the tasks that routing depends on; and on the pool, because a disk may hang already when the file is opened.
        Task recording = _recording is null ? Task.CompletedTask : Task.Run(() => _recording.RunAsync(ended.Token), CancellationToken.None);
        try
        {
            await await Task.WhenAny(watching, _reactor.Completion);
        }
        finally
        {
            await ended.CancelAsync();
            _gate.Stop();
            _readGate?.Stop();
            await watching;
            await Task.WhenAny(recording, Task.Delay(LastLines, CancellationToken.None));
            _reactor.Stop();
            await _reactor.Completion;
        }
    }

    /// <summary>Most Sentinels have leased a node for longer than <see cref="Blindness.Limit"/> that this proxy cannot use. From any thread.</summary>
    internal bool IsBlind => _isBlind;

    /// <summary>Why the routed master refuses all writes. From any thread.</summary>
    internal WriteRefusal Refusal => _refusal;

    /// <summary>Everything that is known and decided now. Cheap enough for every request of a page; callable from any thread.</summary>
    public RoutingSnapshot Snapshot()
    {
        lock (_lock)
        {
            TimeSpan now = _clock.Now;
            DateTimeOffset time = _clock.Time.GetUtcNow();
            Situation situation = _watch.State.At(now);
            (GateOrder order, TimeSpan orderAt) = _gate.Current;
            var reader = new SnapshotReader(_watch, situation, now, time);
            TimeSpan? lease = _decision.Node >= 0 ? _watch.State.LeaseUntil(_decision.Node, situation) : null;
            return new RoutingSnapshot
            {
                At = now,
                Time = time,
                HasHeardAll = _watch.State.HasHeardAll,
                Nodes = [.. _watch.Nodes.Select((node, i) => reader.Node(i, _maintenance.Since(node.Name)))],
                Sentinels = [.. _watch.Sentinels.Select((_, i) => reader.Sentinel(i))],
                Decision = _decision,
                Evidence = _watch.Names.Describe(_decision.Situation),
                DecisionSince = _decisionSince,
                Withheld = _maintenance.Withheld(_decision, _watch.Names),
                Blind = BlindAt(now, time),
                LeaseLeft = lease - now,
                Support = _watch.Names.Support(situation),
                Leases = situation.Claimant is >= 0 and var claimant ? (situation.Leases(claimant), situation.LeasesNeeded) : null,
                Gate = order,
                GateSince = time - (now - orderAt),
                Interruption = _timeline.Interruption,
                Events = _timeline.Events.ToList(),
                Switchovers = _timeline.Switchovers.ToList(),
                Totals = _timeline.Totals,
                Recording = _recording?.Status,
                Reads = _readGate?.Current.Order,
                Replicas = _readPolicy?.Nodes ?? [],
            };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tick.Dispose();
        _reactor.Dispose();
    }

    internal void Hint()
    {
        lock (_lock)
        {
            TimeSpan now = _clock.Now;
            if (now - _lastHint < HintSpacing)
            {
                return;
            }

            _lastHint = now;
        }

        AskEverybody();
    }

    private void AskEverybody() => Volatile.Read(ref _watch).Probes.AskEverybody();

    // On the reactor's thread; an exception is a defect and ends it.
    private void Tick()
    {
        lock (_lock)
        {
            Evaluate(_clock.Now, isTick: true);
        }
    }

    // The gate hears every decision, also an unchanged one: its policy depends on how long a decision has stood.
    private void Evaluate(TimeSpan now, bool isTick)
    {
        _evaluatedAt = now;
        _decisionLog.NoteDue(_watch, _decision, now);
        _healthLog.NoteSilence(_watch, now);
        RoutingDecision decision = RoutingRule.Decide(_watch.State.At(now));
        if (!decision.IsSameAs(_decision))
        {
            _decisionSince = _clock.Time.GetUtcNow();
            _recording?.Write(now, decision, isTick);
            _decisionLog.Note(_watch, _decision, decision);
        }

        _decision = decision;
        _refusal = decision is { Action: RoutingAction.Route, Node: >= 0 } ? _watch.NodeHealth[decision.Node].Refusal : WriteRefusal.None;
        _healthLog.NoteMajority(_watch, decision.Situation, decision.Action == RoutingAction.Route);
        NoteBlindness(now);
        if (!_firstRoundOver)
        {
            // Half of the answers are no situation: Sentinels that have not been heard yet are not Sentinels without an opinion.
            _firstRoundOver = _watch.State.HasHeardAll || now >= FirstRound;
        }

        GiveToGate(decision);
    }

    private void GiveToGate(RoutingDecision decision)
    {
        if (_firstRoundOver)
        {
            bool withheld = _maintenance.Withheld(decision, _watch.Names) is not null;
            _gate.Want(_policy.Wish(decision, withheld, _clock.Now), () => ReasonOf(decision));
            if (_readPolicy is not null)
            {
                _readGate!.Want(_readPolicy.Wish(_configuration, _watch.State, decision, withheld, _maintenance.Has, _clock.Now), () => ReasonOf(decision));
            }
        }

        TickAtNextChange();
    }

    private GateReason ReasonOf(RoutingDecision decision)
    {
        string evidence = _watch.Names.Describe(decision.Situation);
        TimeSpan? promotionSeenAt = decision.Node >= 0 && _watch.State.Node(decision.Node) is { PromotedRunId: not null } track ? track.PromotionSeenAt : null;
        return _maintenance.Withheld(decision, _watch.Names) is { } withheld
            ? new GateReason(MaintenanceReason, $"{withheld}; rule {decision.RuleName} would route to it: {evidence}", promotionSeenAt)
            : new GateReason(decision.RuleName, evidence, promotionSeenAt);
    }

    // While answers come, the moment moves away with each of them, and the timer never fires.
    private void TickAtNextChange()
    {
        TimeSpan next = _evaluatedAt + LongestTick;
        next = _watch.State.NextChange(_evaluatedAt) is var evidence && evidence < next ? evidence : next;
        next = _policy.NextChange(_evaluatedAt) is var gate && gate < next ? gate : next;
        next = FirstRound > _evaluatedAt && FirstRound < next ? FirstRound : next;
        TimeSpan left = next - _clock.Now;
        _tick.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
