// The boundary between control plane and data plane, and between engines: epoll, io_uring, and the tests' recording one.

namespace RedisHaProxy.Forwarding;

/// <summary>The data plane as the control plane sees it.</summary>
public interface IForwarder : IAsyncDisposable
{
    /// <summary>
    /// Binds and starts to accept. Until the first order new sessions park.
    /// </summary>
    /// <exception cref="System.Net.Sockets.SocketException">An address cannot be bound; the message names it. Nothing listens then.</exception>
    void Start();

    /// <summary>
    /// Hands an order for the master's gate to every loop, and returns at once. Orders are carried out in the order of the calls; never
    /// throws for a session's error.
    /// </summary>
    /// <param name="order">Opens to nodes of the configuration only.</param>
    /// <param name="carriedOut">
    /// Called once, on the thread of the last loop, when all have carried it out: sessions to other nodes are reset, none is being
    /// connected to them. Must not block.
    /// </param>
    void Apply(GateOrder order, Action carriedOut);

    /// <summary>The same for the read-only listener.</summary>
    void ApplyReadOnly(GateOrder order, Action carriedOut) => throw new InvalidOperationException("there is no read-only listener");

    /// <summary>
    /// Takes the nodes, limits and time-outs of another configuration, and completes when every loop has. New nodes may be
    /// targets from then on. Sessions to nodes that it does not have go on until an order ends them; lower limits cut nobody.
    /// One call at a time.
    /// </summary>
    ValueTask ReconfigureAsync(Configuration.ProxyConfiguration changed);

    /// <summary>Stops accepting (the listeners close); existing sessions go on.</summary>
    ValueTask StopAcceptingAsync();

    /// <summary>The counters now. Cheap; callable from any thread.</summary>
    ForwarderSnapshot Snapshot();
}
