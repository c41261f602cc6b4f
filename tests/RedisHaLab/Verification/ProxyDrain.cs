// Planned work on a proxy under load: it is stopped by its service manager, the balancer moves new sessions to the other one,
// it is started again, and no client's command fails.

using System.Globalization;
using RedisHaLab.Cluster;
using RedisHaLab.State;

namespace RedisHaLab.Verification;

/// <summary>The checks on one proxy.</summary>
internal sealed class ProxyDrain
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(60);
    private const int Clients = 6;

    private readonly ClusterView _cluster;
    private readonly NodeRow _proxy;

    public ProxyDrain(ClusterView cluster, NodeRow proxy)
    {
        _cluster = cluster;
        _proxy = proxy;
    }

    /// <summary>
    /// `systemctl stop` (SIGTERM): /healthz fails at once, new sessions are still taken until the balancer has long seen it,
    /// then the listener closes and open sessions may end. The clients' sessions are short; long ones are ended by code at the end.
    /// </summary>
    public async Task<string> StopAsync()
    {
        await using var clients = new ReconnectingClients(_cluster, Clients);
        var before = await SessionsAsync();
        await clients.MoreAsync(100);
        CheckList.Require(await SessionsAsync() > before, $"none of the clients' sessions came to {_proxy.Name}");
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var stop = _cluster.ShellAsync(_proxy.Name, "systemctl stop redis-ha-proxy.service");
        await HealthAsync(healthy: false);
        var seen = clock.Elapsed;
        CheckList.Require(!stop.IsCompleted, $"{_proxy.Name} ended before the balancer saw it drain");
        var stopped = await stop;
        CheckList.Require(stopped.ExitCode == 0, $"systemctl stop: {stopped.Error}");
        var ended = clock.Elapsed;
        await clients.MoreAsync(100);
        var load = await clients.FinishAsync();
        return string.Create(CultureInfo.InvariantCulture,
            $"out of the balancer after {seen.TotalSeconds:0.0} s, ended after {ended.TotalSeconds:0.0} s; {load}");
    }

    /// <summary>It comes back, and the balancer gives it sessions again.</summary>
    public async Task<string> StartAsync()
    {
        await using var clients = new ReconnectingClients(_cluster, Clients);
        await clients.MoreAsync(20);
        var start = await _cluster.ShellAsync(_proxy.Name, "systemctl start redis-ha-proxy.service");
        CheckList.Require(start.ExitCode == 0, $"systemctl start: {start.Error}");
        await HealthAsync(healthy: true);
        await CheckList.EventuallyAsync(Settle, async () =>
        {
            CheckList.Require(await SessionsAsync() > 0, $"the balancer gives no sessions to {_proxy.Name}");
            return "";
        });
        await clients.MoreAsync(100);
        return await clients.FinishAsync();
    }

    private async Task<long> SessionsAsync()
    {
        using var document = await _cluster.ProxyStatusAsync(_proxy);
        return document.RootElement.GetProperty("sessions").GetProperty("total").GetInt64();
    }

    private Task<string> HealthAsync(bool healthy) => CheckList.EventuallyAsync(Settle, () =>
    {
        var seen = Services.BackendHealth.Read(_cluster.Lab.Paths).FirstOrDefault(backend => backend.Address == _proxy.Address);
        CheckList.Require(seen?.Healthy == healthy,
            $"the balancer sees {_proxy.Name} as {(seen?.Healthy == true ? "healthy" : "unhealthy")} ({seen?.Detail})");
        return Task.FromResult("");
    });
}
