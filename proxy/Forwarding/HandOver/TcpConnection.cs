// What a connected TCP socket says of itself, and what can be asked of it only with CAP_NET_ADMIN (TCP_REPAIR, which checkpoint and
// restore of processes uses: tcp(7); net/ipv4/tcp.c, do_tcp_setsockopt).

using System.Diagnostics;
using System.Runtime.InteropServices;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>A connected socket. The descriptor belongs to somebody else.</summary>
/// <param name="Descriptor">The socket.</param>
internal readonly unsafe partial record struct TcpConnection(int Descriptor)
{
    private const int OptionReuseAddress = 2;
    private const int OptionReceiveBuffer = 8;
    private const int OptionBufferLock = 72; // SO_BUF_LOCK (Linux 5.14)
    private const int OptionMemory = 55; // SO_MEMINFO; its first number is what the receive queues hold
    private const int TcpMaximumSegment = 2;
    private const int TcpWindowClamp = 10;
    private const int TcpInformation = 11;
    private const int TcpRepair = 19;
    private const int TcpRepairQueue = 20;
    private const int TcpQueueSequence = 21;
    private const int TcpTimestamp = 24;
    private const int TcpLongestRetransmission = 44; // TCP_RTO_MAX_MS (Linux 6.15)
    private const int ReceiveQueue = 1;
    private const int SendQueue = 2;
    private const int RepairOn = 1;
    private const int RepairOffSilently = -1; // TCP_REPAIR_OFF_NO_WP: without a window probe
    private const uint Unread = 0x541b; // SIOCINQ
    private const uint Unacknowledged = 0x5411; // SIOCOUTQ
    private const uint Unsent = 0x894b; // SIOCOUTQNSD

    /// <summary>Bytes that nobody has read.</summary>
    public int UnreadBytes => Ask(Unread);

    /// <summary>Bytes that were written and not acknowledged.</summary>
    public int UnacknowledgedBytes => Ask(Unacknowledged);

    /// <summary>Those of them that were never sent.</summary>
    public int UnsentBytes => Ask(Unsent);

    /// <summary>What the kernel keeps for reading, whether it can be read yet or waits for what is missing before it.</summary>
    public bool HoldsReceived
    {
        get
        {
            uint* memory = stackalloc uint[16];
            uint length = 16 * sizeof(uint);
            return LibC.GetSocketOption(Descriptor, LibC.LevelSocket, OptionMemory, memory, &length) == 0 && memory[0] > 0;
        }
    }

    /// <summary>TCP_INFO.</summary>
    public TcpInfo Info
    {
        get
        {
            var info = default(TcpInfo);
            uint length = (uint)sizeof(TcpInfo);
            _ = LibC.GetSocketOption(Descriptor, LibC.LevelTcp, TcpInformation, &info, &length);
            return info;
        }
    }

    /// <summary>What the timestamps that it sends are, less milliseconds since boot.</summary>
    public uint TimestampOffset => (uint)Get(LibC.LevelTcp, TcpTimestamp) - (uint)(Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000));

    /// <summary>Limits the window that it grants, in bytes. As long as its buffer has room it grants it again, whether somebody reads or not.</summary>
    public void ClampWindow(int bytes) => LibC.SetOption(Descriptor, LibC.LevelTcp, TcpWindowClamp, bytes);

    /// <summary>Limits what it keeps for reading, in bytes: when what was granted before is used up, it keeps no more than that.</summary>
    public void LimitUnread(int bytes) => LibC.SetOption(Descriptor, LibC.LevelSocket, OptionReceiveBuffer, bytes / 2); // the kernel doubles it (socket(7))

    /// <summary>Lets its buffer be as large as a fast stream needs again.</summary>
    /// <param name="bytes">How large it is at first.</param>
    public void UnlimitUnread(int bytes)
    {
        LimitUnread(bytes);
        LibC.SetOption(Descriptor, LibC.LevelSocket, OptionBufferLock, 0);
    }

    /// <summary>Addresses of the packets that it gets. False when these are not IPv4.</summary>
    public bool TryGetKey(out FlowKey key)
    {
        byte* own = stackalloc byte[LibC.MaxAddressLength];
        byte* peer = stackalloc byte[LibC.MaxAddressLength];
        uint ownLength = LibC.MaxAddressLength;
        uint peerLength = LibC.MaxAddressLength;
        key = default;
        if (GetName(Descriptor, own, &ownLength) < 0 || GetPeer(Descriptor, peer, &peerLength) < 0
            || Address(own) is not { } to || Address(peer) is not { } from)
        {
            return false;
        }

        key = new FlowKey { Source = from, Destination = to, SourcePort = *(ushort*)(peer + 2), DestinationPort = *(ushort*)(own + 2) };
        return true;
    }

    // A socket of an IPv6 listener has IPv4 packets where its addresses are mapped ones (RFC 4291, 2.5.5.2).
    private static uint? Address(byte* address) => *(ushort*)address switch
    {
        LibC.AddressFamilyIPv4 => *(uint*)(address + 4),
        LibC.AddressFamilyIPv6 when *(ulong*)(address + 8) == 0 && *(uint*)(address + 16) == 0xffff0000 => *(uint*)(address + 20),
        _ => null,
    };

    /// <summary>
    /// The next number that it will send, the next that it awaits, and the largest segment that the other end has said it takes. Zeros
    /// without the right to ask.
    /// </summary>
    public (uint Send, uint Receive, uint PeerSegment) Sequences()
    {
        int reuse = Get(LibC.LevelSocket, OptionReuseAddress);
        if (LibC.SetOption(Descriptor, LibC.LevelTcp, TcpRepair, RepairOn) < 0)
        {
            return default;
        }

        LibC.SetOption(Descriptor, LibC.LevelTcp, TcpRepairQueue, SendQueue);
        uint send = (uint)Get(LibC.LevelTcp, TcpQueueSequence);
        LibC.SetOption(Descriptor, LibC.LevelTcp, TcpRepairQueue, ReceiveQueue);
        uint receive = (uint)Get(LibC.LevelTcp, TcpQueueSequence);
        uint segment = (uint)Get(LibC.LevelTcp, TcpMaximumSegment); // in repair what the other end has announced, else what fits at the moment
        LibC.SetOption(Descriptor, LibC.LevelTcp, TcpRepair, RepairOffSilently);
        LibC.SetOption(Descriptor, LibC.LevelSocket, OptionReuseAddress, reuse); // leaving the repair has cleared it
        return (send, receive, segment);
    }

    /// <summary>No more keep-alive probes: it hears nothing any more but what it is told of.</summary>
    /// <param name="patience">
    /// How long it sends again what it has sent. Without it, the kernel would count fifteen times, which <see cref="SendAgainWithin"/> makes a
    /// matter of seconds (tcp_model_timeout in net/ipv4/tcp_timer.c).
    /// </param>
    public void StopWatching(TimeSpan patience)
    {
        LibC.SetOption(Descriptor, LibC.LevelSocket, LibC.OptionKeepAlive, 0);
        LibC.SetOption(Descriptor, LibC.LevelTcp, LibC.TcpUserTimeout, (int)patience.TotalMilliseconds);
    }

    /// <summary>
    /// Sends again after so long at most, in milliseconds of at least 1000, where the kernel can: it would double its time-out with each loss, and take no
    /// acknowledgement that is told to it for a measurement that ends the doubling (RFC 6298, 5.7).
    /// </summary>
    public void SendAgainWithin(int milliseconds) => LibC.SetOption(Descriptor, LibC.LevelTcp, TcpLongestRetransmission, milliseconds);

    /// <summary>Has the next close send nothing.</summary>
    public void CloseSilently() => LibC.SetOption(Descriptor, LibC.LevelTcp, TcpRepair, RepairOn);

    private int Ask(uint request)
    {
        int value = 0;
        return Control(Descriptor, request, &value) < 0 ? 0 : value;
    }

    private int Get(int level, int option)
    {
        int value = 0;
        uint length = sizeof(int);
        return LibC.GetSocketOption(Descriptor, level, option, &value, &length) < 0 ? 0 : value;
    }

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(int descriptor, nuint request, int* value);

    [LibraryImport("libc", EntryPoint = "getsockname")]
    private static partial int GetName(int socket, byte* address, uint* length);

    [LibraryImport("libc", EntryPoint = "getpeername")]
    private static partial int GetPeer(int socket, byte* address, uint* length);
}

/// <summary>The beginning of struct tcp_info (include/uapi/linux/tcp.h); what an older kernel does not have stays 0.</summary>
[StructLayout(LayoutKind.Explicit, Size = 240)]
internal struct TcpInfo
{
    /// <summary>TCP_ESTABLISHED.</summary>
    public const byte Established = 1;

    /// <summary>Timestamps, selective acknowledgements, window scaling.</summary>
    public const byte Translatable = 1 | 2 | 4;

    /// <summary>Data came with the SYN: over when the connection is open.</summary>
    public const byte Ignored = 32;

    [FieldOffset(0)]
    public byte State;

    /// <summary>By how many bits the time after which it sends again is shifted, as nothing was acknowledged meanwhile.</summary>
    [FieldOffset(4)]
    public byte Backoff;

    [FieldOffset(5)]
    public byte Options;

    /// <summary>The other end's scale in the low half, this one's in the high half.</summary>
    [FieldOffset(6)]
    public byte Scales;

    /// <summary>After how long it sends again what was not acknowledged, in microseconds.</summary>
    [FieldOffset(8)]
    public uint RetransmissionTime;

    /// <summary>The largest packet on the way to the other end, as far as it is known, in bytes.</summary>
    [FieldOffset(60)]
    public uint PathUnit;

    /// <summary>Round trip to the other end, smoothed, in microseconds.</summary>
    [FieldOffset(68)]
    public uint RoundTrip;

    /// <summary>Segments that it may have under way.</summary>
    [FieldOffset(80)]
    public uint CongestionWindow;

    /// <summary>The largest segment that the other end was told it may send, in bytes.</summary>
    [FieldOffset(84)]
    public uint AnnouncedSegment;

    /// <summary>Window of the other end, in bytes (Linux 5.17).</summary>
    [FieldOffset(228)]
    public uint SendWindow;

    /// <summary>Window that this end has granted, in bytes (Linux 6.2).</summary>
    [FieldOffset(232)]
    public uint ReceiveWindow;

    /// <summary>By how many bits the window in the other end's packets is shifted.</summary>
    public readonly int SendScale => Scales & 15;

    /// <summary>The same in this end's packets.</summary>
    public readonly int ReceiveScale => Scales >> 4;
}
