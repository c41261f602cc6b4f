// What other threads ask of a loop: orders, listings, ending sessions, the end. The loop carries their commands out between two
// waits. Also the loop's birth and death.

using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    private readonly Inbox<SessionLoop> _inbox = new();
    private readonly Thread _thread;
    private readonly ILogger _logger;
    private readonly TimeProvider _timeProvider;
    private NodeTarget[] _nodes; // grows with reloads; a node keeps its index
    private readonly SharedLimits _limits;
    private readonly SessionRing _journal;
    private readonly int _loopCount;
    private long _connectMilliseconds;
    private long _parkMilliseconds;
    private long _idleMilliseconds;

    protected SessionLoop(LoopSetup setup)
    {
        ProxyConfiguration configuration = setup.Configuration;
        _index = setup.Index;
        _loopCount = setup.Count;
        ReadOnly = setup.ReadOnly;
        _nodes = setup.Nodes;
        Counters = new LoopCounters(_nodes.Length);
        _limits = setup.Limits;
        _journal = setup.Journal;
        _logger = setup.Logger;
        _timeProvider = setup.Time;
        _waits = WaitPolicy.Of(configuration, Environment.ProcessorCount);
        SetTimeouts(configuration.Timeouts);
        _refusalIsDefault = configuration.Limits.Refusal == LimitConfiguration.DefaultRefusal;
        _refusal = System.Text.Encoding.ASCII.GetBytes($"-{configuration.Limits.Refusal}\r\n");
        if (configuration.ProxyProtocol is { } header)
        {
            _headerSources = new AddressNetworks(header.From);
            _headerMilliseconds = Milliseconds(header.Timeout);
        }

        // Large enough for every session that may exist: pages that are never used stay untouched.
        _sessions = new Session[_limits.Capacity + FileDescriptorLimit.MaxRefusals];
        _endpoints = new Endpoint[2 * _sessions.Length];
        _timers = new TimerWheel(_sessions, _now);
        _parked = new SessionQueue(_sessions);
        _refused = new RefusedClients(_sessions);
        _choice = new NodeChoice(_limits);
        _buffer = _blocks.Rent();
        _thread = new Thread(Live) { IsBackground = true, Name = $"event-loop-{_index}" };
    }

    internal SharedLimits Limits => _limits;

    /// <summary>Its number among the loops of the process, and how many these are.</summary>
    internal int Index => _index;
    internal int Loops => _loopCount;

    /// <summary>Whether its sessions are those of the read-only listener.</summary>
    internal bool ReadOnly { get; }

    /// <summary>What the loop counts; anybody may read.</summary>
    public LoopCounters Counters { get; }

    /// <summary>Readable (eventfd) when a command waits; <see cref="ReadInbox"/> is to follow.</summary>
    protected int WakeDescriptor => _inbox.Descriptor;

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
        if (!_inbox.Post(command))
        {
            command(this);
        }
    }

    /// <summary>
    /// Takes further nodes and other time-outs. A changed timeouts.idle holds for open sessions as well; who waits for a master
    /// keeps the time he was given.
    /// </summary>
    /// <param name="nodes">The nodes there were, in their order, and new ones.</param>
    /// <param name="timeouts">Connect, park and idle.</param>
    public void Reconfigure(NodeTarget[] nodes, TimeoutConfiguration timeouts)
    {
        Counters.GrowTo(nodes.Length);
        _nodes = nodes;
        long idle = _idleMilliseconds;
        SetTimeouts(timeouts);
        for (int index = 0; index < _usedSessions && idle != _idleMilliseconds; index++)
        {
            if (_sessions[index].State is SessionState.Open or SessionState.HandedOver)
            {
                ArmOpenTimer(index);
            }
        }
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
                    Node = session.State is SessionState.Open or SessionState.HandedOver or SessionState.Connecting ? NodeOf(index) : null,
                    LocalPort = session.State is SessionState.Open or SessionState.HandedOver ? session.LocalPort : 0,
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
            bool connected = session.State is SessionState.Open or SessionState.HandedOver or SessionState.Connecting;
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
                if (state == SessionState.HandedOver)
                {
                    long id = _sessions[index].Id;
                    DropHandedOver(index);
                    End(index, SessionEnd.Operator, reset: false);
                    Stopped(id);
                    continue;
                }

                End(index, state == SessionState.Refused ? _sessions[index].End : SessionEnd.Operator, reset: state != SessionState.Refused);
            }
        }

        _pipes.Free();
        _blocks.Return(_buffer);
        _blocks.Free();
        Free();
        _inbox.Close(this);
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

    protected void ReadInbox() => _inbox.Run(this);
}
