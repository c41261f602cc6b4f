// What the gate of the read-only listener should do: sees each node by the rule's symbols, and asks the rule for reads of each.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Routing;

/// <summary>One node as the read-only listener sees it.</summary>
/// <param name="Fitness">What sessions may do with it.</param>
/// <param name="Reason">Why, in words.</param>
/// <param name="Age">The age of its data, at most; null when it cannot be said.</param>
internal readonly record struct ReplicaStatus(ReadFitness Fitness, string Reason, TimeSpan? Age);

/// <summary>Finds the replicas for read-only sessions.</summary>
internal sealed partial class ReadPolicy
{
    private static readonly TimeSpan LogSpacing = TimeSpan.FromSeconds(1);

    private readonly Patience _patience;
    private readonly ILogger _logger;
    private readonly TimeSpan _maxLag;
    private readonly bool _masterAllowed;
    private readonly OffsetHistory _master;

    // By node, as what is known must outlive a change of the list.
    private readonly Dictionary<RedisNode, TimeSpan> _fitAt = [];
    private IReadOnlyList<ReplicaStatus> _nodes = [];
    private GateOrder _logged = GateOrder.Start;
    private TimeSpan _loggedAt;

    /// <param name="configuration">A configuration with a read-only listener.</param>
    /// <param name="logger">For a line whenever the targets change.</param>
    public ReadPolicy(ProxyConfiguration configuration, ILogger logger)
    {
        _patience = new Patience(configuration);
        _logger = logger;
        _maxLag = configuration.ReadOnly!.MaxLag;
        _masterAllowed = configuration.ReadOnly.Master;
        _master = new OffsetHistory(_maxLag);
    }

    /// <summary>The nodes, in the order of the configuration of the last decision.</summary>
    public IReadOnlyList<ReplicaStatus> Nodes => Volatile.Read(ref _nodes);

    /// <summary>Takes the time-outs of another configuration.</summary>
    public void Reconfigure(ProxyConfiguration changed) => _patience.Reconfigure(changed);

    /// <summary>The order that is wanted now. Called by one thread at a time, after each report and when time has passed.</summary>
    /// <param name="configuration">The settings in force.</param>
    /// <param name="state">What is known.</param>
    /// <param name="decision">The routing rule's answer.</param>
    /// <param name="withheld">It must not be carried out: its node is in maintenance. Replicas of it serve reads all the same.</param>
    /// <param name="inMaintenance">Whether an operator has taken a node out.</param>
    /// <param name="now">The moment.</param>
    public GateOrder Wish(ProxyConfiguration configuration, RoutingState state, RoutingDecision decision, bool withheld, Func<string, bool> inMaintenance,
        TimeSpan now)
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
        return Wish(configuration.Redis.Nodes, take, keep, master, decision.IsHeld, now);
    }

    private ReplicaLag LagOf(TimeSpan? age) => age switch
    {
        null => ReplicaLag.Unknown,
        { } time when time > _maxLag => ReplicaLag.Beyond,
        { } time when time > _maxLag / 2 => ReplicaLag.High,
        _ => ReplicaLag.Low,
    };

    private GateOrder Wish(IReadOnlyList<RedisNode> nodes, List<RedisNode> take, List<RedisNode> keep, RedisNode? master, bool held, TimeSpan now)
    {
        bool serves = take.Count > 0 || (master is not null && !held);
        _patience.Note(serves, now);
        GateMode mode = serves ? GateMode.Open : now >= _patience.EndsAt ? GateMode.Closed : GateMode.Park;
        var wish = new GateOrder(mode, take, keep, 0) { LastResort = master };
        Log(wish, nodes, now);
        return wish;
    }

    // One line when the targets change, and at most one a second: a replica around the bound may come and go often.
    private void Log(GateOrder order, IReadOnlyList<RedisNode> nodes, TimeSpan now)
    {
        (GateMode mode, IReadOnlyList<RedisNode> take, RedisNode? master) = (order.Mode, order.Take, order.LastResort);
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

    [LoggerMessage(EventId = LogEvents.ReadOnlyTargets, Level = LogLevel.Information, Message = "Read-only sessions: {Where} ({Nodes})",
        EventName = nameof(LogEvents.ReadOnlyTargets))]
    private partial void LogReads(string where, string nodes);
}
