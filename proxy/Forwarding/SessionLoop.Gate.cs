// The gate: what an order does to sessions, waiting for a master, and connecting to it.
//
// Until a session is open nothing of it was read: its bytes wait in the kernel. So a session whose connect fails, times out
// or is overtaken by an order has lost nothing and goes back to its place in the queue. It is refused only when
// timeouts.park has passed since it first had to wait.
//
// The loops of the read-only listener do the same with orders that name several nodes: what is said of the master holds for them.

using System.Diagnostics;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    /// <summary>
    /// Connects of one loop under way at once. A larger storm would overflow the accept backlog of Redis (tcp-backlog 511),
    /// which drops the SYN and so costs the client a second.
    /// </summary>
    private const int ConnectWindow = 128;

    /// <summary>How long all wait after the node has refused one: it has just died, and an order will say so, or it is just starting.</summary>
    private const int ConnectRetryMilliseconds = 200;

    private readonly SessionQueue _parked;
    private GateOrder _order = GateOrder.Start;
    private int _connecting;
    private long _connectPausedUntil; // all nodes of the order are paused until then

    // By node, as long as the order's: those being connected, and until when none is to be tried again.
    private int[] _connectingTo = [];
    private long[] _pausedUntil = [];
    private int _turn;

    private bool MayConnect => _order.Mode == GateMode.Open && _connecting < ConnectWindow && !ConnectPaused;

    private bool ConnectPaused => _connectPausedUntil > _now;

    /// <summary>
    /// Carries an order out: sessions to other nodes are reset; those being connected to a node that the order does not open
    /// return to the queue. Parked sessions keep waiting also when the gate is closed: only new ones are refused then.
    /// </summary>
    public void Apply(GateOrder order)
    {
        _order = order;
        _connectPausedUntil = 0;
        if (_pausedUntil.Length < order.Kept.Length)
        {
            Array.Resize(ref _pausedUntil, order.Kept.Length);
            Array.Resize(ref _connectingTo, order.Kept.Length);
        }

        Array.Clear(_pausedUntil);
        for (int index = 0; index < _usedSessions; index++)
        {
            ref Session session = ref _sessions[index];
            if (session.State == SessionState.Open && !order.Keeps(session.Node))
            {
                End(index, SessionEnd.RoleLost, reset: true);
            }
            else if (session.State == SessionState.Connecting && !order.Takes(session.Node))
            {
                CancelConnect(index);
                Park(index);
            }
            else if (session.State == SessionState.Parked && session.WaitUntil == 0 && order.Mode != GateMode.Open)
            {
                Unpark(index); // it waited for its turn; now it waits for a master
                Park(index);
            }
        }
    }

    /// <summary>Lets the session wait for a master, or for its turn.</summary>
    private void Park(int index)
    {
        ref Session session = ref _sessions[index];
        if (_endpoints[2 * index].Has(EndpointFlags.Hung))
        {
            ForgetWaiting(index);
            return;
        }

        // Waiting for a master is bounded by timeouts.park and limits.parked, waiting for one's turn at an open gate only by the
        // time that a connect may take. A session that one of several nodes has refused waits for its turn at another.
        bool failed = session.FailedGeneration == _order.Generation && _order.Taken.Length == 1;
        bool forMaster = _order.Mode != GateMode.Open || ConnectPaused || failed;
        if (forMaster && session.WaitUntil == 0)
        {
            session.WaitUntil = _now + _parkMilliseconds;
        }

        if ((forMaster && session.WaitUntil <= _now) || !_limits.TryPark(bounded: forMaster))
        {
            RefuseWaiting(index);
            return;
        }

        session.State = SessionState.Parked;
        _parked.Add(index);
        if (forMaster || session.WaitUntil > _now)
        {
            _timers.Arm(index, session.WaitUntil);
        }
        else
        {
            ArmConnectTimer(index);
        }
    }

    /// <summary>
    /// A client that waits has closed its side, or both: nobody can tell. What it may have sent is not forwarded later, when nobody
    /// expects it any more; where it still reads, it reads that.
    /// </summary>
    private void ForgetWaiting(int index) => Refuse(index, SessionEnd.ClientClosed, Refusal.NoNode);

    private void Unpark(int index)
    {
        _parked.Remove(index);
        _limits.Unpark();
        _sessions[index].State = SessionState.None;
    }

    private void RefuseWaiting(int index)
    {
        bool failed = _sessions[index].FailedGeneration == _order.Generation;
        Refuse(index, failed ? SessionEnd.ConnectFailed : SessionEnd.ParkTimeout, Refusal.NoNode);
    }

    private void ServeParked()
    {
        while (_parked.First >= 0 && MayConnect)
        {
            int index = _parked.First;
            Unpark(index);
            Connect(index);
        }
    }

    private void Connect(int index)
    {
        ref Session session = ref _sessions[index];
        int target = PickNode();
        session.State = SessionState.Connecting;
        session.Node = (short)target;
        session.ConnectTicks = Stopwatch.GetTimestamp();
        _connecting++;
        _connectingTo[target]++;
        NodeTarget node = _nodes[target];
        if (Dialer is not null)
        {
            SetEdge((2 * index) + 1, Dialer.Dial(this, node.Node));
            ArmConnectTimer(index);
            return;
        }

        int descriptor = Sockets.OpenOutgoing(node.Family);
        if (descriptor < 0)
        {
            OnConnectFailed(index, LibC.Errno);
            return;
        }

        int errno = LibC.Connect(descriptor, node.Address, node.AddressLength) < 0 ? LibC.Errno : 0;
        if (errno is not (0 or LibC.EINPROGRESS))
        {
            LibC.Close(descriptor);
            OnConnectFailed(index, errno);
            return;
        }

        OpenEndpoint((2 * index) + 1, descriptor);
        if (errno == 0)
        {
            OnConnected(index, LibC.LocalPort(descriptor));
        }
        else
        {
            ArmConnectTimer(index);
        }
    }

    /// <summary>
    /// Which node of the order a session goes to: that with the fewest sessions, in turn where they are equal; none whose connect
    /// has just failed as long as there is another.
    /// </summary>
    private int PickNode()
    {
        int[] nodes = _order.Taken;
        int turn = _turn++ & int.MaxValue;
        int picked = -1;
        int fewest = int.MaxValue;
        for (int i = 0; i < nodes.Length; i++)
        {
            int node = nodes[(turn + i) % nodes.Length];
            int sessions = _limits.NodeSessions(node) + _connectingTo[node];
            if (sessions < fewest && _pausedUntil[node] <= _now)
            {
                (picked, fewest) = (node, sessions);
            }
        }

        return picked >= 0 ? picked : nodes[0];
    }

    private void LeaveConnecting(int index)
    {
        _connecting--;
        _connectingTo[_sessions[index].Node]--;
    }

    /// <summary>Tries no more to connect to a node for a while; when there is no other, all wait.</summary>
    private void PauseNode(int node)
    {
        _pausedUntil[node] = _now + ConnectRetryMilliseconds;
        long first = long.MaxValue;
        foreach (int each in _order.Taken)
        {
            first = Math.Min(first, _pausedUntil[each]);
        }

        _connectPausedUntil = first == long.MaxValue ? _pausedUntil[node] : first;
    }

    private void ArmConnectTimer(int index)
    {
        if (_connectMilliseconds == long.MaxValue)
        {
            _timers.Cancel(index);
        }
        else
        {
            _timers.Arm(index, _now + _connectMilliseconds);
        }
    }

    private void OnConnecting(int endpoint, uint events)
    {
        int index = endpoint >> 1;
        bool failed = (events & (LibC.PollError | LibC.PollHangUp)) != 0;
        if ((endpoint & 1) == 0)
        {
            if (failed)
            {
                End(index, SessionEnd.ClientClosed, reset: true);
            }
        }
        else if (failed)
        {
            int errno = LibC.PendingError(_endpoints[endpoint].Descriptor);
            CloseEndpoint(endpoint, reset: false);
            OnConnectFailed(index, errno);
        }
        else if ((events & LibC.PollOut) != 0)
        {
            OnConnected(index, LibC.LocalPort(_endpoints[endpoint].Descriptor));
        }
    }

    private void OnConnected(int index, ushort localPort)
    {
        ref Session session = ref _sessions[index];
        session.LocalPort = localPort;
        LeaveConnecting(index);
        session.State = SessionState.Open;
        session.ConnectedAt = session.ActiveAt = _now;
        long now = Stopwatch.GetTimestamp();
        ConnectTimes.Add(now - session.ConnectTicks);
        RouteTimes.Add(now - session.AcceptedTicks);
        _limits.EnterNode(session.Node);
        _nodeCounters[session.Node].SessionsTotal++;
        ArmOpenTimer(index);
        Opened(index);
    }

    private void OnConnectTimeout(int index)
    {
        CloseEndpoint((2 * index) + 1, reset: false);
        OnConnectFailed(index, LibC.ETIMEDOUT);
    }

    /// <summary>Back to the queue. After a refusal everybody waits a little; a time-out was wait enough.</summary>
    private void OnConnectFailed(int index, int errno)
    {
        ref Session session = ref _sessions[index];
        LeaveConnecting(index);
        _nodeCounters[session.Node].ConnectFailures++;
        session.State = SessionState.None;
        session.FailedGeneration = _order.Generation;
        if (errno != LibC.ETIMEDOUT || _order.Taken.Length > 1)
        {
            PauseNode(session.Node);
        }

        if (errno is LibC.EMFILE or LibC.ENFILE or LibC.ENOBUFS or LibC.ENOMEM or LibC.EADDRNOTAVAIL)
        {
            ReportExhaustion(errno);
        }

        Park(index);
    }

    private void CancelConnect(int index)
    {
        LeaveConnecting(index);
        CloseEndpoint((2 * index) + 1, reset: true);
        _sessions[index].State = SessionState.None;
    }
}
