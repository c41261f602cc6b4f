// The proxies, and the bundle that they are installed from.

namespace RedisHaInfra.Settings;

/// <summary>Settings of the proxies.</summary>
public sealed record ProxySettings
{
    /// <summary>Client connections that one proxy accepts.</summary>
    public required int MaxConnections { get; init; }

    /// <summary>The keys of proxy.json that have a setting each, as JSON; empty for the defaults.</summary>
    public required string Keys { get; init; }

    /// <summary>Whether plain sessions are handed over to the kernel where it takes them.</summary>
    public bool HandsOver { get; init; }

    /// <summary>What proxy.json says besides, as JSON; empty for nothing.</summary>
    public required string Overrides { get; init; }

    /// <summary>What the settings say of every proxy's configuration alike.</summary>
    /// <param name="network">The ports and the load balancer's address.</param>
    /// <param name="tls">TLS with clients; null for none.</param>
    /// <param name="adminTls">TLS of the pages; null for none.</param>
    /// <param name="redisTls">TLS of the Redis nodes; null for none.</param>
    public ProxyOptions Options(NetworkSettings network, TlsSettings? tls, AdminTlsSettings? adminTls, RedisTlsSettings? redisTls) => new()
    {
        MaxConnections = MaxConnections,
        ClientPorts = network.ClientPorts,
        HeaderFrom = network.HasProxyProtocol ? network.LoadBalancerAddress : null,
        HasClientAuthorities = tls?.ClientAuthorities is not null,
        Keys = Keys,
        HasAdminTls = adminTls is not null,
        HasRedisTls = redisTls is not null,
        HasMetricsReader = !network.MonitoringNetworks.IsEmpty,
        HandsOver = HandsOver,
        Overrides = Overrides,
    };

    /// <summary>A published proxy to install; null to publish proxy/ at each run.</summary>
    public required string? BundlePath { get; init; }

    /// <summary>Until when nodes can fetch the bundle. Fixed, not counted from now: a changed date would renew the address.</summary>
    public required DateTimeOffset BundleExpires { get; init; }

    internal static ProxySettings Read(SettingsReader reader)
    {
        string? path = reader.Text(Setting.ProxyBundlePath);
        reader.Require(path is null || File.Exists(path), Setting.ProxyBundlePath,
            $"a published proxy (a single file), or nothing to have it published; the path is taken from {Environment.CurrentDirectory}");
        return new ProxySettings
        {
            MaxConnections = MaxConnectionsOf(reader),
            Keys = ProxyKeys.Read(reader),
            HandsOver = reader.Choice(Setting.ProxyHandOver) == "auto",
            Overrides = ProxyOverrides.Read(reader),
            BundlePath = path is null ? null : Path.GetFullPath(path),
            BundleExpires = reader.UtcTime(Setting.ProxyBundleExpires),
        };
    }

    private static int MaxConnectionsOf(SettingsReader reader)
    {
        int connections = reader.Integer(Setting.ProxyMaxConnections);
        reader.Require(connections <= LocalPorts.BalancersConnections, Setting.ProxyMaxConnections,
            $"at most {LocalPorts.BalancersConnections}: the load balancer can bring no more connections to one proxy (it has that many ports for each, and "
            + $"the proxy {LocalPorts.Count} local ports for its sessions with the master); for more clients add proxies (proxyAddresses)");
        return connections;
    }
}
