// Single TCP segments without payload, as a raw socket sends them.

using System.Buffers.Binary;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Sends segments in the name of one end to the other. Needs CAP_NET_RAW when it is made.</summary>
internal sealed unsafe partial class RawSegments : IDisposable
{
    public const byte ResetFlag = 4;
    public const byte AcknowledgeFlag = 16;

    private const int SocketRaw = 3;
    private const int ProtocolRaw = 255; // IPPROTO_RAW: the header is ours
    private const int OptionMark = 36;
    private const int HeaderBytes = 40;
    private const int TimeBytes = 12;

    private readonly int _socket;

    /// <summary>Opens the socket.</summary>
    /// <exception cref="BpfException">Not permitted.</exception>
    public RawSegments()
    {
        _socket = LibC.Socket(LibC.AddressFamilyIPv4, SocketRaw | LibC.SocketNonBlocking | LibC.SocketCloseOnExec, ProtocolRaw);
        if (_socket < 0)
        {
            throw new BpfException("opening a raw socket", LibC.Errno);
        }

        LibC.SetOption(_socket, LibC.LevelSocket, OptionMark, Translation.OwnMark);
    }

    /// <summary>Sends one; what the network does not take is lost, as any packet may be.</summary>
    /// <param name="key">Its addresses.</param>
    /// <param name="sequence">Its number.</param>
    /// <param name="acknowledgement">What it acknowledges, with <see cref="AcknowledgeFlag"/>.</param>
    /// <param name="flags">What kind it is.</param>
    /// <param name="window">The window as it is in the header.</param>
    /// <param name="time">Its timestamp; none when null.</param>
    public void Send(in FlowKey key, uint sequence, uint acknowledgement, byte flags, int window, uint? time = null)
    {
        int length = HeaderBytes + (time is null ? 0 : TimeBytes);
        Span<byte> packet = stackalloc byte[length];
        packet.Clear();
        packet[0] = 0x45;
        packet[6] = 0x40; // do not fragment; the kernel writes length, id and checksum (raw(7))
        packet[8] = 64;
        packet[9] = 6;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)length);
        fixed (byte* at = packet)
        {
            *(uint*)(at + 12) = key.Source;
            *(uint*)(at + 16) = key.Destination;
            *(ushort*)(at + 20) = key.SourcePort;
            *(ushort*)(at + 22) = key.DestinationPort;
        }

        Span<byte> tcp = packet[20..];
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], acknowledgement);
        tcp[12] = (byte)(tcp.Length / 4 << 4);
        tcp[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], (ushort)Math.Clamp(window, 0, ushort.MaxValue));
        if (time is { } value)
        {
            ((ReadOnlySpan<byte>)[1, 1, 8, 10]).CopyTo(tcp[20..]);
            BinaryPrimitives.WriteUInt32BigEndian(tcp[24..], value);
        }

        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], Sum(packet[12..20], tcp));
        byte* address = stackalloc byte[16];
        new Span<byte>(address, 16).Clear();
        *(ushort*)address = LibC.AddressFamilyIPv4;
        *(uint*)(address + 4) = key.Destination;
        fixed (byte* at = packet)
        {
            _ = SendTo(_socket, at, length, LibC.MessageNoSignal, address, 16);
        }
    }

    /// <summary>
    /// Resets an end. A RST counts only with exactly the number that the end awaits: what it has acknowledged last, or all that was sent to it.
    /// </summary>
    /// <param name="key">From the other end's address to this end's.</param>
    /// <param name="end">Its flow.</param>
    /// <param name="other">The other end's.</param>
    public void Reset(in FlowKey key, in Flow end, in Flow other)
    {
        uint sent = other.Sent + other.AddSequence;
        Send(key, end.Acknowledged, 0, ResetFlag, 0);
        if (sent != end.Acknowledged)
        {
            Send(key, sent, 0, ResetFlag, 0);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => LibC.Close(_socket);

    private static ushort Sum(ReadOnlySpan<byte> addresses, ReadOnlySpan<byte> tcp)
    {
        uint sum = 6 + (uint)tcp.Length;
        for (int i = 0; i < addresses.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(addresses[i..]);
        }

        for (int i = 0; i < tcp.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(tcp[i..]);
        }

        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }

    [System.Runtime.InteropServices.LibraryImport("libc", EntryPoint = "sendto")]
    private static partial nint SendTo(int socket, byte* bytes, nint length, int flags, byte* address, uint addressLength);
}
