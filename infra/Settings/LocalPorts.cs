// The ports that a proxy's own connections start from. Each session of a client is also one from the proxy to the master, and all
// of these have the same source address, destination address and destination port: only the source port tells them apart.

namespace RedisHaInfra.Settings;

/// <summary>The range that the kernel of a proxy chooses local ports from (net.ipv4.ip_local_port_range).</summary>
public static class LocalPorts
{
    /// <summary>The first port: above 1936 and 6379, on which the proxy listens.</summary>
    public const int First = 10_240;

    /// <summary>The last port there is.</summary>
    public const int Last = 65_535;

    /// <summary>
    /// Connections that the load balancer can bring to one proxy: without preserved sources it reaches a backend's port from about 21,500 ports
    /// of its own in each availability domain (Network Load Balancing, "Source/Destination Preservation"); in a region with one domain that is
    /// all. The proxy's own local ports are more than that.
    /// </summary>
    public const int BalancersConnections = 21_500;

    /// <summary>Connections that one proxy can have to one port of one node at a time: 55,296 (with the kernel's own range: 28,232).</summary>
    public const int Count = Last - First + 1;
}
