// The firewall as a table: who may talk to whom. SecurityGroups turns each row into a rule; nothing else opens anything.

using System.Collections.Immutable;

namespace RedisHaInfra.Settings;

/// <summary>The groups of machines that rules are written for.</summary>
public enum SecurityGroup
{
    /// <summary>The bastion.</summary>
    Bastion,

    /// <summary>The network load balancer.</summary>
    LoadBalancer,

    /// <summary>The proxies.</summary>
    Proxy,

    /// <summary>The Redis and Sentinel nodes.</summary>
    Redis,
}

/// <summary>Directions, seen from the group.</summary>
public enum TrafficDirection
{
    /// <summary>Into the group.</summary>
    In,

    /// <summary>Out of the group.</summary>
    Out,
}

/// <summary>The other side of a rule: a group, a network, or Oracle's services.</summary>
/// <param name="Group">The group, or null.</param>
/// <param name="Cidr">The network, or null.</param>
public sealed record TrafficPeer(SecurityGroup? Group, string? Cidr)
{
    /// <summary>Oracle's services in this region, through the service gateway: Object Storage, the region's own package mirrors.</summary>
    public static TrafficPeer Services { get; } = new(null, null);

    /// <summary>The private endpoint of OCI's Bastion service, whose address OCI chooses.</summary>
    public static TrafficPeer BastionService { get; } = new(null, null) { IsBastionService = true };

    /// <summary>Whether it is <see cref="BastionService"/>.</summary>
    public bool IsBastionService { get; private init; }

    /// <summary>A group as the other side.</summary>
    public static implicit operator TrafficPeer(SecurityGroup group) => new(group, null);

    /// <summary>A network as the other side.</summary>
    public static implicit operator TrafficPeer(string cidr) => new(null, cidr);

    /// <summary>The group's name, the network, "bastion-service" or "services".</summary>
    public override string ToString() => Group?.ToString().ToLowerInvariant() ?? Cidr ?? (IsBastionService ? "bastion-service" : "services");
}

/// <summary>One rule: TCP to one port.</summary>
/// <param name="Group">The group that it belongs to.</param>
/// <param name="Direction">Into or out of the group.</param>
/// <param name="Peer">The other side.</param>
/// <param name="Port">The destination port.</param>
/// <param name="Description">What it is for.</param>
public sealed record SecurityRule(SecurityGroup Group, TrafficDirection Direction, TrafficPeer Peer, int Port, string Description)
{
    /// <summary>A name that depends on the rule only, so that no rule moves when another goes.</summary>
    public string Name => $"{Group}-{Direction}-{Port}-{Peer}".ToLowerInvariant().Replace('/', '-');
}

/// <summary>The table.</summary>
public static class SecurityRules
{
    private const string Anywhere = "0.0.0.0/0";

    /// <summary>All rules of a stack.</summary>
    public static ImmutableArray<SecurityRule> For(NetworkSettings network)
    {
        ImmutableArray<SecurityRule>.Builder rules = ImmutableArray.CreateBuilder<SecurityRule>();
        void In(SecurityGroup group, TrafficPeer from, int port, string description) => rules.Add(new(group, TrafficDirection.In, from, port, description));
        void Out(SecurityGroup group, TrafficPeer to, int port, string description) => rules.Add(new(group, TrafficDirection.Out, to, port, description));
        // The service gateway serves the private subnet; what else there is of the Internet can be narrowed to the mirrors (packageCidrs).
        void Packages(SecurityGroup group)
        {
            foreach (TrafficPeer source in network.PackageCidrs.Select(cidr => (TrafficPeer)cidr).Prepend(TrafficPeer.Services))
            {
                Out(group, source, 80, "System packages and updates (signed), by HTTP");
                Out(group, source, 443, "System packages, Oracle's services and the proxy bundle, by HTTPS");
            }
        }

        // Into a node by SSH: through the bastion, or from the administrators' networks themselves.
        void Administration(SecurityGroup group)
        {
            if (network.WayIn == WayIn.Machine)
            {
                In(group, SecurityGroup.Bastion, Ports.Ssh, "Administration from the bastion");
                return;
            }
            foreach (string admin in network.AdminCidrs)
            {
                In(group, admin, Ports.Ssh, "Administrators and the program by SSH");
            }
            if (network.WayIn == WayIn.Service)
            {
                In(group, TrafficPeer.BastionService, Ports.Ssh, "Administration through OCI's Bastion service");
            }
        }

        void ThroughBalancer(SecurityGroup group)
        {
            foreach (ClientPort port in network.ClientPorts)
            {
                Out(group, SecurityGroup.LoadBalancer, port.Port, port.IsPlain
                    ? "Redis through the load balancer, for tunnels and the end-to-end check"
                    : $"{port.Words} through the load balancer, for tunnels");
            }
        }

        if (network.WayIn == WayIn.Machine)
        {
            foreach (string admin in network.AdminCidrs)
            {
                In(SecurityGroup.Bastion, admin, Ports.Ssh, "Administrators by SSH");
            }
            Out(SecurityGroup.Bastion, SecurityGroup.Redis, Ports.Ssh, "Administration of the Redis nodes");
            Out(SecurityGroup.Bastion, SecurityGroup.Proxy, Ports.Ssh, "Administration of the proxies");
            ThroughBalancer(SecurityGroup.Bastion);
            Out(SecurityGroup.Bastion, SecurityGroup.Proxy, Ports.Admin, "The proxies' stats page, for tunnels");
            Out(SecurityGroup.Bastion, Anywhere, 80, "System packages and updates (signed), by HTTP");
            Out(SecurityGroup.Bastion, Anywhere, 443, "System packages and Oracle's services, by HTTPS");
        }

        // Where tunnels begin, and where the program looks at balancer and proxies from: the bastion, or a Redis node (Connections.ToOnlooker).
        SecurityGroup onlooker = network.WayIn == WayIn.Machine ? SecurityGroup.Bastion : SecurityGroup.Redis;
        foreach (ClientPort port in network.ClientPorts)
        {
            foreach (string client in port.IsForClients ? network.ClientCidrs : [])
            {
                In(SecurityGroup.LoadBalancer, client, port.Port, port.IsPlain ? "Redis clients" : $"Redis clients, {port.Words}");
            }
            In(SecurityGroup.LoadBalancer, onlooker, port.Port,
                port.IsPlain ? "Redis through a tunnel, and the end-to-end check" : $"{port.Words} through a tunnel");
            Out(SecurityGroup.LoadBalancer, SecurityGroup.Proxy, port.Port, port.IsPlain ? "Sessions to the proxies" : $"{port.Words} to the proxies");
        }
        Out(SecurityGroup.LoadBalancer, SecurityGroup.Proxy, Ports.Admin, "Health checks of the proxies");

        // Sessions and checks come from the balancer's own address (Network Load Balancing, "Health Check Management"; with the source not
        // preserved, sessions too). Its group names it; the fixed address holds should OCI not count what it sends as the group's.
        foreach (TrafficPeer balancer in new TrafficPeer[] { SecurityGroup.LoadBalancer, $"{network.LoadBalancerAddress}/32" })
        {
            foreach (ClientPort port in network.ClientPorts)
            {
                In(SecurityGroup.Proxy, balancer, port.Port,
                    port.IsPlain ? "Sessions from the load balancer" : $"{port.Words} from the load balancer");
            }
            In(SecurityGroup.Proxy, balancer, Ports.Admin, "Health checks from the load balancer");
        }
        Administration(SecurityGroup.Proxy);
        In(SecurityGroup.Proxy, onlooker, Ports.Admin, "The stats page through a tunnel");
        foreach (string monitoring in network.MonitoringNetworks)
        {
            In(SecurityGroup.Proxy, monitoring, Ports.Admin, "Metrics of the proxies");
            In(SecurityGroup.Redis, monitoring, Ports.Redis, "Exporters of Redis' metrics");
        }
        Out(SecurityGroup.Proxy, SecurityGroup.Redis, Ports.Redis, "Sessions and role probes to Redis");
        Out(SecurityGroup.Proxy, SecurityGroup.Redis, Ports.Sentinel, "Questions to the Sentinels");
        Packages(SecurityGroup.Proxy);

        In(SecurityGroup.Redis, SecurityGroup.Redis, Ports.Redis, "Replication, and Sentinels watching Redis");
        In(SecurityGroup.Redis, SecurityGroup.Redis, Ports.Sentinel, "Sentinels among themselves");
        In(SecurityGroup.Redis, SecurityGroup.Proxy, Ports.Redis, "Sessions and role probes from the proxies");
        In(SecurityGroup.Redis, SecurityGroup.Proxy, Ports.Sentinel, "Questions from the proxies to the Sentinels");
        Administration(SecurityGroup.Redis);
        Out(SecurityGroup.Redis, SecurityGroup.Redis, Ports.Redis, "Replication, and Sentinels watching Redis");
        Out(SecurityGroup.Redis, SecurityGroup.Redis, Ports.Sentinel, "Sentinels among themselves");
        if (onlooker == SecurityGroup.Redis)
        {
            ThroughBalancer(SecurityGroup.Redis);
            Out(SecurityGroup.Redis, SecurityGroup.Proxy, Ports.Admin, "The proxies' stats page, for tunnels, and their health");
        }
        Packages(SecurityGroup.Redis);
        return rules.ToImmutable();
    }
}

/// <summary>The TCP ports of the system, fixed by convention.</summary>
public static class Ports
{
    /// <summary>SSH.</summary>
    public const int Ssh = 22;

    /// <summary>Redis, at the nodes, the proxies and the load balancer.</summary>
    public const int Redis = 6379;

    /// <summary>Sentinel.</summary>
    public const int Sentinel = 26379;

    /// <summary>The proxies' stats page and health answer.</summary>
    public const int Admin = 1936;
}
