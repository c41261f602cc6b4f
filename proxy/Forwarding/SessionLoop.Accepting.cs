// How clients come in, and what happens when descriptors or memory are exhausted.

using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    private const int AcceptsPerTurn = 64;

    /// <summary>How long accepting rests when descriptors or memory are exhausted.</summary>
    private const int AcceptPauseMilliseconds = 100;

    /// <summary>How long nothing may have been exhausted before it is reported as over.</summary>
    private const int ExhaustionEpisodeMilliseconds = 5000;

    private Socket[] _listeners = [];
    private int[] _listenDescriptors = [];
    private bool _acceptPaused;
    private long _acceptPausedUntil;
    private bool _exhausted;
    private long _exhaustedUntil;

    /// <summary>The listeners' sockets; empty before the start and after accepting has ended.</summary>
    protected int[] ListenDescriptors => _listenDescriptors;

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
                var client = ClientAddress.FromNative(new ReadOnlySpan<byte>(address, (int)length));
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

    /// <summary>The number of the loop whose session one is, by the session's number and that of all loops of the process.</summary>
    internal static int IndexOf(long id, int loops) => (int)(id % loops);

    private void Admit(int descriptor, ClientAddress client, TlsEdge? edge, bool counted, bool header)
    {
        Counters.Accepted++;
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

    /// <summary>Accepts who has already come, then closes the listeners.</summary>
    public void StopAccepting()
    {
        _acceptPaused = false;
        for (int i = 0; i < _listeners.Length; i++)
        {
            // A bound, because new clients could come as fast as they are accepted.
            for (int turns = 0; turns < 128 && Accept(i); turns++)
            {
            }
        }

        CloseListeners();
        _acceptPaused = false;
    }

    private void CloseListeners()
    {
        WatchListeners(begin: false);
        foreach (Socket listener in _listeners)
        {
            listener.Dispose();
        }

        _listeners = [];
        _listenDescriptors = [];
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
