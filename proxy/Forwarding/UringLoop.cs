// The io_uring engine.
//
// How one byte travels: a multishot receive is under way on every socket of an open session that may be read. The kernel puts
// what comes into the next provided buffer, without being asked again; OnReceived writes it to the peer at once and gives the
// buffer back. So one io_uring_enter brings the bytes of all sockets that have some, and each costs one more call, its send.
//
// A peer that does not take all is owed a copy of the rest, and the receive is cancelled; what it brings until that is done
// follows into the owed blocks. From then on the session is in the hands of SessionLoop.Pull, which reads only what it can write:
// it comes back when the peer is writable again, and a receive is under way again when the socket is found empty. Streams that
// keep filling buffers change to Pull as well, which moves them by splice(2).
//
// Nothing that the kernel does by itself ever touches an owed block, a pipe or a slot: only provided buffers, which live as long
// as the ring. A completion names its endpoint and the endpoint's generation; of a socket closed before, it is not heeded.
// What is wanted of the kernel for a session is said in one place, Settle, from the flags alone.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe class UringLoop : SessionLoop
{
    private const uint Submissions = 1024;
    private const uint Completions = 4096;

    /// <summary>
    /// What a receive may bring before its peer is known to take no more, and so the most that a peer is owed; it begins anew
    /// after so many bytes. A kernel that knows no limit brings 32 buffers in a row (MULTISHOT_MAX_RETRY), or all there are.
    /// </summary>
    private const uint ReceiveLimit = 128 * 1024;

    // The kernel takes the buffers in turn, so all of them pass through the processor's cache: 1 MB. A round brings about 20
    // completions (IO_LOCAL_TW_DEFAULT_MAX); when there are none left, a receive ends and Pull reads in its place.
    private const int LimitedBuffers = 32;
    private const int LimitedBufferBytes = 32 * 1024;
    private const int UnlimitedBuffers = 64;
    private const int UnlimitedBufferBytes = 8 * 1024;

    /// <summary>The most bytes that one direction of a session can hold in this process, besides a pipe.</summary>
    internal const int MostOwed = UnlimitedBuffers * UnlimitedBufferBytes;

    // How long, in all, the end waits for what is under way; it takes one round.
    private const int RoundsToEnd = 50;
    private const int MillisecondsToEnd = 100;

    // A token is the endpoint's generation, 32 bits, the kind of the submission, 4 bits, and the endpoint's index.
    private const int KindShift = 28;
    private const ulong IndexMask = (1ul << KindShift) - 1;

    private readonly IoUring _ring = null!; // until the constructor ends
    private readonly uint _limit;
    private bool[] _listening = [];
    private bool _accepting;
    private bool _enabled;
    private int _underWay;

    public UringLoop(
        UringSupport support,
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
        try
        {
            _limit = support.LimitsReceives ? ReceiveLimit : 0;
            _ring = support.LimitsReceives
                ? new IoUring(Submissions, Completions, LimitedBuffers, LimitedBufferBytes)
                : new IoUring(Submissions, Completions, UnlimitedBuffers, UnlimitedBufferBytes);
        }
        catch
        {
            CleanUp();
            throw;
        }

        PollMany(WakeDescriptor, LibC.PollIn, Token(Kind.Wake, 0, 0));
    }

    private enum Kind
    {
        /// <summary>Of what needs no answer.</summary>
        None,

        /// <summary>The inbox.</summary>
        Wake,

        /// <summary>A client waits at a listener.</summary>
        Listener,

        /// <summary>A socket whose session is not open changes; later: a socket that is not read has failed.</summary>
        Watch,

        /// <summary>Bytes.</summary>
        Receive,

        /// <summary>A socket read by Pull has bytes.</summary>
        Bytes,

        /// <summary>A socket takes bytes again.</summary>
        Room,
    }

    protected override void Run()
    {
        _ring.Enable();
        _enabled = true;
        while (!Stopping)
        {
            int errno = _ring.SubmitAndWait(WaitMilliseconds());
            if (errno is not (0 or LibC.EINTR or LibC.ETIME or LibC.EBUSY or LibC.EAGAIN))
            {
                throw new InvalidOperationException($"io_uring_enter failed with errno {errno}");
            }

            BeginRound();
            uint head = _ring.FirstCompletion;
            while (_ring.TryNext(ref head, out IoUring.Completion completion))
            {
                _ring.ReleaseCompletions(head);
                Dispatch(completion);
            }

            _ring.PublishBuffers();
            FinishRound();
        }
    }

    private void Dispatch(in IoUring.Completion completion)
    {
        int index = (int)(completion.Token & IndexMask);
        var kind = KindOf(completion.Token);
        bool current = _endpoints[index].Generation == (uint)(completion.Token >> 32);
        if (kind == Kind.Receive)
        {
            OnReceived(index, current, completion);
            return;
        }

        if (kind != Kind.None && (completion.Flags & IoUring.HasMore) == 0)
        {
            _underWay--;
        }

        switch (kind)
        {
            case Kind.Wake:
                ReadInbox();
                if ((completion.Flags & IoUring.HasMore) == 0)
                {
                    PollMany(WakeDescriptor, LibC.PollIn, Token(Kind.Wake, 0, 0));
                }

                break;
            case Kind.Listener:
                OnClient(index);
                break;
            case Kind.Watch when current:
                OnWatched(index, completion.Result, completion.Flags);
                break;
            case Kind.Bytes when current:
                _endpoints[index].UnderWay &= ~UnderWay.Bytes;
                Remember(ref _endpoints[index], LibC.PollIn | (completion.Result > 0 ? (uint)completion.Result : LibC.PollHung));
                Forward(index);
                break;
            case Kind.Room when current:
                _endpoints[index].UnderWay &= ~UnderWay.Room;
                OnRoom(index, completion.Result > 0 ? (uint)completion.Result : LibC.PollError);
                break;
        }
    }

    private void OnReceived(int from, bool current, in IoUring.Completion completion)
    {
        ref Endpoint source = ref _endpoints[from];
        if ((completion.Flags & IoUring.HasBuffer) != 0)
        {
            int number = (int)(completion.Flags >> IoUring.BufferShift);
            if (current && completion.Result > 0)
            {
                Take(from, _ring.Buffer(number), completion.Result);
                current = source.Generation == (uint)(completion.Token >> 32);
            }

            _ring.GiveBuffer(number);
        }

        if ((completion.Flags & IoUring.HasMore) != 0)
        {
            return;
        }

        _underWay--;
        if (!current)
        {
            return;
        }

        source.UnderWay &= ~(UnderWay.Receive | UnderWay.Cancel);
        switch (completion.Result)
        {
            case > 0 when (completion.Flags & IoUring.MoreInSocket) == 0:
                Settle(from >> 1); // the limit was reached, no more
                break;
            case 0 when _endpoints[from ^ 1].IsOwed:
                source.Flags |= EndpointFlags.Readable | EndpointFlags.Hung; // the end is read again when all before it is written
                Settle(from >> 1);
                break;
            case > 0 or -LibC.ENOBUFS or -LibC.ECANCELED or -LibC.EINTR or -LibC.EAGAIN:
                source.Flags |= EndpointFlags.Readable; // it may be
                Forward(from);
                break;
            default:
                if (!source.Has(EndpointFlags.ReadClosed))
                {
                    OnReadEnd(from, -completion.Result);
                }

                Settle(from >> 1);
                break;
        }
    }

    /// <summary>Writes to the peer what an endpoint sent.</summary>
    private void Take(int from, byte* bytes, int length)
    {
        ref Endpoint source = ref _endpoints[from];
        ref Endpoint sink = ref _endpoints[from ^ 1];
        if (source.Has(EndpointFlags.ReadClosed))
        {
            return; // nothing more of it is wanted
        }

        Count(from, length);
        if (sink.IsOwed)
        {
            OweCopy(ref sink, new ReadOnlySpan<byte>(bytes, length));
            return;
        }

        nint sent = LibC.Send(sink.Descriptor, bytes, length, LibC.MessageNoSignal);
        if (sent != length)
        {
            if (sent >= 0 || LibC.Errno == LibC.EAGAIN)
            {
                sent = Math.Max(sent, 0);
                OweCopy(ref sink, new ReadOnlySpan<byte>(bytes + sent, (int)(length - sent)));
            }
            else
            {
                OnWriteFailed(from ^ 1);
            }

            Settle(from >> 1);
            return;
        }

        if (length < _ring.BufferSize)
        {
            source.Streak = 0;
        }
        else if (!source.Has(EndpointFlags.Bulk) && ++source.Streak >= FullReadsToBulk)
        {
            EnterBulk(ref source);
            Settle(from >> 1);
        }
    }

    private void OnWatched(int index, int result, uint flags)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        if (result == -LibC.ECANCELED)
        {
            return; // the session has been opened meanwhile
        }

        uint events = result < 0 ? LibC.PollError : (uint)result;
        if (_sessions[index >> 1].State == SessionState.Open)
        {
            if ((events & LibC.PollError) != 0 && FailedUnseen(index))
            {
                Fail(index);
            }

            return;
        }

        if ((flags & IoUring.HasMore) == 0)
        {
            endpoint.UnderWay &= ~UnderWay.Watch;
        }

        Remember(ref endpoint, events);
        OnReadiness(index, events);
    }

    private void OnRoom(int index, uint events)
    {
        if ((events & LibC.PollError) != 0 && FailedUnseen(index))
        {
            Fail(index);
            return;
        }

        Flush(index);
        Settle(index >> 1);
    }

    protected override void Forward(int from)
    {
        if ((_endpoints[from].UnderWay & (UnderWay.Receive | UnderWay.Bytes)) == 0)
        {
            Pull(from);
        }

        Settle(from >> 1);
    }

    protected override void Opened(int session)
    {
        for (int index = 2 * session; index <= (2 * session) + 1; index++)
        {
            StopWatching(ref _endpoints[index], index);
            _endpoints[index].Flags &= ~EndpointFlags.Readable; // a receive finds out
        }

        Settle(session);
    }

    /// <summary>Has the kernel do for an open session what its flags ask for.</summary>
    private void Settle(int session)
    {
        if (_sessions[session].State == SessionState.Open)
        {
            SettleSide(2 * session);
            SettleSide((2 * session) + 1);
        }
    }

    private void SettleSide(int index)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        if (endpoint.IsOwed && (endpoint.UnderWay & UnderWay.Room) == 0)
        {
            endpoint.UnderWay |= UnderWay.Room;
            Poll(endpoint.Descriptor, LibC.PollOut, Token(Kind.Room, endpoint.Generation, index));
        }

        bool held = _endpoints[index ^ 1].IsOwed || endpoint.Has(EndpointFlags.ReadClosed);
        bool receiving = (endpoint.UnderWay & UnderWay.Receive) != 0;
        if (receiving)
        {
            if ((held || endpoint.Has(EndpointFlags.Bulk) || _sessions[index >> 1].Broken) && (endpoint.UnderWay & UnderWay.Cancel) == 0)
            {
                endpoint.UnderWay |= UnderWay.Cancel;
                Cancel(Token(Kind.Receive, endpoint.Generation, index));
            }
        }
        else if (held)
        {
            if ((endpoint.UnderWay & UnderWay.Watch) == 0)
            {
                endpoint.UnderWay |= UnderWay.Watch; // for failures, which come once
                Poll(endpoint.Descriptor, 0, Token(Kind.Watch, endpoint.Generation, index));
            }
        }
        else if ((endpoint.UnderWay & UnderWay.Bytes) == 0 && !endpoint.Has(EndpointFlags.Queued))
        {
            if (endpoint.Has(EndpointFlags.Readable) || _sessions[index >> 1].Broken)
            {
                endpoint.Flags |= EndpointFlags.Readable;
                QueueAgain(index);
            }
            else if (endpoint.Has(EndpointFlags.Bulk))
            {
                endpoint.UnderWay |= UnderWay.Bytes;
                Poll(endpoint.Descriptor, LibC.PollIn | LibC.PollReadHangUp, Token(Kind.Bytes, endpoint.Generation, index));
            }
            else
            {
                endpoint.UnderWay |= UnderWay.Receive;
                _underWay++;
                _ring.Receive(endpoint.Descriptor, Token(Kind.Receive, endpoint.Generation, index), _limit);
            }
        }
    }

    protected override bool TryWatch(int endpoint)
    {
        ref Endpoint watched = ref _endpoints[endpoint];
        watched.UnderWay |= UnderWay.Watch;
        ulong token = Token(Kind.Watch, watched.Generation, endpoint);
        if ((endpoint & 1) == 0)
        {
            PollMany(watched.Descriptor, LibC.PollIn | LibC.PollReadHangUp, token);
        }
        else
        {
            Poll(watched.Descriptor, LibC.PollOut, token); // whether it is connected, once
        }

        return true;
    }

    private void StopWatching(ref Endpoint endpoint, int index)
    {
        if ((endpoint.UnderWay & UnderWay.Watch) != 0)
        {
            endpoint.UnderWay &= ~UnderWay.Watch;
            Cancel(Token(Kind.Watch, endpoint.Generation, index));
        }
    }

    // What is under way for the socket holds it open, so closing it would tell the peer nothing. A reset is sent at once, by
    // connect(2) to nowhere, which is what close does with SO_LINGER of zero; it ends what is under way, as shutdown does, all but
    // a multishot poll. The descriptor is closed after the submissions that name it were handed over.
    protected override void Close(int index, bool reset)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        StopWatching(ref endpoint, index);
        bool ended = reset && LibC.Disconnect(endpoint.Descriptor);
        if (!ended && endpoint.UnderWay != UnderWay.None)
        {
            LibC.Shutdown(endpoint.Descriptor, LibC.ShutdownBoth);
        }

        endpoint.UnderWay = UnderWay.None;
        _ring.Submit(IoUring.OpClose, endpoint.Descriptor, 0).Flags = IoUring.SkipSuccess;
    }

    private void OnClient(int listener)
    {
        _listening[listener] = false;
        if (_accepting)
        {
            Accept(listener);
            Listen();
        }
    }

    protected override void WatchListeners(bool begin)
    {
        _accepting = begin;
        if (begin)
        {
            Listen();
            return;
        }

        // What is under way would hold a listener open. These are rare: done at once.
        for (int i = 0; i < _listening.Length; i++)
        {
            if (_listening[i])
            {
                Cancel(Token(Kind.Listener, 0, i));
            }
        }

        if (_enabled)
        {
            _ring.SubmitAndWait(0);
        }
    }

    // Once each: a poll looks whether clients wait already, whom the last turn has left.
    private void Listen()
    {
        if (_listening.Length < ListenDescriptors.Length)
        {
            _listening = new bool[ListenDescriptors.Length];
        }

        for (int i = 0; i < ListenDescriptors.Length; i++)
        {
            if (!_listening[i])
            {
                _listening[i] = true;
                Poll(ListenDescriptors[i], LibC.PollIn, Token(Kind.Listener, 0, i));
            }
        }
    }

    protected override void Free()
    {
        if (_enabled)
        {
            Cancel(Token(Kind.Wake, 0, 0));
            for (int rounds = 0; rounds < RoundsToEnd && _underWay > 0; rounds++)
            {
                _ring.SubmitAndWait(MillisecondsToEnd);
                uint head = _ring.FirstCompletion;
                while (_ring.TryNext(ref head, out IoUring.Completion completion))
                {
                    _ring.ReleaseCompletions(head);
                    if ((completion.Flags & IoUring.HasMore) == 0 && KindOf(completion.Token) != Kind.None)
                    {
                        _underWay--;
                    }
                }
            }
        }

        _ring?.Close(idle: !_enabled || _underWay == 0);
    }

    private void PollMany(int descriptor, uint events, ulong token)
    {
        _underWay++;
        ref IoUring.Submission entry = ref _ring.Submit(IoUring.OpPollAdd, descriptor, token);
        entry.Length = IoUring.PollMultishot;
        entry.Detail = events;
    }

    private void Poll(int descriptor, uint events, ulong token)
    {
        _underWay++;
        _ring.Submit(IoUring.OpPollAdd, descriptor, token).Detail = events;
    }

    // It answers only when there is nothing to cancel any more.
    private void Cancel(ulong token)
    {
        ref IoUring.Submission entry = ref _ring.Submit(IoUring.OpAsyncCancel, -1, Token(Kind.None, 0, 0));
        entry.Flags = IoUring.SkipSuccess;
        entry.Address = token;
    }

    private static Kind KindOf(ulong token) => (Kind)((token >> KindShift) & 15);

    private static ulong Token(Kind kind, uint generation, int index) => ((ulong)generation << 32) | ((ulong)kind << KindShift) | (uint)index;
}
