// The deployment and the proxies in front of it. Only the one that is being measured runs; the others are suspended.

using System.Net;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>A contender that has been started.</summary>
internal sealed class RunningContender : IDisposable
{
    private static readonly TimeSpan Reply = TimeSpan.FromSeconds(15);

    private readonly RedisDeployment _deployment;
    private readonly NetworkNamespace? _network;
    private readonly StartedProxy? _started;

    private RunningContender(
        Contender contender, RedisDeployment deployment, IPEndPoint endPoint, StartedProxy? started, NetworkNamespace? clients, NetworkNamespace? network)
    {
        Contender = contender;
        EndPoint = endPoint;
        Clients = clients;
        _deployment = deployment;
        _started = started;
        _network = network;
    }

    /// <summary>Where clients are; null is here.</summary>
    public NetworkNamespace? Clients { get; }

    /// <summary>What it is.</summary>
    public Contender Contender { get; }

    /// <summary>Where clients connect.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Process id of the proxy; null without one.</summary>
    public int? ProcessId => Proxy?.Id;

    private ChildProcess? Proxy => _started?.Processes[0];

    /// <summary>Starts it, and waits until it leads to the master.</summary>
    /// <param name="contender">What to start.</param>
    /// <param name="deployment">What it leads to.</param>
    /// <param name="clients">Where clients are, of a deployment in namespaces; null on the loopback.</param>
    /// <param name="number">Of its way (<see cref="Way.LayAsync"/>).</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="InvalidOperationException">It ended, or does not lead there; the message has the end of its log.</exception>
    public static async Task<RunningContender> StartAsync(
        Contender contender, RedisDeployment deployment, NetworkNamespace? clients, int number, CancellationToken cancellationToken)
    {
        var way = clients is null ? null : await Way.LayAsync(clients, deployment, number, routes: contender.Start is null);
        var endPoint = contender.Start is null ? deployment.Nodes[0].EndPoint : new IPEndPoint(way?.Listen ?? IPAddress.Loopback, FreePorts.Take());
        var running = new RunningContender(contender, deployment, endPoint, contender.Start?.Invoke(deployment, endPoint, way?.Middle), clients, way?.Middle);
        try
        {
            await running.ReadyAsync(cancellationToken);
            return running;
        }
        catch
        {
            running.Dispose();
            throw;
        }
    }

    /// <summary>Stops it for the time that others are measured: its probes must not take their processor time.</summary>
    public void Suspend() => Signalled(Signal.Stop);

    /// <summary>Lets it go on, and waits until it leads to the master.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        Signalled(Signal.Continue);
        await ReadyAsync(cancellationToken);
    }

    /// <summary>Processor time of the proxy so far; null without one.</summary>
    public TimeSpan? CpuTime() => _started is null ? null
        : TimeSpan.FromTicks(_started.Processes.Sum(process => ProcessCost.CpuTime(process.Id).Ticks));

    /// <summary>Memory of the proxy and what belongs to it, bytes.</summary>
    public long MemoryBytes() => ProcessCost.MemoryBytes(_started!.Processes.Select(process => process.Id));

    /// <summary>How many sessions the kernel has taken over from it so far; null where it has none to take, or no helper.</summary>
    /// <exception cref="IOException">It does not answer.</exception>
    public async Task<long?> HandedOverAsync(CancellationToken cancellationToken)
        => Contender.HandsOver ? await HandOverHelper.HandedOverAsync(_network!, _started!.Admin!, cancellationToken) : null;

    /// <summary>The end of the proxy's log.</summary>
    public string LogTail() => Proxy is null ? "" : $"\nThe last lines of {Contender.Name}:\n{Proxy.LogTail(10)}";

    /// <summary>Kills the proxy.</summary>
    public void Dispose()
    {
        foreach (var process in _started?.Processes ?? [])
        {
            process.Dispose();
        }
    }

    private void Signalled(Signal signal)
    {
        foreach (var process in _started?.Processes ?? [])
        {
            process.Send(signal);
        }
    }

    private async Task ReadyAsync(CancellationToken cancellationToken)
    {
        await LeadsToMasterAsync(cancellationToken);
        if (Contender.HandsOver)
        {
            await Eventually.HoldsAsync(
                async () => await HandedOverAsync(cancellationToken) is not null, () => $"{Contender.Name} has its helper{LogTail()}",
                cancellationToken: cancellationToken);
        }
    }

    // HAProxy takes every server for good until its first checks have failed: so many sessions in a row must reach the master.
    private async Task LeadsToMasterAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Eventually.HoldsAsync(
                () => Proxy is { HasExited: true }
                    ? throw new InvalidOperationException($"{Contender.Name} ended{LogTail()}")
                    : Enumerable.Range(0, 6).All(_ => IsMaster()),
                () => $"{Contender.Name} leads to the master{LogTail()}",
                every: TimeSpan.FromMilliseconds(20),
                cancellationToken: cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new InvalidOperationException(e.Message, e);
        }
    }

    private bool IsMaster()
    {
        using var connection = RespConnection.Connect(EndPoint, Reply, null, _deployment.Accounts.Client, Clients);
        return connection.Call("ROLE")[0].Text == "master";
    }
}

/// <summary>A deployment for the traffic bench.</summary>
internal static class Stage
{
    /// <summary>
    /// The user of redis-benchmark, with the clients' password: it asks for CONFIG GET first and ends when it may not (redis-benchmark.c,
    /// getRedisConfig), which clients may not. So this user has the clients' rights and CONFIG GET.
    /// </summary>
    public const string BenchmarkUser = "redis-benchmark";

    /// <summary>Starts three nodes and three Sentinels as the product configures them, with the values that loads read.</summary>
    /// <param name="namespaces">Whether each node is in a network namespace of its own.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public static async Task<RedisDeployment> StartDeploymentAsync(bool namespaces, CancellationToken cancellationToken)
    {
        var deployment = await RedisDeployment.StartAsync(
            new RedisDeploymentOptions
            {
                AsProduct = true,
                Namespaces = namespaces,
                DownAfterMilliseconds = 5000,
                FailoverTimeoutMilliseconds = 60_000,
            },
            cancellationToken);
        try
        {
            foreach (var node in deployment.Nodes)
            {
                var rights = node.Call("ACL", "GETUSER", "default").ToDictionary()["commands"];
                node.Call(["ACL", "SETUSER", BenchmarkUser, "on", $">{deployment.Accounts.Client}", "~*", "&*", .. rights.Split(' '), "+config|get"]);
            }

            foreach (var load in Loads.All.Where(l => !l.FanOut).DistinctBy(l => l.Key))
            {
                deployment.Nodes[0].Call("SET", load.Key, Value(load));
            }

            return deployment;
        }
        catch
        {
            await deployment.DisposeAsync();
            throw;
        }
    }

    /// <summary>The value that a load moves.</summary>
    public static string Value(Load load) => new('v', Math.Max(3, load.ValueBytes));
}
