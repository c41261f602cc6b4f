// A whole run: idle memory, then all loads in rounds with the contenders in turns, then profiles.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>What to run.</summary>
internal sealed record TrafficOptions
{
    public required int Rounds { get; init; }

    /// <summary>How long a load is to run through the HAProxy that is measured first, seconds; all others get the same number of requests.</summary>
    public required double Seconds { get; init; }

    public required IReadOnlyList<Load> Loads { get; init; }

    public required IReadOnlyList<Contender> Contenders { get; init; }

    /// <summary>HAProxies beside the installed one.</summary>
    public IReadOnlyList<HaProxyVersion> HaProxies { get; init; } = [];

    /// <summary>Rounds of the measurement of memory; 0 for none.</summary>
    public required int IdleRounds { get; init; }

    /// <summary>Whether to count system calls and take profiles.</summary>
    public required bool Profile { get; init; }

    /// <summary>Whether clients, proxies and nodes are in network namespaces, with wires between them, and not on the loopback.</summary>
    public bool Namespaces { get; init; }
}

/// <summary>Runs the bench.</summary>
internal sealed class TrafficRun(TrafficOptions options, RedisDeployment deployment, Action<string> say, CancellationToken cancellationToken)
{
    /// <summary>Replicas, Sentinels and the probes of all proxies have fewer connections than this, loads with many sessions more.</summary>
    private const int FewClients = 200;

    private static readonly IPAddress ClientAddress = IPAddress.Parse("10.81.0.1");

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Dictionary<string, long> _requests = [];
    private readonly List<RunningContender> _running = [];
    private double _spent; // seconds that measurements have taken
    private int _done;

    /// <summary>Runs that failed twice.</summary>
    public int Failures { get; private set; }

    /// <summary>Runs everything.</summary>
    /// <exception cref="InvalidOperationException">A proxy did not start or lead to the master.</exception>
    public async Task<(IReadOnlyList<TrafficCase> Cases, IReadOnlyList<IdleCase> Idle, IReadOnlyList<Profile> Profiles)> RunAsync()
    {
        var clients = options.Namespaces ? await deployment.Network!.AddAsync("clients", ClientAddress) : null;
        var idle = await MeasureIdleAsync(clients);
        try
        {
            foreach (var (number, contender) in options.Contenders.Index())
            {
                var running = await RunningContender.StartAsync(contender, deployment, clients, number, cancellationToken);
                _running.Add(running);
                running.Suspend();
            }

            await FindLengthsAsync();
            return (await MeasureAsync(), idle, options.Profile ? await ProfileAsync() : []);
        }
        finally
        {
            _running.ForEach(r => r.Dispose());
        }
    }

    private async Task<IReadOnlyList<IdleCase>> MeasureIdleAsync(NetworkNamespace? clients)
    {
        var proxies = options.Contenders.Where(c => c.Start is not null && c.Loads is null).ToArray();
        var way = options.Contenders.Count;
        var all = proxies.ToDictionary(c => c.Name, _ => new List<IdleMemory>());
        for (var round = 0; round < options.IdleRounds; round++)
        {
            foreach (var contender in Rotated(proxies, round))
            {
                using var running = await RunningContender.StartAsync(contender, deployment, clients, way++, cancellationToken);
                var memory = await IdleMemory.MeasureAsync(running, deployment, cancellationToken);
                all[contender.Name].Add(memory);
                var steps = memory.Resident.Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Value / 1e6:0.0} MB with {r.Key}"));
                say(string.Create(CultureInfo.InvariantCulture,
                    $"[{Elapsed()}] idle memory, round {round + 1}/{options.IdleRounds}, {contender.Name}: {string.Join(", ", steps)}"));
            }
        }

        return [.. all.Where(c => c.Value.Count > 0).Select(c => new IdleCase(c.Key, c.Value))];
    }

    /// <summary>
    /// A short run of each load gives its length. All of ours are warmed up by it as well, unless there is one round only, which proves nothing
    /// anyway: a proxy in use has been compiled long since.
    /// </summary>
    private async Task FindLengthsAsync()
    {
        var first = _running.FirstOrDefault(r => r.Contender.Kind == ContenderKind.HaProxy) ?? _running[0];
        foreach (var load in options.Loads)
        {
            double rate = 0;
            foreach (var running in _running.Where(r => r == first
                || (options.Rounds > 1 && r.Contender.Kind == ContenderKind.Ours && r.Contender.Takes(load))))
            {
                var sample = await ResumedAsync(running, () => LoadRun.RunAsync(load, running, deployment, load.FirstRequests, cancellationToken));
                rate = running == first ? sample.Throughput : rate;
            }

            _requests[load.Name] = Math.Clamp((long)(rate * options.Seconds), Math.Max(load.FirstRequests / 10, load.LeastRequests), load.MostRequests);
            say(string.Create(CultureInfo.InvariantCulture, $"[{Elapsed()}] {load.Name}: {load.Description}; {_requests[load.Name]:#,##0} requests"));
        }
    }

    private async Task<IReadOnlyList<TrafficCase>> MeasureAsync()
    {
        var cases = options.Loads
            .SelectMany(l => _running.Where(r => r.Contender.Takes(l)).Select(r => (Load: l, Running: r)))
            .ToDictionary(c => (c.Load.Name, c.Running.Contender.Name), _ => new List<Sample?>());
        var total = cases.Count * options.Rounds;

        // Rounds outside, contenders inside and in another order each time: whatever the machine does meanwhile meets all alike.
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var (index, load) in options.Loads.Index())
            {
                foreach (var running in Rotated([.. _running.Where(r => r.Contender.Takes(load))], round + index))
                {
                    var before = Stopwatch.GetTimestamp();
                    var sample = await TryAsync(load, running);
                    cases[(load.Name, running.Contender.Name)].Add(sample);
                    _spent += Stopwatch.GetElapsedTime(before).TotalSeconds;
                    var left = _spent / ++_done * (total - _done) / 60;
                    say(string.Create(
                        CultureInfo.InvariantCulture,
                        $"[{Elapsed()}, {_done}/{total}, about {left:0.0} min left] round {round + 1}/{options.Rounds}, {load.Name}, "
                            + $"{running.Contender.Name}: {(sample is null ? "no result" : Brief(sample))}"));
                }
            }
        }

        return [.. cases.Select(c => new TrafficCase { Load = c.Key.Item1, Contender = c.Key.Item2, Samples = c.Value })];
    }

    private async Task<IReadOnlyList<Profile>> ProfileAsync()
    {
        if (Profile.Missing is { } missing)
        {
            say($"No profile: {missing}");
            return [];
        }

        var profiles = new List<Profile>();
        foreach (var load in options.Loads.Where(l => Profile.Loads.Contains(l.Name)))
        {
            foreach (var running in _running.Where(r => r.Contender.Kind == ContenderKind.Ours || r.Contender.Name == "haproxy-tuned-1"))
            {
                try
                {
                    var profile = await ResumedAsync(running, () => Profile.TakeAsync(load, running, deployment, _requests[load.Name], cancellationToken));
                    profiles.Add(profile);
                    say(string.Create(CultureInfo.InvariantCulture, $"[{Elapsed()}] profile of {load.Name}, {running.Contender.Name}: "
                        + $"{profile.SystemCalls["all"]:0.00} system calls a request, {profile.KernelShare:0%} of the time in the kernel"));
                }
                catch (Exception e) when (e is InvalidOperationException or FormatException or TimeoutException)
                {
                    say($"No profile of {load.Name} with {running.Contender.Name}: {e.Message}");
                }
            }
        }

        return profiles;
    }

    /// <summary>One run, and one more try.</summary>
    private async Task<Sample?> TryAsync(Load load, RunningContender running)
    {
        for (var tries = 1; tries <= 2; tries++)
        {
            try
            {
                return await ResumedAsync(running, () => LoadRun.RunAsync(load, running, deployment, _requests[load.Name], cancellationToken));
            }
            catch (InvalidOperationException e)
            {
                say($"No result: {e.Message}");
            }
        }

        Failures++;
        return null;
    }

    private async Task<T> ResumedAsync<T>(RunningContender running, Func<Task<T>> action)
    {
        await running.ResumeAsync(cancellationToken);
        try
        {
            return await action();
        }
        finally
        {
            await SessionsHaveEndedAsync(running);
            running.Suspend();
        }
    }

    /// <summary>A proxy that is suspended with thousands of sessions half ended keeps them open: Redis would refuse the next load's.</summary>
    private async Task SessionsHaveEndedAsync(RunningContender running)
    {
        try
        {
            await Eventually.HoldsAsync(
                () => Task.FromResult(int.Parse(deployment.Nodes[0].Info("clients")["connected_clients"], CultureInfo.InvariantCulture) < FewClients),
                () => $"the sessions of {running.Contender.Name} have ended",
                within: TimeSpan.FromSeconds(5),
                cancellationToken: cancellationToken);
        }
        catch (TimeoutException e)
        {
            say(e.Message);
        }
    }

    private static IEnumerable<T> Rotated<T>(T[] list, int by)
        => Enumerable.Range(0, list.Length).Select(i => list[(i + by) % list.Length]);

    private string Elapsed() => Stopwatch.GetElapsedTime(_start).ToString(@"mm\:ss", CultureInfo.InvariantCulture);

    private static string Brief(Sample s) => string.Create(
        CultureInfo.InvariantCulture,
        $"{s.Throughput:#,##0}/s, p50 {TrafficReport.Number(s.P50)} ms, p99 {TrafficReport.Number(s.P99)} ms, p99.9 {TrafficReport.Number(s.P999)} "
            + $"ms{(s.Cpu is { } cpu ? $", CPU {TrafficReport.Number(cpu)} us" : "")}"
            + $"{(s.Machine is { } machine ? $", machine {TrafficReport.Number(machine)} us" : "")}"
            + $"{(s.HandedOver is { } share ? $", {share:0%} of the sessions handed over" : "")}");
}
