// A session that the kernel forwards: what is left of it in this process.

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Where a handed-over session is.</summary>
internal enum HandOverState
{
    /// <summary>The kernel forwards, and the local sockets still have bytes from before.</summary>
    Settling,

    /// <summary>The kernel alone forwards.</summary>
    Open,

    /// <summary>It has ended; the ends' last packets still pass.</summary>
    Closing,

    /// <summary>It was ended; both ends are being told.</summary>
    Dying,
}

/// <summary>One side of it.</summary>
internal sealed class HandOverSide(TcpConnection socket, FlowKey key, int flow, int scale)
{
    /// <summary>The local socket.</summary>
    public TcpConnection Socket { get; } = socket;

    /// <summary>Addresses of the packets that come from this end.</summary>
    public FlowKey Key { get; } = key;

    public int Flow { get; } = flow;

    /// <summary>Window scale of this end's packets.</summary>
    public int Scale { get; } = scale;

    public bool Closed { get; set; }

    /// <summary>The local socket has read the end of its stream.</summary>
    public bool FinRead { get; set; }

    public bool FinPassed { get; set; }

    /// <summary>The number up to which the local socket has received, when that and not the kernel's program was the first to say so.</summary>
    public uint? Caught { get; set; }

    /// <summary>Bytes that the local socket has not taken yet.</summary>
    public byte[]? Owed { get; set; }

    public int OwedStart { get; set; }

    /// <summary>Milliseconds of the caller's clock: when an acknowledgement was last told to the local socket.</summary>
    public long Acknowledged { get; set; }

    /// <summary>The local socket got this end's RST, which was on its way past the table when that was written.</summary>
    public bool WasReset { get; set; }

    /// <summary>This end is to be reset.</summary>
    public bool IsReset { get; set; }

    /// <summary>Keep-alive probes that it has not answered.</summary>
    public int Probes { get; set; }

    /// <summary>Nanoseconds since boot of the last one.</summary>
    public long Probed { get; set; }
}

/// <summary>A handed-over session.</summary>
internal sealed class HandedOver(long id, int place, HandOverSide client, HandOverSide node)
{
    /// <summary>The caller's name of it.</summary>
    public long Id { get; } = id;

    public int Place { get; } = place;

    public HandOverSide Client { get; } = client;

    public HandOverSide Node { get; } = node;

    public HandOverState State { get; set; } = HandOverState.Settling;

    /// <summary>The side that was the first to finish.</summary>
    public HandOverSide? First { get; set; }

    /// <summary>Milliseconds of the caller's clock: since when it is in its state.</summary>
    public long Since { get; set; }

    /// <summary>When an end was seen to have reset it while its local sockets were emptied (the same clock).</summary>
    public long? ResetAt { get; set; }

    /// <summary>When something was last under way to an end (the same clock), while its local sockets are emptied.</summary>
    public long UnderWay { get; set; }

    /// <summary>
    /// What both ends had sent and acknowledged at the last look, all in one sum, and since when there is no more of it (milliseconds of the caller's clock).
    /// </summary>
    public long Moved { get; set; }

    public long Quiet { get; set; }

    /// <summary>How often its ends were reset.</summary>
    public int Told { get; set; }

    public HandOverSide Other(HandOverSide side) => side == Client ? Node : Client;
}
