// Writes PROXY protocol headers for tests, as a balancer would.

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace RedisHaProxy.Tests.Forwarding;

internal static class ProxyHeaderBytes
{
    public const byte Local = 0x20;
    public const byte Proxy = 0x21;

    /// <summary>PROXY over TCP4 or TCP6, with what follows the addresses.</summary>
    public static byte[] Relayed(IPEndPoint source, ReadOnlySpan<byte> further = default)
    {
        byte[] from = source.Address.GetAddressBytes();
        byte[] to = source.AddressFamily == AddressFamily.InterNetwork ? [10, 9, 8, 7] : IPAddress.Parse("2001:db8::7").GetAddressBytes();
        byte[] ports = new byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(ports, (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(ports.AsSpan(2), 6379);
        return Any(Proxy, source.AddressFamily == AddressFamily.InterNetwork ? (byte)0x11 : (byte)0x21, [.. from, .. to, .. ports, .. further]);
    }

    /// <summary>Any header.</summary>
    public static byte[] Any(byte command, byte family, ReadOnlySpan<byte> block)
    {
        byte[] length = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)block.Length);
        return [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, command, family, .. length, .. block];
    }
}
