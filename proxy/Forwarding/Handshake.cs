// A handshake under way, in the order of arrival.

namespace RedisHaProxy.Forwarding;

/// <summary>One client's handshake.</summary>
internal sealed class Handshake
{
    /// <param name="started">Time stamp of the accept.</param>
    /// <param name="limit">Ends it.</param>
    public Handshake(long started, CancellationTokenSource limit)
    {
        Started = started;
        Limit = limit;
        Node = new LinkedListNode<Handshake>(this);
    }

    /// <summary>Time stamp of the accept.</summary>
    public long Started { get; }

    /// <summary>Ends it.</summary>
    public CancellationTokenSource Limit { get; }

    /// <summary>Its place among the others.</summary>
    public LinkedListNode<Handshake> Node { get; }

    /// <summary>Ends it now, unless it has just ended by itself.</summary>
    public void Cancel()
    {
        try
        {
            Limit.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has.
        }
    }
}
