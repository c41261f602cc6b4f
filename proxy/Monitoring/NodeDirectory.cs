// Which configured node an address belongs to, as Redis and Sentinel write addresses.

using System.Globalization;
using System.Net;
using System.Text;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Monitoring;

/// <summary>What a server may name in place of a configured node's index.</summary>
internal static class NamedNode
{
    /// <summary>It names no node.</summary>
    public const int Nobody = -1;

    /// <summary>It names an address that is not among the configured nodes.</summary>
    public const int Foreign = -2;
}

/// <summary>Maps the addresses that servers report to indexes of configured nodes.</summary>
internal sealed class NodeDirectory(IReadOnlyList<RedisNode> nodes)
{
    /// <summary>The node at an address; -1 when it is none of the configured ones.</summary>
    /// <param name="host">An IP address as text. A host name is never one of ours: nodes announce addresses (resolve-hostnames no).</param>
    /// <param name="port">Its port.</param>
    public int Find(ReadOnlySpan<byte> host, long port)
    {
        if (!IPAddress.TryParse(host, out IPAddress? address))
        {
            return -1;
        }

        return port is > 0 and <= IPEndPoint.MaxPort ? Find(new IPEndPoint(address, (int)port)) : -1;
    }

    /// <summary>The same for an address.</summary>
    public int Find(IPEndPoint endPoint)
    {
        for (int i = 0; i < nodes.Count; i++)
        {
            if (Same(nodes[i].EndPoint, endPoint))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Whether two addresses are one, be it that one is an IPv4 address as IPv6 writes it.</summary>
    public static bool Same(IPEndPoint a, IPEndPoint b) => a.Port == b.Port && Same(a.Address, b.Address);

    /// <summary>The same for address and port as one text, as reports carry it.</summary>
    public int Find(string address)
    {
        int colon = address.LastIndexOf(':');
        return colon > 0 && long.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long port)
            ? Find(Encoding.ASCII.GetBytes(address[..colon]), port)
            : -1;
    }

    private static bool Same(IPAddress a, IPAddress b) =>
        a.Equals(b) || (a.IsIPv4MappedToIPv6 && a.MapToIPv4().Equals(b)) || (b.IsIPv4MappedToIPv6 && b.MapToIPv4().Equals(a));
}
