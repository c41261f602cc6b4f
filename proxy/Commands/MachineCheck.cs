// What is wrong with a configuration on this machine, though the file is good by itself.

using System.Net;
using System.Net.NetworkInformation;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Commands;

/// <summary>Compares a configuration with the machine.</summary>
internal static class MachineCheck
{
    /// <summary>One sentence for each thing that would go wrong.</summary>
    public static IEnumerable<string> Problems(ProxyConfiguration configuration)
    {
        IPAddress[] own = [IPAddress.Loopback, IPAddress.IPv6Loopback,
            .. NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses).Select(a => a.Address)];
        (string Key, IReadOnlyList<IPEndPoint> Addresses)[] listeners =
        [
            ("listen", configuration.Listen),
            ("tls.listen", configuration.Tls?.Listen ?? []),
            ("readOnly.listen", configuration.ReadOnly?.Listen ?? []),
            ("readOnly.tlsListen", configuration.ReadOnly?.TlsListen ?? []),
        ];
        foreach (var (key, listener) in listeners.SelectMany(l => l.Addresses.Select(address => (l.Key, address))))
        {
            foreach (var node in configuration.Redis.Nodes.Where(node => node.EndPoint.Port == listener.Port && IsSame(listener.Address,
                node.EndPoint.Address, own)))
            {
                yield return $"{key}: {listener} is also {node.Name} ({node.EndPoint}): the proxy would connect to itself; listen on another port or on one "
                    + "address, such as "
                    + $"{own.FirstOrDefault(a => !IPAddress.IsLoopback(a) && !a.Equals(node.EndPoint.Address)) ?? IPAddress.Loopback}:{listener.Port}";
            }
        }

        // Below /run the service manager makes it when the service starts (RuntimeDirectory).
        if (configuration.Admin?.Socket is { } socket && Path.GetDirectoryName(Path.GetFullPath(socket)) is { } folder
            && !Directory.Exists(folder) && !folder.StartsWith("/run/", StringComparison.Ordinal))
        {
            yield return $"admin.socket: the folder {folder} does not exist; create it, or name a path in one that does, such as "
                + "/run/redis-ha-proxy/control.sock with "
                + "RuntimeDirectory=redis-ha-proxy in the unit";
        }
    }

    private static bool IsSame(IPAddress listener, IPAddress node, IPAddress[] own) =>
        listener.Equals(node) || ((listener.Equals(IPAddress.Any) || listener.Equals(IPAddress.IPv6Any)) && own.Contains(node));
}
