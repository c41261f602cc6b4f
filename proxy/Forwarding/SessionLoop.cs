// What every engine's event loop is: a thread, a table of sessions, and nothing shared while bytes flow. All of a session's life
// is here, whatever waits for the kernel and moves the bytes (EpollLoop, UringLoop).
//
// How an engine and this base work together: the engine waits, and hands to OnReadiness what it learns about sockets of sessions
// that are not open yet, in the bits of poll(2). Opened says that bytes may flow: from then on the engine reads each side and
// writes to the other, the endpoint whose index differs in the last bit. Bytes that a socket does not take are kept as its owed
// block or, for bulk, in its pipe; Flush and DrainPipe write them when there is room, and nobody reads its peer meanwhile. After
// each batch of events comes FinishRound. No call between the two is virtual while a read's bytes are taken by a write.
//
// The bytes are opaque: nothing here looks at them.
//
// Parts: this file (the boundary with the engine), .Rounds (waiting, what follows events), .Moving and .Splice (bytes), .Closing
// (half-closes, resets), .Accepting, .Header (the PROXY protocol), .Refusing, .Gate (orders, parking, connecting), .Sessions (slots,
// timers, the end), .Commands (what other threads ask for), .Edges (sockets with TLS behind them), .HandOver and .HandedOver (sessions
// that the kernel forwards). Types of their own: BlockPool, PipePool, Inbox, NodeChoice, SessionQueue, RefusedClients, TimerWheel, WaitPolicy.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    protected readonly Endpoint[] _endpoints;
    protected readonly Session[] _sessions;
    private readonly int _index;
    private readonly TimerWheel _timers;
    private readonly Queue<int> _again = new(256);
    protected readonly BlockPool _blocks = new();
    protected byte* _buffer;
    private bool _stopping;

    /// <summary>The loop is to end after this round.</summary>
    protected bool Stopping => _stopping;

    /// <summary>
    /// Goes round until <see cref="Stopping"/>: waits, tells the time by <see cref="BeginRound"/>, carries events out, and ends with <see
    /// cref="FinishRound"/>.
    /// </summary>
    protected abstract void Run();

    /// <summary>
    /// From now on has <see cref="OnReadiness"/> called whenever the endpoint's new socket becomes readable, writable or hung. False when the kernel refuses.
    /// </summary>
    protected abstract bool TryWatch(int endpoint);

    /// <summary>The socket is about to be closed, by RST if <paramref name="reset"/>: what the engine has under way for it ends.</summary>
    protected abstract void Close(int endpoint, bool reset);

    /// <summary>
    /// Begins or ceases to call <see cref="Accept"/> when a client waits at a listener. Nothing is left of it that keeps a listener open when it is closed.
    /// </summary>
    protected abstract void WatchListeners(bool begin);

    /// <summary>The session is open now; its sockets may have been readable, or hung, before.</summary>
    protected abstract void Opened(int session);

    /// <summary>Goes on moving what an endpoint sends to its peer, which has taken all that was owed to it.</summary>
    protected abstract void Forward(int from);

    /// <summary>Frees what the engine has of the kernel. The loop has ended, or never began; all sessions are over.</summary>
    protected abstract void Free();

    /// <summary>Remembers in the endpoint's flags what an event says, so that none is lost which comes before its session is open.</summary>
    protected static void Remember(ref Endpoint endpoint, uint events)
    {
        if ((events & (LibC.PollIn | LibC.PollHung)) != 0)
        {
            endpoint.Flags |= EndpointFlags.Readable;
        }

        if ((events & LibC.PollHung) != 0)
        {
            endpoint.Flags |= EndpointFlags.Hung;
        }
    }

    /// <summary>Something has happened, and was remembered, at a socket whose session is not open.</summary>
    protected void OnReadiness(int index, uint events)
    {
        switch (_sessions[index >> 1].State)
        {
            case SessionState.Connecting:
                OnConnecting(index, events);
                break;
            case SessionState.Parked when (events & LibC.PollHung) != 0:
                Unpark(index >> 1);
                ForgetWaiting(index >> 1);
                break;
            case SessionState.Header:
                ReadHeader(index >> 1);
                break;
            case SessionState.Refused:
                Discard(index);
                break;
        }
    }

    /// <summary>
    /// An open session's socket has failed and a read could not tell: it is over already, or its last bytes are behind a peer that does not read.
    /// </summary>
    protected bool FailedUnseen(int index) =>
        _endpoints[index].IsOwed || _endpoints[index].Has(EndpointFlags.ReadClosed) || _endpoints[index ^ 1].IsOwed;
}
