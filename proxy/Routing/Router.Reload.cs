// What the router observes under one configuration, and how it changes from one to another while traffic flows.
//
// A change of nodes, Sentinels, credentials or timings is prepared first: probes of the new configuration run beside the old ones
// and report into a state of their own, which began with what is known of the servers that stay. When all of them have been heard,
// or the machines that do not answer are known, the change is judged: it is refused when a server that answers now would not
// answer any more (a password that it does not take). Then it is put into force in one step, under the router's lock: from that
// moment on majorities are those of the new lists, what was known of removed servers is forgotten, and the old probes end.

using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

internal sealed partial class Router
{
    /// <summary>How often a change that is being prepared is looked at.</summary>
    private static readonly TimeSpan PreparationStep = TimeSpan.FromMilliseconds(10);

    private CancellationToken _ended;
    private Watch? _prepared;
    private ProxyConfiguration? _preparedConfiguration;

    /// <summary>
    /// Prepares another configuration: tries it on the servers, changes nothing. <see cref="Commit"/> or <see cref="Abandon"/>
    /// must follow; one change at a time.
    /// </summary>
    /// <param name="next">A valid configuration.</param>
    /// <returns>Why it must not be put into force, one reason an entry; empty when it may.</returns>
    internal async Task<IReadOnlyList<string>> PrepareAsync(ProxyConfiguration next)
    {
        _preparedConfiguration = next;
        if (next.Redis.IsSameAs(_configuration.Redis) && SameSentinels(next.Sentinel, _configuration.Sentinel))
        {
            return []; // the probes stay as they are
        }

        Watch watch;
        lock (_lock)
        {
            _prepared = watch = new Watch(this, _reactor, _clock, next, _watch);
        }

        watch.Start(_ended);
        TimeSpan end = _clock.Now + FirstRound;
        while (!HasHeardAll(watch) && _clock.Now < end && !_ended.IsCancellationRequested)
        {
            await Task.Delay(PreparationStep, _clock.Time, _ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        lock (_lock)
        {
            return watch.LostAgainst(_watch);
        }
    }

    /// <summary>Puts the prepared configuration into force.</summary>
    internal void Commit()
    {
        Watch? old = null;
        lock (_lock)
        {
            ProxyConfiguration next = _preparedConfiguration!;
            RoutingDecision before = _decision;
            string? nodeBefore = before.Node >= 0 ? _watch.Names.Node(before.Node) : null;
            bool heldBefore = before.IsHeld;
            if (_prepared is { } watch)
            {
                old = _watch;
                _watch = watch;
                _recording?.Begin(next, _watch.Timing);
            }

            _configuration = next;
            _maintenance.Forget(next.Redis.Nodes);
            _evaluatedAt = _clock.Now;
            RoutingDecision decision = RoutingRule.Decide(_watch.State.At(_evaluatedAt));
            string? node = decision.Node >= 0 ? _watch.Names.Node(decision.Node) : null;
            if (decision.Action != before.Action || decision.Rule != before.Rule || node != nodeBefore || decision.IsHeld != heldBefore)
            {
                _decisionSince = _clock.Time.GetUtcNow();
                _recording?.Write(_evaluatedAt, decision, isTick: true);
                _decisionLog.NoteChange(_watch, decision);
            }

            _decision = decision;
            _blindness.Take(-1, _evaluatedAt); // the nodes have other indexes now
            NoteBlindness(_evaluatedAt);
            _policy.Reconfigure(next);
            _readPolicy?.Reconfigure(next);
            GiveToGate(decision);
            _prepared = null;
            _preparedConfiguration = null;
        }

        old?.Probes.Retire();
    }

    /// <summary>Drops the prepared configuration.</summary>
    internal void Abandon()
    {
        Watch? watch;
        lock (_lock)
        {
            watch = _prepared;
            _prepared = null;
            _preparedConfiguration = null;
        }

        if (watch is not null)
        {
            watch.Probes.Retire();
            _ = watch.Completion.ContinueWith(_ => watch.Probes.Dispose(), TaskScheduler.Default);
        }
    }

    private bool HasHeardAll(Watch watch)
    {
        lock (_lock)
        {
            return watch.HasHeardAll;
        }
    }

    private static bool SameSentinels(SentinelConfiguration? a, SentinelConfiguration? b) => a is null ? b is null : b is not null && a.IsSameAs(b);

    // Runs the probes in force, whichever they are, until cancelled; an exception of theirs is a defect and ends the router.
    private async Task WatchAsync(CancellationToken stop)
    {
        while (true)
        {
            Watch watch = Volatile.Read(ref _watch);
            await watch.Completion;
            watch.Probes.Dispose();
            if (stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    internal void Report(Watch from, in NodeReport report)
    {
        lock (_lock)
        {
            if (from != _watch)
            {
                from.Take(report);
                return;
            }

            TimeSpan now = _clock.Now;
            NodeTrack before = _watch.State.Node(report.Node);
            _watch.State.Apply(report);
            _recording?.Write(now, report);
            _healthLog.Note(_watch, report, before);
            Evaluate(now, isTick: false);
        }
    }

    internal void Report(Watch from, in SentinelReport report)
    {
        lock (_lock)
        {
            if (from != _watch)
            {
                from.Take(report);
                return;
            }

            TimeSpan now = _clock.Now;
            SentinelTrack before = _watch.State.Sentinel(report.Sentinel);
            _watch.State.Apply(report);
            _recording?.Write(now, report);
            _healthLog.Note(_watch, report, before);
            Evaluate(now, isTick: false);
        }
    }

    internal void Report(Watch from, in PromotionNotice notice)
    {
        lock (_lock)
        {
            if (from != _watch)
            {
                from.State.Apply(notice);
                return;
            }

            TimeSpan now = _clock.Now;
            _watch.State.Apply(notice);
            _recording?.Write(now, notice);
            _healthLog.Note(_watch, notice);
            Evaluate(now, isTick: false);
        }
    }

    internal void Report(Watch from, in SubscriptionReport report)
    {
        lock (_lock)
        {
            if (from != _watch)
            {
                from.Take(report);
                return;
            }

            _healthLog.Note(_watch, report);
        }
    }

    internal void NewEpoch(Watch from, int sentinel, long epoch)
    {
        lock (_lock)
        {
            if (from == _watch)
            {
                _healthLog.NoteEpoch(_watch, sentinel, epoch);
            }
        }
    }
}
