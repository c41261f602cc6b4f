// The PROXY protocol, version 2: the header by which a balancer says for whom it connects. Pure: bytes in, meaning out.
//
// After HAProxy's "The PROXY protocol, Versions 1 & 2" (doc/proxy-protocol.txt of HAProxy, 2020/03/05), section 2.2:
//
//   bytes 0-11   0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A
//   byte  12     version (2) in the high four bits; command in the low ones: 0 LOCAL, 1 PROXY
//   byte  13     address family in the high four bits: 0 unspecified, 1 IPv4, 2 IPv6, 3 Unix;
//                transport in the low ones: 0 unspecified, 1 stream, 2 datagram
//   bytes 14-15  length of all that follows, in network order
//   then         source address, destination address, source port, destination port; then TLVs, which are skipped

using System.Buffers.Binary;

namespace RedisHaProxy.Forwarding;

/// <summary>What the first bytes of a connection are.</summary>
public enum ProxyHeaderStatus : byte
{
    /// <summary>The beginning of a header: more bytes are needed.</summary>
    Incomplete,

    /// <summary>No header of version 2, whatever follows.</summary>
    Malformed,

    /// <summary>A header with the client's address (PROXY over TCP4 or TCP6).</summary>
    Relayed,

    /// <summary>A header that names no client: the connection's own address holds (LOCAL, and PROXY without a TCP address).</summary>
    Own,
}

/// <summary>A header, as far as its bytes are there.</summary>
/// <param name="Status">What it is.</param>
/// <param name="Length">Bytes of the whole header; meaningful for <see cref="ProxyHeaderStatus.Relayed"/> and <see cref="ProxyHeaderStatus.Own"/>.</param>
/// <param name="Client">The client's address; meaningful for <see cref="ProxyHeaderStatus.Relayed"/>.</param>
/// <param name="IsLocal">The balancer speaks for itself: a health check (command LOCAL).</param>
public readonly record struct ProxyHeader(ProxyHeaderStatus Status, int Length = 0, ClientAddress Client = default, bool IsLocal = false);

/// <summary>Reads headers.</summary>
public static class ProxyProtocol
{
    /// <summary>
    /// Longest header accepted, in bytes. A sender keeps it within one segment (section 2); with the TLVs of a client certificate
    /// some kilobytes have been seen.
    /// </summary>
    public const int MaxLength = 4096;

    /// <summary>Bytes that every header has; the last two are the number of those that follow.</summary>
    internal const int FixedLength = 16;

    private const int IPv4AddressesLength = 12;
    private const int IPv6AddressesLength = 36;

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>
    /// Reads the header at the beginning of <paramref name="bytes"/>. Says <see cref="ProxyHeaderStatus.Malformed"/> as soon as
    /// no continuation could be one, so that the sender is cut off at once (section 2.1). Never throws, allocates nothing.
    /// </summary>
    /// <param name="bytes">What has arrived so far, from the first byte of the connection.</param>
    public static ProxyHeader Read(ReadOnlySpan<byte> bytes)
    {
        int compared = Math.Min(bytes.Length, Signature.Length);
        if (!bytes[..compared].SequenceEqual(Signature[..compared]))
        {
            return new(ProxyHeaderStatus.Malformed);
        }

        bool local = false;
        if (bytes.Length > 12)
        {
            // "Receivers must drop connections presenting unexpected values here."
            if (bytes[12] is not (0x20 or 0x21))
            {
                return new(ProxyHeaderStatus.Malformed);
            }

            local = bytes[12] == 0x20;
        }

        // LOCAL: "discard the protocol block including the family which is ignored".
        if (bytes.Length > 13 && !local && ((bytes[13] >> 4) > 3 || (bytes[13] & 0xF) > 2))
        {
            return new(ProxyHeaderStatus.Malformed);
        }

        if (bytes.Length < FixedLength)
        {
            return new(ProxyHeaderStatus.Incomplete);
        }

        int addresses = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        int length = FixedLength + addresses;
        int needed = local ? 0 : bytes[13] switch { 0x11 => IPv4AddressesLength, 0x21 => IPv6AddressesLength, _ => 0 };
        if (length > MaxLength || addresses < needed)
        {
            return new(ProxyHeaderStatus.Malformed);
        }

        if (bytes.Length < length)
        {
            return new(ProxyHeaderStatus.Incomplete);
        }

        ReadOnlySpan<byte> block = bytes[FixedLength..];
        return needed switch
        {
            IPv4AddressesLength => new(ProxyHeaderStatus.Relayed, length, ClientAddress.FromIPv4(block, BinaryPrimitives.ReadUInt16BigEndian(block[8..]))),
            IPv6AddressesLength => new(ProxyHeaderStatus.Relayed, length, ClientAddress.FromIPv6(block, BinaryPrimitives.ReadUInt16BigEndian(block[32..]))),

            // A receiver "automatically falls back to the UNSPEC mode for the valid combinations above that it does not support":
            // datagrams and Unix sockets, whose addresses say nothing of a TCP client.
            _ => new(ProxyHeaderStatus.Own, length, IsLocal: local),
        };
    }
}
