// What is left here of sessions that the kernel forwards by itself (HandOver/). Their sockets stay open as place holders, which nobody reads or writes;
// the helper says what is transferred, and when it is over.

using System.Collections.Concurrent;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    /// <summary>What the kernel has forwarded is heard of so late at most.</summary>
    private const int HandOverLateMilliseconds = 3_000;

    private readonly ConcurrentQueue<HandOverMessage> _toldOfHandOvers = [];

    /// <summary>Sessions that the helper was told to end, and that the kernel may still forward.</summary>
    private readonly HashSet<long> _ending = [];

    /// <summary>What is to be done when none of these sessions is forwarded any more.</summary>
    private readonly List<(HashSet<long> Ending, Action Done)> _onceReset = [];

    /// <summary>The helper has said something of a session. From any thread.</summary>
    public void TellOfHandOver(in HandOverMessage message)
    {
        _toldOfHandOvers.Enqueue(message); // not in a command of its own, which would be an object for each session
        Post(static loop => loop.HearOfHandOver());
    }

    private void HearOfHandOver()
    {
        if (!_toldOfHandOvers.TryDequeue(out HandOverMessage message) || !IsHandedOver(message.Name))
        {
            return; // it is over here
        }

        int index = message.Slot;

        switch (message.Kind)
        {
            case HandOverMessageKind.Answered:
                HandOverAnswered(index, (HandOverAnswer)message.Value);
                break;
            case HandOverMessageKind.Counted:
                CountHandedOver(index, message);
                break;
            case HandOverMessageKind.Ended:
                CountHandedOver(index, message);
                HandOverEnded(index, (HandOverEnd)message.Value);
                break;
        }
    }

    private bool IsHandedOver(HandOverName name) =>
        name.Slot >= 0 && name.Slot < _usedSessions && _sessions[name.Slot].Id == name.Id && _sessions[name.Slot].State == SessionState.HandedOver;

    /// <summary>What came of asking the helper for a session.</summary>
    private void HandOverAnswered(int index, HandOverAnswer answer)
    {
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
            long id = session.Id;
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

    /// <summary>A session is over, and both ends know. By its own rights the helper has seen to it that closing the sockets sends nothing.</summary>
    private void HandOverEnded(int index, HandOverEnd end)
    {
        EndTakenBack(index, reset: false, end switch
        {
            HandOverEnd.ClientFinished or HandOverEnd.ClientReset => SessionEnd.ClientClosed,
            HandOverEnd.NodeFinished or HandOverEnd.NodeReset => SessionEnd.ServerClosed,
            HandOverEnd.ClientSilent => SessionEnd.ClientTimeout,
            HandOverEnd.NodeSilent => SessionEnd.ServerTimeout,
            _ => SessionEnd.Error,
        });
    }

    /// <summary>The helper was told to end a session and does not answer. The kernel forwards nothing of it until the helper has heard that.</summary>
    public void HandOverHeld(long id) => Stopped(id);

    /// <summary>The helper is gone, and the translation with it: what it had cannot go on.</summary>
    public void HandOverLost()
    {
        for (int index = 0; index < _usedSessions; index++)
        {
            if (_sessions[index].State == SessionState.HandedOver)
            {
                EndTakenBack(index, reset: true, SessionEnd.Error);
            }
        }
    }

    private void EndTakenBack(int index, bool reset, SessionEnd end)
    {
        long id = _sessions[index].Id;
        TakeBack(index);
        Decide(index, end);
        End(index, _sessions[index].End, reset);
        Stopped(id);
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

    private void TakeBack(int index) => _sessions[index].State = SessionState.Open;

    private void CountHandedOver(int index, in HandOverMessage message)
    {
        CountUpTo(2 * index, message.FromClient);
        CountUpTo((2 * index) + 1, message.FromNode);
    }

    private void CountUpTo(int from, long total)
    {
        if (total > _endpoints[from].Received)
        {
            Count(from, (nint)(total - _endpoints[from].Received));
        }
    }
}
