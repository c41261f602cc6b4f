// What the router observes under one configuration. At a reload the next one is made beside it (Router.Reload.cs).

using System.Net;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Reactor;

namespace RedisHaProxy.Routing;

/// <summary>One configuration's servers, the probes that ask them, and what is known of them.</summary>
internal sealed class Watch : IReportSink
{
    private readonly Router _router;
    private readonly ReactorThread _reactor;
    private readonly bool[] _heardNodes;
    private readonly bool[] _heardSentinels;
    private readonly SubscriptionReport?[] _heardSubscriptions;

    /// <param name="router">Takes all reports.</param>
    /// <param name="reactor">Runs the probes.</param>
    /// <param name="clock">For the moments of reports.</param>
    /// <param name="configuration">Sections redis and sentinel.</param>
    /// <param name="before">What is in force now: what it knows of servers that stay is taken over. Null at the start.</param>
    public Watch(Router router, ReactorThread reactor, MonotonicClock clock, ProxyConfiguration configuration, Watch? before)
    {
        _router = router;
        _reactor = reactor;
        Nodes = configuration.Redis.Nodes;
        ReplicasNeeded = configuration.Redis.MinReplicasToWrite;
        Sentinels = configuration.Sentinel?.Nodes ?? [];
        SentinelMaster = configuration.Sentinel?.Master;
        Timing = RoutingTiming.From(configuration);
        Names = new EvidenceNames(Nodes);
        var directory = new NodeDirectory(Nodes);
        Probes = new ProbeSet(configuration, directory, this, reactor, clock);
        _heardNodes = new bool[Nodes.Count];
        _heardSentinels = new bool[Sentinels.Count];
        _heardSubscriptions = new SubscriptionReport?[Sentinels.Count];
        DateTimeOffset now = clock.Time.GetUtcNow();
        int[] nodes = [.. Nodes.Select(n => before is null ? -1 : IndexOf(before.Nodes, n))];
        // What a Sentinel said of another master is no evidence of this one.
        bool sameMaster = before is not null && before.SentinelMaster == SentinelMaster;
        int[] sentinels = [.. Sentinels.Select(s => sameMaster ? IndexOf(before!.Sentinels, s) : -1)];
        State = before is null ? new RoutingState(Nodes.Count, Sentinels.Count, Timing) : before.State.Reconfigured(Timing, nodes, sentinels, directory);
        NodeHealth = [.. nodes.Select(i => i >= 0 ? before!.NodeHealth[i] : new HealthMemory { Since = now })];
        SentinelHealth = [.. sentinels.Select(i => i >= 0 ? before!.SentinelHealth[i] : new HealthMemory { Since = now })];
        Deployment = new DeploymentMemory[Sentinels.Count];
        Subscriptions = [.. sentinels.Select(i => i >= 0 ? before!.Subscriptions[i] : new HealthMemory { Since = now })];
    }

    public IReadOnlyList<RedisNode> Nodes { get; }

    /// <summary>min-replicas-to-write of the nodes.</summary>
    public int ReplicasNeeded { get; }

    public IReadOnlyList<IPEndPoint> Sentinels { get; }

    public string? SentinelMaster { get; }

    public RoutingTiming Timing { get; }

    public EvidenceNames Names { get; }

    public RoutingState State { get; }

    public HealthMemory[] NodeHealth { get; }

    public HealthMemory[] SentinelHealth { get; }

    public HealthMemory[] Subscriptions { get; }

    /// <summary>What each Sentinel has been told to say of the deployment.</summary>
    public DeploymentMemory[] Deployment { get; }

    public ProbeSet Probes { get; }

    /// <summary>Ends with the probes.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Every server has answered, or failed to, on a probe of this configuration, and every Sentinel that answers to the subscription too.</summary>
    public bool HasHeardAll =>
        Array.TrueForAll(_heardNodes, h => h) && Array.TrueForAll(_heardSentinels, h => h)
        && Enumerable.Range(0, Sentinels.Count).All(i => _heardSubscriptions[i] is not null || State.Sentinel(i).Health != ServerHealth.Up);

    public void Start(CancellationToken stop) => Completion = _reactor.InvokeAsync(() => Probes.RunAsync(stop));

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
        for (int i = 0; i < Nodes.Count; i++)
        {
            NodeTrack track = State.Node(i);
            if (track.Health.NeedsOperator() && IndexOf(now.Nodes, Nodes[i]) is >= 0 and var old && now.State.Node(old).Health == ServerHealth.Up)
            {
                lost.Add($"{Nodes[i].Name} ({Nodes[i].EndPoint}) answers now and would not any more: {track.Error}.{track.Health.Advice("redis")}");
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

/// <summary>What a Sentinel last said of the others, and what has been logged of it: 0 where there is nothing to warn of.</summary>
internal record struct DeploymentMemory
{
    public int WarnedQuorum;
    public int Others;
    public TimeSpan OthersSince;
    public int WarnedKnown;
}
