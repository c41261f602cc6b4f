// Takes the snapshots of both planes. Nothing here is kept: every answer is of its own moment.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Linux;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>Reads the running proxy.</summary>
internal sealed class StatusSource(
    Func<ProxyConfiguration> configuration,
    Lifecycle lifecycle,
    IForwarder forwarder,
    Func<RoutingSnapshot> routing,
    TrafficRates rates,
    Func<WrongPassword?> wrongPassword,
    Func<ProcessUsage>? usage = null)
{
    /// <summary>The proxy now.</summary>
    public Moment Now() => new()
    {
        Host = Environment.MachineName,
        Version = ProductVersion.Text,
        ProcessId = Environment.ProcessId,
        Started = lifecycle.Started,
        Phase = lifecycle.Phase,
        PhaseSince = lifecycle.Since,
        Settings = configuration(),
        Data = forwarder.Snapshot(),
        Control = routing(),
        Rates = rates.Current,
        Usage = (usage ?? ProcessUsage.Read)(),
        WrongPassword = wrongPassword(),
    };
}
