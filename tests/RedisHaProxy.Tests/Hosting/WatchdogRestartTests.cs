// The end of the watchdog process itself. A class of its own, because half a minute of it is waiting, beside other tests.

namespace RedisHaProxy.Tests.Hosting;

public sealed class WatchdogRestartTests
{
    private const int SIGKILL = 9;

    [SkippableFact]
    public async Task A_proxy_whose_watchdog_ends_goes_on_says_so_and_starts_another()
    {
        await using var scene = await WatchdogTests.WatchedAsync();
        var proxy = scene.Proxy;

        Assert.Equal(0, WatchdogTests.Kill(WatchdogTests.ChildrenOf(proxy.Pid)[0], SIGKILL));
        await Eventually.HoldsAsync(() => proxy.Log.Contains("The watchdog process has ended", StringComparison.Ordinal), () => proxy.Log);
        Assert.Equal(System.Net.HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
        await Eventually.HoldsAsync(() => WatchdogTests.ChildrenOf(proxy.Pid).Count == 1, () => "it runs again", TimeSpan.FromSeconds(60));
    }
}
