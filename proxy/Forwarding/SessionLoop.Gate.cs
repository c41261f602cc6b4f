// The gate: what an order does to sessions, waiting for a master, and connecting to it.
//
// Until a session is open nothing of it was read: its bytes wait in the kernel. So a session whose connect fails, times out
// or is overtaken by an order has lost nothing and goes back to its place in the queue. It is refused only when
// timeouts.park has passed since it first had to wait.

using System.Diagnostics;

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

    private readonly ParkingQueue _parked;
    private GateOrder _order = new(GateMode.Park, null, 0);
    private int _target = -1;
    private int _connecting;
    private long _connectPausedUntil;

    private bool MayConnect => _order.Mode == GateMode.Open && _connecting < ConnectWindow && !ConnectPaused;

    private bool ConnectPaused => _connectPausedUntil > _now;

    /// <summary>
    /// Carries an order out: sessions to other nodes are reset; those being connected to a node that the order does not open
    /// return to the queue. Parked sessions keep waiting also when the gate is closed: only new ones are refused then.
    /// </summary>
    public void Apply(GateOrder order, int target)
    {
        _order = order;
        _target = target;
        _connectPausedUntil = 0;
        for (int index = 0; index < _usedSessions; index++)
        {
            ref Session session = ref _sessions[index];
            if (session.State == SessionState.Open && session.Node != target)
            {
                End(index, SessionEnd.RoleLost, reset: true);
            }
            else if (session.State == SessionState.Connecting && (session.Node != target || order.Mode != GateMode.Open))
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
            // Its client has given up. What it may have sent is not forwarded later, when nobody expects it any more.
            End(index, SessionEnd.ClientClosed, reset: false);
            return;
        }

        // Waiting for a master is bounded by timeouts.park and limits.parked, waiting for one's turn at an open gate only by the
        // time that a connect may take.
        bool forMaster = _order.Mode != GateMode.Open || ConnectPaused || session.FailedGeneration == _order.Generation;
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

    private void Unpark(int index)
    {
        _parked.Remove(index);
        _limits.Unpark();
        _sessions[index].State = SessionState.None;
    }

    private void RefuseWaiting(int index)
    {
        bool failed = _sessions[index].FailedGeneration == _order.Generation;
        Refuse(index, failed ? SessionEnd.ConnectFailed : SessionEnd.ParkTimeout, NoMasterText);
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
        session.State = SessionState.Connecting;
        session.Node = (short)_target;
        session.ConnectTicks = Stopwatch.GetTimestamp();
        _connecting++;
        NodeTarget node = _nodes[_target];
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
            OnConnected(index);
        }
        else
        {
            ArmConnectTimer(index);
        }
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
            OnConnected(index);
        }
    }

    private void OnConnected(int index)
    {
        ref Session session = ref _sessions[index];
        _connecting--;
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
        _connecting--;
        _nodeCounters[session.Node].ConnectFailures++;
        session.State = SessionState.None;
        session.FailedGeneration = _order.Generation;
        if (errno != LibC.ETIMEDOUT)
        {
            _connectPausedUntil = _now + ConnectRetryMilliseconds;
        }

        if (errno is LibC.EMFILE or LibC.ENFILE or LibC.ENOBUFS or LibC.ENOMEM or LibC.EADDRNOTAVAIL)
        {
            ReportExhaustion(errno);
        }

        Park(index);
    }

    private void CancelConnect(int index)
    {
        _connecting--;
        CloseEndpoint((2 * index) + 1, reset: true);
        _sessions[index].State = SessionState.None;
    }
}
