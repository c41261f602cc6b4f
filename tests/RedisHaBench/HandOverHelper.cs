// The helper that hands a proxy's sessions over to the kernel, and how many it has.

using System.Net;
using System.Text.Json.Nodes;
using RedisHaProcesses;

namespace RedisHaBench;

/// <summary>What was started for a contender.</summary>
/// <param name="Processes">The proxy first, then what belongs to it.</param>
/// <param name="Admin">Where its figures are; null where it has none of ours.</param>
internal sealed record StartedProxy(IReadOnlyList<ChildProcess> Processes, IPEndPoint? Admin = null);

/// <summary>A proxy with its helper, both in one network namespace.</summary>
internal static class HandOverHelper
{
    /// <summary>Starts the helper, then the proxy.</summary>
    /// <param name="program">Path of redis-ha-proxy.</param>
    /// <param name="deployment">Takes the files.</param>
    /// <param name="network">Where both are.</param>
    /// <param name="proxy">Starts the proxy with these settings beside its own, and with its figures at an address.</param>
    public static StartedProxy Start(
        string program, RedisDeployment deployment, NetworkNamespace? network, Func<IReadOnlyDictionary<string, object>, IPEndPoint, ChildProcess> proxy)
    {
        var socket = Path.Combine(deployment.Work.Path, "hand-over.sock");
        var helper = ChildProcess.Start(
            "hand-over", program, ["hand-over", "--socket", socket], Path.Combine(deployment.Work.Path, "hand-over.log"), network);
        try
        {
            var admin = new IPEndPoint(IPAddress.Loopback, FreePorts.Take());
            return new([proxy(new Dictionary<string, object> { ["handOver"] = new { socket } }, admin), helper], admin);
        }
        catch
        {
            helper.Dispose();
            throw;
        }
    }

    /// <summary>How many sessions the kernel has taken over from a proxy so far; null while the proxy does not have its helper.</summary>
    /// <param name="network">Where the proxy is.</param>
    /// <param name="admin">Where its figures are.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="IOException">It does not answer.</exception>
    public static async Task<long?> HandedOverAsync(NetworkNamespace network, IPEndPoint admin, CancellationToken cancellationToken)
    {
        var status = await StatusAsync(network, admin, cancellationToken);
        return (string?)status["process"]!["handOver"] == "on" ? (long?)status["sessions"]!["handedOver"] ?? 0 : null;
    }

    /// <summary>How many sessions a proxy has now, those that the kernel forwards included.</summary>
    /// <param name="network">Where the proxy is.</param>
    /// <param name="admin">Where its figures are.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="IOException">It does not answer.</exception>
    public static async Task<int> SessionsAsync(NetworkNamespace network, IPEndPoint admin, CancellationToken cancellationToken)
        => (int)(await StatusAsync(network, admin, cancellationToken))["sessions"]!["current"]!;

    private static async Task<JsonNode> StatusAsync(NetworkNamespace network, IPEndPoint admin, CancellationToken cancellationToken)
    {
        using var http = network.HttpClient(admin);
        try
        {
            return JsonNode.Parse(await http.GetStringAsync(new Uri("/stats.json", UriKind.Relative), cancellationToken))!;
        }
        catch (HttpRequestException e)
        {
            throw new IOException($"http://{admin}/stats.json does not answer: {e.Message}", e);
        }
    }
}
