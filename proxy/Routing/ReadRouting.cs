// The read-only listener's part of the control plane: sees each node by the rule's symbols, decides, and hands orders to the data
// plane, one after the other. While one is being carried out newer ones overwrite each other; only the newest counts.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Routing;

/// <summary>One node as the read-only listener sees it.</summary>
/// <param name="Fitness">What sessions may do with it.</param>
/// <param name="Reason">Why, in words.</param>
/// <param name="Age">The age of its data, at most; null when it cannot be said.</param>
public readonly record struct ReplicaStatus(ReadFitness Fitness, string Reason, TimeSpan? Age);

/// <summary>Finds the replicas for read-only sessions.</summary>
internal sealed partial class ReadRouting : IDisposable
{
    private static readonly TimeSpan LogSpacing = TimeSpan.FromSeconds(1);

    private readonly IReadForwarder _forwarder;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly TimeSpan _maxLag;
    private readonly bool _masterAllowed;
    private readonly OffsetHistory _master;

    // By node, as what is known must outlive a change of the list.
    private readonly Dictionary<RedisNode, TimeSpan> _fitAt = [];
    private IReadOnlyList<ReplicaStatus> _nodes = [];
    private ReadOrder _wish = ReadOrder.Start;
    private ReadOrder _logged = ReadOrder.Start;
    private TimeSpan _loggedAt;
    private TimeSpan _unservedSince;
    private bool _served;

    public ReadRouting(ReadOnlyConfiguration configuration, IReadForwarder forwarder, ILogger logger)
    {
        _forwarder = forwarder;
        _logger = logger;
        _maxLag = configuration.MaxLag;
        _masterAllowed = configuration.Master;
        _master = new OffsetHistory(_maxLag);
    }

    /// <summary>The nodes, in the order of the configuration of the last decision.</summary>
    public IReadOnlyList<ReplicaStatus> Nodes => Volatile.Read(ref _nodes);

    /// <summary>The newest order.</summary>
    public ReadOrder Order => Volatile.Read(ref _wish);

    /// <summary>Looks at everything anew. Called by one thread at a time, after each report and when time has passed.</summary>
    /// <param name="configuration">The settings in force.</param>
    /// <param name="state">What is known.</param>
    /// <param name="decision">The routing rule's answer.</param>
    /// <param name="withheld">It must not be carried out: its node is in maintenance. Replicas of it serve reads all the same.</param>
    /// <param name="inMaintenance">Whether an operator has taken a node out.</param>
    /// <param name="now">The moment.</param>
    public void Take(ProxyConfiguration configuration, RoutingState state, RoutingDecision decision, bool withheld, Func<string, bool> inMaintenance, TimeSpan now)
    {
        IReadOnlyList<RedisNode> nodes = configuration.Redis.Nodes;
        int routed = decision.Action == RoutingAction.Route ? decision.Node : -1;
        if (routed >= 0 && state.Node(routed) is { HasAnswer: true, Answer: { IsMaster: true } answer })
        {
            _master.Add(answer.SentAt, answer.Offset, answer.ReplicationId);
        }

        var statuses = new ReplicaStatus[nodes.Count];
        var take = new List<RedisNode>();
        var keep = new List<RedisNode>();
        for (int i = 0; i < nodes.Count; i++)
        {
            NodeTrack track = state.Node(i);
            TimeSpan? age = track.HasAnswer && !track.Answer.IsMaster ? _master.AgeAt(track.Answer.Offset, track.Answer.ReplicationId, now) : null;
            NodeState symbol = decision.Situation.Nodes[i];
            var view = new ReplicaView(
                symbol,
                routed >= 0 && symbol.Master == routed,
                LagOf(age),
                _fitAt.TryGetValue(nodes[i], out TimeSpan at) && now - at <= _maxLag,
                inMaintenance(nodes[i].Name));
            if (view.IsFit)
            {
                _fitAt[nodes[i]] = now;
            }

            ReadFitness fitness = ReadRule.Decide(view);
            statuses[i] = new ReplicaStatus(fitness, ReadRule.Describe(view), age);
            (fitness == ReadFitness.Take ? take : fitness == ReadFitness.Keep ? keep : null)?.Add(nodes[i]);
        }

        Volatile.Write(ref _nodes, statuses);
        RedisNode? master = routed >= 0 && _masterAllowed && !withheld ? nodes[routed] : null;
        Wish(configuration, take, keep, master, decision.IsHeld, now);
    }

    /// <summary>Carries orders out until cancelled. An exception of the data plane ends it.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        long carried = 0;
        while (true)
        {
            ReadOrder order = Order;
            if (order.Generation != carried)
            {
                await _forwarder.ApplyAsync(order);
                carried = order.Generation;
                continue;
            }

            try
            {
                await _signal.WaitAsync(stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _signal.Dispose();

    private ReplicaLag LagOf(TimeSpan? age) => age switch
    {
        null => ReplicaLag.Unknown,
        { } time when time > _maxLag => ReplicaLag.Beyond,
        { } time when time > _maxLag / 2 => ReplicaLag.High,
        _ => ReplicaLag.Low,
    };

    private void Wish(ProxyConfiguration configuration, List<RedisNode> take, List<RedisNode> keep, RedisNode? master, bool held, TimeSpan now)
    {
        // As at the gate: wait as long as any failover can take, then refuse.
        bool serves = take.Count > 0 || (master is not null && !held);
        if (_served && !serves)
        {
            _unservedSince = now;
        }

        _served = serves;
        TimeSpan park = configuration.Timeouts.Park;
        TimeSpan patience = park == TimeSpan.Zero ? TimeSpan.MaxValue : ((configuration.Sentinel?.DownAfter ?? TimeSpan.FromSeconds(5)) * 2) + park;
        GateMode mode = serves ? GateMode.Open : now - _unservedSince >= patience ? GateMode.Closed : GateMode.Park;
        var wish = new ReadOrder(mode, take, keep, master, _wish.Generation + 1);
        Log(wish, configuration.Redis.Nodes, now);
        if (wish.IsSameAs(_wish))
        {
            return;
        }

        Volatile.Write(ref _wish, wish);
        if (_signal.CurrentCount == 0)
        {
            _signal.Release();
        }
    }

    // One line when the targets change, and at most one a second: a replica around the bound may come and go often.
    private void Log(ReadOrder order, IReadOnlyList<RedisNode> nodes, TimeSpan now)
    {
        (GateMode mode, IReadOnlyList<RedisNode> take, RedisNode? master) = (order.Mode, order.Take, order.Master);
        bool changed = mode != _logged.Mode || !take.SequenceEqual(_logged.Take);
        if (!changed || (mode == _logged.Mode && now - _loggedAt < LogSpacing) || !_logger.IsEnabled(LogLevel.Information))
        {
            return;
        }

        _logged = order;
        _loggedAt = now;
        string reasons = string.Join(", ", nodes.Zip(Nodes, (node, status) => $"{node.Name}: {status.Reason}"));
        string where = take.Count > 0 ? $"new ones go to {string.Join(", ", take.Select(node => node.Name))}"
            : master is not null && mode == GateMode.Open ? $"no replica is fit, new ones go to the master {master.Name}"
            : mode == GateMode.Park ? "no replica is fit, new ones wait" : "no replica has been fit for long, new ones are refused";
        LogReads(where, reasons);
    }

    [LoggerMessage(EventId = 130, Level = LogLevel.Information, Message = "Read-only sessions: {Where} ({Nodes})")]
    private partial void LogReads(string where, string nodes);
}
