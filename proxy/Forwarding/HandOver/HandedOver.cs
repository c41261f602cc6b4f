// A session that the kernel forwards: what is left of it in this process, without any object. The session at place p has the flows 2p (the client's
// packets) and 2p + 1 (the node's), each with a side; so the other side of any is its index ^ 1.

using System.Runtime.InteropServices;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>The caller's name of a session.</summary>
/// <param name="Id">No other session has it.</param>
/// <param name="Slot">Where the caller has the session: nothing is done with it, and all that is said of the session says it, too.</param>
internal readonly record struct HandOverName(long Id, int Slot);

/// <summary>Where a handed-over session is.</summary>
internal enum HandOverState : byte
{
    /// <summary>The place is free.</summary>
    None,

    /// <summary>The kernel forwards, and the local sockets still have bytes from before.</summary>
    Settling,

    /// <summary>The kernel alone forwards.</summary>
    Open,

    /// <summary>It has ended; the ends' last packets still pass.</summary>
    Closing,

    /// <summary>It was ended; both ends are being told.</summary>
    Dying,
}

/// <summary>One side of it, beside what its <see cref="Flow"/> says.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal struct HandOverSide
{
    /// <summary>Nanoseconds since boot of the last keep-alive probe.</summary>
    public long Probed;

    /// <summary>
    /// Since when (seconds since boot, the low half of it) the end has had no room, and both halves of the number at which that ended, in one. 0: it has room.
    /// </summary>
    public ushort Full;
    public ushort FullEdge;

    /// <summary>The local socket; -1 once it is closed.</summary>
    public int Socket;

    /// <summary>Keep-alive probes that this end has not answered.</summary>
    public byte Probes;

    /// <summary>The low byte of how often the other end had asked when this one had no room any more.</summary>
    public byte FullAsked;

    /// <summary>The local socket has read the end of its stream.</summary>
    public bool FinRead;

    /// <summary>This end is to be reset.</summary>
    public bool IsReset;

    /// <summary>The local socket.</summary>
    public readonly TcpConnection Connection => new(Socket);
}

/// <summary>A handed-over session; its number is in <see cref="Places"/>.</summary>
internal struct HandedOver
{
    /// <summary>Milliseconds of the caller's clock: since when it is in its state.</summary>
    public long Since;

    /// <summary>
    /// What both ends had sent and acknowledged at the last look, all in one sum, and since when there is no more of it (milliseconds of the caller's clock).
    /// </summary>
    public long Moved;
    public long Quiet;

    /// <summary>Bytes of both ends, in one sum, that the caller knows of.</summary>
    public long Counted;

    /// <summary>Of its <see cref="HandOverName"/>.</summary>
    public int Slot;

    public HandOverState State;

    /// <summary>How often its ends were reset.</summary>
    public byte Told;

    /// <summary>Whether the node was the first to finish; null as long as neither has.</summary>
    public bool? NodeFirst;
}

/// <summary>What is needed of a session, beside the above, until its local sockets are empty.</summary>
internal struct Unsettled
{
    public int Place;

    public UnsettledSide Client;

    public UnsettledSide Node;

    /// <summary>When an end was seen to have reset it (milliseconds of the caller's clock).</summary>
    public long? ResetAt;

    /// <summary>When something was last under way to an end (the same clock).</summary>
    public long UnderWay;
}

/// <summary>One side of it.</summary>
internal struct UnsettledSide
{
    /// <summary>Bytes that the local socket has not taken yet.</summary>
    public byte[]? Owed;

    public int OwedStart;

    /// <summary>The number up to which the local socket has received, when that and not the kernel's program was the first to say so.</summary>
    public uint? Caught;

    /// <summary>Milliseconds of the caller's clock: when an acknowledgement was last told to the local socket.</summary>
    public long Acknowledged;

    public bool FinPassed;

    /// <summary>The local socket got this end's RST, which was on its way past the table when that was written.</summary>
    public bool WasReset;
}
