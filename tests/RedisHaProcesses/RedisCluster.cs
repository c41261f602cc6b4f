// Real Redis nodes and Sentinels that know each other: the ground on which proxies are tested.

using System.Globalization;
using System.Net;

namespace RedisHaProcesses;

/// <summary>Data nodes and Sentinels, started and steady. Node 0 is the first master.</summary>
public sealed class RedisCluster : IAsyncDisposable
{
    private readonly List<RedisServer> _nodes = [];
    private readonly List<RedisSentinel> _sentinels = [];

    private RedisCluster(RedisClusterSettings settings) => Settings = settings;

    /// <summary>What it was started with.</summary>
    public RedisClusterSettings Settings { get; }

    /// <summary>The accounts' passwords.</summary>
    public RedisClusterPasswords Passwords { get; } = new();

    /// <summary>Holds all files; processes started beside the cluster keep theirs here too.</summary>
    public WorkDirectory Directory { get; } = new();

    /// <summary>The data nodes.</summary>
    public IReadOnlyList<RedisServer> Nodes => _nodes;

    /// <summary>The Sentinels; number i lives beside node i.</summary>
    public IReadOnlyList<RedisSentinel> Sentinels => _sentinels;

    /// <summary>The network, when the settings ask for namespaces.</summary>
    public RoutedNetwork? Network { get; private set; }

    /// <summary>Starts a cluster and waits until all replicas follow and all Sentinels know each other.</summary>
    /// <exception cref="TimeoutException">It did not become steady; the message says what was missing.</exception>
    public static async Task<RedisCluster> StartAsync(RedisClusterSettings settings, CancellationToken cancellationToken = default)
    {
        var cluster = new RedisCluster(settings);
        try
        {
            await cluster.StartProcessesAsync(cancellationToken);
            await cluster.SteadyAsync(TimeSpan.FromSeconds(30), cancellationToken);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The only running node that says it is master; null when there is none or more than one.</summary>
    public RedisServer? OnlyMaster()
    {
        RedisServer? master = null;
        foreach (var node in _nodes.Where(n => n.Runs))
        {
            if (node.Call("ROLE")[0].Text == "master")
            {
                if (master is not null)
                {
                    return null;
                }

                master = node;
            }
        }

        return master;
    }

    /// <summary>
    /// Waits until the running nodes are one master and its replicas, all links up and at one offset.
    /// </summary>
    public Task ConvergedAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Until.TrueAsync("one master whose replicas have all of its data", timeout, () => Linked(sameOffset: true), TimeSpan.FromMilliseconds(50), Describe, cancellationToken);

    /// <summary>Waits until the running nodes are one master and its replicas with their links up; offsets may differ, as they do under load.</summary>
    public Task LinkedAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Until.TrueAsync("one master and replicas with their links up", timeout, () => Linked(sameOffset: false), TimeSpan.FromMilliseconds(20), Describe, cancellationToken);

    /// <summary>Waits until the cluster has converged and every Sentinel knows the replicas and the other Sentinels.</summary>
    public async Task SteadyAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        await ConvergedAsync(timeout, cancellationToken);
        await Until.TrueAsync(
            "every Sentinel to know all replicas and the other Sentinels", timeout,
            () => _sentinels.Where(s => !s.Process.HasExited).All(s =>
            {
                var master = s.Master();
                return master["flags"] == "master"
                    && master["num-slaves"] == (_nodes.Count - 1).ToString(CultureInfo.InvariantCulture)
                    && master["num-other-sentinels"] == (_sentinels.Count - 1).ToString(CultureInfo.InvariantCulture)
                    && s.Call("SENTINEL", "REPLICAS", Settings.Master).Items!.All(r => r.ToDictionary() is var replica
                        && replica["flags"] == "slave" && replica["master-link-status"] == "ok");
            }),
            TimeSpan.FromMilliseconds(100), cancellationToken: cancellationToken);
    }

    /// <summary>The role lines of all nodes, for messages.</summary>
    public string Describe() => string.Join("; ", _nodes.Select(n =>
    {
        if (!n.Runs)
        {
            return $"{n.Name} is down";
        }

        try
        {
            var info = n.Info("replication");
            return $"{n.Name} {info["role"]} {info.GetValueOrDefault("master_port")} link {info.GetValueOrDefault("master_link_status")} offset {info.GetValueOrDefault("master_repl_offset")}";
        }
        catch (Exception e) when (e is IOException or RedisErrorException)
        {
            return $"{n.Name}: {e.Message}";
        }
    }));

    /// <summary>Ends all processes and removes all files and namespaces.</summary>
    public ValueTask DisposeAsync()
    {
        _sentinels.ForEach(s => s.Dispose());
        _nodes.ForEach(n => n.Dispose());
        Network?.Dispose();
        Directory.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task StartProcessesAsync(CancellationToken cancellationToken)
    {
        if (Settings.Namespaces)
        {
            Network = await RoutedNetwork.CreateAsync(Directory);
        }

        for (var i = 0; i < Math.Max(Settings.Nodes, Settings.Sentinels); i++)
        {
            // In namespaces the addresses differ and the ports are the well-known ones; on loopback the ports differ.
            var address = Settings.Namespaces ? new IPAddress([10, 79, 0, (byte)(i + 1)]) : IPAddress.Loopback;
            var machine = Settings.Namespaces ? await Network!.AddAsync($"redis{(i + 1).ToString(CultureInfo.InvariantCulture)}", address) : null;
            var number = (i + 1).ToString(CultureInfo.InvariantCulture);
            if (i < Settings.Nodes)
            {
                // Ports differ in namespaces as well: CONFIG GET port then tells a client behind a proxy which node it talks to.
                _nodes.Add(new($"redis{number}", new(address, Settings.Namespaces ? 6379 + i : FreePorts.Take()), Directory, Settings, Passwords, machine));
            }

            if (i < Settings.Sentinels)
            {
                _sentinels.Add(new($"sentinel{number}", new(address, Settings.Namespaces ? 26379 : FreePorts.Take()), Directory, Settings, Passwords, machine));
            }
        }

        foreach (var node in _nodes)
        {
            node.Start(node == _nodes[0] ? null : _nodes[0]);
        }

        foreach (var node in _nodes)
        {
            await node.AnswersAsync(cancellationToken);
        }

        // Sentinels first see healthy replicas; one that starts before them takes seconds longer to learn them.
        await ConvergedAsync(TimeSpan.FromSeconds(20), cancellationToken);
        _sentinels.ForEach(s => s.Start(_nodes[0]));
    }

    private bool Linked(bool sameOffset)
    {
        var running = _nodes.Where(n => n.Runs).ToArray();
        if (running.Length == 0 || OnlyMaster() is not { } master)
        {
            return false;
        }

        // After FAILOVER TO the third node follows the old master, which follows the new one: any running node will do as a replica's master.
        var ports = running.Select(n => n.EndPoint.Port.ToString(CultureInfo.InvariantCulture)).ToHashSet(StringComparer.Ordinal);
        return running.Where(n => n != master).Select(n => n.Info("replication")).All(i =>
            i["role"] == "slave" && ports.Contains(i["master_port"]) && i["master_link_status"] == "up"
            && (!sameOffset || i["master_repl_offset"] == master.Info("replication")["master_repl_offset"]));
    }
}
