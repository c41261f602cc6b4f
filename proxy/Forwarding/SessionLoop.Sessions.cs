// A session's life outside of the data path: accept, the limits, refusal, time-outs, end.

using System.Diagnostics;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    /// <summary>How long a client may stay, silent, after the node has closed and the client was told. Redis never half-closes.</summary>
    private const int HalfClosedMilliseconds = 30_000;

    /// <summary>
    /// So long may a connection to a node be open before the kernel looks whether the node is still there, which takes a minute anyway. That takes five system
    /// calls, which short sessions do without.
    /// </summary>
    private const int UnwatchedMilliseconds = 1000;

    private int _freeSession = -1;
    private int _usedSessions;
    private long _nextId;

    private void OnDeadline(int index)
    {
        ref Session session = ref _sessions[index];
        switch (session.State)
        {
            case SessionState.Header:
                End(index, SessionEnd.ProxyHeader, reset: true);
                break;
            case SessionState.Parked:
                Unpark(index);
                RefuseWaiting(index);
                break;
            case SessionState.Connecting:
                OnConnectTimeout(index);
                break;
            case SessionState.Open when !session.NodeWatched && _now >= session.ConnectedAt + UnwatchedMilliseconds:
                session.NodeWatched = true;
                Sockets.WatchPeer(_endpoints[(2 * index) + 1].Descriptor);
                ArmOpenTimer(index);
                break;
            case SessionState.Open when _now >= session.HandOverAt && !session.Detaching:
                TryHandOver(index);
                break;
            case SessionState.Open or SessionState.HandedOver:
                OnSilence(index);
                break;
            case SessionState.Refused:
                End(index, session.End, reset: false);
                break;
        }
    }

    private void OnSilence(int index)
    {
        if (_now - _sessions[index].ActiveAt < OpenLimit(index))
        {
            ArmOpenTimer(index); // there were bytes since the timer was set; setting it with each of them would cost more
            return;
        }

        Decide(index, SessionEnd.Idle);
        End(index, _sessions[index].End, reset: _endpoints[2 * index].IsOwed || _endpoints[(2 * index) + 1].IsOwed);
    }

    /// <summary>Milliseconds of silence that an open session may keep; <see cref="long.MaxValue"/> without a limit.</summary>
    private long OpenLimit(int index)
    {
        bool serverClosed = _endpoints[(2 * index) + 1].Has(EndpointFlags.ReadClosed);
        long limit = serverClosed ? Math.Min(HalfClosedMilliseconds, _idleMilliseconds) : _idleMilliseconds;
        return _sessions[index].State == SessionState.HandedOver && limit < long.MaxValue ? limit + HandOverLateMilliseconds : limit;
    }

    private void ArmOpenTimer(int index)
    {
        ref Session session = ref _sessions[index];
        long limit = OpenLimit(index);
        long at = limit == long.MaxValue ? long.MaxValue : session.ActiveAt + limit;
        if (session.State == SessionState.Open)
        {
            at = session.Detaching ? at : Math.Min(at, session.HandOverAt);
            at = session.NodeWatched ? at : Math.Min(at, session.ConnectedAt + UnwatchedMilliseconds);
        }

        if (at == long.MaxValue)
        {
            _timers.Cancel(index);
        }
        else
        {
            _timers.Arm(index, at);
        }
    }

    /// <summary>Ends a session: its sockets are closed, by RST where asked, and its slot is free.</summary>
    private void End(int index, SessionEnd end, bool reset)
    {
        ref Session session = ref _sessions[index];
        if (session.State == SessionState.HandedOver)
        {
            EndHandedOver(index, end);
            return;
        }

        Counters.Ends[(int)end]++;
        switch (session.State)
        {
            case SessionState.Parked:
                Unpark(index);
                break;
            case SessionState.Connecting:
                _choice.End(session.Node);
                break;
            case SessionState.Open:
                _limits.LeaveNode(session.Node);
                break;
            case SessionState.Refused when !session.Counted:
                _refused.Remove(index);
                break;
        }

        bool healthCheck = session.HealthCheck && end == SessionEnd.ClientClosed && _endpoints[2 * index].Received == 0;
        if (!healthCheck)
        {
            Counters.SessionTimes.Add((_now - session.AcceptedAt) * (Stopwatch.Frequency / 1000));
        }

        _journal.Write(new SessionRecord
        {
            Id = session.Id,
            Client = session.Client,
            Node = NodeOf(index),
            Accepted = new DateTimeOffset(session.AcceptedUtc, TimeSpan.Zero),
            ConnectedAfterMilliseconds = session.ConnectedAt > 0 ? session.ConnectedAt - session.AcceptedAt : null,
            EndedAfterMilliseconds = _now - session.AcceptedAt,
            BytesIn = _endpoints[2 * index].Received,
            BytesOut = _endpoints[(2 * index) + 1].Received,
            End = end,
            IsHealthCheck = healthCheck,
            LocalPort = session.LocalPort,
        });
        _timers.Cancel(index);
        CloseEndpoint(2 * index, reset);
        CloseEndpoint((2 * index) + 1, reset);
        if (session.Counted)
        {
            if (session.State == SessionState.Header)
            {
                _limits.Leave();
            }
            else
            {
                _limits.Leave(session.Client.Address);
            }
        }

        session.State = SessionState.None;
        session.Next = _freeSession;
        _freeSession = index;
    }

    private RedisNode? NodeOf(int index) => _sessions[index].Node >= 0 ? _nodes[_sessions[index].Node].Node : null;

    private int TakeSlot()
    {
        int index = _freeSession;
        if (index >= 0)
        {
            _freeSession = _sessions[index].Next;
        }
        else
        {
            index = _usedSessions++; // the table has room for all that are counted, and for all that are refused
            _endpoints[2 * index].Descriptor = _endpoints[(2 * index) + 1].Descriptor = -1;
        }

        _sessions[index] = new Session { TimerBucket = -1 };
        _endpoints[(2 * index) + 1].Received = 0; // a session that is never connected must not show its predecessor's bytes
        return index;
    }

    /// <summary>Puts a socket into its place and has the engine watch it.</summary>
    private void OpenEndpoint(int index, int descriptor)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        uint generation = endpoint.Generation == uint.MaxValue ? 1 : endpoint.Generation + 1;
        endpoint = new Endpoint { Descriptor = descriptor, Generation = generation };
        if (!TryWatch(index))
        {
            // Only the user's epoll quota or kernel memory can be the cause. Unwatched it would hang for ever; shut down, its
            // session ends by the next read or write, or by its timer.
            LibC.Shutdown(descriptor, LibC.ShutdownBoth);
            endpoint.Flags = EndpointFlags.Readable | EndpointFlags.Hung;
            QueueAgain(index);
        }
    }

    private void CloseEndpoint(int index, bool reset)
    {
        if (_edges is not null)
        {
            CloseEdge(index, reset);
        }

        ref Endpoint endpoint = ref _endpoints[index];
        if (endpoint.Descriptor < 0)
        {
            return;
        }

        _blocks.Forget(ref endpoint);
        _pipes.Close(ref endpoint);
        Close(index, reset);
        endpoint.Descriptor = -1;
        endpoint.Generation = endpoint.Generation == uint.MaxValue ? 1 : endpoint.Generation + 1;
        endpoint.Flags = EndpointFlags.None;
    }
}
