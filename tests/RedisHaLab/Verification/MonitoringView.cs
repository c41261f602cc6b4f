// Metrics as a scraper and an exporter read them, where the stack has networks for that: by their account, from there, and nothing else.

using System.Net;
using System.Net.Sockets;
using RedisHaLab.Cluster;
using RedisHaLab.Network;
using RedisHaLab.State;
using RedisHaProcesses;

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

    private int AdminPort => Page.Port;

    /// <summary>Whether a rule lets the lab's client read metrics: it stands for Prometheus where monitoringNetworks has its address.</summary>
    private bool IsInside
    {
        get
        {
            var model = _cluster.Lab.State.Network;
            var client = IPAddress.Parse(model.Vnics.Single(vnic => vnic.Name == VcnNetwork.ClientRole).Address);
            return model.Rules.Any(rule => rule is { Direction: Direction.Ingress, PeerKind: PeerKind.Cidr } && rule.Ports is { } ports
                && ports.Min <= AdminPort && AdminPort <= ports.Max && IPNetwork.Parse(rule.Peer).Contains(client));
        }
    }

    /// <summary>The checks; null where the stack has no networks for metrics.</summary>
    public static MonitoringView? Of(ClusterView cluster) =>
        File.Exists(cluster.Lab.Paths.MetricsPasswordFile) ? new MonitoringView(cluster, File.ReadAllText(cluster.Lab.Paths.MetricsPasswordFile).Trim()) : null;

    /// <summary>From the client's machine: all that the account opens and what it does not, or nothing at all where it is outside.</summary>
    public Task<string> ReadAsync() => IsInside ? InsideAsync() : ClosedAsync(Client, "the client, whose address is in no network of monitoringNetworks,");

    /// <summary>From the internet: nothing.</summary>
    public Task<string> OutsideAsync() => ClosedAsync(_cluster.Lab.Paths.Namespace(VcnNetwork.OutsideRole), "the internet");

    private async Task<string> InsideAsync()
    {
        foreach (var proxy in _cluster.Proxies)
        {
            var root = new Uri($"{Page.Scheme}://{proxy.Address}:{AdminPort}/");
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

            // The other doors of the same machine stay shut for that network.
            CheckList.Require(!await ConnectsAsync(Client, node, 26379) && !await ConnectsAsync(Client, node, 22), $"{node.Name} has another port open");
        }

        return $"/metrics of {_cluster.Proxies.Count} proxies and INFO of {_cluster.Redis.Count} nodes as {User}; 403 and NOPERM for all else";
    }

    private async Task<string> ClosedAsync(string network, string who)
    {
        var targets = _cluster.Proxies.Select(proxy => (Node: proxy, Port: AdminPort))
            .Concat(_cluster.Redis.Select(node => (Node: node, _cluster.Endpoint.Port)));
        foreach (var (node, port) in targets)
        {
            CheckList.Require(!await ConnectsAsync(network, node, port), $"{node.Name}:{port} answers {who}");
        }

        return $"{who} reaches none of them";
    }

    private static async Task<bool> ConnectsAsync(string network, NodeRow node, int port)
    {
        try
        {
            using var socket = await NetworkNamespace.Named(network).ConnectAsync(new IPEndPoint(IPAddress.Parse(node.Address), port), TimeSpan.FromSeconds(2));
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}
