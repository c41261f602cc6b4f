// The two structures that the program in the kernel and this process share; translate.bpf.c says more.

using System.Runtime.InteropServices;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Addresses and ports of a packet as they are in it (network byte order).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FlowKey
{
    public uint Source;
    public uint Destination;
    public ushort SourcePort;
    public ushort DestinationPort;

    /// <summary>The same of the packets in the other direction.</summary>
    public readonly FlowKey Reversed => new() { Source = Destination, Destination = Source, SourcePort = DestinationPort, DestinationPort = SourcePort };
}

/// <summary>What becomes of the packets of one end. Written by this process only.</summary>
internal enum FlowState : byte
{
    /// <summary>Nothing: they go up to the host's own socket.</summary>
    Free,

    /// <summary>They are translated.</summary>
    Open,

    /// <summary>The same; both ends have finished, and a new connection with the same addresses ends it.</summary>
    Closing,

    /// <summary>They are dropped, and each is reported, so that the end can be reset with the number that it expects.</summary>
    Dying,
}

/// <summary>What the program has seen of an end. Written by the kernel only.</summary>
[Flags]
internal enum FlowSeen : uint
{
    None = 0,
    Fin = 1,
    Reset = 2,
    Time = 4,
}

/// <summary>How the packets of one end are translated, and what was seen of them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Flow
{
    /// <summary>Addresses and ports that they leave with.</summary>
    public FlowKey Leaves;

    /// <summary>Added to their sequence and acknowledgement numbers.</summary>
    public uint AddSequence;
    public uint AddAcknowledgement;

    /// <summary>The interface that they leave by; 0: up, to a socket of this host.</summary>
    public uint Device;

    /// <summary>Which use of this place it is; events name it.</summary>
    public uint Generation;

    /// <summary>The window scale that this end announced, and the one that the other end knows.</summary>
    public byte ShiftIn;
    public byte ShiftOut;

    public FlowState State;

    /// <summary>
    /// Not 0: this end's RST is reported and dropped, since bytes that it sent before are still in the local sockets, which the RST would overtake.
    /// Written by this process only.
    /// </summary>
    public byte Held;
    public FlowSeen Seen;

    /// <summary>In this end's own numbers: the end of what it has sent (with its FIN), of what it has acknowledged, and of the window that it grants.</summary>
    public uint Sent;
    public uint Acknowledged;
    public uint Edge;

    /// <summary>What the other end's timestamps are: milliseconds since boot plus this.</summary>
    public uint Clock;
    public uint AddTime;
    public uint FirstTime;

    /// <summary>Seconds since boot; since then it has acknowledged nothing of what is under way to it, if there is any.</summary>
    public uint Progress;

    /// <summary>
    /// In this end's own numbers: the end of the window that the local socket had granted it before the hand-over, which may be further than what the
    /// other end has granted so far. The kernel moves it along with what was sent.
    /// </summary>
    public uint Granted;

    /// <summary>How often it has sent nothing with the number before its next: to hear whether there is room again, or whether anybody is there.</summary>
    public uint Asked;

    /// <summary>Of its stream since the hand-over; what was sent again is counted once.</summary>
    public long Bytes;

    /// <summary>Nanoseconds since boot of its last packet.</summary>
    public long Last;
}

/// <summary>What the program reports.</summary>
internal enum FlowEventKind : uint
{
    /// <summary>The end has sent its FIN.</summary>
    Finished = 1,

    /// <summary>The end has sent a RST that the other end takes.</summary>
    Reset = 2,

    /// <summary>A packet of an end whose session is over; the value is the number that it expects next.</summary>
    Late = 3,

    /// <summary>The end sends what cannot be translated: IP fragments.</summary>
    Strange = 4,

    /// <summary>A router does not take what was sent on to the end: too large for its way. The value is what would fit, in bytes.</summary>
    TooLarge = 5,
}

/// <summary>A report.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FlowEvent
{
    public int Flow;
    public uint Generation;
    public FlowEventKind Kind;
    public uint Value;
}
