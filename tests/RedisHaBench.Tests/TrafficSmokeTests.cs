// One tiny run of the traffic bench with real processes: every part is there and says something.

using System.Diagnostics;
using System.Net;
using System.Text.Json;
using RedisHaBench.Traffic;
using RedisHaProcesses;

namespace RedisHaBench.Tests;

[Collection("real processes")]
public sealed class TrafficSmokeTests
{
    [SkippableFact]
    public async Task A_tiny_run_measures_everybody()
    {
        Skip.If(TrafficCommand.Missing() is not null, TrafficCommand.Missing());
        using var work = new WorkDirectory();
        var document = work.Write("doc.md", "before\n<!-- results -->\n<!-- /results -->\n");
        var program = Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy");
        var engines = await Contenders.EnginesOfAsync(program, default);
        string[] loads = ["c50", "c20-1m-echo", "fan-out"];
        var contenders = Contenders.All(program, engines).Where(c => c.Name is "direct" or "haproxy-tuned-1" or "haproxy-splice"
            || (c.Kind == ContenderKind.Ours && !c.HandsOver && c.Loads is null)).ToArray();

        // Whether bars hold says nothing on a busy machine: both exit codes are right, an exception is not.
        await TrafficCommand.RunAsync(
            new TrafficOptions
            {
                Rounds = 2,
                Seconds = 0.1,
                Loads = [.. Loads.All.Where(l => loads.Contains(l.Name))],
                Contenders = contenders,
                IdleRounds = 0,
                Profile = false,
            },
            program, work.Path, document, default);

        var cases = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(work.Path,
            "performance.json"))).RootElement.GetProperty("cases").EnumerateArray().ToArray();
        Assert.Equal((3 * (contenders.Length - 1)) + 1, cases.Length); // haproxy-splice has one load
        Assert.All(cases, c => Assert.All(c.GetProperty("samples").EnumerateArray(), s =>
        {
            Assert.True(s.GetProperty("throughput").GetDouble() > 0);
            Assert.True(s.GetProperty("p99").GetDouble() >= s.GetProperty("p50").GetDouble());
            Assert.Equal(c.GetProperty("contender").GetString() != "direct", s.TryGetProperty("cpu", out _));
        }));
        Assert.Contains("| c20-1m-echo |", await File.ReadAllTextAsync(document), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(work.Path, "doc.svg")));
    }

    [SkippableFact]
    public void HAProxy_accepts_every_tuning()
    {
        Skip.If(Installed.Missing("haproxy") is not null, Installed.Missing("haproxy"));
        using var work = new WorkDirectory();
        (string, IPEndPoint)[] nodes = [("redis1", new(IPAddress.Loopback, 7001)), ("redis2", new(IPAddress.Loopback, 7002))];
        foreach (var tuning in new HaProxyTuning[] { new(0, null), new(2, HaProxyTuning.SpliceAuto), new(1, HaProxyTuning.SpliceAlways),
            new(1, HaProxyTuning.SpliceAuto, BusyPolling: true) })
        {
            var file = work.Write("haproxy.cfg",
                Contenders.HaProxyConfiguration(nodes, "secret", new(IPAddress.Loopback, 7000), new(IPAddress.Loopback, 7003), tuning));
            using var check = Process.Start(new ProcessStartInfo(Installed.Path("haproxy")!,
                ["-c", "-f", file])
            { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var error = check.StandardError.ReadToEnd();
            check.WaitForExit();
            Assert.True(check.ExitCode == 0, $"{tuning}: {error}");
            Assert.DoesNotContain("WARNING", error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("--rounds must be from 1 to 100", "--rounds", "0")]
    [InlineData("--seconds must be from 0.1 to 60", "--seconds", "0")]
    [InlineData("--load: there is no 'c7'", "--load", "c7")]
    [InlineData("--contender: there is no 'nginx'", "--contender", "nginx")]
    [InlineData("--haproxy: there is no file /nowhere/haproxy", "--haproxy", "/nowhere/haproxy")]
    [InlineData("--proxy: there is no file /nowhere/redis-ha-proxy", "--proxy", "/nowhere/redis-ha-proxy")]
    [InlineData("--document: /nowhere.md is not a file with the lines <!-- results -->", "--document", "/nowhere.md")]
    [InlineData("--form: there is no 'interpreted'", "forms", "--form", "interpreted")]
    public Task Wrong_usage_is_told_in_one_line(string message, params string[] arguments) => BenchProgram.RefusesAsync(message, ["traffic", .. arguments]);
}
