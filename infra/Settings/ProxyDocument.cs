// proxy.json of a proxy: what the stack decides, and over it what the settings of single keys and proxyOverrides say.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RedisHaInfra.Settings;

/// <summary>What a proxy's configuration file is written from.</summary>
public sealed record ProxyDocument
{
    // How long sessions may go on after the drain's delay, before they are cut.
    internal const int DrainMilliseconds = 30_000;

    /// <summary>The account that sees metrics and nothing else, on proxies and on Redis nodes.</summary>
    internal const string MetricsUser = "metrics";

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The proxy.</summary>
    public required NodeAddress Node { get; init; }

    /// <summary>All Redis nodes, in order.</summary>
    public required IReadOnlyList<NodeAddress> RedisNodes { get; init; }

    /// <summary>The other proxies.</summary>
    public required IReadOnlyList<NodeAddress> Peers { get; init; }

    /// <summary>redis.conf's min-replicas-to-write.</summary>
    public required int MinReplicasToWrite { get; init; }

    /// <summary>The monitored name and down-after.</summary>
    public required SentinelSettings Sentinel { get; init; }

    /// <summary>The settings of the proxies.</summary>
    public required ProxyOptions Options { get; init; }

    /// <summary>The file's text.</summary>
    public string Text() => Json().ToJsonString(Readable).Replace("\r\n", "\n", StringComparison.Ordinal) + "\n";

    /// <summary>The file's content.</summary>
    internal JsonObject Json()
    {
        JsonObject json = Own();
        foreach (string above in new[] { Options.Keys, Options.Overrides }.Where(text => text.Length > 0))
        {
            ProxyOverrides.Merge(json, (JsonObject)JsonNode.Parse(above)!);
        }
        return json;
    }

    /// <summary>The file's content without <see cref="ProxyOptions.Keys"/> and <see cref="ProxyOptions.Overrides"/>.</summary>
    internal JsonObject Own()
    {
        var json = new JsonObject
        {
            ["listen"] = Listen(ClientPortKind.Plain),
            ["redis"] = new JsonObject
            {
                ["nodes"] = Addresses(RedisNodes, Ports.Redis),
                ["user"] = "rp-health",
                ["passwordFile"] = "redis.password",
                ["minReplicasToWrite"] = MinReplicasToWrite,
            },
            ["sentinel"] = new JsonObject
            {
                ["master"] = Sentinel.MasterName,
                ["nodes"] = new JsonArray([.. RedisNodes.Select(node => (JsonNode?)$"{node.Address}:{Ports.Sentinel}")]),
                ["user"] = "rp-sentinel",
                ["passwordFile"] = "sentinel.password",
                ["downAfter"] = Duration(Sentinel.DownAfterMilliseconds),
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
            ["limits"] = new JsonObject { ["connections"] = Options.MaxConnections, ["perSource"] = 0 },
        };
        foreach (string section in Options.HasRedisTls ? new[] { "redis", "sentinel" } : [])
        {
            json[section]!["tls"] = new JsonObject { ["caFile"] = "redis-ca.crt" };
        }
        if (Options.HasAdminTls)
        {
            json["admin"]!["tls"] = new JsonObject { ["certificateFile"] = "admin.crt", ["keyFile"] = "admin.key" };
        }
        if (Options.HasMetricsReader)
        {
            json["admin"]!["metricsUser"] = MetricsUser;
            json["admin"]!["metricsPasswordFile"] = "metrics.password";
        }
        if (Peers.Count > 0)
        {
            json["admin"]!["peers"] = Addresses(Peers, Ports.Admin);
        }
        if (Options.HeaderFrom is { } balancer)
        {
            json["proxyProtocol"] = new JsonObject { ["from"] = new JsonArray($"{balancer}/32") };
        }
        if (Options.HandsOver)
        {
            json["handOver"] = new JsonObject { ["socket"] = "/run/redis-ha-hand-over/socket" };
        }
        if (Options.Has(ClientPortKind.Tls))
        {
            json["tls"] = new JsonObject { ["listen"] = Listen(ClientPortKind.Tls), ["certificateFile"] = "tls.crt", ["keyFile"] = "tls.key" };
            if (Options.HasClientAuthorities)
            {
                json["tls"]!["clientCaFile"] = "clients-ca.crt";
            }
        }
        foreach ((ClientPortKind kind, string key) in new[] { (ClientPortKind.ReadOnly, "listen"), (ClientPortKind.ReadOnlyTls, "tlsListen") })
        {
            if (Options.Has(kind))
            {
                json["readOnly"] ??= new JsonObject();
                json["readOnly"]![key] = Listen(kind);
            }
        }
        return json;
    }

    private JsonArray Listen(ClientPortKind kind) =>
        new([.. Options.ClientPorts.Where(port => port.Kind == kind).Select(port => (JsonNode?)$"{Node.Address}:{port.Port}")]);

    private static JsonObject Addresses(IEnumerable<NodeAddress> nodes, int port) =>
        new(nodes.Select(node => KeyValuePair.Create(node.Name, (JsonNode?)$"{node.Address}:{port}")));

    private static string Duration(int milliseconds) =>
        milliseconds % 1000 == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000}s")
            : string.Create(CultureInfo.InvariantCulture, $"{milliseconds}ms");
}

/// <summary>What the settings say of every proxy's configuration alike.</summary>
public sealed record ProxyOptions
{
    /// <summary>Client connections that a proxy accepts; as many again at the read-only port.</summary>
    public int MaxConnections { get; init; } = Setting.ProxyMaxConnections.Value;

    /// <summary>The ports for clients.</summary>
    public ImmutableArray<ClientPort> ClientPorts { get; init; } = [new ClientPort(ClientPortKind.Plain, Ports.Redis)];

    /// <summary>The address whose connections begin with a PROXY protocol header; null for none.</summary>
    public string? HeaderFrom { get; init; }

    /// <summary>Whether clients need a certificate.</summary>
    public bool HasClientAuthorities { get; init; }

    /// <summary>The keys that have a setting each (<see cref="ProxyKeys"/>), as JSON; empty for the defaults.</summary>
    public string Keys { get; init; } = string.Empty;

    /// <summary>Whether pages and metrics are read over TLS.</summary>
    public bool HasAdminTls { get; init; }

    /// <summary>Whether Redis and Sentinel are reached over TLS.</summary>
    public bool HasRedisTls { get; init; }

    /// <summary>Whether there is a user who reads metrics and nothing else.</summary>
    public bool HasMetricsReader { get; init; }

    /// <summary>Whether the machine has the helper that hands sessions over to the kernel.</summary>
    public bool HandsOver { get; init; }

    /// <summary>proxyOverrides as JSON; empty for none.</summary>
    public string Overrides { get; init; } = string.Empty;

    /// <summary>Whether there is a port of this kind.</summary>
    public bool Has(ClientPortKind kind) => ClientPorts.Any(port => port.Kind == kind);
}
