// Metrics as a scraper and an exporter read them, where the stack has networks for that: by their account, from there, and nothing else.

using System.Net;
using RedisHaInfra.Settings;
using RedisHaLab.Cluster;
using RedisHaLab.Network;

namespace RedisHaLab.Verification;

/// <summary>Checks of monitoringNetworks.</summary>
internal sealed class MonitoringView
{
    private const string User = "metrics";

    private readonly ClusterView _cluster;
    private readonly string _password;

    private MonitoringView(ClusterView cluster, string password) => (_cluster, _password) = (cluster, password);

    private string Client => _cluster.Lab.Paths.Namespace(VcnNetwork.ClientRole);

    private Uri Page => new(_cluster.Stack.StatsPage);

    /// <summary>The check; null where the stack has no networks for metrics, or none with the lab's client, who stands for Prometheus.</summary>
    public static MonitoringView? Of(ClusterView cluster, NetworkSettings network)
    {
        var client = IPAddress.Parse(cluster.Lab.State.Vnic(VcnNetwork.ClientRole)!.Address);
        return network.MonitoringNetworks.Any(monitoring => IPNetwork.Parse(monitoring).Contains(client))
            ? new MonitoringView(cluster, File.ReadAllText(cluster.Lab.Paths.MetricsPasswordFile).Trim()) : null;
    }

    /// <summary>From the client's machine: all that the account opens, and nothing of what it does not.</summary>
    public async Task<string> ReadAsync()
    {
        foreach (var proxy in _cluster.Proxies)
        {
            var root = new Uri($"{Page.Scheme}://{proxy.Address}:{Page.Port}/");
            var metrics = await PageAnswer.GetAsync(Client, new Uri(root, "metrics"), $"{User}:{_password}", _cluster.Stack.AdminAuthority);
            CheckList.Require(metrics.Status == HttpStatusCode.OK && metrics.Body.Contains("\nredis_ha_proxy_healthy", StringComparison.Ordinal),
                $"{proxy.Name}: /metrics: HTTP {(int)metrics.Status}");
            foreach (var (path, credentials, expected) in new[]
            {
                ("stats.json", $"{User}:{_password}", HttpStatusCode.Forbidden),
                ("stats", $"{User}:{_password}", HttpStatusCode.Forbidden),
                ("metrics", null, HttpStatusCode.Unauthorized),
            })
            {
                var answer = await PageAnswer.GetAsync(Client, new Uri(root, path), credentials, _cluster.Stack.AdminAuthority);
                CheckList.Require(answer.Status == expected, $"{proxy.Name}: /{path}: HTTP {(int)answer.Status}, {(int)expected} expected");
            }
        }

        foreach (var node in _cluster.Redis)
        {
            using var session = await _cluster.OnNodeAsync(VcnNetwork.ClientRole, node, password: null);
            var login = await session.AskAsync("AUTH", User, _password);
            CheckList.Require(!login.IsError, $"{node.Name}: AUTH {User} was answered: {login}");
            var info = await session.AskAsync("INFO", "ALL");
            CheckList.Require(info.Text?.Contains("used_memory:", StringComparison.Ordinal) == true, $"{node.Name}: INFO ALL was answered: {info}");
            foreach (var command in new string[][] { ["GET", "x"], ["CONFIG", "GET", "*"], ["SLOWLOG", "GET", "1"], ["CLIENT", "LIST"] })
            {
                var reply = await session.AskAsync(command);
                CheckList.Require(reply.IsError && reply.Text!.StartsWith("NOPERM", StringComparison.Ordinal),
                    $"{node.Name}: {command[0]} was answered: {reply}");
            }
        }

        return $"/metrics of {_cluster.Proxies.Count} proxies and INFO of {_cluster.Redis.Count} nodes as {User}; 403 and NOPERM for all else";
    }
}
