// "check --connect": the real control plane, with nothing behind the gate, until every server has been heard.

using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Admin;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Commands;

/// <summary>Asks every node and Sentinel once.</summary>
internal static class ConnectionCheck
{
    // Connect time-outs of the probes are shorter; a promotion or a poll of the Sentinels needs about a second.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    /// <summary>Writes what each server says and what would be decided.</summary>
    /// <returns>Whether every server answers and there is a master.</returns>
    public static async Task<bool> RunAsync(ProxyConfiguration configuration, TextWriter output, CancellationToken cancellationToken)
    {
        await using var nowhere = new ForwarderToNowhere();
        using var router = new Router(configuration with { Recording = null, ReadOnly = null }, nowhere, TimeProvider.System, NullLoggerFactory.Instance);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task routing = router.RunAsync(ends.Token);
        long start = TimeProvider.System.GetTimestamp();
        RoutingSnapshot snapshot = router.Snapshot();
        while (!Settled(snapshot) && TimeProvider.System.GetElapsedTime(start) < Limit)
        {
            await Task.Delay(Step, cancellationToken);
            snapshot = router.Snapshot();
        }

        await ends.CancelAsync();
        await routing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        await output.WriteLineAsync("What the servers say:");
        foreach (NodeStatus node in snapshot.Nodes)
        {
            await output.WriteLineAsync($"  {node.Node.Name,-10} {node.Node.EndPoint,-21} {node.Health.Text()}, "
                + $"{node.StateText}{Explanation.Error(node.Health, node.Error)}");
            await AdviseAsync(node.Health, "redis");
        }

        foreach (SentinelStatus sentinel in snapshot.Sentinels)
        {
            await output.WriteLineAsync($"  {"sentinel",-10} {sentinel.Address,-21} {sentinel.Health.Text()}, names "
                + $"{sentinel.VoteText}{Explanation.Error(sentinel.Health, sentinel.Error)}");
            await AdviseAsync(sentinel.Health, "sentinel");
            if (sentinel is { Health: ServerHealth.Up, Events: not ServerHealth.Up })
            {
                await output.WriteLineAsync($"             its events are not heard: "
                    + $"{sentinel.Events.Text()}{Explanation.Error(sentinel.Events, sentinel.EventsError)}");
                await AdviseAsync(sentinel.Events, "sentinel");
            }
        }

        bool routes = snapshot.Decision is { Action: RoutingAction.Route, Node: >= 0 };
        await output.WriteLineAsync(routes
            ? $"Sessions would go to {snapshot.Nodes[snapshot.Decision.Node].Node.Name} by rule {snapshot.Decision.RuleName}: "
                + $"{RuleText.Of(snapshot.Decision.Rule).Meaning}."
            : $"Sessions would go nowhere by rule {snapshot.Decision.RuleName}: {RuleText.Of(snapshot.Decision.Rule).Meaning}.");
        return routes && snapshot.Nodes.All(n => n.Health == ServerHealth.Up)
            && snapshot.Sentinels.All(s => s is { Health: ServerHealth.Up, Events: ServerHealth.Up });

        async Task AdviseAsync(ServerHealth health, string section)
        {
            if (health.Remedy(section) is { Length: > 0 } remedy)
            {
                await output.WriteLineAsync($"             {remedy}");
            }
        }
    }

    // A connection that ends without a word is looked into: what is found is the answer.
    private static bool Settled(RoutingSnapshot snapshot) =>
        snapshot.HasHeardAll && (snapshot.Decision.Action == RoutingAction.Route || snapshot.Nodes.Any(n => n.Health != ServerHealth.Up))
        && !snapshot.Nodes.Any(n => n.Health == ServerHealth.Disconnected)
        && !snapshot.Sentinels.Any(s => s.Health == ServerHealth.Disconnected || s is { Health: ServerHealth.Up, Events: ServerHealth.Unknown });

    private sealed class ForwarderToNowhere : IForwarder
    {
        private GateOrder _order = GateOrder.Start;

        public void Start()
        {
        }

        public void Apply(GateOrder order, Action carriedOut)
        {
            _order = order;
            carriedOut();
        }

        public ValueTask ReconfigureAsync(ProxyConfiguration changed) => ValueTask.CompletedTask;

        public ValueTask StopAcceptingAsync() => ValueTask.CompletedTask;

        public ForwarderSnapshot Snapshot() => new()
        {
            Sessions = 0,
            SessionsMax = 0,
            SessionsTotal = 0,
            Parked = 0,
            BytesIn = 0,
            BytesOut = 0,
            Ends = new long[Enum.GetValues<SessionEnd>().Length],
            Order = _order,
            StalledMilliseconds = 0,
        };

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
