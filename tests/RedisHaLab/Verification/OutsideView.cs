// The system from where operators are: what they reach.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using RedisHaLab.Cluster;
using RedisHaLab.Provider;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>A check from outside of the network.</summary>
internal sealed class OutsideView
{
    private readonly ClusterView _cluster;

    public OutsideView(ClusterView cluster) => _cluster = cluster;

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

    private Task<PageAnswer> GetAsync(Uri page, string? password) =>
        PageAnswer.GetAsync(_cluster.Lab.Paths.Namespace(_cluster.Lab.DeskRole), page, password is null ? null : "admin:" + password,
            _cluster.Stack.AdminAuthority);
}
