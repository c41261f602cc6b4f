// Sessions that the kernel forwards by itself (HandOver/): when one is handed over, and what is left of it here. Its sockets stay open as place
// holders, which nobody reads or writes; the helper says what is transferred, and when it is over.
//
// A session is handed over only when it has done something or lived for a while, so that short ones never pay for it, and when none of its bytes are
// in this process. Whatever speaks against it leaves it with the engine.

using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    // Handing a session over, and ending it, costs about what forwarding some twenty requests costs.
    private const int HandOverBytes = 16 * 1024;
    private const int HandOverBytesOfRead = 256;

    private const int HandOverFirstPause = 4;
    private const int HandOverLongestPause = 10_000;

    /// <summary>What the kernel has forwarded is heard of so late at most.</summary>
    private const int HandOverLateMilliseconds = 3_000;

    private readonly Dictionary<long, int> _handedOver = [];
    private int _helpers;
    private readonly Queue<int> _handOverDue = [];

    /// <summary>Sessions that the helper was told to end, and that the kernel may still forward.</summary>
    private readonly HashSet<long> _ending = [];

    /// <summary>What is to be done when none of these sessions is forwarded any more.</summary>
    private readonly List<(HashSet<long> Ending, Action Done)> _onceReset = [];

    /// <summary>The way to the helper; null when nothing is handed over. Set before the start.</summary>
    internal HandOverLink? HandOver { get; set; }

    /// <summary>How long a session that does little lives before it is handed over, in milliseconds. Set before the start.</summary>
    internal int HandOverMilliseconds { get; set; } = 100;

    /// <summary>
    /// The engine ends what it has under way for an open session's sockets, and calls <see cref="Detached"/> when nothing is any more.
    /// </summary>
    protected abstract void Detach(int session);

    /// <summary>The engine has the session again, as if it had just been opened.</summary>
    protected abstract void Attach(int session);

    /// <summary>Whether the engine is to stop at a session, because it is about to be handed over.</summary>
    protected bool IsDetaching(int session) => _sessions[session].Detaching;

    /// <summary>The engine has nothing under way for the session any more.</summary>
    protected void Detached(int index)
    {
        ref Session session = ref _sessions[index];
        session.Detaching = false;
        if (MayHandOver(index))
        {
            session.State = SessionState.HandedOver;
            session.HandOverClient = _endpoints[2 * index].Received;
            session.HandOverNode = _endpoints[(2 * index) + 1].Received;
            _handedOver.Add(session.Id, index);
            _timers.Cancel(index);
            HandOver!.Take(this, session.Id, _endpoints[2 * index].Descriptor, _endpoints[(2 * index) + 1].Descriptor);
        }
        else
        {
            PostponeHandOver(index);
            ArmOpenTimer(index);
            Attach(index);
        }
    }

    /// <summary>What came of asking the helper for a session.</summary>
    public void HandOverAnswered(long id, HandOverAnswer answer)
    {
        if (!_handedOver.TryGetValue(id, out int index))
        {
            return;
        }

        ref Session session = ref _sessions[index];
        if (answer == HandOverAnswer.Taken)
        {
            Counters.HandedOver++;
            session.HandOverAt = long.MaxValue;
            ArmOpenTimer(index);
            return;
        }

        TakeBack(index);
        if (session.Ending)
        {
            End(index, session.End, reset: true); // it was to end while the helper was asked, which does not have it
            Stopped(id);
            return;
        }

        if (answer == HandOverAnswer.Busy)
        {
            PostponeHandOver(index);
        }
        else
        {
            session.StaysHere = answer != HandOverAnswer.Full; // a full helper's successor is not
            if (answer != HandOverAnswer.NotOpen)
            {
                CountRefused(answer);
            }

            ForgetHandOver(index);
        }

        ArmOpenTimer(index);
        Attach(index);
    }

    /// <summary>What a session has transferred since its hand-over.</summary>
    public void HandOverCounted(long id, long fromClient, long fromNode)
    {
        if (_handedOver.TryGetValue(id, out int index))
        {
            CountHandedOver(2 * index, _sessions[index].HandOverClient + fromClient);
            CountHandedOver((2 * index) + 1, _sessions[index].HandOverNode + fromNode);
        }
    }

    /// <summary>A session is over, and both ends know. By its own rights the helper has seen to it that closing the sockets sends nothing.</summary>
    public void HandOverEnded(long id, HandOverEnd end, long fromClient, long fromNode)
    {
        HandOverCounted(id, fromClient, fromNode);
        if (_handedOver.TryGetValue(id, out int index))
        {
            TakeBack(index);
            Decide(index, end switch
            {
                HandOverEnd.ClientFinished or HandOverEnd.ClientReset => SessionEnd.ClientClosed,
                HandOverEnd.NodeFinished or HandOverEnd.NodeReset => SessionEnd.ServerClosed,
                HandOverEnd.ClientSilent => SessionEnd.ClientTimeout,
                HandOverEnd.NodeSilent => SessionEnd.ServerTimeout,
                _ => SessionEnd.Error,
            });
            End(index, _sessions[index].End, reset: false);
            Stopped(id);
        }
    }

    /// <summary>The helper was told to end a session and does not answer. The kernel forwards nothing of it until the helper has heard that.</summary>
    public void HandOverHeld(long id) => Stopped(id);

    /// <summary>The helper is gone, and the translation with it: what it had cannot go on.</summary>
    public void HandOverLost()
    {
        foreach ((long id, int index) in _handedOver.ToArray())
        {
            TakeBack(index);
            Decide(index, SessionEnd.Error);
            End(index, _sessions[index].End, reset: true);
            Stopped(id);
        }
    }

    /// <summary>Does something when nothing is forwarded any more of the sessions that are to end: at once where there are none.</summary>
    private void OnceReset(Action done)
    {
        if (_ending.Count == 0)
        {
            done();
        }
        else
        {
            _onceReset.Add(([.. _ending], done));
        }
    }

    private void Stopped(long id)
    {
        if (!_ending.Remove(id))
        {
            return;
        }

        foreach ((HashSet<long> ending, _) in _onceReset)
        {
            ending.Remove(id);
        }

        Action[] due = [.. _onceReset.Where(waiting => waiting.Ending.Count == 0).Select(waiting => waiting.Done)];
        _onceReset.RemoveAll(waiting => waiting.Ending.Count == 0);
        foreach (Action done in due)
        {
            done();
        }
    }

    /// <summary>Has the helper end a session; it is over here when the helper says so.</summary>
    private void EndHandedOver(int index, SessionEnd end)
    {
        Decide(index, end);
        if (!_sessions[index].HandOverOrdered)
        {
            _sessions[index].HandOverOrdered = true;
            _ending.Add(_sessions[index].Id);
            HandOver!.Reset(_sessions[index].Id);
        }
    }

    /// <summary>At the end of the loop: nobody waits for the helper, which resets the session in any case.</summary>
    private void DropHandedOver(int index)
    {
        HandOver!.Reset(_sessions[index].Id);
        TakeBack(index);
    }

    private void TakeBack(int index)
    {
        _handedOver.Remove(_sessions[index].Id);
        _sessions[index].State = SessionState.Open;
    }

    /// <summary>A session has been opened.</summary>
    private void ConsiderHandOver(int index)
    {
        _sessions[index].StaysHere = false;
        PlanHandOver(index);
    }

    /// <summary>A helper that has come late, or again, is asked for the sessions that were opened without it, too.</summary>
    private void GreetHelper()
    {
        if (HandOver is not { IsReady: true } helper || helper.Arrivals == _helpers)
        {
            return;
        }

        _helpers = helper.Arrivals;
        for (int index = 0; index < _usedSessions; index++)
        {
            ref Session session = ref _sessions[index];
            if (session.State == SessionState.Open && session is { StaysHere: false, Detaching: false, HandOverAt: long.MaxValue })
            {
                PlanHandOver(index);
                ArmOpenTimer(index);
            }
        }
    }

    /// <summary>If an open session may be handed over, that is tried after a while.</summary>
    private void PlanHandOver(int index)
    {
        ref Session session = ref _sessions[index];
        session.HandOverAt = long.MaxValue;
        if (HandOver is not { IsReady: true })
        {
            return;
        }

        if (HasEdges(index))
        {
            session.StaysHere = true;
            CountRefused(HandOverAnswer.Encrypted);
        }
        else
        {
            session.HandOverAt = _now + HandOverMilliseconds;
            session.HandOverCredit = HandOverBytes;
            session.HandOverPause = HandOverFirstPause;
            HandOvers.Prepare(_endpoints[2 * index].Descriptor);
            HandOvers.Prepare(_endpoints[(2 * index) + 1].Descriptor);
        }
    }

    /// <summary>A session that may be handed over has read something. The timer wheel's ticks are too long for one that does much.</summary>
    private void Spend(int index, nint length)
    {
        ref Session session = ref _sessions[index];
        if (session.HandOverCredit > 0)
        {
            session.HandOverCredit = (int)Math.Max(session.HandOverCredit - HandOverBytesOfRead - length, 0);
            session.HandOverAt = session.HandOverCredit > 0 ? session.HandOverAt : _now;
        }

        if (_now >= session.HandOverAt && !session.HandOverDue && !session.Detaching)
        {
            session.HandOverDue = true;
            _handOverDue.Enqueue(index);
        }
    }

    private void TryDueHandOvers()
    {
        for (int i = _handOverDue.Count; i > 0; i--)
        {
            int index = _handOverDue.Dequeue();
            ref Session session = ref _sessions[index];
            bool due = session.HandOverDue; // not of one that has the slot now
            session.HandOverDue = false;
            if (due && session.State == SessionState.Open && !session.Detaching)
            {
                TryHandOver(index);
            }
        }
    }

    private void TryHandOver(int index)
    {
        if (HandOver is not { IsReady: true })
        {
            ForgetHandOver(index);
        }
        else if (MayHandOver(index) && _sessions[index] is { HandOverPause: > HandOverFirstPause, Squeezed: false })
        {
            Squeeze(index); // there was too much under way
            _sessions[index].HandOverAt = _now + HandOverFirstPause;
        }
        else if (MayHandOver(index))
        {
            _sessions[index].Detaching = true;
            Detach(index);
            return;
        }
        else
        {
            PostponeHandOver(index);
        }

        ArmOpenTimer(index);
    }

    private bool MayHandOver(int index)
    {
        const EndpointFlags Against = EndpointFlags.ReadClosed | EndpointFlags.WriteClosed | EndpointFlags.Hung | EndpointFlags.HasPipe;
        ref Session session = ref _sessions[index];
        ref Endpoint client = ref _endpoints[2 * index];
        ref Endpoint node = ref _endpoints[(2 * index) + 1];
        return session.State == SessionState.Open && !session.Ending && ((client.Flags | node.Flags) & Against) == 0 && !client.IsOwed && !node.IsOwed;
    }

    private void PostponeHandOver(int index)
    {
        ref Session session = ref _sessions[index];
        session.HandOverCredit = 0;
        session.HandOverAt = _now + session.HandOverPause;
        session.HandOverPause = Math.Min(2 * session.HandOverPause, HandOverLongestPause);
        Loosen(index);
    }

    private void Squeeze(int index)
    {
        _sessions[index].Squeezed = true;
        HandOvers.Squeeze(_endpoints[2 * index].Descriptor);
        HandOvers.Squeeze(_endpoints[(2 * index) + 1].Descriptor);
    }

    private void Loosen(int index)
    {
        if (_sessions[index].Squeezed)
        {
            _sessions[index].Squeezed = false;
            HandOvers.Loosen(_endpoints[2 * index].Descriptor);
            HandOvers.Loosen(_endpoints[(2 * index) + 1].Descriptor);
        }
    }

    private void ForgetHandOver(int index)
    {
        _sessions[index].HandOverAt = long.MaxValue;
        Loosen(index);
        HandOvers.Release(_endpoints[2 * index].Descriptor);
        HandOvers.Release(_endpoints[(2 * index) + 1].Descriptor);
    }

    private void CountRefused(HandOverAnswer answer)
    {
        Counters.NotHandedOver++;
        HandOver!.Refused(answer);
    }

    private void CountHandedOver(int from, long total)
    {
        if (total > _endpoints[from].Received)
        {
            Count(from, (nint)(total - _endpoints[from].Received));
        }
    }
}
