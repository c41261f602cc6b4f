// The system from the internet: what an operator reaches through the bastion, and what nobody reaches directly.

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

    private string Outside => _cluster.Lab.Paths.Namespace(VcnNetwork.OutsideRole);

    /// <summary>The stats page by `ssh -L` over the bastion: refused without the password, served with it, and it names the master.</summary>
    public async Task<string> StatsTunnelAsync()
    {
        var page = new Uri(_cluster.Stack.StatsPage);
        var proxy = _cluster.Proxies[0];
        var forward = string.Create(CultureInfo.InvariantCulture, $"{page.Port}:{proxy.Address}:{page.Port}");
        var command = _cluster.Lab.Network.In(VcnNetwork.OutsideRole,
            ["ssh", "-F", OperatorKey.Config(_cluster.Lab.Paths), "-o", "ExitOnForwardFailure=yes", "-N", "-L", forward, "bastion"]);
        using var tunnel = Process.Start(new ProcessStartInfo(Installed.Path(command[0])!, command.Skip(1)) { RedirectStandardError = true })!;
        try
        {
            return await CheckList.EventuallyAsync(TimeSpan.FromSeconds(20), async () =>
            {
                CheckList.Require(!tunnel.HasExited, "the tunnel ended");
                var health = await GetAsync(new Uri(page, "/healthz"), password: null);
                CheckList.Require(health.Status == HttpStatusCode.OK, $"/healthz: HTTP {(int)health.Status}");
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

                return $"{page} over {_cluster.Stack.BastionAddress}: 401 without, 200 with the password, the page says that {master.Name} is master";
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

    /// <summary>Every private address from the internet, SSH and Redis: silence or refusal, never a connection.</summary>
    public async Task<string> RefusalsAsync()
    {
        var targets = _cluster.Stack.Nodes.Where(node => node.Role != "bastion")
            .SelectMany(node => new[] { (node.Address, 22), (node.Address, new Uri(_cluster.Stack.StatsPage).Port), (node.Address, _cluster.Endpoint.Port) })
            .Append((_cluster.Endpoint.Address.ToString(), _cluster.Endpoint.Port))
            .Append((_cluster.Stack.BastionAddress, _cluster.Endpoint.Port))
            // The bastion answers at its public address alone.
            .Concat(_cluster.Stack.Nodes.Where(node => node.Role == "bastion").Select(node => (node.Address, 22)))
            .ToList();
        var open = (await Task.WhenAll(targets.Select(async target => (target,
            IsOpen: await ConnectsAsync(target.Item1, target.Item2))))).Where(result => result.IsOpen).ToList();
        CheckList.Require(open.Count == 0, $"open from outside: {string.Join(", ", open.Select(result => $"{result.target.Item1}:{result.target.Item2}"))}");
        // The same attempt must work where it may, or this check could not fail.
        CheckList.Require(await ConnectsAsync(_cluster.Stack.BastionAddress, 22), "not even the bastion's SSH answers from outside");
        return $"{targets.Count} of {targets.Count} refused; only {_cluster.Stack.BastionAddress}:22 answers";
    }

    private async Task<bool> ConnectsAsync(string address, int port)
    {
        try
        {
            using var socket = await NetworkNamespace.Named(Outside).ConnectAsync(new IPEndPoint(IPAddress.Parse(address), port), TimeSpan.FromSeconds(2));
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    private Task<PageAnswer> GetAsync(Uri page, string? password) =>
        PageAnswer.GetAsync(Outside, page, password is null ? null : "admin:" + password);
}
