// What comes of asking for a hand-over, and how a handed-over session ends.

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>What came of asking for a hand-over. All but <see cref="Taken"/> leave the two sockets as they were.</summary>
internal enum HandOverAnswer
{
    /// <summary>The kernel forwards; the sockets belong to the hand-over.</summary>
    Taken,

    /// <summary>Not at this moment: too much is under way, or out of order. Ask again later.</summary>
    Busy,

    /// <summary>One connection is not open any more.</summary>
    NotOpen,

    /// <summary>One connection is not IPv4.</summary>
    Family,

    /// <summary>Both connections must have the same of timestamps, SACK and window scaling, and neither ECN nor timestamps in microseconds.</summary>
    Options,

    /// <summary>One side may send larger segments than the other side takes.</summary>
    SegmentSize,

    /// <summary>One interface is not Ethernet or joins what it receives (LRO), or only one is the loopback.</summary>
    Interface,

    /// <summary>There is no place for another session, or one with the same addresses is not quite over.</summary>
    Full,

    /// <summary>The kernel refuses.</summary>
    NotPermitted,

    /// <summary>One connection is encrypted; nobody asks for it.</summary>
    Encrypted,
}

/// <summary>Answers for people.</summary>
internal static class HandOverReasons
{
    /// <summary>Why a session stays with the proxy; null when it does not, or when it is only a question of time.</summary>
    public static string? Reason(this HandOverAnswer answer) => answer switch
    {
        HandOverAnswer.Family => "a connection over IPv6",
        HandOverAnswer.Options => "the client's and the node's connection differ in TCP options (timestamps, SACK, window scaling), or one has ECN",
        HandOverAnswer.SegmentSize => "one side may send larger segments than the other side takes (MTU)",
        HandOverAnswer.Interface => "an interface that is not Ethernet or has large-receive-offload (LRO) on, or one side on the loopback only",
        HandOverAnswer.Full => "the helper has no place for another session",
        HandOverAnswer.NotPermitted => "the kernel does not let the helper do it",
        HandOverAnswer.Encrypted => "TLS",
        _ => null,
    };
}

/// <summary>How a handed-over session ended.</summary>
internal enum HandOverEnd
{
    /// <summary>Both sides have finished; the client was first.</summary>
    ClientFinished,

    /// <summary>Both sides have finished; the node was first.</summary>
    NodeFinished,

    /// <summary>The client has reset the connection.</summary>
    ClientReset,

    /// <summary>The node has.</summary>
    NodeReset,

    /// <summary>The client is silent, or takes nothing; both sides were reset.</summary>
    ClientSilent,

    /// <summary>The same of the node.</summary>
    NodeSilent,

    /// <summary>It was asked for; both sides were reset.</summary>
    Ordered,

    /// <summary>It could not go on; both sides were reset.</summary>
    Failed,
}
