// ADDRESS:PORT as the configuration writes it, stricter than the framework's parser, which takes "1:6379" for 0.0.0.1.

using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace RedisHaProxy.Configuration;

/// <summary>Reads an address literal with a port.</summary>
internal static class SocketAddressText
{
    /// <summary>Reads 192.0.2.1:6379 or [2001:db8::1]:6379.</summary>
    /// <param name="text">What the file says.</param>
    /// <param name="local">Whether to listen there (the unspecified address is then allowed) or to connect.</param>
    /// <param name="cause">What is wrong, to follow the quoted text; empty when nothing is.</param>
    /// <returns>The address, or null.</returns>
    public static IPEndPoint? Parse(string text, bool local, out string cause)
    {
        cause = "";
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? text : text[..colon];
        if (colon < 0 || (host.Contains(':', StringComparison.Ordinal) && !host.StartsWith('[')))
        {
            cause = host.Contains(':', StringComparison.Ordinal)
                ? "is not accepted; write an IPv6 address in brackets, such as [2001:db8::1]:6379"
                : "has no port; write ADDRESS:PORT, such as 172.31.235.131:6379";
            return null;
        }

        bool bracketed = host.StartsWith('[') && host.EndsWith(']');
        string literal = bracketed ? host[1..^1] : host;
        // Four parts, and no leading zeros (which some readers take for octal): the form IPAddress prints.
        if (!IPAddress.TryParse(literal, out IPAddress? address)
            || bracketed != (address.AddressFamily == AddressFamily.InterNetworkV6)
            || (!bracketed && address.ToString() != literal))
        {
            cause = "is not an address; write an IPv4 address, such as 172.31.235.131:6379, or an IPv6 address in brackets. "
                + "Host names are not accepted: a failover must not wait for a name server";
            return null;
        }

        if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535)
        {
            cause = $"has a bad port; 1 to 65535 is accepted, such as {host}:6379";
            return null;
        }

        bool any = address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
        if ((any && !local) || address.IsIPv6Multicast || address.Equals(IPAddress.Broadcast) || (address.GetAddressBytes() is [>= 224 and <= 239, _, _, _]))
        {
            cause = any ? "means every address of this machine; write the node's own address, such as 172.31.235.131:6379"
                : "is not the address of one machine; write one that is, such as 172.31.235.131:6379";
            return null;
        }

        return new IPEndPoint(address, port);
    }
}
