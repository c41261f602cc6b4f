// Nodes that an operator has taken out: they get no sessions, and nothing about them is worth a warning. The routing rule does not
// know of it: what a node says of itself stays evidence. Only what the rule's decision would do is withheld: when it says to route
// to such a node, new sessions wait instead.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Routing;

/// <summary>What came of an order about maintenance.</summary>
internal enum MaintenanceResult
{
    Done,

    /// <summary>Done by force: sessions went to the node.</summary>
    DoneRouted,

    /// <summary>It was so already.</summary>
    Unchanged,

    /// <summary>There is no such node.</summary>
    UnknownNode,

    /// <summary>Sessions go to the node, and the order does not say that they may end.</summary>
    IsRouted,
}

/// <summary>The nodes in maintenance, by name: a node that a reload moves to another address is still the operator's patient.</summary>
internal sealed class Maintenance
{
    private readonly Dictionary<string, DateTimeOffset> _since = new(StringComparer.Ordinal);

    /// <summary>Since when; null when it is not.</summary>
    public DateTimeOffset? Since(string node) => _since.TryGetValue(node, out DateTimeOffset since) ? since : null;

    public bool Has(string node) => _since.ContainsKey(node);

    /// <summary>Takes a node out at this moment; null takes it back.</summary>
    public void Set(string node, DateTimeOffset? since)
    {
        _since.Remove(node);
        if (since is { } moment)
        {
            _since.Add(node, moment);
        }
    }

    /// <summary>Forgets nodes that are not there any more.</summary>
    public void Forget(IReadOnlyList<RedisNode> nodes)
    {
        foreach (string name in _since.Keys.Except(nodes.Select(n => n.Name)).ToList())
        {
            _since.Remove(name);
        }
    }

    /// <summary>Why the decision is not carried out; null when it is.</summary>
    public string? Withheld(RoutingDecision decision, EvidenceNames names) =>
        decision.Node >= 0 && names.Node(decision.Node) is var node && Has(node) ? $"{node} is in maintenance" : null;
}

internal sealed partial class Router
{
    /// <summary>The reason of the gate's orders, in place of a rule, while a decision is withheld.</summary>
    internal const string MaintenanceReason = "maintenance";

    /// <summary>Takes a node out, or back.</summary>
    /// <param name="node">Its name.</param>
    /// <param name="on">Whether it is to get no sessions.</param>
    /// <param name="force">Also when sessions go to it: they end, and new ones wait.</param>
    internal MaintenanceResult SetMaintenance(string node, bool on, bool force)
    {
        lock (_lock)
        {
            if (!_configuration.Redis.Nodes.Any(n => n.Name == node))
            {
                return MaintenanceResult.UnknownNode;
            }

            if (_maintenance.Has(node) == on)
            {
                return MaintenanceResult.Unchanged;
            }

            bool routed = _gate.Current.Order.Target?.Name == node || (_decision.Node >= 0 && _watch.Names.Node(_decision.Node) == node);
            if (on && routed && !force)
            {
                return MaintenanceResult.IsRouted;
            }

            _maintenance.Set(node, on ? _clock.Time.GetUtcNow() : null);

            LogMaintenance(node, on ? "in maintenance: it gets no sessions" : "back from maintenance");
            GiveToGate(_decision);
            return on && routed ? MaintenanceResult.DoneRouted : MaintenanceResult.Done;
        }
    }
}
