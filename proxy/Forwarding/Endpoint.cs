// One socket of a session as an event loop keeps it. Session s owns endpoints 2s (client) and 2s + 1 (node),
// so the peer of any endpoint is its index ^ 1.

namespace RedisHaProxy.Forwarding;

[Flags]
internal enum EndpointFlags : byte
{
    None = 0,

    /// <summary>the kernel has announced something to read, and no read has found the socket empty since.</summary>
    Readable = 1,

    /// <summary>FIN, RST or an error was announced: the end is behind the last byte, so a short read does not mean "drained".</summary>
    Hung = 2,

    /// <summary>The end of its stream was read, or nothing more of it is wanted.</summary>
    ReadClosed = 4,

    /// <summary>FIN was sent, or sending failed.</summary>
    WriteClosed = 8,

    /// <summary>Waits in the loop's queue for another turn.</summary>
    Queued = 16,

    /// <summary>What this socket sends is moved by splice(2), not through the loop's buffer.</summary>
    Bulk = 32,

    /// <summary>PipeRead and PipeWrite are open and belong to this endpoint.</summary>
    HasPipe = 64,
}

/// <summary>What an engine that submits (io_uring) has under way in the kernel for a socket.</summary>
[Flags]
internal enum UnderWay : byte
{
    None = 0,

    /// <summary>Its changes are awaited because its session is not open yet, or its failure because it is not read.</summary>
    Watch = 1,

    /// <summary>A multishot receive.</summary>
    Receive = 2,

    /// <summary>That receive is being cancelled.</summary>
    Cancel = 4,

    /// <summary>Bytes to read are awaited.</summary>
    Bytes = 8,

    /// <summary>Room to write is awaited.</summary>
    Room = 16,

    /// <summary>A send that was submitted and not handed over yet.</summary>
    Send = 32,
}

internal unsafe struct Endpoint
{
    /// <summary>The socket, or -1.</summary>
    public int Descriptor;

    /// <summary>Changes whenever the descriptor does: an event of a descriptor closed earlier in the same batch is recognised by it. Never 0.</summary>
    public uint Generation;

    public EndpointFlags Flags;

    /// <summary>Consecutive reads that filled the buffer; with <see cref="EndpointFlags.Bulk"/>, small ones still allowed.</summary>
    public byte Streak;

    public UnderWay UnderWay;

    /// <summary>Bytes in the pipe on their way to this socket.</summary>
    public int PipeLength;
    public int PipeRead;
    public int PipeWrite;

    /// <summary>A block with bytes that this socket has not taken yet, or null.</summary>
    public byte* Owed;
    public int OwedStart;
    public int OwedLength;

    /// <summary>Bytes read from this socket.</summary>
    public long Received;

    /// <summary>Bytes of the peer wait for this socket; until they are gone the peer is not read.</summary>
    public readonly bool IsOwed => OwedLength + PipeLength > 0;

    public readonly bool Has(EndpointFlags flag) => (Flags & flag) != 0;
}
