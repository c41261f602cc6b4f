// The files of a proxy node's payload: the proxy's configuration and passwords, the bundle's address, the scripts and the unit.

using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Nodes;

/// <summary>Renders a proxy node's files.</summary>
internal static class ProxyNodeFiles
{
    // How long sessions may go on after that, before they are cut.
    private const int DrainMilliseconds = 30_000;

    // systemd kills a proxy that has not ended by then.
    private const int StopSeconds = (BalancerCheck.DrainedWithinMilliseconds + DrainMilliseconds) / 1000 + 20;

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The files, node.env last and without the payload's identifier.</summary>
    /// <exception cref="ArgumentException">An input breaks a rule of <see cref="PayloadRules"/>.</exception>
    public static IReadOnlyList<PayloadFile> Render(ProxyNodeInputs inputs) =>
    [
        PayloadFile.Embedded("proxy/apply.sh"),
        PayloadFile.Embedded("common/library.sh"),
        PayloadFile.Embedded("common/distribution.sh"),
        PayloadFile.Embedded("common/accounts.sh"),
        PayloadFile.Embedded("common/wait-ready.sh"),
        PayloadFile.Embedded("common/firewall.sh"),
        PayloadFile.Embedded("common/redis-ha-firewall.service"),
        PayloadFile.Embedded("common/redis-ha-firewall.timer"),
        .. SshFiles.Render(inputs.Login),
        PayloadFile.Rendered("proxy/sysctl.conf", ("first-port", Text(LocalPorts.First)), ("last-port", Text(LocalPorts.Last)),
            ("port-count", Text(LocalPorts.Count))),
        PayloadFile.Rendered("proxy/redis-ha-proxy.service", ("file-limit", RedisNodeFiles.FileLimit(inputs.MaxConnections)),
            ("stop-seconds", Text(StopSeconds))),
        new("proxy.json", Configuration(inputs)),
        PayloadFile.Secret("redis.password", PayloadRules.Password(inputs.Passwords.Health, "rp-health") + "\n"),
        PayloadFile.Secret("sentinel.password", PayloadRules.Password(inputs.Passwords.SentinelWatch, "rp-sentinel") + "\n"),
        PayloadFile.Secret("admin.password", string.Concat(new[] { inputs.Passwords, inputs.Passwords.Former }.OfType<NodePasswords>()
            .Select(all => all.Admin).Distinct().Select(password => PayloadRules.Password(password, "admin") + "\n"))),
        PayloadFile.Secret("bundle.curl", $"url = \"{PayloadRules.Url(inputs.BundleUrl)}\"\n"),
        new("node.env", $"""
            REDIS_HA_ROLE=proxy
            REDIS_HA_NODE={PayloadRules.Name(inputs.Node.Name)}
            REDIS_HA_ADDRESS={PayloadRules.Address(inputs.Node.Address)}
            REDIS_HA_LOGIN_USER={PayloadRules.Name(inputs.Login.User)}
            REDIS_HA_BUNDLE_SHA256={PayloadRules.Sha256(inputs.BundleSha256)}

            """),
    ];

    private static string Configuration(ProxyNodeInputs inputs)
    {
        var json = new JsonObject
        {
            ["listen"] = new JsonArray($"{inputs.Node.Address}:{Ports.Redis}"),
            ["redis"] = new JsonObject
            {
                ["nodes"] = new JsonObject(inputs.RedisNodes.Select(node =>
                    KeyValuePair.Create(PayloadRules.Name(node.Name), (JsonNode?)$"{PayloadRules.Address(node.Address)}:{Ports.Redis}"))),
                ["user"] = "rp-health",
                ["passwordFile"] = "redis.password",
                ["minReplicasToWrite"] = inputs.MinReplicasToWrite,
            },
            ["sentinel"] = new JsonObject
            {
                ["master"] = PayloadRules.MasterName(inputs.Sentinel.MasterName),
                ["nodes"] = new JsonArray([.. inputs.RedisNodes.Select(node => (JsonNode?)$"{node.Address}:{Ports.Sentinel}")]),
                ["user"] = "rp-sentinel",
                ["passwordFile"] = "sentinel.password",
                ["downAfter"] = Duration(inputs.Sentinel.DownAfterMilliseconds),
            },
            ["admin"] = new JsonObject
            {
                ["listen"] = $"0.0.0.0:{Ports.Admin}",
                ["user"] = "admin",
                ["passwordFile"] = "admin.password",
                ["socket"] = "/run/redis-ha-proxy/control.sock",
            },
            // At the end, new sessions are taken until the load balancer has certainly seen /healthz fail.
            ["timeouts"] = new JsonObject
            {
                ["connect"] = "3s",
                ["park"] = "10s",
                ["idle"] = "0s",
                ["drainDelay"] = Duration(BalancerCheck.DrainedWithinMilliseconds),
                ["drain"] = Duration(DrainMilliseconds),
            },
            ["recording"] = new JsonObject { ["file"] = "/var/lib/redis-ha-proxy/recording" },
            ["limits"] = new JsonObject { ["connections"] = inputs.MaxConnections, ["perSource"] = 0 },
        };
        if (inputs.Peers.Count > 0)
        {
            json["admin"]!["peers"] = new JsonObject(inputs.Peers.Select(peer =>
                KeyValuePair.Create(PayloadRules.Name(peer.Name), (JsonNode?)$"{PayloadRules.Address(peer.Address)}:{Ports.Admin}")));
        }

        return json.ToJsonString(Readable).Replace("\r\n", "\n", StringComparison.Ordinal) + "\n";
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Duration(int milliseconds) =>
        milliseconds % 1000 == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000}s")
            : string.Create(CultureInfo.InvariantCulture, $"{milliseconds}ms");
}
