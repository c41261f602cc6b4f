// A session's life outside of the data path: accept, the limits, refusal, time-outs, end.

using System.ComponentModel;
using System.Diagnostics;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    private const int AcceptsPerTurn = 64;

    /// <summary>How long a refused client may take to send its first bytes, and then again to read the refusal and close.</summary>
    private const int RefusalMilliseconds = 1000;

    /// <summary>How long a client may stay, silent, after the node has closed and the client was told. Redis never half-closes.</summary>
    private const int HalfClosedMilliseconds = 30_000;

    /// <summary>How long accepting rests when descriptors or memory are exhausted.</summary>
    private const int AcceptPauseMilliseconds = 100;

    /// <summary>How long nothing may have been exhausted before it is reported as over.</summary>
    private const int ExhaustionEpisodeMilliseconds = 5000;

    // What a client for whom there is no node reads as the answer to its first command: limits.refusal; who configures none is told
    // of replicas where it asked for one.
    private ReadOnlySpan<byte> NoNodeText => ReadOnly && _refusalIsDefault
        ? "-LOADING no Redis replica is available yet, try again later\r\n"u8
        : _refusal;

    // What a client that is refused for its number reads as the answer to its first command: Redis' own text (networking.c).
    private static ReadOnlySpan<byte> LimitText => "-ERR max number of clients reached\r\n"u8;

    private readonly RefusedClients _refused;
    private int _freeSession = -1;
    private int _usedSessions;
    private long _nextId;
    private bool _acceptPaused;
    private long _acceptPausedUntil;
    private bool _exhausted;
    private long _exhaustedUntil;

    /// <summary>
    /// Errno that accepting meets instead of a client; a test's means to exhaust descriptors. A test process that really had
    /// none left hung or ended out of memory. FitDescriptors of <see cref="LoopForwarder"/> keeps a proxy from coming there.
    /// </summary>
    internal Func<int>? AcceptFault { get; set; }

    /// <summary>Accepts one turn's worth of clients. True when more may be waiting.</summary>
    protected bool Accept(int listener)
    {
        if (listener >= _listenDescriptors.Length)
        {
            return false; // closed earlier in this batch
        }

        byte* address = stackalloc byte[LibC.MaxAddressLength];
        for (int i = 0; i < AcceptsPerTurn && !_acceptPaused; i++)
        {
            uint length = LibC.MaxAddressLength;
            int errno = AcceptFault?.Invoke() ?? 0;
            int descriptor = errno != 0 ? -1 : LibC.Accept(
                _listenDescriptors[listener], address, &length, LibC.SocketNonBlocking | LibC.SocketCloseOnExec);
            if (descriptor >= 0)
            {
                ClientAddress client = ClientAddress.FromNative(new ReadOnlySpan<byte>(address, (int)length));
                bool header = SendsHeader(client);
                Admit(descriptor, client, edge: null, header ? _limits.TryEnter() : _limits.TryEnter(client.Address), header);
                continue;
            }

            errno = errno != 0 ? errno : LibC.Errno;
            switch (errno)
            {
                case LibC.EAGAIN:
                    return false;
                case LibC.EMFILE or LibC.ENFILE or LibC.ENOBUFS or LibC.ENOMEM:
                    PauseAccepting(errno);
                    return false;
                default:
                    break; // an error of that one connection, which is gone (accept(2)); the next may be well
            }
        }

        return !_acceptPaused;
    }

    private void Admit(int descriptor, ClientAddress client, ISocketEdge? edge, bool counted, bool header)
    {
        _accepted++;
        if (!counted)
        {
            MakeRoomForRefusal();
        }

        int index = TakeSlot();
        ref Session session = ref _sessions[index];
        session.Id = (++_nextId * _loopCount) + _index;
        session.Client = client;
        session.AcceptedUtc = _timeProvider.GetUtcNow().UtcTicks;
        session.AcceptedAt = session.ActiveAt = _now;
        session.AcceptedTicks = Stopwatch.GetTimestamp();
        session.FailedGeneration = -1;
        session.Node = -1;
        session.Counted = counted;
        if (edge is not null)
        {
            SetEdge(2 * index, edge);
        }

        OpenEndpoint(2 * index, descriptor);
        if (!counted)
        {
            RefuseUncounted(index);
        }
        else if (header)
        {
            AwaitHeader(index);
        }
        else
        {
            Route(index);
        }
    }

    /// <summary>The client is known: to the master, if there is one.</summary>
    private void Route(int index)
    {
        if (_order.Mode == GateMode.Closed)
        {
            Refuse(index, SessionEnd.NoMaster, Refusal.NoNode);
        }
        else if (MayConnect && _parked.Count == 0)
        {
            Connect(index);
        }
        else
        {
            Park(index);
        }
    }

    /// <summary>
    /// Answers the client's first bytes with the reason. A client that sends none in time is closed without a word: libraries take an
    /// error that answers nothing for a fault of the protocol, and some end the program.
    /// </summary>
    private void Refuse(int index, SessionEnd end, Refusal refusal)
    {
        Decide(index, end);
        _sessions[index].State = SessionState.Refused;
        _sessions[index].Refusal = refusal;
        _timers.Arm(index, _now + RefusalMilliseconds);
        Discard(2 * index);
    }

    /// <summary>Refuses a client that counts against no limit. <see cref="MakeRoomForRefusal"/> went before.</summary>
    private void RefuseUncounted(int index)
    {
        _refused.Add(index);
        Refuse(index, SessionEnd.Limit, Refusal.Limit);
    }

    /// <summary>Ends refused clients until there is a place for one more. One that has just asked is still told why.</summary>
    private void MakeRoomForRefusal()
    {
        while (_refused.Count > 0 && _refused.Count >= _limits.RefusalsPerLoop)
        {
            int index = _refused.Next;
            if (_sessions[index].Refusal != Refusal.None && LibC.Receive(_endpoints[2 * index].Descriptor, _buffer, BlockSize, 0) > 0)
            {
                TellRefused(index);
            }

            End(index, SessionEnd.Limit, reset: false);
        }
    }

    /// <summary>
    /// Says why, closes our direction, and leaves the client a moment to close its own: closing at once over unread bytes would send
    /// RST, which may overtake the text.
    /// </summary>
    private void TellRefused(int index)
    {
        ref Session session = ref _sessions[index];
        int client = _endpoints[2 * index].Descriptor;
        Send(client, session.Refusal == Refusal.Limit ? LimitText : NoNodeText);
        LibC.Shutdown(client, LibC.ShutdownWrite);
        if (!session.Counted)
        {
            _refused.Told(index);
        }

        session.Refusal = Refusal.None;
        _timers.Arm(index, _now + RefusalMilliseconds);
    }

    /// <summary>Reads and forgets what a refused client sends, until it closes.</summary>
    private void Discard(int index)
    {
        ref Endpoint client = ref _endpoints[index];
        for (int reads = 0; reads < ReadsPerTurn; reads++)
        {
            nint length = LibC.Receive(client.Descriptor, _buffer, BlockSize, 0);
            if (length > 0)
            {
                if (_sessions[index >> 1].Refusal != Refusal.None)
                {
                    TellRefused(index >> 1);
                }

                continue;
            }

            if (length == 0 || LibC.Errno != LibC.EAGAIN)
            {
                End(index >> 1, _sessions[index >> 1].End, reset: false);
            }

            return;
        }

        QueueAgain(index);
    }

    private void OnDeadline(int index)
    {
        ref Session session = ref _sessions[index];
        switch (session.State)
        {
            case SessionState.Header:
                End(index, SessionEnd.ProxyHeader, reset: true);
                break;
            case SessionState.Parked:
                Unpark(index);
                RefuseWaiting(index);
                break;
            case SessionState.Connecting:
                OnConnectTimeout(index);
                break;
            case SessionState.Open:
                OnSilence(index);
                break;
            case SessionState.Refused:
                End(index, session.End, reset: false);
                break;
        }
    }

    private void OnSilence(int index)
    {
        if (_now - _sessions[index].ActiveAt < OpenLimit(index))
        {
            ArmOpenTimer(index); // there were bytes since the timer was set; setting it with each of them would cost more
            return;
        }

        Decide(index, SessionEnd.Idle);
        End(index, _sessions[index].End, reset: _endpoints[2 * index].IsOwed || _endpoints[(2 * index) + 1].IsOwed);
    }

    /// <summary>Milliseconds of silence that an open session may keep; <see cref="long.MaxValue"/> without a limit.</summary>
    private long OpenLimit(int index)
    {
        bool serverClosed = _endpoints[(2 * index) + 1].Has(EndpointFlags.ReadClosed);
        return serverClosed ? Math.Min(HalfClosedMilliseconds, _idleMilliseconds) : _idleMilliseconds;
    }

    private void ArmOpenTimer(int index)
    {
        long limit = OpenLimit(index);
        if (limit == long.MaxValue)
        {
            _timers.Cancel(index);
        }
        else
        {
            _timers.Arm(index, _sessions[index].ActiveAt + limit);
        }
    }

    /// <summary>Ends a session: its sockets are closed, by RST where asked, and its slot is free.</summary>
    private void End(int index, SessionEnd end, bool reset)
    {
        ref Session session = ref _sessions[index];
        _ends[(int)end]++;
        switch (session.State)
        {
            case SessionState.Parked:
                Unpark(index);
                break;
            case SessionState.Connecting:
                LeaveConnecting(index);
                break;
            case SessionState.Open:
                _limits.LeaveNode(session.Node);
                break;
            case SessionState.Refused when !session.Counted:
                _refused.Remove(index);
                break;
        }

        bool healthCheck = session.HealthCheck && end == SessionEnd.ClientClosed && _endpoints[2 * index].Received == 0;
        if (!healthCheck)
        {
            SessionTimes.Add((_now - session.AcceptedAt) * (Stopwatch.Frequency / 1000));
        }

        _journal.Write(new SessionRecord
        {
            Id = session.Id,
            Client = session.Client,
            Node = NodeOf(index),
            Accepted = new DateTimeOffset(session.AcceptedUtc, TimeSpan.Zero),
            ConnectedAfterMilliseconds = session.ConnectedAt > 0 ? session.ConnectedAt - session.AcceptedAt : null,
            EndedAfterMilliseconds = _now - session.AcceptedAt,
            BytesIn = _endpoints[2 * index].Received,
            BytesOut = _endpoints[(2 * index) + 1].Received,
            End = end,
            IsHealthCheck = healthCheck,
            LocalPort = session.LocalPort,
        });
        _timers.Cancel(index);
        CloseEndpoint(2 * index, reset);
        CloseEndpoint((2 * index) + 1, reset);
        if (session.Counted)
        {
            if (session.State == SessionState.Header)
            {
                _limits.Leave();
            }
            else
            {
                _limits.Leave(session.Client.Address);
            }
        }

        session.State = SessionState.None;
        session.Next = _freeSession;
        _freeSession = index;
    }

    private RedisNode? NodeOf(int index) => _sessions[index].Node >= 0 ? _nodes[_sessions[index].Node].Node : null;

    private int TakeSlot()
    {
        int index = _freeSession;
        if (index >= 0)
        {
            _freeSession = _sessions[index].Next;
        }
        else
        {
            index = _usedSessions++; // the table has room for all that are counted, and for all that are refused
            _endpoints[2 * index].Descriptor = _endpoints[(2 * index) + 1].Descriptor = -1;
        }

        _sessions[index] = new Session { TimerBucket = -1 };
        _endpoints[(2 * index) + 1].Received = 0; // a session that is never connected must not show its predecessor's bytes
        return index;
    }

    /// <summary>Puts a socket into its place and has the engine watch it.</summary>
    private void OpenEndpoint(int index, int descriptor)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        uint generation = endpoint.Generation == uint.MaxValue ? 1 : endpoint.Generation + 1;
        endpoint = new Endpoint { Descriptor = descriptor, Generation = generation };
        if (!TryWatch(index))
        {
            // Only the user's epoll quota or kernel memory can be the cause. Unwatched it would hang for ever; shut down, its
            // session ends by the next read or write, or by its timer.
            LibC.Shutdown(descriptor, LibC.ShutdownBoth);
            endpoint.Flags = EndpointFlags.Readable | EndpointFlags.Hung;
            QueueAgain(index);
        }
    }

    private void CloseEndpoint(int index, bool reset)
    {
        if (_edges is not null)
        {
            CloseEdge(index, reset);
        }

        ref Endpoint endpoint = ref _endpoints[index];
        if (endpoint.Descriptor < 0)
        {
            return;
        }

        ReturnOwed(ref endpoint);
        ClosePipe(ref endpoint);
        Close(index, reset);
        endpoint.Descriptor = -1;
        endpoint.Generation = endpoint.Generation == uint.MaxValue ? 1 : endpoint.Generation + 1;
        endpoint.Flags = EndpointFlags.None;
    }

    private static void Send(int socket, ReadOnlySpan<byte> text)
    {
        fixed (byte* bytes = text)
        {
            LibC.Send(socket, bytes, text.Length, LibC.MessageNoSignal); // a socket that has sent nothing yet takes all or is dead
        }
    }

    /// <summary>Descriptors or kernel memory are exhausted: clients wait in the backlog instead of a loop that spins.</summary>
    private void PauseAccepting(int errno)
    {
        ReportExhaustion(errno);
        _acceptPaused = true;
        _acceptPausedUntil = _now + AcceptPauseMilliseconds;
        WatchListeners(begin: false);
    }

    private void ResumeAccepting()
    {
        if (_acceptPaused && _now >= _acceptPausedUntil)
        {
            _acceptPaused = false;
            WatchListeners(begin: true);
        }
        else if (_exhausted && _now >= _exhaustedUntil)
        {
            _exhausted = false;
            Report(loop => LogRecovered(loop._logger, loop._index));
        }
    }

    // One line when it begins and one when it has been well for a while, however often it happens in between.
    private void ReportExhaustion(int errno)
    {
        _exhaustedUntil = _now + ExhaustionEpisodeMilliseconds;
        if (!_exhausted)
        {
            _exhausted = true;
            Report(loop => LogExhausted(loop._logger, loop._index, errno, new Win32Exception(errno).Message));
        }
    }

    // A log sink may block; the loop must not.
    private void Report(Action<SessionLoop> log) => ThreadPool.UnsafeQueueUserWorkItem(log, this, preferLocal: false);
}
