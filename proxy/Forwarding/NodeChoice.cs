// Which node a waiting session is connected to, and whether now. Time is given: loop time in milliseconds.

namespace RedisHaProxy.Forwarding;

/// <summary>What a loop knows of the nodes of its order: how many connects are under way to each, and which has just failed.</summary>
/// <param name="limits">Count the open sessions of each node.</param>
internal sealed class NodeChoice(SharedLimits limits)
{
    /// <summary>
    /// Connects under way at once. A larger storm would overflow the accept backlog of Redis (tcp-backlog 511), which drops the SYN
    /// and so costs the client a second.
    /// </summary>
    public const int ConnectWindow = 128;

    /// <summary>How long all wait after a node has refused one: it has just died, and an order will say so, or it is just starting.</summary>
    public const int RetryMilliseconds = 200;

    private int[] _take = [];
    private int[] _connectingTo = [];
    private long[] _pausedUntil = [];
    private int _connecting;
    private int _turn;

    /// <summary>Loop time until which all nodes of the order are paused.</summary>
    public long PausedUntil { get; private set; }

    /// <summary>A new order holds: nothing is known of its nodes, only what is under way.</summary>
    /// <param name="take">The nodes for new sessions.</param>
    /// <param name="nodes">How many nodes there are; never fewer than before.</param>
    public void Use(int[] take, int nodes)
    {
        _take = take;
        PausedUntil = 0;
        if (_pausedUntil.Length < nodes)
        {
            Array.Resize(ref _pausedUntil, nodes);
            Array.Resize(ref _connectingTo, nodes);
        }

        Array.Clear(_pausedUntil);
    }

    /// <summary>Whether every node of the order has just failed.</summary>
    public bool IsPaused(long now) => PausedUntil > now;

    /// <summary>Whether one more connect may begin.</summary>
    public bool MayConnect(long now) => _connecting < ConnectWindow && !IsPaused(now);

    /// <summary>
    /// Begins a connect: to the node of the order with the fewest sessions, in turn where they are equal; to none that has just
    /// failed as long as there is another.
    /// </summary>
    public int Begin(long now)
    {
        int turn = _turn++ & int.MaxValue;
        int picked = -1;
        int fewest = int.MaxValue;
        for (int i = 0; i < _take.Length; i++)
        {
            int node = _take[(turn + i) % _take.Length];
            int sessions = limits.NodeSessions(node) + _connectingTo[node];
            if (sessions < fewest && _pausedUntil[node] <= now)
            {
                (picked, fewest) = (node, sessions);
            }
        }

        picked = picked >= 0 ? picked : _take[0];
        _connecting++;
        _connectingTo[picked]++;
        return picked;
    }

    /// <summary>A connect has ended, in whatever way.</summary>
    public void End(int node)
    {
        _connecting--;
        _connectingTo[node]--;
    }

    /// <summary>Tries no more to connect to a node for a while; when there is no other, all wait.</summary>
    public void Pause(int node, long now)
    {
        _pausedUntil[node] = now + RetryMilliseconds;
        long first = long.MaxValue;
        foreach (int each in _take)
        {
            first = Math.Min(first, _pausedUntil[each]);
        }

        PausedUntil = first == long.MaxValue ? _pausedUntil[node] : first;
    }
}
