// One event loop: a thread, an epoll descriptor, a table of sessions, and nothing shared while bytes flow.
//
// How one byte travels: epoll says a client's socket is readable (Dispatch). Forward reads into the loop's one buffer and
// writes it at once to the peer, the endpoint whose index differs in the last bit. If the peer takes all, that was it: two
// system calls and no copy kept. If it does not, the buffer itself becomes the peer's owed block (the loop takes another), and
// the client is not read again until epoll says that the peer is writable and Flush has emptied the block. Streams that keep
// filling the buffer change to splice(2) (EventLoop.Splice.cs), where a pipe takes the place of the block. So a direction that
// is held back costs 64 KB, as a bulk stream 256 KB, besides the kernel's socket buffers; one that flows or rests costs nothing.
//
// Sockets are registered once, edge-triggered, for everything: an edge is remembered in the endpoint's flags, so no event is
// lost when it comes while its session is parked, connecting or held back. The bytes are opaque: nothing here looks at them.
//
// Parts: this file (the byte's road), .Splice, .Closing (half-closes, resets), .Sessions (accept, refusal, end), .Gate (orders,
// parking, connecting), .Inbox (what other threads ask for).

using System.Runtime.InteropServices;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe partial class EventLoop
{
    /// <summary>Bytes of the loop's buffer and of an owed block. Larger ones gain nothing that splice does not give.</summary>
    internal const int BlockSize = 64 * 1024;

    private const int EventsPerWait = 512;
    private const int LongestWaitMilliseconds = 1000; // so that progress is stamped at least every second

    /// <summary>Full reads in a row after which a stream counts as bulk: 256 KB, beyond what pipelines of small values reach.</summary>
    private const int FullReadsToBulk = 4;

    private const int PooledBlocks = 64;

    private const int WakeToken = -1;

    private readonly int _index;
    private readonly int _epoll;
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(EventsPerWait * LibC.EventSize));
    private readonly Endpoint[] _endpoints;
    private readonly Session[] _sessions;
    private readonly TimerWheel _timers;
    private readonly Queue<int> _again = new(256);
    private readonly byte*[] _freeBlocks = new byte*[PooledBlocks];
    private int _freeBlockCount;
    private byte* _buffer;
    private long _now = Environment.TickCount64;
    private long _progress = Environment.TickCount64;
    private bool _stopping;

    /// <summary>Reads after which a busy stream lets others take their turn: 1 MB of copying. A test makes every read the last of its turn.</summary>
    internal int ReadsPerTurn { get; set; } = 16;

    /// <summary>Loop time at which the loop last went round.</summary>
    public long Progress => Volatile.Read(ref _progress);

    private void Run()
    {
        while (!_stopping)
        {
            int count = LibC.EPollWait(_epoll, _events, EventsPerWait, WaitMilliseconds());
            int errno = count < 0 ? LibC.Errno : 0;
            if (errno is not (0 or LibC.EINTR))
            {
                throw new InvalidOperationException($"epoll_wait failed with errno {errno}");
            }

            _now = Environment.TickCount64;
            Volatile.Write(ref _progress, _now);
            for (int i = 0; i < count; i++)
            {
                Dispatch(LibC.EventData(_events, i), LibC.EventMask(_events, i));
            }

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
    }

    private int WaitMilliseconds()
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

    // The token of an event is the endpoint's index below its generation; listeners and the wake-up have generation 0.
    private void Dispatch(ulong token, uint events)
    {
        int index = (int)token;
        if (token >> 32 == 0)
        {
            if (index == WakeToken)
            {
                ReadInbox();
            }
            else
            {
                Accept(index);
            }

            return;
        }

        ref Endpoint endpoint = ref _endpoints[index];
        if (endpoint.Generation != (uint)(token >> 32))
        {
            return; // closed earlier in this batch
        }

        const uint Hung = LibC.EPollReadHangUp | LibC.EPollHangUp | LibC.EPollError;
        if ((events & (LibC.EPollIn | Hung)) != 0)
        {
            endpoint.Flags |= EndpointFlags.Readable;
        }

        if ((events & Hung) != 0)
        {
            endpoint.Flags |= EndpointFlags.Hung;
        }

        switch (_sessions[index >> 1].State)
        {
            case SessionState.Open:
                OnOpen(index, events);
                break;
            case SessionState.Connecting:
                OnConnecting(index, events);
                break;
            case SessionState.Parked when (events & Hung) != 0:
                End(index >> 1, SessionEnd.ClientClosed, reset: false);
                break;
            case SessionState.Refused:
                Discard(index);
                break;
        }
    }

    private void OnOpen(int index, uint events)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        if ((events & LibC.EPollError) != 0
            && (endpoint.IsOwed || endpoint.Has(EndpointFlags.ReadClosed) || _endpoints[index ^ 1].IsOwed))
        {
            Fail(index); // reset, and a read could not tell: it is over already, or its last bytes are behind a peer that does not read
            return;
        }

        if (endpoint.IsOwed && (events & LibC.EPollOut) != 0)
        {
            Flush(index);
        }

        Forward(index);
    }

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
            case SessionState.Refused:
                Discard(index);
                break;
        }
    }

    /// <summary>Moves what an endpoint sent to its peer, until it is drained, the peer is full, or its turn is over.</summary>
    private void Forward(int from)
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
                if (++source.Streak == FullReadsToBulk)
                {
                    source.Flags |= EndpointFlags.Bulk;
                    source.Streak = SmallSplicesAllowed;
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

    /// <summary>Keeps what the endpoint did not take. False when it failed instead.</summary>
    private bool Owe(int to, nint sent, nint length)
    {
        if (sent < 0)
        {
            int errno = LibC.Errno;
            if (errno != LibC.EAGAIN)
            {
                OnWriteFailed(to);
                return false;
            }

            sent = 0;
        }

        ref Endpoint sink = ref _endpoints[to];
        sink.Owed = _buffer;
        sink.OwedStart = (int)sent;
        sink.OwedLength = (int)(length - sent);
        _buffer = RentBlock();
        return true;
    }

    /// <summary>Writes what an endpoint is owed; when all is gone, its peer is read again.</summary>
    private void Flush(int to)
    {
        ref Endpoint sink = ref _endpoints[to];
        while (sink.OwedLength > 0)
        {
            nint sent = LibC.Send(sink.Descriptor, sink.Owed + sink.OwedStart, sink.OwedLength, LibC.MessageNoSignal);
            if (sent < 0)
            {
                if (LibC.Errno != LibC.EAGAIN)
                {
                    OnWriteFailed(to);
                }

                return;
            }

            _sessions[to >> 1].ActiveAt = _now;
            sink.OwedStart += (int)sent;
            sink.OwedLength -= (int)sent;
        }

        ReturnOwed(ref sink);
        if (DrainPipe(to))
        {
            Forward(to ^ 1);
        }
    }

    private void Count(int from, nint length)
    {
        _endpoints[from].Received += length;
        ref Session session = ref _sessions[from >> 1];
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

    private void QueueAgain(int index)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        if (!endpoint.Has(EndpointFlags.Queued))
        {
            endpoint.Flags |= EndpointFlags.Queued;
            _again.Enqueue(index);
        }
    }

    private byte* RentBlock() =>
        _freeBlockCount > 0 ? _freeBlocks[--_freeBlockCount] : (byte*)NativeMemory.AlignedAlloc(BlockSize, 4096);

    private void ReturnOwed(ref Endpoint endpoint)
    {
        if (endpoint.Owed is null)
        {
            return;
        }

        if (_freeBlockCount < PooledBlocks)
        {
            _freeBlocks[_freeBlockCount++] = endpoint.Owed;
        }
        else
        {
            NativeMemory.AlignedFree(endpoint.Owed);
        }

        endpoint.Owed = null;
        endpoint.OwedLength = 0;
    }
}
