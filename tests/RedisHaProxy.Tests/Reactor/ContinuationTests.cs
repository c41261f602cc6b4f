// Code on the reactor's thread stays there: a plain await comes back to it, a ConfigureAwait without the captured context does not.

using System.Text.RegularExpressions;

namespace RedisHaProxy.Tests.Reactor;

public sealed partial class ContinuationTests
{
    // PrepareAsync is its caller's, on a thread of the pool: it waits for probes, and is none.
    private static readonly string[] OffTheThread = ["Routing/Router.Reload.cs: await Task.Delay(PreparationStep, _clock.Time, _ended)"];

    [Fact]
    public void Nothing_that_runs_on_the_reactor_s_thread_leaves_it_with_an_await()
    {
        string proxy = Path.Combine(Repository.Root, "proxy");
        (string Place, string Options)[] all = [.. new[] { "Reactor", "Monitoring", "Routing" }
            .SelectMany(room => Directory.EnumerateFiles(Path.Combine(proxy, room), "*.cs", SearchOption.AllDirectories))
            .SelectMany(file => ConfigureAwait().Matches(File.ReadAllText(file))
                .Select(match => ($"{Path.GetRelativePath(proxy, file)}: {match.Groups[1].Value.Trim()}", match.Groups[2].Value)))];

        Assert.NotEmpty(all);
        Assert.Equal(OffTheThread, all.Where(use => !use.Options.Contains("ContinueOnCapturedContext", StringComparison.Ordinal)).Select(use => use.Place));
    }

    // A handshake takes milliseconds of a processor, so it belongs to the pool; who awaits it comes back.
    [Fact]
    public void Only_handshakes_of_probes_go_to_the_pool()
    {
        string proxy = Path.Combine(Repository.Root, "proxy");
        string found = Assert.Single(new[] { "Reactor", "Monitoring" }
            .SelectMany(room => Directory.EnumerateFiles(Path.Combine(proxy, room), "*.cs", SearchOption.AllDirectories))
            .SelectMany(File.ReadLines), PoolUse().IsMatch);

        Assert.Contains("await Task.Run(() => tls.AuthenticateAsync(", found, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^(.*)\.ConfigureAwait\((.*)\)", RegexOptions.Multiline)]
    private static partial Regex ConfigureAwait();

    [GeneratedRegex(@"\b(Task\.Run|ThreadPool\.\w+|Task\.Factory\.StartNew|Task\.Yield)\(")]
    private static partial Regex PoolUse();
}
