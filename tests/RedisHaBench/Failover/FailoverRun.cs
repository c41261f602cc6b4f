// One run: a fresh deployment, one proxy, clients under load, one scenario, and the data of all nodes afterwards.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>The load and the times of a run.</summary>
internal sealed record LoadSettings
{
    /// <summary>Clients that keep their connection.</summary>
    public int PersistentWriters { get; init; } = 4;

    /// <summary>Clients that connect for each write.</summary>
    public int NewWriters { get; init; } = 4;

    /// <summary>Clients blocked in BLPOP.</summary>
    public int Blocked { get; init; } = 2;

    /// <summary>Subscribed clients.</summary>
    public int Subscribed { get; init; } = 2;

    /// <summary>Pause of a client between two writes, milliseconds.</summary>
    public int Pause { get; init; } = 5;

    /// <summary>
    /// A client's timeout for connecting and for each reply. Short for a client library, in HAProxy's favour: it holds a session that met the
    /// dead server for seconds, and a client that gives up early finds the new master earlier.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long after the failover clients may stay unserved before the run ends.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(8);
}

/// <summary>Runs a scenario.</summary>
internal static class FailoverRun
{
    /// <summary>The proxy's address in namespaces.</summary>
    public static IPAddress ProxyAddress { get; } = new([10, 79, 0, 100]);

    /// <summary>The clients' address, where they have a namespace of their own.</summary>
    public static IPAddress ClientAddress { get; } = new([10, 79, 0, 101]);

    /// <summary>Runs a scenario with a proxy on a fresh deployment, and gives what was seen.</summary>
    /// <exception cref="TimeoutException">Something other than the proxy under test failed: the deployment did not start, fail over or converge.</exception>
    public static async Task<RunRecord> RunAsync(
        Scenario scenario, Contender contender, RedisDeploymentOptions settings, LoadSettings load, CancellationToken cancellationToken = default)
    {
        // Where the deployment is in namespaces anyway, clients have one of their own: they are on other machines than the proxy.
        var apart = settings.Namespaces || contender.HandsOver;
        await using var deployment = await RedisDeployment.StartAsync(settings with { Namespaces = scenario.Namespaces || apart }, cancellationToken);
        if (scenario.Prepare is { } prepare)
        {
            await prepare(deployment);
        }

        var network = scenario.Namespaces || apart ? await deployment.Network!.AddAsync("proxy", ProxyAddress) : null;
        var clients = apart ? await deployment.Network!.AddAsync("clients", ClientAddress) : network;
        var listen = new IPEndPoint(network is null ? IPAddress.Loopback : ProxyAddress, network is null ? FreePorts.Take() : 6379);
        var started = contender.Start(deployment, listen, network);
        var proxy = started.Processes[0];
        try
        {
            var handOver = contender.HandsOver ? new HandOverWatch(network!, started) : null;
            return await UnderLoadAsync(scenario, deployment, new Destination(listen, clients, deployment), proxy, handOver, load, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException or IOException or RespErrorException)
        {
            throw new InvalidOperationException(
                $"{scenario.Name} with {contender.Name}: {e.Message}\n{deployment.Describe()}\nThe proxy's last lines, without "
                    + $"sessions:\n{LastLines(proxy)}", e);
        }
        finally
        {
            foreach (var process in started.Processes)
            {
                process.Dispose();
            }
        }
    }

    /// <summary>The end of the proxy's log without the lines of single sessions, of which there are thousands.</summary>
    private static string LastLines(ChildProcess proxy)
        => string.Join('\n', proxy.LogTail(int.MaxValue).Split('\n').Where(l => !l.Contains(" session ", StringComparison.Ordinal)).TakeLast(30));

    private static async Task<RunRecord> UnderLoadAsync(
        Scenario scenario, RedisDeployment deployment, Destination destination, ChildProcess proxy, HandOverWatch? handOver, LoadSettings load,
        CancellationToken cancellationToken)
    {
        await ServesAsync(destination, proxy, cancellationToken);
        if (handOver is not null)
        {
            await handOver.ReadyAsync(cancellationToken);
        }

        var probes = deployment.Nodes.Select(n => new NodeProbe(n)).ToArray();
        var writers = Enumerable.Range(1, load.PersistentWriters).Select(i => Writer($"persistent:{i}", ClientKind.Persistent))
            .Concat(Enumerable.Range(1, load.NewWriters).Select(i => Writer($"new:{i}", ClientKind.New)))
            .ToArray();
        var waiting = Enumerable.Range(1, load.Blocked).Select(i => WaitingClient.Blocked($"blocked:{i}", destination))
            .Concat(Enumerable.Range(1, load.Subscribed).Select(i => WaitingClient.Subscribed($"subscribed:{i}", destination)))
            .ToArray();
        var stage = new Stage(deployment, probes, writers);
        long begin, acted, end;
        try
        {
            Array.ForEach(probes, p => p.Start());
            Array.ForEach(writers, w => w.Start());
            Array.ForEach(waiting, w => w.Start());
            await Eventually.HoldsAsync(
                () => writers.All(w => w.Acknowledged >= 100) && stage.AllServed(0) && waiting.All(w => w.Waiting),
                () => "all clients are served",
                cancellationToken: cancellationToken);
            if (handOver is not null)
            {
                await handOver.TakenAsync(load.PersistentWriters + load.Blocked + load.Subscribed, cancellationToken);
            }

            GC.Collect();
            begin = Stopwatch.GetTimestamp();
            // Redis' and Sentinel's timers run at 1 s and began with the processes: act at any phase of them, or one contender has all the luck.
            await Task.Delay(TimeSpan.FromSeconds(1 + Random.Shared.NextDouble()), cancellationToken);
            acted = Stopwatch.GetTimestamp();
            await scenario.Act(stage);
            await stage.SettledAsync(load.Patience);
            end = Stopwatch.GetTimestamp();
        }
        finally
        {
            Array.ForEach(writers, w => w.Stop());
            Array.ForEach(waiting, w => w.Stop());
            Array.ForEach(probes, p => p.Stop());
        }

        var written = writers.Select(w => w.Join()).ToArray();
        var waits = waiting.SelectMany(w => w.Join()).ToArray();
        var nodes = probes.Select(p => p.Join()).ToArray();
        if (scenario.Heal is { } heal)
        {
            await heal(deployment);
        }

        var outcome = handOver is null ? null : await handOver.OutcomeAsync(cancellationToken);
        await deployment.ConvergedAsync(TimeSpan.FromSeconds(60), cancellationToken);
        return new RunRecord
        {
            OldMaster = 0,
            Begin = begin,
            Acted = acted,
            End = end,
            Marks = stage.Marks,
            Phases = stage.Phases,
            Writers = written,
            Waits = waits,
            Nodes = nodes,
            FinalMaster = deployment.Nodes.Index().First(n => n.Item == deployment.OnlyMaster()).Index,
            Data = ReadData(deployment, written),
            HandOver = outcome,
        };

        WriterClient Writer(string name, ClientKind kind) => new(name, kind, destination, load.Timeout, load.Pause);
    }

    /// <summary>
    /// Waits until the proxy sends session after session to the master. HAProxy takes every server for good until its first checks fail.
    /// </summary>
    private static Task ServesAsync(Destination destination, ChildProcess proxy, CancellationToken cancellationToken)
        => Eventually.HoldsAsync(() =>
        {
            if (proxy.HasExited)
            {
                throw new InvalidOperationException("the proxy ended");
            }

            for (var i = 0; i < 12; i++)
            {
                using var connection = RespConnection.Connect(destination.EndPoint, TimeSpan.FromSeconds(1), destination.Network);
                connection.Send(destination.Hello);
                if (destination.ReadHello(connection) != 0 || connection.Call("SET", "hello", "1").IsError)
                {
                    return false;
                }
            }

            return true;
        }, () => "the proxy sends sessions to the master only", every: TimeSpan.FromMilliseconds(50), cancellationToken: cancellationToken);

    private static Dictionary<int, IReadOnlyDictionary<string, HashSet<int>>> ReadData(RedisDeployment deployment, IReadOnlyList<WriterRecord> writers)
        => deployment.Nodes.Index().Where(n => n.Item.Runs).ToDictionary(
            n => n.Index,
            n =>
            {
                using var connection = n.Item.Connect(TimeSpan.FromSeconds(10));
                return (IReadOnlyDictionary<string, HashSet<int>>)writers.ToDictionary(
                    w => w.Name,
                    w => connection.Call("HKEYS", w.Name).Items.Select(i => int.Parse(i.Text, CultureInfo.InvariantCulture)).ToHashSet(),
                    StringComparer.Ordinal);
            });
}
