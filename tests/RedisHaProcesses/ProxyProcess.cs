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
    public static ChildProcess Start(string program, RedisDeployment deployment, IPEndPoint listen, NetworkNamespace? network = null)
    {
        var work = deployment.Work;
        work.Write("proxy/redis.password", deployment.Accounts.Health);
        work.Write("proxy/sentinel.password", deployment.Accounts.SentinelWatch);
        var settings = new Dictionary<string, object>
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
            settings["sentinel"] = new
            {
                master = RedisDeployment.MasterName,
                nodes = deployment.Sentinels.Select(s => s.EndPoint.ToString()),
                user = "rp-sentinel",
                passwordFile = "sentinel.password",
                downAfter = string.Create(CultureInfo.InvariantCulture, $"{deployment.Options.DownAfterMilliseconds}ms"),
            };
        }

        var file = work.Write("proxy/proxy.json", JsonSerializer.Serialize(settings));
        return ChildProcess.Start("redis-ha-proxy", program, ["run", "--config", file], Path.Combine(work.Path, "redis-ha-proxy.log"), network);
    }
}
