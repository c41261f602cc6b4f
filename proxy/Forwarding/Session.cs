// What an event loop keeps of a session besides its two sockets: 160 bytes, no reference to the managed heap.

namespace RedisHaProxy.Forwarding;

/// <summary>Where a session is on its way.</summary>
public enum SessionState : byte
{
    /// <summary>The slot is free.</summary>
    None,

    /// <summary>The client's PROXY protocol header is awaited; nothing was taken from it yet.</summary>
    Header,

    /// <summary>Waits for a master, or for its turn to be connected to it.</summary>
    Parked,

    /// <summary>The connection to the node is being made; nothing of the client was read yet.</summary>
    Connecting,

    /// <summary>Bytes flow.</summary>
    Open,

    /// <summary>The kernel forwards it by itself; its sockets are place holders.</summary>
    HandedOver,

    /// <summary>It is refused: its first bytes are awaited, which the refusal answers, then its close.</summary>
    Refused,
}

/// <summary>What a refused client still has to be told, as the answer to the first bytes that it sends.</summary>
internal enum Refusal : byte
{
    /// <summary>Nothing, or nothing any more.</summary>
    None,

    /// <summary>There is no node for it.</summary>
    NoNode,

    /// <summary>There are too many clients.</summary>
    Limit,
}

internal struct Session
{
    /// <summary>Unique in the process and growing with arrival within a loop.</summary>
    public long Id;

    public ClientAddress Client;

    /// <summary>UTC ticks of the accept.</summary>
    public long AcceptedUtc;

    /// <summary>Loop time in milliseconds of the accept, of the connection to the node (0: none yet) and of the last byte.</summary>
    public long AcceptedAt;
    public long ConnectedAt;
    public long ActiveAt;

    /// <summary>
    /// Of the accept, and of the beginning of its last connect, in ticks of <see cref="System.Diagnostics.Stopwatch"/>: a connect takes less than the loop's
    /// millisecond.
    /// </summary>
    public long AcceptedTicks;
    public long ConnectTicks;

    /// <summary>Loop time at which waiting for a master ends; 0 before the first wait.</summary>
    public long WaitUntil;

    /// <summary>Generation of the order under which its last connect failed; -1 when none did.</summary>
    public long FailedGeneration;

    /// <summary>Loop time at which it is to be handed over; <see cref="long.MaxValue"/>: never.</summary>
    public long HandOverAt;

    /// <summary>What it may still transfer before it is handed over earlier than that: bytes, and some for each read.</summary>
    public int HandOverCredit;

    /// <summary>Milliseconds until it is tried again, should it not be possible.</summary>
    public int HandOverPause;

    /// <summary>When the timer wheel hands the session back, in loop time.</summary>
    public long Deadline;
    public int TimerNext;
    public int TimerPrevious;

    /// <summary>Bucket of the wheel, or -1 when no timer runs.</summary>
    public int TimerBucket;

    /// <summary>Neighbours in the parking queue; Next also links free slots.</summary>
    public int Next;
    public int Previous;

    /// <summary>Index of its node, or -1.</summary>
    public short Node;

    /// <summary>The port of this machine that its connection to the node comes from, as the node's CLIENT LIST shows it; 0 before there is one.</summary>
    public ushort LocalPort;

    public SessionState State;

    /// <summary>What it has to be told when it is refused.</summary>
    public Refusal Refusal;

    /// <summary>The code decided so far; valid when <see cref="Ending"/>.</summary>
    public SessionEnd End;

    /// <summary>One side has closed or failed, or the session is refused.</summary>
    public bool Ending;

    /// <summary>Writing to one side failed: what it had sent before is still delivered, then both sides are reset.</summary>
    public bool Broken;

    /// <summary>
    /// It counts against limits.connections and, once its header is read where one is awaited, limits.perSource (a session
    /// refused for these does not).
    /// </summary>
    public bool Counted;

    /// <summary>The kernel looks whether its node is still there.</summary>
    public bool NodeWatched;

    /// <summary>What it is like keeps it with the proxy, whichever helper is asked.</summary>
    public bool StaysHere;

    /// <summary>The helper was told to end it.</summary>
    public bool HandOverOrdered;

    /// <summary>The engine is ending what it has under way, so that it can be handed over.</summary>
    public bool Detaching;

    /// <summary>Its sockets keep little for reading, as it is to be handed over soon.</summary>
    public bool Squeezed;

    /// <summary>It is in the queue of those that are to be handed over at the end of the round.</summary>
    public bool HandOverDue;

    /// <summary>Its balancer speaks for itself (LOCAL), or closed before it sent a header: unless bytes follow, nobody's session.</summary>
    public bool HealthCheck;
}
