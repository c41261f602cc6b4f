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
// Parts: this file (the boundary, blocks, turns), .Splice (bulk), .Closing (half-closes, resets), .Sessions (accept, refusal, end),
// .Header (the PROXY protocol), .Gate (orders, parking, connecting), .Inbox (what other threads ask for), .Edges (sockets with TLS
// behind them).

using System.Runtime.InteropServices;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    /// <summary>Bytes of the loop's buffer and of an owed block. Larger ones gain nothing that splice does not give.</summary>
    internal const int BlockSize = 64 * 1024;

    private const int LongestWaitMilliseconds = 1000; // so that progress is stamped at least every second
    private const int PooledBlocks = 64;

    /// <summary>Sessions with traffic are counted for each 2^3 milliseconds.</summary>
    private const int ActivityShift = 3;

    /// <summary>Full reads in a row after which a stream counts as bulk: 256 KB, beyond what pipelines of small values reach.</summary>
    protected const int FullReadsToBulk = 4;

    protected readonly Endpoint[] _endpoints;
    protected readonly Session[] _sessions;
    private readonly int _index;
    private readonly TimerWheel _timers;
    private readonly Queue<int> _again = new(256);
    private readonly byte*[] _freeBlocks = new byte*[PooledBlocks];
    private int _freeBlockCount;
    protected byte* _buffer;
    private long _now = Environment.TickCount64;
    private long _progress = Environment.TickCount64;
    private long _window;
    private int _activeInWindow;
    private bool _stopping;

    /// <summary>Reads after which a busy stream lets others take their turn: 1 MB of copying. A test makes every read the last of its turn.</summary>
    internal int ReadsPerTurn { get; set; } = 16;

    /// <summary>Loop time at which the loop last went round.</summary>
    public long Progress => Volatile.Read(ref _progress);

    /// <summary>The loop is to end after this round.</summary>
    protected bool Stopping => _stopping;

    /// <summary>Goes round until <see cref="Stopping"/>: waits, tells the time by <see cref="BeginRound"/>, carries events out, and ends with <see cref="FinishRound"/>.</summary>
    protected abstract void Run();

    /// <summary>From now on has <see cref="OnReadiness"/> called whenever the endpoint's new socket becomes readable, writable or hung. False when the kernel refuses.</summary>
    protected abstract bool TryWatch(int endpoint);

    /// <summary>The socket is about to be closed, by RST if <paramref name="reset"/>: what the engine has under way for it ends.</summary>
    protected abstract void Close(int endpoint, bool reset);

    /// <summary>Begins or ceases to call <see cref="Accept"/> when a client waits at a listener. Nothing is left of it that keeps a listener open when it is closed.</summary>
    protected abstract void WatchListeners(bool begin);

    /// <summary>The session is open now; its sockets may have been readable, or hung, before.</summary>
    protected abstract void Opened(int session);

    /// <summary>Goes on moving what an endpoint sends to its peer, which has taken all that was owed to it.</summary>
    protected abstract void Forward(int from);

    /// <summary>Frees what the engine has of the kernel. The loop has ended, or never began; all sessions are over.</summary>
    protected abstract void Free();

    /// <summary>Sessions that had traffic lately, in the last window of <see cref="ActivityShift"/>.</summary>
    protected int ActiveSessions { get; private set; }

    protected void BeginRound()
    {
        _now = Environment.TickCount64;
        Volatile.Write(ref _progress, _now);
        if (_now >> ActivityShift != _window)
        {
            ActiveSessions = _activeInWindow;
            _activeInWindow = 0;
            _window = _now >> ActivityShift;
        }
    }

    /// <summary>What follows the events of a round: further turns, timers, the queue of the parked.</summary>
    protected void FinishRound()
    {
        for (int i = _again.Count; i > 0; i--)
        {
            TakeTurn(_again.Dequeue());
        }

        for (int session = _timers.Take(_now); session >= 0; session = _timers.Take(_now))
        {
            OnDeadline(session);
        }

        ServeParked();
        ResumeAccepting();
    }

    /// <summary>How long the engine may wait for events.</summary>
    protected int WaitMilliseconds()
    {
        if (_again.Count > 0)
        {
            return 0;
        }

        long wait = LongestWaitMilliseconds;
        if (_acceptPaused)
        {
            wait = Math.Min(wait, _acceptPausedUntil - _now);
        }

        if (_connectPausedUntil > _now)
        {
            wait = Math.Min(wait, _connectPausedUntil - _now);
        }

        return _timers.MillisecondsToNext(_now, (int)Math.Max(wait, 0));
    }

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

    /// <summary>An open session's socket has failed and a read could not tell: it is over already, or its last bytes are behind a peer that does not read.</summary>
    protected bool FailedUnseen(int index) =>
        _endpoints[index].IsOwed || _endpoints[index].Has(EndpointFlags.ReadClosed) || _endpoints[index ^ 1].IsOwed;

    private void TakeTurn(int index)
    {
        if (!_endpoints[index].Has(EndpointFlags.Queued))
        {
            return; // closed since it was queued
        }

        _endpoints[index].Flags &= ~EndpointFlags.Queued;
        switch (_sessions[index >> 1].State)
        {
            case SessionState.Open:
                Forward(index);
                break;
            case SessionState.Header:
                ReadHeader(index >> 1);
                break;
            case SessionState.Refused:
                Discard(index);
                break;
        }
    }

    protected void QueueAgain(int index)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        if (!endpoint.Has(EndpointFlags.Queued))
        {
            endpoint.Flags |= EndpointFlags.Queued;
            _again.Enqueue(index);
        }
    }

    /// <summary>Counts bytes read from an endpoint.</summary>
    protected void Count(int from, nint length)
    {
        _endpoints[from].Received += length;
        ref Session session = ref _sessions[from >> 1];
        _activeInWindow += session.ActiveAt >> ActivityShift == _window ? 0 : 1;
        session.ActiveAt = _now;
        ref NodeCounters counters = ref _nodeCounters[session.Node];
        if ((from & 1) == 0)
        {
            counters.BytesIn += length;
        }
        else
        {
            counters.BytesOut += length;
        }
    }

    /// <summary>Writes what an endpoint is owed; when all is gone, its peer is read again.</summary>
    protected void Flush(int to)
    {
        ref Endpoint sink = ref _endpoints[to];
        while (sink.OwedLength > 0)
        {
            nint sent = LibC.Send(sink.Descriptor, sink.Owed + sink.OwedStart, sink.OwedLength, LibC.MessageNoSignal);
            if (sent < 0)
            {
                int errno = LibC.Errno;
                if (errno != LibC.EAGAIN)
                {
                    OnWriteFailed(to, errno);
                }

                return;
            }

            _sessions[to >> 1].ActiveAt = _now;
            sink.OwedStart += (int)sent;
            sink.OwedLength -= (int)sent;
            if (sink.OwedLength == 0)
            {
                ReturnFirstOwed(ref sink);
            }
        }

        if (DrainPipe(to))
        {
            Forward(to ^ 1);
        }
    }

    /// <summary>
    /// Moves what an endpoint sent to its peer by reading into the loop's buffer and writing at once, or by splice(2), until it is
    /// drained (then it is no longer <see cref="EndpointFlags.Readable"/>), the peer is full, or its turn is over.
    /// </summary>
    protected void Pull(int from)
    {
        ref Endpoint source = ref _endpoints[from];
        ref Endpoint sink = ref _endpoints[from ^ 1];
        for (int reads = 0; ; reads++)
        {
            if ((source.Flags & (EndpointFlags.Readable | EndpointFlags.ReadClosed)) != EndpointFlags.Readable || sink.IsOwed)
            {
                return;
            }

            if (reads == ReadsPerTurn)
            {
                QueueAgain(from);
                return;
            }

            if (source.Has(EndpointFlags.Bulk))
            {
                if (SpliceFrom(from))
                {
                    continue;
                }

                return;
            }

            nint length = LibC.Receive(source.Descriptor, _buffer, BlockSize, 0);
            if (length <= 0)
            {
                OnReadEnd(from, length < 0 ? LibC.Errno : 0);
                return;
            }

            Count(from, length);
            nint sent = LibC.Send(sink.Descriptor, _buffer, length, LibC.MessageNoSignal);
            if (sent != length && !Owe(from ^ 1, sent, length))
            {
                return;
            }

            if (length == BlockSize)
            {
                if (++source.Streak >= FullReadsToBulk)
                {
                    EnterBulk(ref source);
                }
            }
            else
            {
                source.Streak = 0;
                if (!source.Has(EndpointFlags.Hung))
                {
                    source.Flags &= ~EndpointFlags.Readable; // a short read has emptied it; the next byte brings an edge
                    return;
                }
            }
        }
    }

    /// <summary>Keeps what the endpoint did not take of the buffer, by keeping the buffer. False when it failed instead.</summary>
    private bool Owe(int to, nint sent, nint length)
    {
        if (sent < 0)
        {
            int errno = LibC.Errno;
            if (errno != LibC.EAGAIN)
            {
                OnWriteFailed(to, errno);
                return false;
            }

            sent = 0;
        }

        ref Endpoint sink = ref _endpoints[to];
        *NextBlock(_buffer) = null;
        sink.Owed = _buffer;
        sink.OwedStart = (int)sent;
        sink.OwedLength = (int)(length - sent);
        _buffer = RentBlock();
        return true;
    }

    /// <summary>Adds a copy of bytes to what the endpoint is owed.</summary>
    protected void OweCopy(ref Endpoint sink, ReadOnlySpan<byte> bytes)
    {
        if (sink.Owed is null)
        {
            sink.Owed = RentBlock();
            *NextBlock(sink.Owed) = null;
            sink.OwedStart = 0;
        }

        byte* last = sink.Owed;
        int used = sink.OwedStart + sink.OwedLength;
        while (*NextBlock(last) is not null)
        {
            last = *NextBlock(last);
            used = *UsedOfBlock(last);
        }

        while (bytes.Length > 0)
        {
            if (used == BlockSize)
            {
                byte* next = RentBlock();
                *NextBlock(next) = null;
                *NextBlock(last) = next;
                last = next;
                used = 0;
            }

            int fits = Math.Min(BlockSize - used, bytes.Length);
            bytes[..fits].CopyTo(new Span<byte>(last + used, fits));
            bytes = bytes[fits..];
            used += fits;
            if (last == sink.Owed)
            {
                sink.OwedLength += fits;
            }
            else
            {
                *UsedOfBlock(last) = used;
            }
        }
    }

    // Behind the bytes of a block: the block whose bytes follow its own, and how many bytes are in it (of the first, the endpoint knows).
    private static byte** NextBlock(byte* block) => (byte**)(block + BlockSize);

    private static int* UsedOfBlock(byte* block) => (int*)(block + BlockSize + sizeof(byte*));

    private byte* RentBlock() =>
        _freeBlockCount > 0 ? _freeBlocks[--_freeBlockCount] : (byte*)NativeMemory.AlignedAlloc(BlockSize + (2 * (nuint)sizeof(byte*)), 4096);

    private void ReturnFirstOwed(ref Endpoint endpoint)
    {
        byte* first = endpoint.Owed;
        byte* next = *NextBlock(first);
        if (_freeBlockCount < PooledBlocks)
        {
            _freeBlocks[_freeBlockCount++] = first;
        }
        else
        {
            NativeMemory.AlignedFree(first);
        }

        endpoint.Owed = next;
        endpoint.OwedStart = 0;
        endpoint.OwedLength = next is null ? 0 : *UsedOfBlock(next);
    }

    private void ReturnOwed(ref Endpoint endpoint)
    {
        while (endpoint.Owed is not null)
        {
            ReturnFirstOwed(ref endpoint);
        }
    }

    private static long OwedBytes(in Endpoint endpoint)
    {
        long owed = endpoint.OwedLength;
        for (byte* block = endpoint.Owed is null ? null : *NextBlock(endpoint.Owed); block is not null; block = *NextBlock(block))
        {
            owed += *UsedOfBlock(block);
        }

        return owed;
    }
}
