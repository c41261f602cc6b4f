// One run of one load through one contender.

using System.Globalization;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>Runs loads.</summary>
internal static class LoadRun
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>Runs a load through a contender that is not suspended.</summary>
    /// <param name="load">The load.</param>
    /// <param name="contender">The way to Redis.</param>
    /// <param name="deployment">Has the accounts, and takes the files.</param>
    /// <param name="requests">How many.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="InvalidOperationException">The load failed; the message has why, and the end of the proxy's log.</exception>
    public static async Task<Sample> RunAsync(
        Load load, RunningContender contender, RedisDeployment deployment, long requests, CancellationToken cancellationToken)
    {
        try
        {
            var handedOver = await contender.HandedOverAsync(cancellationToken);
            var (before, machine) = (contender.CpuTime(), MachineCost.Now());
            var sample = load.FanOut
                ? await Task.Run(() => FanOutLoad.Run(contender.EndPoint, deployment.Accounts.Client, load, requests, cancellationToken), cancellationToken)
                : await RedisBenchmarkAsync(load, contender, deployment, requests, cancellationToken);
            var (cost, busy) = (contender.CpuTime() - before, machine.BusySince());
            return sample with
            {
                Cpu = cost?.TotalMicroseconds / sample.Requests,
                Machine = contender.Clients is null ? null : busy.TotalMicroseconds / sample.Requests,
                HandedOver = load.NewConnections ? null : (double?)(await contender.HandedOverAsync(cancellationToken) - handedOver) / load.Clients,
            };
        }
        catch (Exception e) when (e is IOException or FormatException or TimeoutException)
        {
            throw new InvalidOperationException($"{load.Name} with {contender.Contender.Name}: {e.Message}{contender.LogTail()}", e);
        }
    }

    /// <summary>The command line of redis-benchmark for a load, with the file of its standard input, if it needs one.</summary>
    public static (IReadOnlyList<string> Words, string? Input) RedisBenchmark(Load load, RunningContender contender, RedisDeployment deployment, long requests)
    {
        List<string> words =
        [
            Installed.Path("redis-benchmark")!, "-h", contender.EndPoint.Address.ToString(), "-p", Text(contender.EndPoint.Port),
            "--user", Stage.BenchmarkUser, "-a", deployment.Accounts.Client, "-c", Text(load.Clients), "-P", Text(load.Pipeline), "-n", Text(requests),
        ];
        if (load.NewConnections)
        {
            words.AddRange(["-k", "0"]);
        }

        if (!load.BothWays)
        {
            return ([.. words, "GET", load.Key], null);
        }

        // A value of 1 MB is too long for a command line; -x takes it from standard input.
        var input = Path.Combine(deployment.Work.Path, $"{load.Name}.value");
        if (!File.Exists(input))
        {
            File.WriteAllText(input, Stage.Value(load));
        }

        return ([.. words, "-x", "ECHO"], input);
    }

    private static async Task<Sample> RedisBenchmarkAsync(
        Load load, RunningContender contender, RedisDeployment deployment, long requests, CancellationToken cancellationToken)
    {
        var log = Path.Combine(deployment.Work.Path, "redis-benchmark.log");
        File.Delete(log);
        var (words, input) = RedisBenchmark(load, contender, deployment, requests);
        using var process = ChildProcess.Start("redis-benchmark", "sh",
            ["-c", "input=$1; shift; exec \"$@\" <\"$input\"", "sh", input ?? "/dev/null", .. words], log, contender.Clients);
        await Eventually.HoldsAsync(
            () => process.HasExited, () => $"redis-benchmark ends; it says: {process.LogTail(3)}", Limit, TimeSpan.FromMilliseconds(10), cancellationToken);
        var text = await File.ReadAllTextAsync(log, cancellationToken);
        var output = process.ExitCode == 0
            ? RedisBenchmarkOutput.Parse(text)
            : throw new IOException($"redis-benchmark ended with exit code {Text(process.ExitCode)}: {process.LogTail(3)}");
        return new Sample(output.Requests, output.Throughput, output.Percentile(0.5), output.Percentile(0.99), output.Percentile(0.999), null);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
