// A whole deployment on loopback: one master, its replicas, and Sentinels that know each other.

using System.Globalization;
using System.Net;

namespace RedisHaProxy.Tests.Real;

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

    /// <summary>Password of the default user everywhere; null for none.</summary>
    public string? Password { get; init; }

    /// <summary>Further redis.conf lines of every node.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];
}

/// <summary>One master, replicas and Sentinels, ready: replicas in sync, Sentinels agreed.</summary>
public sealed class RedisDeployment : IAsyncDisposable
{
    /// <summary>The name under which the Sentinels monitor the master.</summary>
    public const string MasterName = "mymaster";

    private readonly List<RedisProcess> _nodes = [];
    private readonly List<RedisProcess> _sentinels = [];

    private RedisDeployment(RedisDeploymentOptions options) => Options = options;

    /// <summary>What it was started with.</summary>
    public RedisDeploymentOptions Options { get; }

    /// <summary>The data nodes; the first one started as master.</summary>
    public IReadOnlyList<RedisProcess> Nodes => _nodes;

    /// <summary>The Sentinels.</summary>
    public IReadOnlyList<RedisProcess> Sentinels => _sentinels;

    /// <summary>Starts everything and waits until it has settled.</summary>
    public static async Task<RedisDeployment> StartAsync(RedisDeploymentOptions? options = null)
    {
        var deployment = new RedisDeployment(options ?? new RedisDeploymentOptions());
        try
        {
            await deployment.StartNodesAsync();
            await deployment.StartSentinelsAsync();
            return deployment;
        }
        catch
        {
            await deployment.DisposeAsync();
            throw;
        }
    }

    /// <summary>INFO replication of a node.</summary>
    public static async Task<Dictionary<string, string>> ReplicationAsync(RedisProcess node)
    {
        ArgumentNullException.ThrowIfNull(node);
        return RespConnection.Info(await node.CommandAsync("INFO", "replication"));
    }

    /// <summary>Whether the node claims to be the master.</summary>
    public static async Task<bool> IsMasterAsync(RedisProcess node) => (await ReplicationAsync(node))["role"] == "master";

    /// <summary>SENTINEL MASTER of one Sentinel.</summary>
    public static async Task<Dictionary<string, string>> SentinelMasterAsync(RedisProcess sentinel)
    {
        ArgumentNullException.ThrowIfNull(sentinel);
        return RespConnection.Pairs(await sentinel.CommandAsync("SENTINEL", "MASTER", MasterName));
    }

    /// <summary>Waits until all running replicas follow the node and every running Sentinel names it.</summary>
    public async Task SettledOnAsync(RedisProcess master, TimeSpan? within = null)
    {
        ArgumentNullException.ThrowIfNull(master);
        string seen = "";
        await Eventually.HoldsAsync(
            async () =>
            {
                foreach (RedisProcess node in _nodes.Where(n => n.Pid != 0 && n != master))
                {
                    Dictionary<string, string> info = await ReplicationAsync(node);
                    seen = $"node {node.EndPoint} reports {info["role"]} of port {info.GetValueOrDefault("master_port")}, link {info.GetValueOrDefault("master_link_status")}";
                    if (info["role"] != "slave" || info["master_port"] != Port(master) || info["master_link_status"] != "up")
                    {
                        return false;
                    }
                }

                foreach (RedisProcess sentinel in _sentinels.Where(s => s.Pid != 0))
                {
                    Dictionary<string, string> vote = await SentinelMasterAsync(sentinel);
                    seen = $"Sentinel {sentinel.EndPoint} names port {vote["port"]}, flags {vote["flags"]}, {vote["num-slaves"]} replicas, {vote["num-other-sentinels"]} others";
                    if (vote["port"] != Port(master) || vote["flags"] != "master"
                        || vote["num-slaves"] != Text(_nodes.Count - 1) || vote["num-other-sentinels"] != Text(_sentinels.Count - 1))
                    {
                        return false;
                    }
                }

                return true;
            },
            () => $"everything settles on {master.EndPoint}; last seen: {seen}",
            within ?? TimeSpan.FromSeconds(30));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (RedisProcess process in _sentinels.Concat(_nodes))
        {
            await process.DisposeAsync();
        }
    }

    private async Task StartNodesAsync()
    {
        for (int i = 0; i < Options.Nodes; i++)
        {
            IPEndPoint? master = i == 0 ? null : _nodes[0].EndPoint;
            _nodes.Add(await RedisProcess.StartServerAsync(Options.Settings, master, Options.Password));
        }

        await SettledOnAsync(_nodes[0]);
    }

    private async Task StartSentinelsAsync()
    {
        IPEndPoint master = _nodes[0].EndPoint;
        for (int i = 0; i < Options.Sentinels; i++)
        {
            var lines = new List<string>
            {
                $"sentinel monitor {MasterName} {master.Address} {master.Port} {Options.Quorum}",
                $"sentinel down-after-milliseconds {MasterName} {Options.DownAfterMilliseconds}",
                $"sentinel failover-timeout {MasterName} {Options.FailoverTimeoutMilliseconds}",
                $"sentinel parallel-syncs {MasterName} 1",
            };
            if (Options.Password is not null)
            {
                lines.Add($"sentinel auth-pass {MasterName} {Options.Password}");
            }

            _sentinels.Add(await RedisProcess.StartSentinelAsync(lines, Options.Password));
        }

        await SettledOnAsync(_nodes[0]);
    }

    private static string Port(RedisProcess process) => Text(process.EndPoint.Port);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
