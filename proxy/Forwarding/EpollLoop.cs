// The epoll engine.
//
// How one byte travels: epoll says a client's socket is readable (Dispatch). Pull reads into the loop's one buffer and
// writes it at once to the peer, the endpoint whose index differs in the last bit. If the peer takes all, that was it: two
// system calls and no copy kept. If it does not, the buffer itself becomes the peer's owed block (the loop takes another), and
// the client is not read again until epoll says that the peer is writable and Flush has emptied the block. Streams that keep
// filling the buffer change to splice(2) (SessionLoop.Splice.cs), where a pipe takes the place of the block. So a direction that
// is held back costs 64 KB, as a bulk stream 256 KB, besides the kernel's socket buffers; one that flows or rests costs nothing.
//
// Sockets are registered once, edge-triggered, for everything: an edge is remembered in the endpoint's flags, so no event is
// lost when it comes while its session is parked, connecting or held back.

using System.Runtime.InteropServices;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe class EpollLoop : SessionLoop
{
    private const int EventsPerWait = 512;

    private const int WakeToken = -1;

    private readonly int _epoll;
    private int _found; // events
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(EventsPerWait * LibC.EventSize));

    public EpollLoop(LoopSetup setup)
        : base(setup)
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
            Wait(eventsBefore: _found);
            BeginRound();
            for (int i = 0; i < _found; i++)
            {
                Dispatch(LibC.EventData(_events, i), LibC.EventMask(_events, i));
            }

            FinishRound();
        }
    }

    private void Wait(int eventsBefore)
    {
        int longest = WaitMilliseconds();
        if (longest == 0)
        {
            Look(0);
        }
        else
        {
            Wait(_waits.Choose(eventsBefore, messages: 0, isShort: false), longest); // epoll has no wait for several: it never gathers
        }
    }

    protected override bool Look(int milliseconds)
    {
        _found = LibC.EPollWait(_epoll, _events, EventsPerWait, milliseconds);
        int errno = _found < 0 ? LibC.Errno : 0;
        if (errno is not (0 or LibC.EINTR))
        {
            throw new InvalidOperationException($"epoll_wait failed with errno {errno}");
        }

        _found = Math.Max(_found, 0);
        return _found > 0;
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

        Pull(index);
    }

    protected override void Forward(int from) => Pull(from);

    protected override void Opened(int session)
    {
        Pull(2 * session);
        Pull((2 * session) + 1);
    }

    // An event of this batch may still name the sockets: their session is not open then, and nothing comes of it.
    protected override void Detach(int session)
    {
        for (int index = 2 * session; index <= (2 * session) + 1; index++)
        {
            _ = LibC.EPollControl(_epoll, LibC.EPollDelete, _endpoints[index].Descriptor, 0, 0);
        }

        Detached(session);
    }

    // Adding them tells at once what there is to read by now.
    protected override void Attach(int session)
    {
        for (int index = 2 * session; index <= (2 * session) + 1; index++)
        {
            if (!TryWatch(index))
            {
                Fail(index, LibC.Errno);
                return;
            }
        }
    }

    protected override bool TryWatch(int endpoint)
    {
        const uint Events = LibC.PollIn | LibC.PollOut | LibC.PollReadHangUp | LibC.EPollEdgeTriggered;
        ulong token = ((ulong)_endpoints[endpoint].Generation << 32) | (uint)endpoint;
        return LibC.EPollControl(_epoll, LibC.EPollAdd, _endpoints[endpoint].Descriptor, Events, token) == 0;
    }

    protected override void Close(int endpoint, bool reset)
    {
        int descriptor = _endpoints[endpoint].Descriptor;
        if (reset)
        {
            LibC.ResetOnClose(descriptor);
        }

        LibC.Close(descriptor);
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
