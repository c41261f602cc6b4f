// The io_uring engine.
//
// How one byte travels: a multishot receive is under way on every socket of an open session that may be read. The kernel puts
// what comes into the next provided buffer, without being asked again; Take submits its send to the peer from that same buffer.
// One io_uring_enter brings the bytes of all sockets that have some, and one hands all sends over (UringLoop.Sending.cs).
//
// A peer that does not take all is owed a copy of the rest, and the receive is cancelled; what it brings until that is done
// follows into the owed blocks. From then on the session is in the hands of SessionLoop.Pull, which reads only what it can write:
// it comes back when the peer is writable again, and a receive is under way again when the socket is found empty. Streams that
// keep filling buffers change to Pull as well, which moves them by splice(2).
//
// Nothing that the kernel does by itself ever touches an owed block, a pipe or a slot: only provided buffers, which live as long
// as the ring. A completion names its endpoint and the endpoint's generation; of a socket closed before, it is not heeded.
// What is wanted of the kernel for a session is said in one place, Settle, from the flags alone.
//
// Parts: this file (rounds, completions, the end), .Watching (sockets of sessions that are not open, listeners, closing), .Receiving
// (what receives bring, what is under way), .Sending.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe partial class UringLoop : SessionLoop
{
    private const uint Submissions = 1024;
    private const uint Completions = 4096;

    /// <summary>
    /// What a receive may bring before its peer is known to take no more, and so the most that a peer is owed; it begins again
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

    private const long NanosecondsOfMillisecond = 1_000_000;

    private readonly IoUring _ring = null!; // until the constructor ends
    private readonly uint _limit;
    private bool _enabled;
    private int _underWay;

    public UringLoop(UringSupport support, LoopSetup setup)
        : base(setup)
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

        /// <summary>A socket did not take all of a send.</summary>
        Send,
    }

    protected override void Run()
    {
        _ring.Enable();
        _enabled = true;
        using var pressure = ProcessorPressure.OfThisThread();
        int completions = 0;
        while (!Stopping)
        {
            Wait(completions, _messages, pressure.IsShort);
            completions = (int)_ring.WaitingCompletions;
            _messages = 0;
            BeginRound();
            pressure.Look(Environment.TickCount64);
            uint head = _ring.FirstCompletion;

            // No more than there were: a receive that finds no buffer ends at once, and would end again and again before buffers are given back.
            for (int left = completions; left > 0 && _ring.TryNext(ref head, out IoUring.Completion completion); left--)
            {
                _ring.ReleaseCompletions(head);
                Dispatch(completion);
            }

            HandOverSends();
            _ring.PublishBuffers();
            FinishRound();
        }
    }

    // What is submitted is handed over in every case. A round may come without completions.
    private void Wait(int completionsBefore, int messagesBefore, bool isShort)
    {
        int longest = WatchWaiting(WaitMilliseconds());
        if (longest == 0)
        {
            Look(0);
            return;
        }

        WaitKind kind = _waits.Choose(completionsBefore, messagesBefore, isShort);
        bool found = kind == WaitKind.Gather
            && (_ring.SubmitAndWait(_waits.GatherNanoseconds, WaitPolicy.EnoughToGather(ActiveSessions)) is not (0 or LibC.ETIME)
                || _ring.WaitingCompletions > 0);
        if (!found)
        {
            Wait(kind, longest);
        }
    }

    protected override bool Look(int milliseconds)
    {
        int errno = _ring.SubmitAndWait(milliseconds * NanosecondsOfMillisecond);
        return errno is 0 or LibC.EINTR or LibC.ETIME or LibC.EBUSY or LibC.EAGAIN
            ? _ring.WaitingCompletions > 0
            : throw new InvalidOperationException($"io_uring_enter failed with errno {errno}");
    }

    private void Dispatch(in IoUring.Completion completion)
    {
        int index = (int)(completion.Token & IndexMask);
        Kind kind = KindOf(completion.Token);
        if (kind == Kind.Receive)
        {
            OnReceived(index, completion);
            return;
        }

        HandOverSends(); // which reads completions of sends itself, and may end sessions
        bool current = IsCurrent(completion);
        if (kind is not (Kind.None or Kind.Send) && (completion.Flags & IoUring.HasMore) == 0)
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
                if (completion.Result == -LibC.ECANCELED)
                {
                    Settle(index >> 1);
                    break;
                }

                Remember(ref _endpoints[index], LibC.PollIn | (completion.Result > 0 ? (uint)completion.Result : LibC.PollHung));
                Forward(index);
                break;
            case Kind.Room when current:
                _endpoints[index].UnderWay &= ~UnderWay.Room;
                OnRoom(index, completion.Result > 0 ? (uint)completion.Result : LibC.PollError);
                break;
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

    protected override void Detach(int session)
    {
        for (int index = 2 * session; index <= (2 * session) + 1; index++)
        {
            ref Endpoint endpoint = ref _endpoints[index];
            StopWatching(ref endpoint, index);
            if ((endpoint.UnderWay & UnderWay.Bytes) != 0)
            {
                Cancel(Token(Kind.Bytes, endpoint.Generation, index));
            }
        }

        Settle(session);
    }

    protected override void Attach(int session) => Settle(session);

    protected override void Free()
    {
        if (_enabled)
        {
            Cancel(Token(Kind.Wake, 0, 0));
            for (int rounds = 0; rounds < RoundsToEnd && _underWay > 0; rounds++)
            {
                _ring.SubmitAndWait(MillisecondsToEnd * NanosecondsOfMillisecond);
                uint head = _ring.FirstCompletion;
                while (_ring.TryNext(ref head, out IoUring.Completion completion))
                {
                    _ring.ReleaseCompletions(head);
                    if ((completion.Flags & IoUring.HasMore) == 0 && KindOf(completion.Token) is not (Kind.None or Kind.Send))
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

    /// <summary>The endpoint of the completion is still the one that it was submitted for.</summary>
    private bool IsCurrent(in IoUring.Completion completion) =>
        _endpoints[(int)(completion.Token & IndexMask)].Generation == (uint)(completion.Token >> 32);

    private static Kind KindOf(ulong token) => (Kind)((token >> KindShift) & 15);

    private static ulong Token(Kind kind, uint generation, int index) => ((ulong)generation << 32) | ((ulong)kind << KindShift) | (uint)index;
}
