// A few networks against which every accepted address is compared, as numbers: no allocation, some nanoseconds.

using System.Net;
using System.Net.Sockets;

namespace RedisHaProxy.Forwarding;

/// <summary>A list of networks.</summary>
/// <param name="networks">IPv4 and IPv6 networks. An IPv6 one contains no IPv4 address, however few of its bits count.</param>
internal sealed class AddressNetworks(IEnumerable<IPNetwork> networks)
{
    // IPv4 addresses are kept in their IPv6-mapped form, whose first 96 bits always count.
    private const int MappedBits = 96;

    private readonly Entry[] _networks = [.. networks.Select(network =>
    {
        bool ipv4 = network.BaseAddress.AddressFamily == AddressFamily.InterNetwork;
        int bits = network.PrefixLength + (ipv4 ? MappedBits : 0);
        UInt128 first = ClientAddress.Bits(network.BaseAddress);
        return new Entry(first, bits == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - bits), ClientAddress.IsMapped(first) && bits >= MappedBits);
    })];

    /// <summary>Whether an address, in the form of <see cref="ClientAddress"/>, is in one of them.</summary>
    public bool Contain(UInt128 address)
    {
        bool ipv4 = ClientAddress.IsMapped(address);
        foreach (Entry network in _networks)
        {
            if (network.IPv4 == ipv4 && (address & network.Mask) == network.First)
            {
                return true;
            }
        }

        return false;
    }

    private readonly record struct Entry(UInt128 First, UInt128 Mask, bool IPv4);
}
