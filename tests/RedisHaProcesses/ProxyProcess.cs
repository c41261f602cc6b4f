// Our own proxy as a real process, configured for a cluster.

using System.Globalization;
using System.Net;
using System.Text.Json;

namespace RedisHaProcesses;

/// <summary>A redis-ha-proxy process.</summary>
public sealed class ProxyProcess : IDisposable
{
    private ProxyProcess(ChildProcess process) => Process = process;

    /// <summary>The process.</summary>
    public ChildProcess Process { get; }

    /// <summary>Starts it for a cluster, with the cluster's accounts and down-after.</summary>
    /// <param name="program">Path of redis-ha-proxy.</param>
    /// <param name="cluster">What it routes to.</param>
    /// <param name="listen">Where clients connect.</param>
    /// <param name="network">Namespace; null is ours.</param>
    public static ProxyProcess Start(string program, RedisCluster cluster, IPEndPoint listen, NetworkNamespace? network = null)
    {
        var directory = cluster.Directory;
        directory.Write("proxy/redis.password", cluster.Passwords.Health);
        directory.Write("proxy/sentinel.password", cluster.Passwords.SentinelWatch);
        var settings = new Dictionary<string, object>
        {
            ["listen"] = new[] { listen.ToString() },
            ["redis"] = new
            {
                nodes = cluster.Nodes.ToDictionary(n => n.Name, n => n.EndPoint.ToString()),
                user = "rp-health",
                passwordFile = "redis.password",
            },
        };
        if (cluster.Sentinels.Count > 0)
        {
            settings["sentinel"] = new
            {
                master = cluster.Settings.Master,
                nodes = cluster.Sentinels.Select(s => s.EndPoint.ToString()),
                user = "rp-sentinel",
                passwordFile = "sentinel.password",
                downAfter = $"{((long)cluster.Settings.DownAfter.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)}ms",
            };
        }

        var file = directory.Write("proxy/proxy.json", JsonSerializer.Serialize(settings));
        return new(ChildProcess.Start(
            "redis-ha-proxy", program, ["run", "--config", file], Path.Combine(directory.Path, "redis-ha-proxy.log"), network));
    }

    /// <summary>Ends it.</summary>
    public void Dispose() => Process.Dispose();
}
