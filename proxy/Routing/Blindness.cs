// A proxy that is shut out where the others are not: most Sentinels hold a lease on a node, which means that it answers them, and this proxy
// cannot use it: its password is wrong, its TLS is, or its way there is closed. The load balancer should send clients to the others then.
//
// Not so in a failover, in which leases end within down-after; nor where the Sentinels see the same as this proxy (a node that loads
// answers their pings with that, and one that is full or busy is so for everybody); nor for a node that an operator has taken out.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>Since when this proxy is blind. One thread at a time.</summary>
internal sealed class Blindness
{
    private int _node = -1;
    private TimeSpan _since;

    /// <summary>The node that it cannot use, by its index; -1 for none.</summary>
    public int Node => _node;

    /// <summary>How long it has been so without a break; zero for none.</summary>
    public TimeSpan Lasts(TimeSpan now) => _node >= 0 ? now - _since : TimeSpan.Zero;

    /// <summary>How long it may last before health checks fail: twice down-after. In a failover leases end within one.</summary>
    public static TimeSpan Limit(TimeSpan downAfter) => downAfter * 2;

    /// <summary>The node that most Sentinels lease and this proxy cannot use; -1 for none.</summary>
    /// <param name="situation">What is observed.</param>
    /// <param name="decision">What follows of it: a proxy that routes, be it to another node, is of use.</param>
    /// <param name="health">How the conversation with a node goes.</param>
    /// <param name="inMaintenance">Whether an operator has taken it out.</param>
    public static int NodeOf(Situation situation, RoutingDecision decision, Func<int, ServerHealth> health, Func<int, bool> inMaintenance)
    {
        for (int node = 0; decision.Action != RoutingAction.Route && node < situation.Nodes.Count; node++)
        {
            if (situation.Nodes[node].Role == NodeRole.Unknown && situation.LeaseHolds(node) && IsShutOut(health(node)) && !inMaintenance(node))
            {
                return node;
            }
        }

        return -1;
    }

    /// <summary>Takes what <see cref="NodeOf"/> says now.</summary>
    public void Take(int node, TimeSpan now)
    {
        if (node != _node)
        {
            _node = node;
            _since = now;
        }
    }

    private static bool IsShutOut(ServerHealth health) =>
        health is not (ServerHealth.Unknown or ServerHealth.Up or ServerHealth.Loading or ServerHealth.Busy or ServerHealth.ServerError);
}
