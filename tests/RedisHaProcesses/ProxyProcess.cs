// Our own proxy as a real process, configured for a deployment.

using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

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
        var file = work.Write($"{name}/proxy.json", Configuration(deployment, listen, settings).ToJsonString());
        return ChildProcess.Start(name, program, ["run", "--config", file], Path.Combine(work.Path, $"{name}.log"), network);
    }

    // The product's own, rendered as for a proxy machine. What differs: ports, and no administration; what that machine sets beside its
    // accounts and addresses (timeouts, limits, a recording) is the caller's choice.
    private static JsonObject Configuration(RedisDeployment deployment, IPEndPoint listen, IReadOnlyDictionary<string, object>? settings)
    {
        var node = ProductNode.Inputs(deployment.Options, deployment.Accounts, [.. deployment.Nodes.Select(n => (n.Name, n.EndPoint.Address))], 0);
        var files = ProxyNodeFiles.Render(new ProxyNodeInputs
        {
            Node = new NodeAddress("proxy1", listen.Address.ToString()),
            RedisNodes = node.Nodes,
            Sentinel = node.Sentinel,
            Login = node.Login,
            Passwords = node.Passwords,
            BundleUrl = "https://localhost/not-fetched",
            BundleSha256 = new string('0', 64),
        });
        var product = JsonNode.Parse(files.Single(file => file.Name == "proxy.json").Content)!.AsObject();
        var all = new JsonObject { ["listen"] = new JsonArray(listen.ToString()) };
        var (redis, sentinel) = (product["redis"]!.DeepClone(), product["sentinel"]!.DeepClone());
        redis["nodes"] = new JsonObject(deployment.Nodes.Select(n => KeyValuePair.Create(n.Name, (JsonNode?)n.EndPoint.ToString())));
        all["redis"] = redis;
        if (deployment.Sentinels.Count > 0)
        {
            sentinel["nodes"] = new JsonArray([.. deployment.Sentinels.Select(s => (JsonNode?)s.EndPoint.ToString())]);
            all["sentinel"] = sentinel;
        }

        foreach (var (key, value) in settings ?? new Dictionary<string, object>())
        {
            all.TryAdd(key, JsonSerializer.SerializeToNode(value));
        }

        return all;
    }
}
