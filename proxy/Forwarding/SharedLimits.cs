// The few numbers that all event loops share: how many sessions there are in all, per node, and per source.
// They change once or twice in a session's life, by interlocked operations; no byte ever waits for them.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

internal sealed class SharedLimits(LimitConfiguration limits, int nodes)
{
    private readonly Dictionary<UInt128, int> _sources =
        new(limits.PerSource > 0 ? Math.Min(limits.Connections, 100_000) : 0);

    private readonly Lock _sourcesLock = new();
    private readonly int[] _nodeSessions = new int[nodes];
    private readonly int[] _nodeSessionsMax = new int[nodes];
    private int _sessions;
    private int _sessionsMax;
    private int _parked;

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
        if (count > limits.Connections)
        {
            Interlocked.Decrement(ref _sessions);
            return false;
        }

        Raise(ref _sessionsMax, count);
        return true;
    }

    /// <summary>Counts a session for its source; false, and nothing counted, when limits.perSource is reached.</summary>
    public bool TryEnterSource(UInt128 source) => limits.PerSource == 0 || TryCountSource(source);

    public void Leave(UInt128 source)
    {
        Leave();
        if (limits.PerSource > 0)
        {
            LeaveSource(source);
        }
    }

    /// <summary>The same for one whose source was never counted.</summary>
    public void Leave() => Interlocked.Decrement(ref _sessions);

    /// <summary>Counts a session among the parked; false when that would exceed limits.parked and <paramref name="bounded"/> says it counts.</summary>
    public bool TryPark(bool bounded)
    {
        if (Interlocked.Increment(ref _parked) <= limits.Parked || !bounded)
        {
            return true;
        }

        Interlocked.Decrement(ref _parked);
        return false;
    }

    public void Unpark() => Interlocked.Decrement(ref _parked);

    public void EnterNode(int node) => Raise(ref _nodeSessionsMax[node], Interlocked.Increment(ref _nodeSessions[node]));

    public void LeaveNode(int node) => Interlocked.Decrement(ref _nodeSessions[node]);

    public int NodeSessions(int node) => Volatile.Read(ref _nodeSessions[node]);

    public int NodeSessionsMax(int node) => Volatile.Read(ref _nodeSessionsMax[node]);

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

    // The lock exists only with limits.perSource, is taken twice in a session's life and held for one dictionary access.
    private bool TryCountSource(UInt128 source)
    {
        lock (_sourcesLock)
        {
            int count = _sources.GetValueOrDefault(source);
            if (count >= limits.PerSource)
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
}
