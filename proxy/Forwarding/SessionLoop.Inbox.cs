// What other threads ask of a loop: orders, listings, ending sessions, the end. They leave a command and ring (eventfd);
// the loop carries commands out in their order between two waits. Also the loop's birth and death.

using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    private readonly Queue<Action<SessionLoop>> _inbox = new();
    private readonly Lock _inboxLock = new();
    private readonly int _wake = LibC.EventDescriptor(0, LibC.OpenNonBlocking | LibC.OpenCloseOnExec);
    private readonly Thread _thread;
    private readonly ILogger _logger;
    private readonly TimeProvider _timeProvider;
    private NodeTarget[] _nodes; // grows with reloads; a node keeps its index
    private NodeCounters[] _nodeCounters;
    private readonly long[] _ends = new long[Enum.GetValues<SessionEnd>().Length];
    private readonly SharedLimits _limits;
    private readonly SessionRing _journal;
    private readonly int _loopCount;
    private readonly byte[] _refusal;
    private readonly bool _refusalIsDefault;
    private long _connectMilliseconds;
    private long _parkMilliseconds;
    private long _idleMilliseconds;
    private Socket[] _listeners = [];
    private int[] _listenDescriptors = [];
    private long _accepted;
    private bool _ended;

    protected SessionLoop(
        int index,
        int loopCount,
        ProxyConfiguration configuration,
        NodeTarget[] nodes,
        SharedLimits limits,
        SessionRing journal,
        ILogger logger,
        TimeProvider timeProvider)
    {
        _index = index;
        _loopCount = loopCount;
        _nodes = nodes;
        _nodeCounters = new NodeCounters[nodes.Length];
        _limits = limits;
        _journal = journal;
        _logger = logger;
        _timeProvider = timeProvider;
        SetTimeouts(configuration.Timeouts);
        _refusalIsDefault = configuration.Limits.Refusal == LimitConfiguration.DefaultRefusal;
        _refusal = System.Text.Encoding.ASCII.GetBytes($"-{configuration.Limits.Refusal}\r\n");
        if (configuration.ProxyProtocol is { } header)
        {
            _headerSources = new AddressNetworks(header.From);
            _headerMilliseconds = Milliseconds(header.Timeout);
        }

        // Large enough for every session that may exist: pages that are never used stay untouched.
        _sessions = new Session[limits.Capacity + FileDescriptorLimit.MaxRefusals];
        _endpoints = new Endpoint[2 * _sessions.Length];
        _timers = new TimerWheel(_sessions, _now);
        _parked = new SessionQueue(_sessions);
        _refused = new RefusedClients(_sessions);
        _buffer = RentBlock();
        if (_wake < 0)
        {
            throw new InvalidOperationException("cannot create the event descriptor of an event loop: the limit of open files is too low");
        }

        _thread = new Thread(Live) { IsBackground = true, Name = $"event-loop-{index}" };
    }

    internal SharedLimits Limits => _limits;

    /// <summary>Whether its sessions are those of the read-only listener. Set before the start.</summary>
    internal bool ReadOnly { get; set; }

    /// <summary>Per-node counters; the loop writes them, anybody may read.</summary>
    public NodeCounters[] NodeCounters => _nodeCounters;

    /// <summary>Ended sessions by <see cref="SessionEnd"/>.</summary>
    public long[] Ends => _ends;

    /// <summary>Readable (eventfd) when a command waits; <see cref="ReadInbox"/> is to follow.</summary>
    protected int WakeDescriptor => _wake;

    /// <summary>The listeners' sockets; empty before the start and after accepting has ended.</summary>
    protected int[] ListenDescriptors => _listenDescriptors;

    public long Accepted => Volatile.Read(ref _accepted);

    /// <summary>From the beginning of a connect to a node to the open connection.</summary>
    public DurationHistogram ConnectTimes { get; } = new(DurationHistogram.ConnectBounds);

    /// <summary>From a session's accept to the open connection with its node.</summary>
    public DurationHistogram RouteTimes { get; } = new(DurationHistogram.RouteBounds);

    /// <summary>From a session's accept to its end.</summary>
    public DurationHistogram SessionTimes { get; } = new(DurationHistogram.SessionBounds);

    /// <summary>Takes the listeners over and starts the thread.</summary>
    public void Start(Socket[] listeners)
    {
        _listeners = listeners;
        _listenDescriptors = [.. listeners.Select(listener => (int)listener.Handle)];
        WatchListeners(begin: true);
        _thread.Start();
    }

    /// <summary>Has the loop carry out a command; at once on this thread when the loop has ended.</summary>
    public void Post(Action<SessionLoop> command)
    {
        lock (_inboxLock)
        {
            if (!_ended)
            {
                _inbox.Enqueue(command);
                Ring();
                return;
            }
        }

        command(this);
    }

    /// <summary>
    /// Takes further nodes and other time-outs. A changed timeouts.idle holds for open sessions as well; who waits for a master
    /// keeps the time he was given.
    /// </summary>
    /// <param name="nodes">The nodes there were, in their order, and new ones.</param>
    /// <param name="timeouts">Connect, park and idle.</param>
    public void Reconfigure(NodeTarget[] nodes, TimeoutConfiguration timeouts)
    {
        Array.Resize(ref _nodeCounters, nodes.Length);
        _nodes = nodes;
        long idle = _idleMilliseconds;
        SetTimeouts(timeouts);
        for (int index = 0; index < _usedSessions && idle != _idleMilliseconds; index++)
        {
            if (_sessions[index].State == SessionState.Open)
            {
                ArmOpenTimer(index);
            }
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

    /// <summary>Lets the loop end after this round: it resets what sessions there are.</summary>
    public void Stop() => _stopping = true;

    public void Join()
    {
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            return;
        }

        _thread.Join();
    }

    /// <summary>Adds the sessions of this loop.</summary>
    public void List(List<SessionInfo> sessions)
    {
        for (int index = 0; index < _usedSessions; index++)
        {
            ref Session session = ref _sessions[index];
            if (session.State != SessionState.None)
            {
                sessions.Add(new SessionInfo
                {
                    Id = session.Id,
                    Client = session.Client,
                    Node = session.State is SessionState.Open or SessionState.Connecting ? NodeOf(index) : null,
                    LocalPort = session.State == SessionState.Open ? session.LocalPort : 0,
                    State = session.State,
                    Accepted = new DateTimeOffset(session.AcceptedUtc, TimeSpan.Zero),
                    QuietMilliseconds = _now - session.ActiveAt,
                    BytesIn = _endpoints[2 * index].Received,
                    BytesOut = _endpoints[(2 * index) + 1].Received,
                });
            }
        }
    }

    /// <summary>Resets the matching sessions of this loop; those already being refused are left to end.</summary>
    public int EndSessions(long? id, UInt128? source, int? node)
    {
        int count = 0;
        for (int index = 0; index < _usedSessions; index++)
        {
            ref Session session = ref _sessions[index];
            bool connected = session.State is SessionState.Open or SessionState.Connecting;
            if ((connected || session.State is SessionState.Parked or SessionState.Header)
                && (id is null || session.Id == id)
                && (source is null || session.Client.Address == source)
                && (node is null || (connected && session.Node == node)))
            {
                End(index, SessionEnd.Operator, reset: true);
                count++;
            }
        }

        return count;
    }

    /// <summary>Frees everything. The thread does it at its end; for a loop that never started its owner does.</summary>
    public void CleanUp()
    {
        CloseListeners();
        for (int index = 0; index < _usedSessions; index++)
        {
            if (_sessions[index].State != SessionState.None)
            {
                SessionState state = _sessions[index].State;
                End(index, state == SessionState.Refused ? _sessions[index].End : SessionEnd.Operator, reset: state != SessionState.Refused);
            }
        }

        while (_freePipeCount > 0)
        {
            (int read, int write) = _freePipes[--_freePipeCount];
            LibC.Close(read);
            LibC.Close(write);
        }

        while (_freeBlockCount > 0)
        {
            NativeMemory.AlignedFree(_freeBlocks[--_freeBlockCount]);
        }

        NativeMemory.AlignedFree(_buffer);
        Free();
        lock (_inboxLock)
        {
            _ended = true;
            LibC.Close(_wake);
        }

        RunInbox();
    }

    /// <summary>Bytes read from one side and not yet taken by the other, over all sessions of this loop.</summary>
    public long HeldBytes()
    {
        long held = 0;
        for (int index = 0; index < 2 * _usedSessions; index++)
        {
            held += OwedBytes(in _endpoints[index]) + _endpoints[index].PipeLength;
        }

        return held;
    }

    private void SetTimeouts(TimeoutConfiguration timeouts)
    {
        _connectMilliseconds = Milliseconds(timeouts.Connect);
        _parkMilliseconds = (long)Math.Ceiling(timeouts.Park.TotalMilliseconds); // zero refuses at once
        _idleMilliseconds = Milliseconds(timeouts.Idle);
    }

    private static long Milliseconds(TimeSpan limit) => limit == TimeSpan.Zero ? long.MaxValue : (long)Math.Ceiling(limit.TotalMilliseconds);

    private void Live()
    {
        try
        {
            Run();
        }
        catch (Exception e)
        {
            LogDied(_logger, e, _index); // and the process with it: half a data plane must not look alive
            throw;
        }

        CleanUp();
    }

    protected void ReadInbox()
    {
        long rings;
        LibC.Read(_wake, &rings, sizeof(long));
        RunInbox();
    }

    private void RunInbox()
    {
        while (true)
        {
            Action<SessionLoop>? command;
            lock (_inboxLock)
            {
                if (!_inbox.TryDequeue(out command))
                {
                    return;
                }
            }

            command(this);
        }
    }

    private void Ring()
    {
        long one = 1;
        LibC.Write(_wake, &one, sizeof(long));
    }

    [LoggerMessage(LogEvents.FilesExhausted, LogLevel.Warning, "Event loop {Loop}: descriptors, ports or memory are exhausted (errno {Errno}: {Message}); new sessions wait until some are free. Raise LimitNOFILE or lower limits.connections.", EventName = nameof(LogEvents.FilesExhausted))]
    private static partial void LogExhausted(ILogger logger, int loop, int errno, string message);

    [LoggerMessage(LogEvents.FilesAvailable, LogLevel.Information, "Event loop {Loop}: descriptors, ports and memory suffice again; new sessions are accepted.", EventName = nameof(LogEvents.FilesAvailable))]
    private static partial void LogRecovered(ILogger logger, int loop);

    [LoggerMessage(LogEvents.LoopFailed, LogLevel.Critical, "Event loop {Loop} died of a defect; the process ends.", EventName = nameof(LogEvents.LoopFailed))]
    private static partial void LogDied(ILogger logger, Exception exception, int loop);
}
