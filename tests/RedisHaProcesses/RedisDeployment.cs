// A whole deployment: one master, its replicas, and Sentinels that know each other.

using System.Globalization;
using System.Net;

namespace RedisHaProcesses;

/// <summary>How to start a <see cref="RedisDeployment"/>.</summary>
public sealed record RedisDeploymentOptions
{
    /// <summary>Data nodes; the first starts as master.</summary>
    public int Nodes { get; init; } = 3;

    /// <summary>Sentinels; 0 for none.</summary>
    public int Sentinels { get; init; } = 3;

    /// <summary>Sentinels that must agree that the master is down.</summary>
    public int Quorum { get; init; } = 2;

    /// <summary>down-after-milliseconds.</summary>
    public int DownAfterMilliseconds { get; init; } = 1000;

    /// <summary>failover-timeout, in milliseconds.</summary>
    public int FailoverTimeoutMilliseconds { get; init; } = 10_000;

    /// <summary>Password of the default user everywhere; null for none. With <see cref="AsProduct"/> the accounts' passwords count instead.</summary>
    public string? Password { get; init; }

    /// <summary>Further redis.conf lines of every node.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>
    /// Configure nodes and Sentinels as the product does, by the program's own files, apart from <see cref="RedisDeployment.Overrides"/>: tests
    /// log in as the operator then, and clients have the clients' rights. Otherwise nothing is on disk, and there is at most one password.
    /// </summary>
    public bool AsProduct { get; init; }

    /// <summary>With <see cref="AsProduct"/>: min-replicas-to-write; 0 turns the fence off.</summary>
    public int MinReplicas { get; init; } = 1;

    /// <summary>With <see cref="AsProduct"/>: min-replicas-max-lag, seconds.</summary>
    public int MinReplicasMaxLag { get; init; } = 3;

    /// <summary>Put every node with its Sentinel into a network namespace of its own, which can be cut off. Needs root.</summary>
    public bool Namespaces { get; init; }
}

/// <summary>One master, replicas and Sentinels, ready: replicas in sync, Sentinels agreed.</summary>
public sealed class RedisDeployment : IAsyncDisposable
{
    /// <summary>The name under which the Sentinels monitor the master.</summary>
    public const string MasterName = "mymaster";

    private readonly List<RedisProcess> _nodes = [];
    private readonly List<RedisProcess> _sentinels = [];
    private readonly List<ProductNode> _product = [];

    private RedisDeployment(RedisDeploymentOptions options) => Options = options;

    /// <summary>What it was started with.</summary>
    public RedisDeploymentOptions Options { get; }

    /// <summary>The accounts' passwords, with <see cref="RedisDeploymentOptions.AsProduct"/>.</summary>
    public RedisAccounts Accounts { get; } = new();

    /// <summary>Holds all files; processes started beside the deployment keep theirs here too.</summary>
    public WorkDirectory Work { get; } = new();

    /// <summary>What differs from the product's files, with <see cref="RedisDeploymentOptions.AsProduct"/>.</summary>
    public static IReadOnlyList<ProductOverride> Overrides => ProductNode.Overrides;

    /// <summary>The data nodes; the first one started as master.</summary>
    public IReadOnlyList<RedisProcess> Nodes => _nodes;

    /// <summary>The Sentinels; number i is on the machine of node i.</summary>
    public IReadOnlyList<RedisProcess> Sentinels => _sentinels;

    /// <summary>The network, with <see cref="RedisDeploymentOptions.Namespaces"/>.</summary>
    public RoutedNetwork? Network { get; private set; }

    /// <summary>Starts everything and waits until it has settled.</summary>
    public static async Task<RedisDeployment> StartAsync(RedisDeploymentOptions? options = null, CancellationToken cancellationToken = default)
    {
        var deployment = new RedisDeployment(options ?? new RedisDeploymentOptions());
        try
        {
            await deployment.StartProcessesAsync(cancellationToken);
            return deployment;
        }
        catch
        {
            await deployment.DisposeAsync();
            throw;
        }
    }

    /// <summary>INFO replication of a node.</summary>
    public static Task<Dictionary<string, string>> ReplicationAsync(RedisProcess node) => Task.Run(() => node.Info("replication"));

    /// <summary>Whether the node claims to be the master.</summary>
    public static async Task<bool> IsMasterAsync(RedisProcess node) => (await ReplicationAsync(node))["role"] == "master";

    /// <summary>SENTINEL MASTER of one Sentinel.</summary>
    public static Task<Dictionary<string, string>> SentinelMasterAsync(RedisProcess sentinel) => Task.Run(() => SentinelMaster(sentinel));

    /// <summary>SENTINEL MASTER of one Sentinel.</summary>
    public static Dictionary<string, string> SentinelMaster(RedisProcess sentinel) => sentinel.Call("SENTINEL", "MASTER", MasterName).ToDictionary();

    /// <summary>Whether a Sentinel is in TILT.</summary>
    public static bool InTilt(RedisProcess sentinel) => sentinel.Info("sentinel")["sentinel_tilt"] == "1";

    /// <summary>Starts a node that does not run, on the data it has.</summary>
    /// <param name="node">The node.</param>
    /// <param name="replicaOf">The master to follow; null starts it as a master, as a boot without guard would.</param>
    /// <param name="more">Further redis.conf lines.</param>
    public void StartNode(RedisProcess node, RedisProcess? replicaOf, params IEnumerable<string> more)
    {
        ArgumentNullException.ThrowIfNull(node);
        var settings = Options.Settings.Concat(more);
        if (Options.AsProduct)
        {
            node.StartWith(_product[_nodes.IndexOf(node)].Server(node, replicaOf?.EndPoint, settings));
        }
        else
        {
            node.Start(RedisConfigurations.PlainServer(replicaOf?.EndPoint, Options.Password, settings));
        }
    }

    /// <summary>The only running node that says it is master; null when there is none or more than one.</summary>
    public RedisProcess? OnlyMaster()
    {
        var masters = _nodes.Where(n => n.Runs && n.Call("ROLE")[0].Text == "master").ToArray();
        return masters.Length == 1 ? masters[0] : null;
    }

    /// <summary>Waits until all running replicas follow the node, by their own word and by its, and every running Sentinel names it.</summary>
    public Task SettledOnAsync(RedisProcess master, TimeSpan? within = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(master);
        return Eventually.HoldsAsync(
            () => Replicating() is var running
                && _nodes.Where(n => n.Runs && n != master).All(n => IsOnline(Port(n), running) && running[Port(n)]["master_port"] == Port(master))
                && _sentinels.Where(s => s.Runs).All(s => SentinelMaster(s) is var vote
                    && vote["port"] == Port(master) && vote["flags"] == "master"
                    && vote["num-slaves"] == Text(_nodes.Count - 1) && vote["num-other-sentinels"] == Text(_sentinels.Count - 1)),
            () => $"everything settles on {master.Name}; last seen: {Describe()}",
            within ?? TimeSpan.FromSeconds(30),
            cancellationToken: cancellationToken);
    }

    /// <summary>Waits until the running nodes are one master and its replicas, all links up and at one offset: all have the same data.</summary>
    public Task ConvergedAsync(TimeSpan? within = null, CancellationToken cancellationToken = default)
        => Eventually.HoldsAsync(
            () => Linked(sameOffset: true), () => $"one master whose replicas have all of its data; last seen: {Describe()}",
            within ?? TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(50), cancellationToken);

    /// <summary>Waits until the running nodes are one master and its replicas with their links up; offsets differ under load.</summary>
    public Task LinkedAsync(TimeSpan? within = null, CancellationToken cancellationToken = default)
        => Eventually.HoldsAsync(
            () => Linked(sameOffset: false), () => $"one master, and replicas with their links up; last seen: {Describe()}",
            within ?? TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(20), cancellationToken);

    /// <summary>What nodes and Sentinels say, in one line, for messages.</summary>
    public string Describe() => string.Join("; ", _nodes.Select(n => Ask(n, () =>
    {
        var info = n.Info("replication");
        return $"{info["role"]} of {info.GetValueOrDefault("master_port", "none")}, link {info.GetValueOrDefault("master_link_status", "none")}, offset "
            + $"{info["master_repl_offset"]}";
    })).Concat(_sentinels.Select(s => Ask(s, () =>
    {
        var vote = SentinelMaster(s);
        return $"names {vote["port"]}, {vote["flags"]}, {vote["num-slaves"]} replicas, {vote["num-other-sentinels"]} others";
    }))));

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _sentinels.ForEach(s => s.Dispose());
        _nodes.ForEach(n => n.Dispose());
        Network?.Dispose();
        Work.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Ask(RedisProcess process, Func<string> question)
    {
        try
        {
            return $"{process.Name} ({Port(process)}) {(process.Runs ? question() : "does not run")}";
        }
        catch (Exception e) when (e is IOException or RespErrorException)
        {
            return $"{process.Name} ({Port(process)}) {e.Message}";
        }
    }

    private static string Port(RedisProcess process) => Text(process.EndPoint.Port);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private async Task StartProcessesAsync(CancellationToken cancellationToken)
    {
        Network = Options.Namespaces ? await RoutedNetwork.CreateAsync(Work) : null;
        var count = Math.Max(Options.Nodes, Options.Sentinels);
        var addresses = Addresses(count);
        var machines = new NetworkNamespace?[count];
        for (var i = 0; i < count; i++)
        {
            machines[i] = Network is null ? null : await Network.AddAsync(NodeName(i), addresses[i]);
        }

        if (Options.AsProduct)
        {
            var version = await RedisProcess.InstalledVersionAsync();
            (string, IPAddress)[] all = [.. addresses.Select((address, i) => (NodeName(i), address))];
            _product.AddRange(all.Select((_, i) => new ProductNode(Options, Accounts, all, i, version)));
        }

        var (user, password) = Options.AsProduct ? ("operator", Accounts.Operator) : (null, Options.Password);
        // Ports differ in namespaces as well: CLIENT INFO tells a client behind a proxy which of them it talks to.
        _nodes.AddRange(Enumerable.Range(0, Options.Nodes).Select(i => new RedisProcess(
            NodeName(i), "redis-server", new(addresses[i], Network is null ? FreePorts.Take() : 6379 + i), user, password, machines[i], Work)));
        _sentinels.AddRange(Enumerable.Range(0, Options.Sentinels).Select(i => new RedisProcess(
            $"sentinel{Text(i + 1)}", "redis-sentinel", new(addresses[i], Network is null ? FreePorts.Take() : 26379), user, password, machines[i], Work)));
        foreach (var node in _nodes)
        {
            StartNode(node, node == _nodes[0] ? null : _nodes[0]);
        }

        foreach (var node in _nodes)
        {
            await node.AnswersAsync(cancellationToken);
        }

        // Sentinels that first see the replicas in sync learn them at once; otherwise 10 s later.
        await ConvergedAsync(cancellationToken: cancellationToken);
        foreach (var (i, sentinel) in _sentinels.Index())
        {
            if (Options.AsProduct)
            {
                sentinel.StartWith(_product[i].Sentinel(sentinel, _nodes[0].EndPoint));
            }
            else
            {
                sentinel.Start(RedisConfigurations.PlainSentinel(Options, _nodes[0].EndPoint));
            }
        }

        await SettledOnAsync(_nodes[0], cancellationToken: cancellationToken);
    }

    // Every node of the product has an address of its own: it is in the configuration, and a Sentinel's identifier is made of it.
    private IPAddress[] Addresses(int count)
    {
        var network = Random.Shared.Next(1, 250);
        return [.. Enumerable.Range(1, count).Select(number => Options switch
        {
            { Namespaces: true } => new IPAddress([10, 79, 0, (byte)number]),
            { AsProduct: true } => new IPAddress([127, 79, (byte)network, (byte)number]),
            _ => IPAddress.Loopback,
        })];
    }

    private static string NodeName(int index) => $"redis{Text(index + 1)}";

    private bool Linked(bool sameOffset)
    {
        if (OnlyMaster() is not { } master)
        {
            return false;
        }

        // After FAILOVER TO the third node follows the old master, which follows the new one: any running node will do as a replica's master.
        var running = Replicating();
        return running.Keys.Where(port => port != Port(master)).All(port => IsOnline(port, running)
            && (!sameOffset || running[port]["master_repl_offset"] == running[Port(master)]["master_repl_offset"]));
    }

    /// <summary>INFO replication of all running nodes, by port.</summary>
    private Dictionary<string, Dictionary<string, string>> Replicating() => _nodes.Where(n => n.Runs).ToDictionary(Port, n => n.Info("replication"));

    /// <summary>
    /// Whether a replica's link is up and its master agrees: after a full copy the link is up before the master has seen its saving
    /// child end and calls the replica online (replication.c, updateSlavesWaitingBgsave). Until then FAILOVER TO is refused.
    /// </summary>
    private static bool IsOnline(string port, Dictionary<string, Dictionary<string, string>> running)
        => running[port] is var replica && replica["role"] == "slave" && replica["master_link_status"] == "up"
            && running.TryGetValue(replica["master_port"], out var master)
            && master.Any(field => field.Key.StartsWith("slave", StringComparison.Ordinal)
                && field.Value.Contains($"port={port},state=online", StringComparison.Ordinal));
}
