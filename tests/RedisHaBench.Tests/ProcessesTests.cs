// What the library of real processes promises: nothing is left behind, and a cut is a cut.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using RedisHaBench.Failover;
using RedisHaProcesses;

namespace RedisHaBench.Tests;

[Collection("real processes")]
public sealed class ProcessesTests
{
    [SkippableFact]
    public async Task A_killed_bench_leaves_no_process_and_the_next_one_removes_its_files()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "redis-ha-bench"),
            ["failover", "--scenario", "crash", "--contender", "redis-ha-proxy", "--rounds", "1", "--out", Path.GetTempPath()])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var bench = Process.Start(start)!;
        string[] children;
        string left;
        try
        {
            await Eventually.HoldsAsync(() => Children(bench.Id).Count(c => c.Name == "redis-server") == 3, () => "three redis-servers run");
            children = [.. Children(bench.Id).Select(c => c.Path)];
            left = Directory.EnumerateDirectories(Path.GetTempPath(),
                string.Create(CultureInfo.InvariantCulture, $"redis-ha-processes-{bench.Id}-*")).Single();
        }
        finally
        {
            bench.Kill();
            await bench.WaitForExitAsync();
        }

        await Eventually.HoldsAsync(() => children.All(c => !Directory.Exists(c)), () => $"gone: {string.Join(' ', children.Where(Directory.Exists))}");
        new WorkDirectory().Dispose();
        Assert.False(Directory.Exists(left));
    }

    [SkippableFact]
    [Trait("Needs", "root")]
    public async Task A_cut_separates_the_island_from_the_rest_and_a_heal_joins_them()
    {
        Skip.If(Installed.MissingForNamespaces() is not null, Installed.MissingForNamespaces());
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 2, Sentinels = 0, Namespaces = true });
        var (master, replica) = (deployment.Nodes[0], deployment.Nodes[1]);
        var island = await deployment.Network!.AddAsync("client", IPAddress.Parse("10.79.0.50"));
        Assert.Equal("PONG", Ping(replica, island));

        await deployment.Network.CutAsync(master.EndPoint.Address, IPAddress.Parse("10.79.0.50"));

        Assert.Equal("PONG", Ping(master, island)); // within the island
        Assert.Throws<IOException>(() => Ping(replica, island, seconds: 0.5)); // out of it
        Assert.Equal("PONG", replica.Call("PING").Text); // from the node's own namespace

        await deployment.Network.HealAsync();
        Assert.Equal("PONG", Ping(replica, island));
    }

    // A machine that goes leaves its name for a moment, as a plain file: to who watches it, it is one that does not answer.
    [Fact]
    public void A_namespace_that_is_gone_is_a_failure_of_the_connection()
    {
        using var work = new WorkDirectory();
        var file = work.Write("gone", "");

        Assert.ThrowsAny<IOException>(() => NetworkNamespace.Named("../.." + file).Enter());
        File.Delete(file);
        Assert.ThrowsAny<IOException>(() => NetworkNamespace.Named("../.." + file).Enter());
    }

    [SkippableFact]
    public void HAProxy_accepts_the_configuration_of_each_contender()
    {
        Skip.If(Installed.Missing("haproxy") is not null, Installed.Missing("haproxy"));
        using var work = new WorkDirectory();
        (string, IPEndPoint)[] nodes = [("redis1", new(IPAddress.Loopback, 7001)), ("redis2", new(IPAddress.Loopback, 7002))];
        foreach (var fast in new[] { false, true })
        {
            var file = work.Write("haproxy.cfg", Contenders.HaProxyConfiguration(nodes, "secret", new(IPAddress.Loopback, 7000), "inter 1s", fast));
            using var check = Process.Start(new ProcessStartInfo(Installed.Path("haproxy")!,
                ["-c", "-f", file])
            { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var error = check.StandardError.ReadToEnd();
            check.WaitForExit();
            Assert.True(check.ExitCode == 0, error);
        }
    }

    private static string Ping(RedisProcess node, NetworkNamespace from, double seconds = 20)
    {
        using var connection = RespConnection.Connect(node.EndPoint, TimeSpan.FromSeconds(seconds), from);
        return connection.Call("PING").Text;
    }

    /// <summary>The children of a process, from /proc.</summary>
    private static IEnumerable<(string Path, string Name)> Children(int parent)
    {
        foreach (var path in Directory.EnumerateDirectories("/proc").Where(p => Path.GetFileName(p).All(char.IsAsciiDigit)))
        {
            string stat;
            try
            {
                stat = File.ReadAllText(Path.Combine(path, "stat"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue;
            }

            // pid (name) state ppid ...; the name may hold anything but ends at the last parenthesis (proc(5)).
            var afterName = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (afterName[1] == parent.ToString(CultureInfo.InvariantCulture))
            {
                yield return (path, stat[(stat.IndexOf('(', StringComparison.Ordinal) + 1)..stat.LastIndexOf(')')]);
            }
        }
    }
}
