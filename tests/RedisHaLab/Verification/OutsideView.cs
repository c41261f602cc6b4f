// The system from where operators are, and from the internet: what they reach, and what nobody reaches directly.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using RedisHaLab.Cluster;
using RedisHaLab.Network;
using RedisHaLab.Provider;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>Checks from outside of the network.</summary>
internal sealed class OutsideView
{
    private readonly ClusterView _cluster;

    public OutsideView(ClusterView cluster) => _cluster = cluster;

    private bool HasBastion => _cluster.Stack.BastionAddress.Length > 0;

    /// <summary>The stats page by `ssh -L` over the bastion, or else a Redis node: refused without the password, served with it, naming the master.</summary>
    public async Task<string> StatsTunnelAsync()
    {
        var page = new Uri(_cluster.Stack.StatsPage);
        var proxy = _cluster.Proxies[0];
        var forward = string.Create(CultureInfo.InvariantCulture, $"{page.Port}:{proxy.Address}:{page.Port}");
        var command = _cluster.Lab.Network.In(_cluster.Lab.DeskRole,
            ["ssh", "-F", OperatorKey.Config(_cluster.Lab.Paths), "-o", "ExitOnForwardFailure=yes", "-N", "-L", forward, OperatorKey.Gate(_cluster.Lab)]);
        using var tunnel = Process.Start(new ProcessStartInfo(Installed.Path(command[0])!, command.Skip(1)) { RedirectStandardError = true })!;
        try
        {
            return await CheckList.EventuallyAsync(TimeSpan.FromSeconds(20), async () =>
            {
                CheckList.Require(!tunnel.HasExited, "the tunnel ended");
                // Without TLS as well, for the load balancer.
                foreach (var healthz in new[] { new Uri(page, "/healthz"), new UriBuilder(page) { Scheme = "http", Path = "/healthz" }.Uri })
                {
                    var health = await GetAsync(healthz, password: null);
                    CheckList.Require(health.Status == HttpStatusCode.OK, $"{healthz}: HTTP {(int)health.Status}");
                }

                var password = (await File.ReadAllTextAsync(_cluster.Lab.Paths.AdminPasswordFile)).Trim();
                var master = await _cluster.MasterAsync() ?? throw new CheckFailedException("not exactly one node says that it is the master");
                foreach (var (address, type) in new[] { (page, "text/html"), (new Uri(page, "/stats.json"), "application/json") })
                {
                    var without = await GetAsync(address, password: null);
                    CheckList.Require(without.Status == HttpStatusCode.Unauthorized,
                        $"{address} without a password: HTTP {(int)without.Status}, 401 expected");
                    var with = await GetAsync(address, password);
                    CheckList.Require(with.Status == HttpStatusCode.OK && with.Type == type,
                        $"{address} with the password: HTTP {(int)with.Status}, {with.Type}; 200, {type} expected");
                    var names = type == "text/html" ? $"<title>{master.Name} is master" : $"\"{master.Name}\"";
                    CheckList.Require(with.Body.Contains(names, StringComparison.Ordinal), $"{address} does not name the master, {master.Name}");
                }

                if (page.Scheme == "https")
                {
                    var open = await GetAsync(new UriBuilder(page) { Scheme = "http" }.Uri, password);
                    CheckList.Require(open.Status == HttpStatusCode.BadRequest, $"{page} without TLS: HTTP {(int)open.Status}, 400 expected");
                }

                return $"{page} over {OperatorKey.Gate(_cluster.Lab)}: 401 without, 200 with the password, the page says that {master.Name} is master";
            });
        }
        finally
        {
            if (!tunnel.HasExited)
            {
                tunnel.Kill(entireProcessTree: true);
            }

            await tunnel.WaitForExitAsync();
        }
    }

    /// <summary>Every private address from the internet and over the VPN: silence or refusal, never a connection that is not meant to be.</summary>
    public async Task<string> RefusalsAsync()
    {
        var nodes = _cluster.Stack.Nodes.Where(node => node.Role != "bastion").ToList();
        var (redis, ssh, page) = (_cluster.Endpoint.Port, 22, new Uri(_cluster.Stack.StatsPage).Port);
        List<(string Role, string Address, int Port)> targets =
        [
            .. nodes.Select(node => (VcnNetwork.OutsideRole, node.Address, ssh)),
            .. nodes.Select(node => (VcnNetwork.OutsideRole, node.Address, redis)),
            .. nodes.Select(node => (VcnNetwork.OutsideRole, node.Address, page)),
            (VcnNetwork.OutsideRole, _cluster.Endpoint.Address.ToString(), redis),
            // The bastion answers at its public address alone.
            .. _cluster.Stack.Nodes.Where(node => node.Role == "bastion").Select(node => (VcnNetwork.OutsideRole, node.Address, ssh)),
            .. HasBastion ? new[] { (VcnNetwork.OutsideRole, _cluster.Stack.BastionAddress, redis) } : [],
            // Operators without a bastion come to the machines by SSH; to Redis itself and to the proxies come only clients and the balancer.
            .. nodes.Select(node => (VcnNetwork.OfficeRole, node.Address, redis)),
            .. _cluster.Proxies.Select(node => (VcnNetwork.OfficeRole, node.Address, page)),
            .. HasBastion ? nodes.Select(node => (VcnNetwork.OfficeRole, node.Address, ssh)) : [],
        ];
        var open = (await Task.WhenAll(targets.Select(async target => (target,
            IsOpen: await ConnectsAsync(target.Role, target.Address, target.Port))))).Where(result => result.IsOpen).ToList();
        CheckList.Require(open.Count == 0,
            $"open: {string.Join(", ", open.Select(result => $"{result.target.Address}:{result.target.Port} from {result.target.Role}"))}");
        // The same attempt must work where it may, or this check could not fail.
        var door = HasBastion ? (Role: VcnNetwork.OutsideRole, Address: _cluster.Stack.BastionAddress) : (Role: VcnNetwork.OfficeRole, nodes[0].Address);
        CheckList.Require(await ConnectsAsync(door.Role, door.Address, 22), $"not even {door.Address}:22 answers from {door.Role}");
        return $"{targets.Count} of {targets.Count} refused; {door.Address}:22 answers from {door.Role}";
    }

    private async Task<bool> ConnectsAsync(string role, string address, int port)
    {
        try
        {
            using var socket = await NetworkNamespace.Named(_cluster.Lab.Paths.Namespace(role))
                .ConnectAsync(new IPEndPoint(IPAddress.Parse(address), port), TimeSpan.FromSeconds(2));
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    private Task<PageAnswer> GetAsync(Uri page, string? password) =>
        PageAnswer.GetAsync(_cluster.Lab.Paths.Namespace(_cluster.Lab.DeskRole), page, password is null ? null : "admin:" + password,
            _cluster.Stack.AdminAuthority);
}
