// The data plane, whatever its engine: starts the loops, hands orders to all of them, adds their counters up. No byte passes here.

using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Forwarding;

/// <summary>The process may not open enough files to serve anybody; the message says how many it needs.</summary>
public sealed class TooFewFilesException(string message) : Exception(message);

/// <summary>An <see cref="IForwarder"/> of dedicated threads, each with its own listeners and sessions.</summary>
public sealed partial class LoopForwarder : IForwarder, ISessions
{
    // Tables are made for so many sessions at least, so that limits.connections can be raised without a restart. What is never
    // used of them is never touched: address space, not memory.
    private const int Headroom = 65_536;

    private readonly IReadOnlyList<IPEndPoint> _listen;
    private readonly int _lanes; // listeners of the process that have loops of their own
    private readonly int _perSession; // descriptors
    private readonly SharedLimits _limits;
    private readonly SessionLoop[] _loops;
    private readonly Lock _commandLock = new();
    private GateOrder _applied = GateOrder.Start;
    private readonly ILogger _logger;
    private NodeTarget[] _nodes;
    private readonly TlsAcceptor? _tls;
    private readonly TlsClient? _redisTls;
    private readonly Action _sayEngine; // when it listens: a start that fails says only why
    private bool _started;

    /// <summary>Prepares the data plane; nothing listens yet.</summary>
    /// <param name="configuration">A valid configuration.</param>
    /// <param name="loggerFactory">Takes what the loops, the choice of the engine and TLS have to say.</param>
    /// <param name="timeProvider">
    /// Wall clock of session records, and the time of TLS handshakes. Time-outs of sessions run on the loops' own clock, because their waits do.
    /// </param>
    /// <param name="loops">
    /// Event loops; 0 chooses: one up to two cores, half the cores above, at most four. Redis itself uses one core for
    /// commands, and a loop moves more than one Redis can answer.
    /// </param>
    /// <param name="readOnly">Whether this is the forwarder of the read-only listener; the other one is that of the gate.</param>
    /// <exception cref="EngineUnavailableException">The configuration asks for io_uring, and the kernel refuses it.</exception>
    /// <exception cref="TooFewFilesException">The process may not open enough files to serve a single client.</exception>
    public LoopForwarder(ProxyConfiguration configuration, ILoggerFactory loggerFactory, TimeProvider timeProvider, int loops = 0, bool readOnly = false)
        : this(configuration, loggerFactory, timeProvider, loops, UringSupport.Find, readOnly)
    {
    }

    /// <summary>As the public one, with another way to find out what io_uring can do here.</summary>
    internal LoopForwarder(
        ProxyConfiguration configuration, ILoggerFactory loggerFactory, TimeProvider timeProvider, int loops,
        Func<UringSupport> findUring, bool readOnly = false)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        ArgumentOutOfRangeException.ThrowIfNegative(loops);
        if (readOnly)
        {
            // The certificate of clients that write, at addresses of its own.
            IReadOnlyList<IPEndPoint> tlsListen = configuration.ReadOnly!.TlsListen;
            configuration = configuration with { Tls = tlsListen.Count > 0 && configuration.Tls is { } own ? own with { Listen = tlsListen } : null };
        }

        _listen = readOnly ? configuration.ReadOnly!.Listen : configuration.Listen;
        _nodes = [.. configuration.Redis.Nodes.Select(node => new NodeTarget(node))];
        ILogger logger = _logger = loggerFactory.CreateLogger<LoopForwarder>();
        _lanes = configuration.ReadOnly is null ? 1 : 2;
        int lane = readOnly ? 1 : 0;
        ILogger once = readOnly ? NullLogger.Instance : logger; // what the other forwarder says already
        int perSession = _perSession = FileDescriptorLimit.PerSession(configuration);
        long files = FileDescriptorLimit.RaiseToHardLimit() / _lanes;
        if (FileDescriptorLimit.Problem(files, configuration.Limits.Connections, perSession) is { } problem)
        {
            throw new TooFewFilesException(problem);
        }

        configuration = configuration with { Limits = FitDescriptors(configuration.Limits, files, perSession, once) };
        int capacity = Math.Max(configuration.Limits.Connections, Math.Min(FileDescriptorLimit.ConnectionsFor(files, perSession), Headroom));
        _limits = new SharedLimits(configuration.Limits, _nodes.Length, capacity);
        int count = loops > 0 ? loops : Math.Clamp(Environment.ProcessorCount / 2, 1, 4);
        _limits.RefusalsPerLoop = RefusalsPerLoop(files, configuration.Limits, count);
        Journal = new SessionJournal(count);
        SessionLoop NewLoop(UringSupport? uring, int index)
        {
            var setup = new LoopSetup
            {
                // Numbers of loops, and so ids of sessions, are unique over both listeners.
                Index = (index * _lanes) + lane,
                Count = count * _lanes,
                ReadOnly = readOnly,
                Configuration = configuration,
                Nodes = _nodes,
                Limits = _limits,
                Journal = Journal.Ring(index),
                Logger = logger,
                Time = timeProvider,
            };
            return uring is null ? new EpollLoop(setup) : new UringLoop(uring, setup);
        }

        _loops = EngineChoice.NewLoops(configuration.Engine, count, findUring, NewLoop, once, out _sayEngine);
        Engine = _loops[0] is UringLoop ? ForwardingEngine.IoUring : ForwardingEngine.Epoll;
        if (configuration.Tls is { } tls)
        {
            _tls = new TlsAcceptor(tls, configuration.ProxyProtocol, _limits, _loops, loggerFactory.CreateLogger<TlsAcceptor>(), timeProvider);
        }

        if (configuration.Redis.Tls is { } redisTls)
        {
            _redisTls = new TlsClient(redisTls);
            var dialer = new TlsDialer(_redisTls, loggerFactory.CreateLogger<TlsDialer>(), timeProvider);
            foreach (SessionLoop loop in _loops)
            {
                loop.Dialer = dialer;
            }
        }
    }

    /// <summary>The engine chosen; never <see cref="ForwardingEngine.Auto"/>.</summary>
    public ForwardingEngine Engine { get; }

    /// <summary>The addresses listened on, in the order of the configuration: with port 0 there, the port the kernel chose.</summary>
    public IReadOnlyList<IPEndPoint> ListenEndPoints { get; private set; } = [];

    /// <summary>The same for clients over TLS.</summary>
    public IReadOnlyList<IPEndPoint> TlsListenEndPoints { get; private set; } = [];

    /// <inheritdoc/>
    public SessionJournal Journal { get; }

    /// <summary>The greatest limits.connections that can be set without a restart.</summary>
    public int MostConnections => _limits.Capacity;

    internal IReadOnlyList<SessionLoop> Loops => _loops;

    /// <inheritdoc/>
    public void Start()
    {
        lock (_commandLock)
        {
            if (_started)
            {
                throw new InvalidOperationException("the data plane has been started already");
            }

            Socket[][] listeners = Sockets.Listen(_listen, _loops.Length);
            try
            {
                TlsListenEndPoints = _tls?.Listen() ?? [];
            }
            catch
            {
                Sockets.Close(listeners);
                throw;
            }

            ListenEndPoints = [.. listeners[0].Select(listener => (IPEndPoint)listener.LocalEndPoint!)];
            _started = true;
            _sayEngine();
            for (int i = 0; i < _loops.Length; i++)
            {
                _loops[i].Start(listeners[i]);
            }

            _tls?.Start();
        }
    }

    /// <inheritdoc/>
    public void Apply(GateOrder order, Action carriedOut)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (order.Mode == GateMode.Open && order.Take.Count == 0)
        {
            throw new ArgumentException("an order that opens the gate names its target", nameof(order));
        }

        GateOrder indexed = order.Indexed(IndexOf);
        OnAllLoops((loop, done) => loop.Apply(indexed, done), () =>
        {
            Volatile.Write(ref _applied, order);
            carriedOut();
        });
    }

    /// <inheritdoc/>
    public async ValueTask ReconfigureAsync(ProxyConfiguration changed)
    {
        ArgumentNullException.ThrowIfNull(changed);
        // A node that was there before, and comes back, has its old place and counters.
        NodeTarget[] nodes = [.. _nodes, .. changed.Redis.Nodes.Where(n => !Array.Exists(_nodes, known => known.Node == n)).Select(n => new NodeTarget(n))];
        if (nodes.Length > short.MaxValue)
        {
            throw new InvalidOperationException("redis.nodes has changed more often than one process can count; restart it");
        }

        _limits.GrowTo(nodes.Length);
        long files = FileDescriptorLimit.RaiseToHardLimit() / _lanes;
        LimitConfiguration limits = changed.Limits with { Connections = Math.Min(changed.Limits.Connections, MostConnections) };
        _limits.Limits = FitDescriptors(limits, files, _perSession, _logger);
        _limits.RefusalsPerLoop = RefusalsPerLoop(files, _limits.Limits, _loops.Length);
        await OnAllLoops(loop => loop.Reconfigure(nodes, changed.Timeouts)).ConfigureAwait(false);
        Volatile.Write(ref _nodes, nodes);
        if (changed.Tls is { } tls)
        {
            _tls?.Use(tls);
        }

        if (changed.Redis.Tls is { } redis)
        {
            _redisTls?.Use(redis);
        }
    }

    /// <inheritdoc/>
    public ValueTask StopAcceptingAsync()
    {
        _tls?.StopAccepting();
        return new(OnAllLoops(loop => loop.StopAccepting()));
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<SessionInfo>> ListSessionsAsync()
    {
        int expected = _limits.Sessions + 64; // so that the loops seldom have to enlarge the list
        var sessions = new List<SessionInfo>(expected);
        await OnAllLoops(loop =>
        {
            lock (sessions)
            {
                loop.List(sessions);
            }
        }).ConfigureAwait(false);
        sessions.Sort((left, right) => left.Accepted == right.Accepted ? left.Id.CompareTo(right.Id) : left.Accepted.CompareTo(right.Accepted));
        return sessions;
    }

    /// <inheritdoc/>
    public async ValueTask<int> EndSessionsAsync(SessionFilter filter)
    {
        UInt128? source = filter.Source is { } address ? ClientAddress.Bits(address) : null;
        int? node = filter.Node is { } target ? IndexOf(target) : null;
        int count = 0;
        await OnAllLoops(loop => Interlocked.Add(ref count, loop.EndSessions(filter.Id, source, node))).ConfigureAwait(false);
        return count;
    }

    /// <inheritdoc/>
    public ForwarderSnapshot Snapshot()
    {
        NodeSnapshot[] nodes = [.. _nodes.Select((node, index) => new NodeSnapshot
        {
            Node = node.Node,
            Sessions = _limits.NodeSessions(index),
            SessionsMax = _limits.NodeSessionsMax(index),
            SessionsTotal = _loops.Sum(loop => Volatile.Read(ref loop.Counters.Nodes[index].SessionsTotal)),
            ConnectFailures = _loops.Sum(loop => Volatile.Read(ref loop.Counters.Nodes[index].ConnectFailures)),
            BytesIn = _loops.Sum(loop => Volatile.Read(ref loop.Counters.Nodes[index].BytesIn)),
            BytesOut = _loops.Sum(loop => Volatile.Read(ref loop.Counters.Nodes[index].BytesOut)),
        })];
        return new ForwarderSnapshot
        {
            Sessions = _limits.Sessions,
            SessionsMax = _limits.SessionsMax,
            SessionsTotal = _loops.Sum(loop => Volatile.Read(ref loop.Counters.Accepted)) + (_tls?.Refused ?? 0),
            Engine = Engine,
            SessionsLimit = _limits.Limits.Connections,
            Parked = _limits.Parked,
            BytesIn = nodes.Sum(node => node.BytesIn),
            BytesOut = nodes.Sum(node => node.BytesOut),
            Ends = [.. Enum.GetValues<SessionEnd>().Select(end =>
                _loops.Sum(loop => Volatile.Read(ref loop.Counters.Ends[(int)end])) + (end == SessionEnd.Limit ? _tls?.Refused ?? 0 : 0))],
            Order = Volatile.Read(ref _applied),
            StalledMilliseconds = _started ? Math.Max(0, Environment.TickCount64 - _loops.Min(loop => loop.Progress)) : 0,
            Nodes = nodes,
            RecordsDropped = Journal.Dropped,
            ConnectTimes = DurationHistogram.Read(DurationHistogram.ConnectBounds, _loops.Select(loop => loop.Counters.ConnectTimes)),
            RouteTimes = DurationHistogram.Read(DurationHistogram.RouteBounds, _loops.Select(loop => loop.Counters.RouteTimes)),
            SessionTimes = DurationHistogram.Read(DurationHistogram.SessionBounds, _loops.Select(loop => loop.Counters.SessionTimes)),
            HandOver = _loops[0].HandOver is not { } handOver ? null : new HandOverCounters(
                handOver.IsReady,
                _loops.Sum(loop => Volatile.Read(ref loop.Counters.HandedOver)),
                _loops.Sum(loop => Volatile.Read(ref loop.Counters.NotHandedOver)),
                handOver.Refusal),
            Handshakes = _tls?.Handshakes,
        };
    }

    /// <summary>Ends every session and every loop.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_commandLock)
        {
            if (!_started)
            {
                _started = true; // never again
                foreach (SessionLoop loop in _loops)
                {
                    loop.CleanUp();
                }
            }
        }

        if (_tls is not null)
        {
            await _tls.DisposeAsync().ConfigureAwait(false);
        }

        await OnAllLoops(loop => loop.Stop()).ConfigureAwait(false);
        foreach (SessionLoop loop in _loops)
        {
            loop.Join();
        }
    }

    /// <summary>Completes when every loop has carried the command out; commands reach all loops in the same order.</summary>
    private Task OnAllLoops(Action<SessionLoop> command)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        OnAllLoops(
            (loop, carriedOut) =>
            {
                command(loop);
                carriedOut();
            },
            done.SetResult);
        return done.Task;
    }

    /// <summary>The same with a command that says itself when it is carried out, on its loop's thread.</summary>
    private void OnAllLoops(Action<SessionLoop, Action> command, Action whenAll)
    {
        int missing = _loops.Length;
        Action done = () => // made here, and not by the loops, which allocate nothing
        {
            if (Interlocked.Decrement(ref missing) == 0)
            {
                whenAll();
            }
        };
        lock (_commandLock)
        {
            foreach (SessionLoop loop in _loops)
            {
                loop.Post(each => command(each, done));
            }
        }
    }

    private int IndexOf(RedisNode node)
    {
        int index = Array.FindIndex(_nodes, known => known.Node == node);
        return index >= 0 ? index : throw new ArgumentException($"node {node.Name} ({node.EndPoint}) is not in the configuration", nameof(node));
    }

    /// <summary>
    /// Lowers limits.connections to what the process may open, as Redis does with maxclients: probes and the admin server must
    /// never be out of descriptors because there are too many clients.
    /// </summary>
    private static LimitConfiguration FitDescriptors(LimitConfiguration limits, long files, int perSession, ILogger logger)
    {
        int fits = FileDescriptorLimit.ConnectionsFor(files, perSession);
        if (limits.Connections <= fits)
        {
            return limits;
        }

        LogLowered(logger, FileDescriptorLimit.Lowered(limits.Connections, fits, perSession), files);
        return limits with { Connections = fits };
    }

    private int RefusalsPerLoop(long files, LimitConfiguration limits, int loops) =>
        FileDescriptorLimit.RefusalsFor(files, limits.Connections, _perSession) / _lanes / loops;

    [LoggerMessage(LogEvents.ConnectionsLowered, LogLevel.Warning,
        "{What} (It may open {Files}.)",
        EventName = nameof(LogEvents.ConnectionsLowered))]
    private static partial void LogLowered(ILogger logger, string what, long files);
}
