// Our own proxy as a real process, configured for a deployment.

using System.Globalization;
using System.Net;
using System.Text.Json;

namespace RedisHaProcesses;

/// <summary>Starts redis-ha-proxy.</summary>
public static class ProxyProcess
{
    /// <summary>Starts it for a deployment made with <see cref="RedisDeploymentOptions.AsProduct"/>, with its accounts and down-after.</summary>
    /// <param name="program">Path of redis-ha-proxy.</param>
    /// <param name="deployment">What it routes to.</param>
    /// <param name="listen">Where clients connect.</param>
    /// <param name="network">Namespace; null is ours.</param>
    /// <param name="name">Name for messages and files: another one for each proxy of a deployment.</param>
    /// <param name="settings">Further keys of its configuration.</param>
    public static ChildProcess Start(
        string program, RedisDeployment deployment, IPEndPoint listen, NetworkNamespace? network = null, string name = "redis-ha-proxy",
        IReadOnlyDictionary<string, object>? settings = null)
    {
        ArgumentNullException.ThrowIfNull(deployment);
        ArgumentNullException.ThrowIfNull(listen);
        var work = deployment.Work;
        work.Write($"{name}/redis.password", deployment.Accounts.Health);
        work.Write($"{name}/sentinel.password", deployment.Accounts.SentinelWatch);
        var all = new Dictionary<string, object>(settings ?? new Dictionary<string, object>())
        {
            ["listen"] = new[] { listen.ToString() },
            ["redis"] = new
            {
                nodes = deployment.Nodes.ToDictionary(n => n.Name, n => n.EndPoint.ToString()),
                user = "rp-health",
                passwordFile = "redis.password",
            },
        };
        if (deployment.Sentinels.Count > 0)
        {
            all["sentinel"] = new
            {
                master = RedisDeployment.MasterName,
                nodes = deployment.Sentinels.Select(s => s.EndPoint.ToString()),
                user = "rp-sentinel",
                passwordFile = "sentinel.password",
                downAfter = string.Create(CultureInfo.InvariantCulture, $"{deployment.Options.DownAfterMilliseconds}ms"),
            };
        }

        var file = work.Write($"{name}/proxy.json", JsonSerializer.Serialize(all));
        return ChildProcess.Start(name, program, ["run", "--config", file], Path.Combine(work.Path, $"{name}.log"), network);
    }
}
