// The few numbers that all event loops share: how many sessions there are in all, per node, and per source.
// They change once or twice in a session's life, by interlocked operations; no byte ever waits for them.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

internal sealed class SharedLimits
{
    // Sources are counted whether or not they are limited, so that a limit set later counts the sessions from before.
    private readonly Dictionary<UInt128, int> _sources;
    private readonly Lock _sourcesLock = new();
    private volatile LimitConfiguration _limits;
    private volatile NodeGauge[] _nodes = [];
    private volatile int _refusalsPerLoop = 1;
    private int _sessions;
    private int _sessionsMax;
    private int _parked;

    /// <param name="limits">The limits.</param>
    /// <param name="nodes">How many nodes there are.</param>
    /// <param name="capacity">The greatest limits.connections that may be set later; tables are made for it.</param>
    public SharedLimits(LimitConfiguration limits, int nodes, int capacity)
    {
        _limits = limits;
        Capacity = capacity;
        _sources = new Dictionary<UInt128, int>(Math.Min(limits.Connections, 10_000));
        GrowTo(nodes);
    }

    /// <summary>The greatest limits.connections that may be set.</summary>
    public int Capacity { get; }

    /// <summary>
    /// The limits in force; may be replaced at any time. Lower ones refuse new sessions until enough of the present ones have
    /// ended; nobody is cut.
    /// </summary>
    public LimitConfiguration Limits
    {
        get => _limits;
        set => _limits = value;
    }

    /// <summary>Clients over a limit that each loop may hold at once, to tell them so; may be changed at any time.</summary>
    public int RefusalsPerLoop
    {
        get => _refusalsPerLoop;
        set => _refusalsPerLoop = value;
    }

    public int Sessions => Volatile.Read(ref _sessions);

    public int SessionsMax => Volatile.Read(ref _sessionsMax);

    public int Parked => Volatile.Read(ref _parked);

    /// <summary>Counts a new session in; false, and nothing counted, when limits.connections or limits.perSource is reached.</summary>
    public bool TryEnter(UInt128 source)
    {
        if (!TryEnter())
        {
            return false;
        }

        if (TryEnterSource(source))
        {
            return true;
        }

        Leave();
        return false;
    }

    /// <summary>The same for one whose source is not known yet: <see cref="TryEnterSource"/> is to follow.</summary>
    public bool TryEnter()
    {
        int count = Interlocked.Increment(ref _sessions);
        if (count > _limits.Connections)
        {
            Interlocked.Decrement(ref _sessions);
            return false;
        }

        Raise(ref _sessionsMax, count);
        return true;
    }

    public void Leave(UInt128 source)
    {
        Leave();
        LeaveSource(source);
    }

    /// <summary>The same for one whose source was never counted.</summary>
    public void Leave() => Interlocked.Decrement(ref _sessions);

    /// <summary>Counts a session among the parked; false when that would exceed limits.parked and <paramref name="bounded"/> says it counts.</summary>
    public bool TryPark(bool bounded)
    {
        if (Interlocked.Increment(ref _parked) <= _limits.Parked || !bounded)
        {
            return true;
        }

        Interlocked.Decrement(ref _parked);
        return false;
    }

    public void Unpark() => Interlocked.Decrement(ref _parked);

    /// <summary>Makes room for more nodes; those there are keep their numbers. One thread at a time.</summary>
    public void GrowTo(int nodes) => _nodes = [.. _nodes, .. Enumerable.Range(0, nodes - _nodes.Length).Select(_ => new NodeGauge())];

    public void EnterNode(int node)
    {
        NodeGauge gauge = _nodes[node];
        Raise(ref gauge.SessionsMax, Interlocked.Increment(ref gauge.Sessions));
    }

    public void LeaveNode(int node) => Interlocked.Decrement(ref _nodes[node].Sessions);

    public int NodeSessions(int node) => Volatile.Read(ref _nodes[node].Sessions);

    public int NodeSessionsMax(int node) => Volatile.Read(ref _nodes[node].SessionsMax);

    private static void Raise(ref int maximum, int value)
    {
        int seen = Volatile.Read(ref maximum);
        while (value > seen)
        {
            int before = Interlocked.CompareExchange(ref maximum, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    /// <summary>Counts a session for its source; false, and nothing counted, when limits.perSource is reached.</summary>
    /// <remarks>The lock is taken twice in a session's life and held for one dictionary access.</remarks>
    public bool TryEnterSource(UInt128 source)
    {
        int limit = _limits.PerSource;
        lock (_sourcesLock)
        {
            int count = _sources.GetValueOrDefault(source);
            if (limit > 0 && count >= limit)
            {
                return false;
            }

            _sources[source] = count + 1;
            return true;
        }
    }

    private void LeaveSource(UInt128 source)
    {
        lock (_sourcesLock)
        {
            int count = _sources.GetValueOrDefault(source) - 1;
            if (count > 0)
            {
                _sources[source] = count;
            }
            else
            {
                _sources.Remove(source);
            }
        }
    }

    private sealed class NodeGauge
    {
        public int Sessions;
        public int SessionsMax;
    }
}
