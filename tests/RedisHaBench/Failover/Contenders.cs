// The proxies that are compared.

using System.Globalization;
using System.Net;
using System.Text;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>A proxy with a configuration.</summary>
/// <param name="Name">Name on the command line and in tables.</param>
/// <param name="Description">What its configuration is.</param>
/// <param name="IsOurs">Whether the bars apply to it.</param>
/// <param name="Start">Starts it for a deployment on an address, in a namespace or ours.</param>
internal sealed record Contender(
    string Name, string Description, bool IsOurs, Func<RedisDeployment, IPEndPoint, NetworkNamespace?, StartedProxy> Start)
{
    /// <summary>Whether it hands sessions over to the kernel, for which clients, proxy and nodes are in network namespaces.</summary>
    public bool HandsOver { get; init; }
}

/// <summary>All contenders.</summary>
internal static class Contenders
{
    /// <summary>Name of our own proxy.</summary>
    public const string Ours = "redis-ha-proxy";

    /// <summary>The same with sessions that the kernel forwards.</summary>
    public const string OursHandOver = Ours + "-hand-over";

    /// <param name="program">Path of redis-ha-proxy.</param>
    public static IReadOnlyList<Contender> All(string program) =>
    [
        new(Ours, "this project's proxy, default settings, sentinel.downAfter as the Sentinels'", true,
            (deployment, listen, network) => new([ProxyProcess.Start(program, deployment, listen, network)])),
        new(OursHandOver, "the same, which hands sessions over to the kernel", true,
            (deployment, listen, network) => HandOverHelper.Start(program, deployment, network, (settings, admin) => ProxyProcess.Start(
                program, deployment, listen, network,
                settings: new Dictionary<string, object>(settings) { ["admin"] = new { listen = admin.ToString() } }))) { HandsOver = true },
        new("haproxy-reference", "HAProxy with the role check of the reference architecture: check inter 3s, client and server timeouts 6 s", false,
            (deployment, listen, network) => StartHaProxy(deployment, listen, network, "inter 3s", fast: false)),
        new("haproxy-tuned", "the same with inter 1s fall 1 rise 1 on-marked-down shutdown-sessions", false,
            (deployment, listen, network) =>
                StartHaProxy(deployment, listen, network, "inter 1s fall 1 rise 1 on-marked-down shutdown-sessions", fast: false)),
        new("haproxy-fast",
            "beyond the tuned one: inter 100ms, a check that does not wait on a replica, connect timeout 300ms and redispatch, and backup servers with "
                + "on-marked-up shutdown-backup-sessions, so that one server is used at a time",
            false,
            (deployment, listen, network) => StartHaProxy(
                deployment, listen, network, "inter 100ms fall 1 rise 1 on-marked-down shutdown-sessions", fast: true)),
    ];

    /// <summary>haproxy.cfg of a contender.</summary>
    internal static string HaProxyConfiguration(
        IEnumerable<(string Name, IPEndPoint EndPoint)> nodes, string healthPassword, IPEndPoint listen, string checks, bool fast)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            global
              maxconn 4000
            defaults
              mode tcp
              timeout connect {(fast ? "300ms" : "3s")}
              timeout client 6s
              timeout server 6s
              {(fast ? "timeout check 500ms" : "")}
              {(fast ? "retries 2" : "")}
              {(fast ? "option redispatch 1" : "")}
            frontend redis
              bind {listen}
              default_backend redis
            backend redis
              option tcp-check

            """);
        text.Append(CultureInfo.InvariantCulture, $"""
              tcp-check send "AUTH rp-health {healthPassword}\r\n"
              tcp-check expect string +OK
              tcp-check send "PING\r\n"
              tcp-check expect string +PONG

            """);

        // HAProxy goes on waiting for its string on a replica until the check's time is over; a QUIT sent along ends that wait at once.
        text.Append(fast
            ? """
              tcp-check send "info replication\r\nQUIT\r\n"
              tcp-check expect string role:master

            """
            : """
              tcp-check send "info replication\r\n"
              tcp-check expect string role:master
              tcp-check send "QUIT\r\n"
              tcp-check expect string +OK

            """);
        foreach (var (index, node) in nodes.Index())
        {
            var backup = !fast ? "" : index == 0 ? " on-marked-up shutdown-backup-sessions" : " backup";
            text.Append(CultureInfo.InvariantCulture, $"  server {node.Name} {node.EndPoint} check {checks}{backup}\n");
        }

        return text.ToString();
    }

    private static StartedProxy StartHaProxy(RedisDeployment deployment, IPEndPoint listen, NetworkNamespace? network, string checks, bool fast)
        => new([HaProxyProcess.Start(HaProxyConfiguration(
            deployment.Nodes.Select(n => (n.Name, n.EndPoint)), deployment.Accounts.Health, listen, checks, fast), deployment.Work, network)]);
}
