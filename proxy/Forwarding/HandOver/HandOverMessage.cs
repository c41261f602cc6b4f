// What the proxy and its hand-over helper say to each other: packets of one size on a Unix socket (SOCK_SEQPACKET), the two sockets of a session
// beside the first one.

using System.Runtime.InteropServices;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>What a message says.</summary>
internal enum HandOverMessageKind
{
    /// <summary>
    /// From the proxy, with two sockets (client, node): take the session over. The value is for how many milliseconds what is under way may be waited
    /// for; the helper has bounds of its own. The bytes are those before.
    /// </summary>
    Take = 1,

    /// <summary>From the proxy: reset the session at both ends.</summary>
    Reset = 2,

    /// <summary>From the helper: what came of Take; the value is a <see cref="HandOverAnswer"/>.</summary>
    Answered = 3,

    /// <summary>From the helper: the session is over; the value is a <see cref="HandOverEnd"/>. The last message about it.</summary>
    Ended = 4,

    /// <summary>From the helper: what the session has transferred so far.</summary>
    Counted = 5,

    /// <summary>From the proxy, every half second: it lives.</summary>
    Alive = 6,
}

/// <summary>A message.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct HandOverMessage
{
    public HandOverMessageKind Kind;
    public int Value;

    /// <summary>The session, by the proxy's number, and where the proxy has it, which the helper only says back.</summary>
    public long Id;
    public int Slot;
    private readonly int _padding;

    /// <summary>Bytes that the client has sent so far, and that the node has.</summary>
    public long FromClient;
    public long FromNode;

    public readonly HandOverName Name => new(Id, Slot);
}
