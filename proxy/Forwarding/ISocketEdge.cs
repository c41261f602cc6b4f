// What may stand between a socket of an event loop and the network: TLS. The loop moves plain bytes through a socket pair; the
// edge has its other end. A loop without edges knows nothing of them but one null check when a socket is opened or closed.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>The far side of one socket of a loop.</summary>
internal interface ISocketEdge
{
    /// <summary>The endpoint that it belongs to; the loop's thread sets and reads it.</summary>
    int Endpoint { get; set; }

    /// <summary>
    /// The loop is about to close its end. After a reset, not a byte more reaches the network when this call returns; otherwise
    /// what the loop has written is still delivered. Called by the loop's thread, once, and never blocks it.
    /// </summary>
    void Closed(bool reset);
}

/// <summary>Connects sessions to nodes in place of the loop.</summary>
internal interface INodeDialer
{
    /// <summary>
    /// Begins to connect, and returns at once. The outcome is posted to the loop, as <see cref="SessionLoop.EdgeConnected"/> or
    /// <see cref="SessionLoop.EdgeFailed"/>.
    /// </summary>
    ISocketEdge Dial(SessionLoop loop, RedisNode node);
}
