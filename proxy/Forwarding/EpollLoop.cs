// The epoll engine.
//
// How one byte travels: epoll says a client's socket is readable (Dispatch). Forward reads into the loop's one buffer and
// writes it at once to the peer, the endpoint whose index differs in the last bit. If the peer takes all, that was it: two
// system calls and no copy kept. If it does not, the buffer itself becomes the peer's owed block (the loop takes another), and
// the client is not read again until epoll says that the peer is writable and Flush has emptied the block. Streams that keep
// filling the buffer change to splice(2) (SessionLoop.Splice.cs), where a pipe takes the place of the block. So a direction that
// is held back costs 64 KB, as a bulk stream 256 KB, besides the kernel's socket buffers; one that flows or rests costs nothing.
//
// Sockets are registered once, edge-triggered, for everything: an edge is remembered in the endpoint's flags, so no event is
// lost when it comes while its session is parked, connecting or held back.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe class EpollLoop : SessionLoop
{
    private const int EventsPerWait = 512;

    /// <summary>Full reads in a row after which a stream counts as bulk: 256 KB, beyond what pipelines of small values reach.</summary>
    private const int FullReadsToBulk = 4;

    private const int WakeToken = -1;

    private readonly int _epoll;
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(EventsPerWait * LibC.EventSize));

    public EpollLoop(
        int index,
        int loopCount,
        ProxyConfiguration configuration,
        NodeTarget[] nodes,
        SharedLimits limits,
        SessionRing journal,
        ILogger logger,
        TimeProvider timeProvider)
        : base(index, loopCount, configuration, nodes, limits, journal, logger, timeProvider)
    {
        _epoll = LibC.EPollCreate(LibC.EPollCloseOnExec);
        if (_epoll < 0 || LibC.EPollControl(_epoll, LibC.EPollAdd, WakeDescriptor, LibC.PollIn, unchecked((uint)WakeToken)) < 0)
        {
            throw new InvalidOperationException("cannot create the epoll descriptor of an event loop: the limit of open files is too low");
        }
    }

    protected override void Run()
    {
        while (!Stopping)
        {
            int count = LibC.EPollWait(_epoll, _events, EventsPerWait, WaitMilliseconds());
            int errno = count < 0 ? LibC.Errno : 0;
            if (errno is not (0 or LibC.EINTR))
            {
                throw new InvalidOperationException($"epoll_wait failed with errno {errno}");
            }

            BeginRound();
            for (int i = 0; i < count; i++)
            {
                Dispatch(LibC.EventData(_events, i), LibC.EventMask(_events, i));
            }

            FinishRound();
        }
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

        Remember(ref endpoint, events);
        if (_sessions[index >> 1].State == SessionState.Open)
        {
            OnOpen(index, events);
        }
        else
        {
            OnReadiness(index, events);
        }
    }

    private void OnOpen(int index, uint events)
    {
        if ((events & LibC.PollError) != 0 && FailedUnseen(index))
        {
            Fail(index);
            return;
        }

        if (_endpoints[index].IsOwed && (events & LibC.PollOut) != 0)
        {
            Flush(index);
        }

        Forward(index);
    }

    /// <summary>Moves what an endpoint sent to its peer, until it is drained, the peer is full, or its turn is over.</summary>
    protected override void Forward(int from)
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

    protected override void Opened(int session)
    {
        Forward(2 * session);
        Forward((2 * session) + 1);
    }

    // Edge-triggered: the next byte, or the next room, brings an event by itself.
    protected override void AwaitBytes(int from) => _endpoints[from].Flags &= ~EndpointFlags.Readable;

    protected override void AwaitRoom(int to)
    {
    }

    protected override bool TryWatch(int endpoint)
    {
        const uint Events = LibC.PollIn | LibC.PollOut | LibC.PollReadHangUp | LibC.EPollEdgeTriggered;
        ulong token = ((ulong)_endpoints[endpoint].Generation << 32) | (uint)endpoint;
        return LibC.EPollControl(_epoll, LibC.EPollAdd, _endpoints[endpoint].Descriptor, Events, token) == 0;
    }

    protected override void Close(ref Endpoint endpoint, bool reset)
    {
        if (reset)
        {
            LibC.ResetOnClose(endpoint.Descriptor);
        }

        LibC.Close(endpoint.Descriptor);
    }

    // Events stay registered: only the mask changes.
    protected override void WatchListeners(bool begin)
    {
        for (int i = 0; i < ListenDescriptors.Length; i++)
        {
            uint events = begin ? LibC.PollIn : 0;
            if (LibC.EPollControl(_epoll, LibC.EPollModify, ListenDescriptors[i], events, (uint)i) < 0)
            {
                _ = LibC.EPollControl(_epoll, LibC.EPollAdd, ListenDescriptors[i], events, (uint)i);
            }
        }
    }

    protected override void Free()
    {
        NativeMemory.Free(_events);
        LibC.Close(_epoll);
    }
}
