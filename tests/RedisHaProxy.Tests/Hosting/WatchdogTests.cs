// The watchdog process: who is stuck is killed, who was paused together with it, or has recovered, is not.

using System.Diagnostics;
using System.Runtime.InteropServices;

namespace RedisHaProxy.Tests.Hosting;

public sealed partial class WatchdogTests
{
    private const int SIGKILL = 9;
    private const int SIGCONT = 18;
    private const int SIGSTOP = 19;

    [SkippableFact]
    public Task A_proxy_that_is_stopped_is_killed_within_20_s_and_not_before_10() => SecondChance.WithinAsync(TimeSpan.FromSeconds(20), async () =>
    {
        await using var scene = await WatchedAsync();
        var proxy = scene.Proxy;

        long stopped = Stopwatch.GetTimestamp();
        Assert.Equal(0, Kill(proxy.Pid, SIGSTOP));
        await Eventually.HoldsAsync(() => !proxy.Running, () => "it is killed", TimeSpan.FromSeconds(60));
        TimeSpan took = Stopwatch.GetElapsedTime(stopped);
        Assert.Equal(128 + SIGKILL, await proxy.ExitedAsync());
        Assert.True(took > TimeSpan.FromSeconds(6), $"{took}"); // 10 s after its last sign of life, which a busy machine may make older
        return took;
    });

    [Fact]
    public Task Who_was_paused_together_with_the_watchdog_has_missed_nothing() => SecondChance.UnlessHeldUpAsync(TimeSpan.FromSeconds(0.5), async () =>
    {
        using var victim = Process.Start("sleep", "600");
        var start = ProxyProcess.StartInfo("watchdog", victim.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), "--wait", "200");
        using var watchdog = Process.Start(start)!;
        try
        {
            Stream beats = watchdog.StandardInput.BaseStream;
            await BeatAsync(beats, 10); // it runs
            Assert.Equal(0, Kill(watchdog.Id, SIGSTOP));
            await Task.Delay(TimeSpan.FromSeconds(4)); // twice what it takes to kill
            Assert.Equal(0, Kill(watchdog.Id, SIGCONT));
            await BeatAsync(beats, 10);
            Assert.False(victim.HasExited);

            // Its signals are for the other; then nobody feeds it any more.
            Assert.Equal(0, Kill(watchdog.Id, 15));
            await BeatAsync(beats, 5);
            Assert.False(watchdog.HasExited);
            await Eventually.HoldsAsync(() => victim.HasExited, () => "the silent one is killed");
            Assert.Contains($"process {victim.Id} has given no sign of life for 10 waits of 0.2 s", await watchdog.StandardError.ReadToEndAsync(),
                StringComparison.Ordinal);
        }
        finally
        {
            victim.Kill();
            watchdog.Kill();
        }
    });

    /// <summary>A proxy whose service manager wants signs of life, and whose watchdog runs.</summary>
    internal static async Task<ProxyScene> WatchedAsync()
    {
        // A name that nobody listens at: what is said to the manager is lost.
        var scene = await ProxyScene.StartAsync(nodes: 1, change: start =>
        {
            start.Environment["NOTIFY_SOCKET"] = "@redis-ha-proxy-tests-nobody";
            start.Environment["WATCHDOG_USEC"] = "60000000";
        });
        await Eventually.HoldsAsync(() => ChildrenOf(scene.Proxy.Pid).Count == 1, () => "the watchdog runs");
        return scene;
    }

    private static async Task BeatAsync(Stream beats, int count)
    {
        for (int i = 0; i < count; i++)
        {
            beats.WriteByte(0);
            await beats.FlushAsync();
            await Task.Delay(100);
        }
    }

    internal static List<int> ChildrenOf(int process) =>
        [.. File.ReadAllText($"/proc/{process}/task/{process}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Concat(Directory.GetDirectories($"/proc/{process}/task").SelectMany(t => Read($"{t}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            .Select(id => int.Parse(id, System.Globalization.CultureInfo.InvariantCulture)).Distinct()];

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return ""; // a thread that has ended
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    internal static partial int Kill(int pid, int signal);
}
