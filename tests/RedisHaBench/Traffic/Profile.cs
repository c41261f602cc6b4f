// Where the processor time of a proxy goes: system calls counted, and samples of what runs, by perf(1).

using System.Globalization;
using System.Text.RegularExpressions;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>What perf saw of one contender under one load.</summary>
/// <param name="Load">The load.</param>
/// <param name="Contender">The contender.</param>
/// <param name="SystemCalls">System calls for each request, by name.</param>
/// <param name="Symbols">Share of the proxy's processor time by function, the greatest first.</param>
internal sealed partial record Profile(
    string Load, string Contender, IReadOnlyDictionary<string, double> SystemCalls, IReadOnlyList<ProfileSymbol> Symbols)
{
    /// <summary>Share of the time in the kernel.</summary>
    public double KernelShare => Symbols.Where(s => s.InKernel).Sum(s => s.Share);

    // What data planes call; the rest is counted together.
    private static readonly string[] Calls =
    [
        "recvfrom", "sendto", "recvmsg", "sendmsg", "read", "write", "readv", "writev", "splice", "epoll_wait", "epoll_ctl", "io_uring_enter",
        "accept4", "connect", "close", "shutdown", "getsockopt", "setsockopt", "futex", "sched_yield",
    ];

    /// <summary>Loads that are profiled.</summary>
    public static IReadOnlyList<string> Loads { get; } = ["c50", "c50-p16", "c50-16k", "c20-1m", "c1000"];

    /// <summary>Why there can be no profile here; null when there can.</summary>
    public static string? Missing => Installed.Missing("perf") ?? (Environment.IsPrivilegedProcess ? null : "needs root to count system calls");

    /// <summary>Runs a load twice: once with counters on the proxy's system calls, once with samples of its stack tops.</summary>
    /// <exception cref="InvalidOperationException">perf failed; the message has its words.</exception>
    public static async Task<Profile> TakeAsync(Load load, RunningContender contender, RedisDeployment deployment, long requests,
        CancellationToken cancellationToken)
    {
        var process = contender.ProcessId!.Value.ToString(CultureInfo.InvariantCulture);
        var work = deployment.Work.Path;
        var counts = Path.Combine(work, "perf.stat");
        var events = string.Join(',', Calls.Select(c => $"syscalls:sys_enter_{c}").Append("raw_syscalls:sys_enter"));
        var served = await UnderLoadAsync(["stat", "-x", ",", "-e", events, "-p", process, "-o", counts, "--"]);
        var calls = ParseCounts(await File.ReadAllTextAsync(counts, cancellationToken), served);

        var data = Path.Combine(work, "perf.data");
        await UnderLoadAsync(["record", "-q", "-e", "cpu-clock", "-F", "1999", "-p", process, "-o", data, "--"]);
        var report = await PerfAsync(["report", "-i", data, "--stdio", "--no-children", "-F", "overhead,dso,symbol", "-w", "0,0,0"]);
        File.Delete(data);
        return new Profile(load.Name, contender.Contender.Name, calls, ParseReport(report));

        // perf runs the load as its command, and ends with it.
        async Task<long> UnderLoadAsync(string[] perf)
        {
            var (words, input) = LoadRun.RedisBenchmark(load, contender, deployment, requests);
            var text = await PerfAsync([.. perf, "sh", "-c", "input=$1; shift; exec \"$@\" <\"$input\"", "sh", input ?? "/dev/null", .. words]);
            return RedisBenchmarkOutput.Parse(text).Requests;
        }

        async Task<string> PerfAsync(IEnumerable<string> words)
        {
            var log = Path.Combine(work, "perf.log");
            File.Delete(log);
            using var perf = ChildProcess.Start("perf", "perf", words, log);
            await Eventually.HoldsAsync(() => perf.HasExited, () => "perf ends", TimeSpan.FromMinutes(2), cancellationToken: cancellationToken);
            return perf.ExitCode == 0
                ? await File.ReadAllTextAsync(log, cancellationToken)
                : throw new InvalidOperationException($"perf failed: {perf.LogTail(5)}");
        }
    }

    /// <summary>Reads perf stat -x: value, unit, event and more, a line each.</summary>
    /// <param name="text">Its output.</param>
    /// <param name="requests">Requests in the same time.</param>
    internal static IReadOnlyDictionary<string, double> ParseCounts(string text, long requests)
    {
        var counts = new Dictionary<string, double>();
        double all = 0;
        foreach (var fields in text.Split('\n').Select(l => l.Split(',')).Where(f => f.Length > 2))
        {
            if (!double.TryParse(fields[0], CultureInfo.InvariantCulture, out var value))
            {
                continue; // <not counted>: the call was never made
            }

            if (fields[2] == "raw_syscalls:sys_enter")
            {
                all = value / requests;
            }
            else
            {
                counts[fields[2].Replace("syscalls:sys_enter_", "", StringComparison.Ordinal)] = value / requests;
            }
        }

        counts["others"] = Math.Max(0, all - counts.Values.Sum());
        counts["all"] = all;
        return counts;
    }

    /// <summary>Reads perf report --stdio -F overhead,dso,symbol.</summary>
    internal static IReadOnlyList<ProfileSymbol> ParseReport(string text)
        => [.. ReportLine().Matches(text).Select(m => new ProfileSymbol(
            double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture) / 100,
            m.Groups[2].Value.Trim(),
            NameOf(m.Groups[2].Value, m.Groups[4].Value.Trim()),
            m.Groups[3].Value == "k"))
            .GroupBy(s => (s.Object, s.Name, s.InKernel))
            .Select(g => g.First() with { Share = g.Sum(s => s.Share) })
            .OrderByDescending(s => s.Share)];

    // What the runtime compiled has no name for perf, nor has what was stripped.
    private static string NameOf(string file, string symbol) => !symbol.StartsWith("0x", StringComparison.Ordinal) ? symbol
        : file.StartsWith("memfd:", StringComparison.Ordinal) || file.StartsWith("[JIT]", StringComparison.Ordinal) ? "code compiled at run time"
        : "without name";

    [GeneratedRegex(@"^\s*([\d.]+)%\s+(\S.*?)\s+\[([k.])\]\s+(.+)$", RegexOptions.Multiline)]
    private static partial Regex ReportLine();
}

/// <summary>A function in a profile.</summary>
/// <param name="Share">Of all samples, 0 to 1.</param>
/// <param name="Object">Program or library.</param>
/// <param name="Name">The function.</param>
/// <param name="InKernel">Whether it is the kernel's.</param>
internal sealed record ProfileSymbol(double Share, string Object, string Name, bool InKernel);
