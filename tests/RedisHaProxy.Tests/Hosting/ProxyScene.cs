// The arrangement of most tests of the whole proxy: some nodes without Sentinels, and a proxy that routes to the first of them.

using System.Diagnostics;
using System.Net;

namespace RedisHaProxy.Tests.Hosting;

/// <summary>A deployment and a proxy process in front of it.</summary>
internal sealed class ProxyScene : IAsyncDisposable
{
    private ProxyScene(RedisDeployment deployment, RunningProxy proxy)
    {
        Deployment = deployment;
        Proxy = proxy;
    }

    public RedisDeployment Deployment { get; }

    public RunningProxy Proxy { get; }

    /// <summary>Starts both and waits until sessions are routed to redis1; skips the test where Redis is not installed.</summary>
    /// <param name="nodes">Data nodes.</param>
    /// <param name="timeouts">The object "timeouts" of the configuration; that of <see cref="RunningProxy"/> when null.</param>
    /// <param name="change">Changes how the proxy is started.</param>
    /// <param name="further">Further keys of its configuration.</param>
    public static async Task<ProxyScene> StartAsync(int nodes = 2, string? timeouts = null, Action<ProcessStartInfo>? change = null, string further = "")
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = nodes, Sentinels = 0 });
        RunningProxy? proxy = null;
        try
        {
            proxy = await (timeouts is null
                ? RunningProxy.StartAsync(deployment, change: change, further: further)
                : RunningProxy.StartAsync(deployment, timeouts, change, further));
            await ReadyAsync(proxy, "redis1");
            return new ProxyScene(deployment, proxy);
        }
        catch
        {
            if (proxy is not null)
            {
                await proxy.DisposeAsync();
            }

            await deployment.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until a proxy says that sessions go to a node.</summary>
    public static Task ReadyAsync(RunningProxy proxy, string master) => Eventually.HoldsAsync(
        async () => (await proxy.Http.GetAsync(new Uri("readyz", UriKind.Relative))) is { StatusCode: HttpStatusCode.OK } answer
            && await answer.Content.ReadAsStringAsync() == $"ok, master {master}\n",
        () => $"sessions are routed to {master}; the proxy's log:\n{proxy.Log}");

    public async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync();
        await Deployment.DisposeAsync();
    }
}
