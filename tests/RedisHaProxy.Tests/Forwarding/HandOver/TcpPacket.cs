// A TCP packet over IPv4 and Ethernet, in plain fields, and its bytes.

using System.Buffers.Binary;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

internal sealed record TcpPacket
{
    public const byte Fin = 1;
    public const byte Syn = 2;
    public const byte Rst = 4;
    public const byte Ack = 16;

    public uint Source { get; init; }

    public uint Destination { get; init; }

    public ushort SourcePort { get; init; }

    public ushort DestinationPort { get; init; }

    public uint Sequence { get; init; }

    public uint Acknowledgement { get; init; }

    public byte Flags { get; init; }

    public ushort Window { get; init; }

    public ushort Urgent { get; init; }

    public byte TimeToLive { get; init; }

    public byte Service { get; init; }

    public ushort Id { get; init; }

    /// <summary>Flags and offset of fragments.</summary>
    public ushort Fragment { get; init; }

    /// <summary>Of a length that divides by four, at most 40.</summary>
    public byte[] Options { get; init; } = [];

    public byte[] Payload { get; init; } = [];

    public uint Length => (uint)Payload.Length;

    public bool Has(byte flag) => (Flags & flag) != 0;

    public byte[] ToBytes()
    {
        var bytes = new byte[14 + 20 + 20 + Options.Length + Payload.Length];
        Span<byte> ip = bytes.AsSpan(14);
        Span<byte> tcp = ip[20..];
        bytes.AsSpan(0, 12).Fill(2);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(12), 0x0800);
        ip[0] = 0x45;
        ip[1] = Service;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], Id);
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], Fragment);
        ip[8] = TimeToLive;
        ip[9] = 6;
        BinaryPrimitives.WriteUInt32BigEndian(ip[12..], Source);
        BinaryPrimitives.WriteUInt32BigEndian(ip[16..], Destination);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Sum(0, ip[..20]));
        BinaryPrimitives.WriteUInt16BigEndian(tcp, SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], DestinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], Acknowledgement);
        tcp[12] = (byte)((5 + (Options.Length / 4)) << 4);
        tcp[13] = Flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], Window);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[18..], Urgent);
        Options.CopyTo(tcp[20..]);
        Payload.CopyTo(tcp[(20 + Options.Length)..]);
        uint pseudo = (Source >> 16) + (Source & 0xffff) + (Destination >> 16) + (Destination & 0xffff) + 6 + (uint)tcp.Length;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], Sum(pseudo, tcp));
        return bytes;
    }

    private static ushort Sum(uint start, ReadOnlySpan<byte> bytes)
    {
        ulong sum = start;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (ulong)bytes[i] << ((i & 1) == 0 ? 8 : 0);
        }

        while (sum > 0xffff)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)~sum;
    }
}
