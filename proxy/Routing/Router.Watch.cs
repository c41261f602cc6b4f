// What the router observes under one configuration, and how it changes from one to another while traffic flows.
//
// A change of nodes, Sentinels, credentials or timings is prepared first: probes of the new configuration run beside the old ones
// and report into a state of their own, which began with what is known of the servers that stay. When all of them have been heard,
// or the machines that do not answer are known, the change is judged: it is refused when a server that answers now would not
// answer any more (a password that it does not take). Then it is put into force in one step, under the router's lock: from that
// moment on majorities are those of the new lists, what was known of removed servers is forgotten, and the old probes end.

using System.Diagnostics.CodeAnalysis;
using System.Net;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

public sealed partial class Router
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
            _prepared = watch = new Watch(this, next, _watch);
        }

        watch.Start(_ended);
        TimeSpan end = _clock.Now + FirstRound;
        while (!watch.HasHeardAll && _clock.Now < end && !_ended.IsCancellationRequested)
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
            string? nodeBefore = before.Node >= 0 ? _names.Node(before.Node) : null;
            bool heldBefore = before.IsHeld;
            if (_prepared is { } watch)
            {
                old = _watch;
                Use(watch);
                _recording?.Begin(next, _timing);
            }

            _configuration = next;
            ForgetMaintenanceOfRemoved();
            _evaluatedAt = _clock.Now;
            RoutingDecision decision = RoutingRule.Decide(_state.At(_evaluatedAt));
            string? node = decision.Node >= 0 ? _names.Node(decision.Node) : null;
            if (decision.Action != before.Action || decision.Rule != before.Rule || node != nodeBefore || decision.IsHeld != heldBefore)
            {
                _decisionSince = _clock.Time.GetUtcNow();
                _recording?.Write(_evaluatedAt, decision, isTick: true);
                NoteChange(decision);
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

    private static bool SameSentinels(SentinelConfiguration? a, SentinelConfiguration? b) => a is null ? b is null : b is not null && a.IsSameAs(b);

    // Under the lock, or from the constructor.
    [MemberNotNull(nameof(_watch), nameof(_sentinels), nameof(_timing), nameof(_names), nameof(_state), nameof(_nodeHealth), nameof(_sentinelHealth), nameof(_subscriptions))]
    private void Use(Watch watch)
    {
        _watch = watch;
        _sentinels = watch.Sentinels;
        _timing = watch.Timing;
        _names = watch.Names;
        _state = watch.State;
        _nodeHealth = watch.NodeHealth;
        _sentinelHealth = watch.SentinelHealth;
        _subscriptions = watch.Subscriptions;
        _deployment = new DeploymentMemory[watch.Sentinels.Count];
    }

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

    private void Report(Watch from, in NodeReport report)
    {
        lock (_lock)
        {
            if (from != _watch)
            {
                from.Take(report);
                return;
            }

            TimeSpan now = _clock.Now;
            NodeTrack before = _state.Node(report.Node);
            _state.Apply(report);
            _recording?.Write(now, report);
            NoteHealth(report, before);
            Evaluate(now, isTick: false);
        }
    }

    private void Report(Watch from, in SentinelReport report)
    {
        lock (_lock)
        {
            if (from != _watch)
            {
                from.Take(report);
                return;
            }

            TimeSpan now = _clock.Now;
            SentinelTrack before = _state.Sentinel(report.Sentinel);
            _state.Apply(report);
            _recording?.Write(now, report);
            NoteHealth(report, before);
            Evaluate(now, isTick: false);
        }
    }

    private void Report(Watch from, in PromotionNotice notice)
    {
        lock (_lock)
        {
            if (from != _watch)
            {
                from.State.Apply(notice);
                return;
            }

            TimeSpan now = _clock.Now;
            _state.Apply(notice);
            _recording?.Write(now, notice);
            NoteAnnouncement(notice);
            Evaluate(now, isTick: false);
        }
    }

    private void Report(Watch from, in SubscriptionReport report)
    {
        lock (_lock)
        {
            if (from != _watch)
            {
                from.Take(report);
                return;
            }

            NoteSubscription(report);
        }
    }

    private void NewEpoch(Watch from, int sentinel, long epoch)
    {
        lock (_lock)
        {
            if (from == _watch)
            {
                NoteEpoch(sentinel, epoch);
            }
        }
    }

    // One configuration's servers, probes, and what is known.
    private sealed class Watch : IReportSink
    {
        private readonly Router _router;
        private readonly IReadOnlyList<RedisNode> _nodes;
        private readonly bool[] _heardNodes;
        private readonly bool[] _heardSentinels;
        private readonly SubscriptionReport?[] _heardSubscriptions;

        /// <param name="router">Takes the reports while this is in force.</param>
        /// <param name="configuration">Sections redis and sentinel.</param>
        /// <param name="before">What is in force now: what it knows of servers that stay is taken over. Null at the start.</param>
        public Watch(Router router, ProxyConfiguration configuration, Watch? before)
        {
            _router = router;
            _nodes = configuration.Redis.Nodes;
            Sentinels = configuration.Sentinel?.Nodes ?? [];
            SentinelMaster = configuration.Sentinel?.Master;
            Timing = RoutingTiming.From(configuration);
            Names = new EvidenceNames(_nodes);
            var directory = new NodeDirectory(_nodes);
            Probes = new ProbeSet(configuration, directory, this, router._reactor, router._clock);
            _heardNodes = new bool[_nodes.Count];
            _heardSentinels = new bool[Sentinels.Count];
            _heardSubscriptions = new SubscriptionReport?[Sentinels.Count];
            DateTimeOffset now = router._clock.Time.GetUtcNow();
            int[] nodes = [.. _nodes.Select(n => before is null ? -1 : IndexOf(before._nodes, n))];
            // What a Sentinel said of another master is no evidence of this one.
            bool sameMaster = before is not null && before.SentinelMaster == SentinelMaster;
            int[] sentinels = [.. Sentinels.Select(s => sameMaster ? IndexOf(before!.Sentinels, s) : -1)];
            State = before is null ? new RoutingState(_nodes.Count, Sentinels.Count, Timing) : before.State.Reconfigured(Timing, nodes, sentinels, directory);
            NodeHealth = [.. nodes.Select(i => i >= 0 ? before!.NodeHealth[i] : new HealthMemory { Since = now })];
            SentinelHealth = [.. sentinels.Select(i => i >= 0 ? before!.SentinelHealth[i] : new HealthMemory { Since = now })];
            Subscriptions = [.. sentinels.Select(i => i >= 0 ? before!.Subscriptions[i] : new HealthMemory { Since = now })];
        }

        public IReadOnlyList<IPEndPoint> Sentinels { get; }

        public string? SentinelMaster { get; }

        public RoutingTiming Timing { get; }

        public EvidenceNames Names { get; }

        public RoutingState State { get; }

        public HealthMemory[] NodeHealth { get; }

        public HealthMemory[] SentinelHealth { get; }

        public HealthMemory[] Subscriptions { get; }

        public ProbeSet Probes { get; }

        /// <summary>Ends with the probes.</summary>
        public Task Completion { get; private set; } = Task.CompletedTask;

        /// <summary>Every server has answered, or failed to, on a probe of this configuration, and every Sentinel that answers to the subscription too.</summary>
        public bool HasHeardAll
        {
            get
            {
                lock (_router._lock)
                {
                    return Array.TrueForAll(_heardNodes, h => h) && Array.TrueForAll(_heardSentinels, h => h)
                        && Enumerable.Range(0, Sentinels.Count).All(i => _heardSubscriptions[i] is not null || State.Sentinel(i).Health != ServerHealth.Up);
                }
            }
        }

        public void Start(CancellationToken stop) => Completion = _router._reactor.InvokeAsync(() => Probes.RunAsync(stop));

        /// <summary>Takes a report before this is in force, or (then nobody looks any more) after it was.</summary>
        public void Take(in NodeReport report)
        {
            _heardNodes[report.Node] = true;
            State.Apply(report);
        }

        /// <summary>The same for a Sentinel.</summary>
        public void Take(in SentinelReport report)
        {
            _heardSentinels[report.Sentinel] = true;
            State.Apply(report);
        }

        /// <summary>The same for a Sentinel's subscription.</summary>
        public void Take(in SubscriptionReport report) => _heardSubscriptions[report.Sentinel] = report;

        /// <summary>Servers that answer the probes in force, and refuse these.</summary>
        public List<string> LostAgainst(Watch now)
        {
            var lost = new List<string>();
            for (int i = 0; i < _nodes.Count; i++)
            {
                NodeTrack track = State.Node(i);
                if (track.Health.NeedsOperator() && IndexOf(now._nodes, _nodes[i]) is >= 0 and var old && now.State.Node(old).Health == ServerHealth.Up)
                {
                    lost.Add($"{_nodes[i].Name} ({_nodes[i].EndPoint}) answers now and would not any more: {track.Error}.{track.Health.Advice("redis")}");
                }
            }

            for (int i = 0; i < Sentinels.Count; i++)
            {
                SentinelTrack track = State.Sentinel(i);
                if (track.Health.NeedsOperator() && IndexOf(now.Sentinels, Sentinels[i]) is >= 0 and var old && now.State.Sentinel(old).Health == ServerHealth.Up)
                {
                    lost.Add($"Sentinel {Sentinels[i]} answers now and would not any more: {track.Error}.{track.Health.Advice("sentinel")}");
                }
                else if (_heardSubscriptions[i] is { } refused && refused.Health.NeedsOperator()
                    && IndexOf(now.Sentinels, Sentinels[i]) is >= 0 and var before && now.Subscriptions[before].Health == ServerHealth.Up)
                {
                    lost.Add($"The events of Sentinel {Sentinels[i]} are heard now and would not be any more: {refused.Error}.{refused.Health.Advice("sentinel")}");
                }
            }

            return lost;
        }

        void IReportSink.Report(in NodeReport report) => _router.Report(this, report);

        void IReportSink.Report(in SentinelReport report) => _router.Report(this, report);

        void IReportSink.Report(in PromotionNotice notice) => _router.Report(this, notice);

        void IReportSink.Report(in SubscriptionReport report) => _router.Report(this, report);

        void IReportSink.NewEpoch(int sentinel, long epoch) => _router.NewEpoch(this, sentinel, epoch);

        void IReportSink.Hint() => _router.Hint();

        private static int IndexOf<T>(IReadOnlyList<T> items, T wanted)
        {
            for (int i = 0; i < items.Count; i++)
            {
                if (EqualityComparer<T>.Default.Equals(items[i], wanted))
                {
                    return i;
                }
            }

            return -1;
        }
    }
}
