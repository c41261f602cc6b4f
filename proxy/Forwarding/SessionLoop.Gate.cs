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
    private readonly SessionQueue _parked;
    private readonly NodeChoice _choice;
    private GateOrder _order = GateOrder.Start;

    private bool MayConnect => _order.Mode == GateMode.Open && _choice.MayConnect(_now);

    /// <summary>
    /// Carries an order out: sessions to other nodes are reset; those being connected to a node that the order does not open
    /// return to the queue. Parked sessions keep waiting also when the gate is closed: only new ones are refused then.
    /// </summary>
    /// <param name="order">The order.</param>
    /// <param name="carriedOut">Called on this loop's thread once nothing of those sessions is forwarded any more, by the kernel neither.</param>
    public void Apply(GateOrder order, Action carriedOut)
    {
        _order = order;
        _choice.Use(order.Taken, order.Kept.Length);
        for (int index = 0; index < _usedSessions; index++)
        {
            ref Session session = ref _sessions[index];
            if (session.State is SessionState.Open or SessionState.HandedOver && !order.Keeps(session.Node))
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

        OnceReset(carriedOut);
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
        bool forMaster = _order.Mode != GateMode.Open || _choice.IsPaused(_now) || failed;
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
        int target = _choice.Begin(_now);
        session.State = SessionState.Connecting;
        session.Node = (short)target;
        session.ConnectTicks = Stopwatch.GetTimestamp();
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
        _choice.End(session.Node);
        session.State = SessionState.Open;
        session.ConnectedAt = session.ActiveAt = _now;
        session.NodeWatched = Dialer is not null; // which does that itself
        long now = Stopwatch.GetTimestamp();
        Counters.ConnectTimes.Add(now - session.ConnectTicks);
        Counters.RouteTimes.Add(now - session.AcceptedTicks);
        _limits.EnterNode(session.Node);
        Counters.Nodes[session.Node].SessionsTotal++;
        ConsiderHandOver(index);
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
        _choice.End(session.Node);
        Counters.Nodes[session.Node].ConnectFailures++;
        session.State = SessionState.None;
        session.FailedGeneration = _order.Generation;
        if (errno != LibC.ETIMEDOUT || _order.Taken.Length > 1)
        {
            _choice.Pause(session.Node, _now);
        }

        if (errno is LibC.EMFILE or LibC.ENFILE or LibC.ENOBUFS or LibC.ENOMEM or LibC.EADDRNOTAVAIL)
        {
            ReportExhaustion(errno);
        }

        Park(index);
    }

    private void CancelConnect(int index)
    {
        _choice.End(_sessions[index].Node);
        CloseEndpoint((2 * index) + 1, reset: true);
        _sessions[index].State = SessionState.None;
    }
}
