// ADDRESS/BITS as the configuration writes a network: 172.31.235.188/32, 10.0.0.0/8, fd00::/8. An address alone is one machine.

using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace RedisHaProxy.Configuration;

/// <summary>Reads networks.</summary>
internal static class NetworkText
{
    /// <summary>Reads a network.</summary>
    /// <param name="text">What the file says.</param>
    /// <param name="cause">What is wrong, to follow the quoted text; empty when nothing is.</param>
    /// <returns>The network, or null.</returns>
    public static IPNetwork? Parse(string text, out string cause)
    {
        cause = "";
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string literal = slash < 0 ? text : text[..slash];
        // Of IPv4 four parts, and no leading zeros (which some readers take for octal): the form IPAddress prints. Of IPv6 no
        // brackets and no interface (fe80::1%eth0), with which a peer's address could not be compared.
        if (!IPAddress.TryParse(literal, out IPAddress? address)
            || literal.AsSpan().ContainsAny('[', '%')
            || (address.AddressFamily == AddressFamily.InterNetwork && address.ToString() != literal))
        {
            cause = "is not a network; write an address and the number of its leading bits that count, such as 172.31.235.188/32, 10.0.0.0/8 or fd00::/8";
            return null;
        }

        int all = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        int bits = all;
        if (slash >= 0 && (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out bits) || bits > all))
        {
            cause = $"has a bad number of bits; 0 to {all} is accepted for this address, such as {address}/{all}";
            return null;
        }

        byte[] bytes = address.GetAddressBytes();
        for (int bit = bits; bit < all; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        var first = new IPAddress(bytes);
        if (!first.Equals(address))
        {
            cause = $"has bits beyond the first {bits}; write {first}/{bits} for the network or {address}/{all} for the machine";
            return null;
        }

        return new IPNetwork(address, bits);
    }
}
