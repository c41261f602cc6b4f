// A client's address and port as a value without allocation, read from the kernel's sockaddr.

using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

/// <summary>Address and port of a client; IPv4 addresses are kept in their IPv6-mapped form (RFC 4291, 2.5.5.2).</summary>
/// <param name="Address">The 128 bits of the address.</param>
/// <param name="Port">TCP port.</param>
[StructLayout(LayoutKind.Sequential, Pack = sizeof(long))] // by itself a UInt128 has it take 8 bytes more, and as many beside it
public readonly record struct ClientAddress(UInt128 Address, ushort Port)
{
    private const ulong MappedPrefix = 0xFFFF_0000_0000;

    /// <summary>The same as an <see cref="IPEndPoint"/> (allocates).</summary>
    public IPEndPoint ToIPEndPoint()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Address);
        var address = new IPAddress(bytes);
        return new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, Port);
    }

    /// <summary>The 128 bits under which <paramref name="address"/> is kept.</summary>
    public static UInt128 Bits(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return BinaryPrimitives.ReadUInt128BigEndian(address.MapToIPv6().GetAddressBytes());
    }

    /// <summary>Whether the 128 bits are those of an IPv4 address.</summary>
    internal static bool IsMapped(UInt128 address) => address >> 32 == MappedPrefix >> 32;

    /// <summary>"10.0.0.7:50123" or "[2001:db8::1]:50123".</summary>
    public override string ToString() => ToIPEndPoint().ToString();

    /// <summary>Reads a struct sockaddr_in or sockaddr_in6; other families give the zero address.</summary>
    internal static ClientAddress FromNative(ReadOnlySpan<byte> address)
    {
        ushort port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        return BitConverter.ToUInt16(address) switch
        {
            LibC.AddressFamilyIPv4 => FromIPv4(address[4..], port),
            LibC.AddressFamilyIPv6 => FromIPv6(address[8..], port),
            _ => default,
        };
    }

    /// <summary>The address in the first four bytes, in network order.</summary>
    internal static ClientAddress FromIPv4(ReadOnlySpan<byte> address, ushort port) => new(MappedPrefix | BinaryPrimitives.ReadUInt32BigEndian(address), port);

    /// <summary>The address in the first sixteen bytes, in network order.</summary>
    internal static ClientAddress FromIPv6(ReadOnlySpan<byte> address, ushort port) => new(BinaryPrimitives.ReadUInt128BigEndian(address), port);
}
