// When a session is handed over to the kernel, which forwards it by itself from then on (HandOver/); what is left of it here is in SessionLoop.HandedOver.cs.
//
// It is handed over only when it has done something or lived for a while, so that short ones never pay for it, and when none of its bytes are
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

    /// <summary>A session that only had bytes in this process at the moment is looked at again so soon: that costs next to nothing.</summary>
    private const int HandOverLongestPauseOfBytes = 250;

    /// <summary>What is under way may take a tenth of the pause to arrive, while nobody reads: the ends may be slow, on a busy machine.</summary>
    private const int HandOverWaitingShare = 10;

    private int _helpers;
    private readonly Queue<int> _handOverDue = [];

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
            _timers.Cancel(index);
            ref Endpoint client = ref _endpoints[2 * index];
            ref Endpoint node = ref _endpoints[(2 * index) + 1];
            HandOver!.Take(
                new(session.Id, index), (client.Descriptor, node.Descriptor), (client.Received, node.Received), session.HandOverPause / HandOverWaitingShare);
        }
        else
        {
            PostponeHandOver(index);
            ArmOpenTimer(index);
            Attach(index);
        }
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
            PostponeHandOver(index, HandOverLongestPauseOfBytes);
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

    private void PostponeHandOver(int index, int longest = HandOverLongestPause)
    {
        ref Session session = ref _sessions[index];
        session.HandOverCredit = 0;
        session.HandOverAt = _now + Math.Min(session.HandOverPause, longest);
        session.HandOverPause = Math.Max(session.HandOverPause, Math.Min(2 * session.HandOverPause, longest));
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
}
