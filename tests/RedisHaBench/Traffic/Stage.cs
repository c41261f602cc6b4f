// The deployment and the proxies in front of it. Only the one that is being measured runs; the others are suspended.

using System.Globalization;
using System.Net;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>A contender that has been started.</summary>
internal sealed class RunningContender : IDisposable
{
    private static readonly TimeSpan Reply = TimeSpan.FromSeconds(15);

    private readonly RedisDeployment _deployment;
    private readonly ChildProcess[] _processes;
    private readonly ChildProcess? _process;

    private RunningContender(Contender contender, RedisDeployment deployment, IPEndPoint endPoint, ChildProcess[] processes, NetworkNamespace? clients)
    {
        Contender = contender;
        EndPoint = endPoint;
        Clients = clients;
        _deployment = deployment;
        _processes = processes;
        _process = processes.FirstOrDefault();
    }

    /// <summary>Where clients are; null is here.</summary>
    public NetworkNamespace? Clients { get; }

    /// <summary>What it is.</summary>
    public Contender Contender { get; }

    /// <summary>Where clients connect.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Process id of the proxy; null without one.</summary>
    public int? ProcessId => _process?.Id;

    /// <summary>Starts it, and waits until it leads to the master.</summary>
    /// <param name="contender">What to start.</param>
    /// <param name="deployment">What it leads to.</param>
    /// <param name="clients">Where clients are, of a deployment in namespaces; null on the loopback.</param>
    /// <param name="number">Which of the contenders it is, for its namespace and address.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="InvalidOperationException">It ended, or does not lead there; the message has the end of its log.</exception>
    public static async Task<RunningContender> StartAsync(
        Contender contender, RedisDeployment deployment, NetworkNamespace? clients, int number, CancellationToken cancellationToken)
    {
        if (contender.Start is null)
        {
            return new(contender, deployment, deployment.Nodes[0].EndPoint, [], clients);
        }

        // A namespace for each: what one of them attaches to its interface costs the others nothing.
        var endPoint = new IPEndPoint(clients is null ? IPAddress.Loopback : new IPAddress([10, 82, 0, (byte)(number + 1)]), FreePorts.Take());
        var network = clients is null ? null
            : await deployment.Network!.AddAsync(string.Create(CultureInfo.InvariantCulture, $"proxy{number}"), endPoint.Address);
        var running = new RunningContender(contender, deployment, endPoint, contender.Start(deployment, endPoint, network), clients);
        try
        {
            await running.LeadsToMasterAsync(cancellationToken);
            return running;
        }
        catch
        {
            running.Dispose();
            throw;
        }
    }

    /// <summary>Stops it for the time that others are measured: its probes must not take their processor time.</summary>
    public void Suspend() => Array.ForEach(_processes, process => process.Send(Signal.Stop));

    /// <summary>Lets it go on, and waits until it leads to the master.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        Array.ForEach(_processes, process => process.Send(Signal.Continue));
        await LeadsToMasterAsync(cancellationToken);
    }

    /// <summary>Processor time of the proxy so far; null without one.</summary>
    public TimeSpan? CpuTime() => _process is null ? null
        : TimeSpan.FromTicks(_processes.Sum(process => ProcessCost.CpuTime(process.Id).Ticks));

    /// <summary>The end of the proxy's log.</summary>
    public string LogTail() => _process is null ? "" : $"\nThe last lines of {Contender.Name}:\n{_process.LogTail(10)}";

    /// <summary>Kills the proxy.</summary>
    public void Dispose() => Array.ForEach(_processes, process => process.Dispose());

    // HAProxy takes every server for good until its first checks have failed: so many sessions in a row must reach the master.
    private async Task LeadsToMasterAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Eventually.HoldsAsync(
                () => _process is { HasExited: true }
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
