// A loop's rounds: waiting, what precedes the events of a round, what follows them.

using System.Diagnostics;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    private const int LongestWaitMilliseconds = 1000; // so that progress is stamped at least every second

    /// <summary>Sessions with traffic are counted for each 2^3 milliseconds.</summary>
    private const int ActivityShift = 3;

    protected WaitPolicy _waits;
    private long _now = Environment.TickCount64;
    private long _progress = Environment.TickCount64;
    private long _window;
    private int _activeInWindow;

    /// <summary>Loop time at which the last round began.</summary>
    public long Progress => Volatile.Read(ref _progress);

    /// <summary>Sessions that had traffic lately, in the last window of <see cref="ActivityShift"/>.</summary>
    protected int ActiveSessions { get; private set; }

    protected void BeginRound()
    {
        _now = Environment.TickCount64;
        Volatile.Write(ref _progress, _now);
        if (_now >> ActivityShift != _window)
        {
            ActiveSessions = _activeInWindow;
            _activeInWindow = 0;
            _window = _now >> ActivityShift;
        }
    }

    /// <summary>What follows the events of a round: further turns, timers, the queue of the parked.</summary>
    protected void FinishRound()
    {
        for (int i = _again.Count; i > 0; i--)
        {
            TakeTurn(_again.Dequeue());
        }

        TryDueHandOvers();
        for (int session = _timers.Take(_now); session >= 0; session = _timers.Take(_now))
        {
            OnDeadline(session);
        }

        ServeParked();
        ResumeAccepting();
        GreetHelper();
    }

    /// <summary>How long the engine may wait for events.</summary>
    protected int WaitMilliseconds()
    {
        if (_again.Count > 0)
        {
            return 0;
        }

        long wait = LongestWaitMilliseconds;
        if (_acceptPaused)
        {
            wait = Math.Min(wait, _acceptPausedUntil - _now);
        }

        if (_choice.IsPaused(_now))
        {
            wait = Math.Min(wait, _choice.PausedUntil - _now);
        }

        return _timers.MillisecondsToNext(_now, (int)Math.Max(wait, 0));
    }

    /// <summary>Looks whether there are events, for so long at most; false when there are none, which may be before that time is over.</summary>
    protected abstract bool Look(int milliseconds);

    /// <summary>Waits for events in the way chosen, and tells the policy how it went.</summary>
    protected void Wait(WaitKind kind, int milliseconds)
    {
        long began = Stopwatch.GetTimestamp();
        if (kind == WaitKind.Poll)
        {
            bool found;
            long now;
            do
            {
                found = Look(0);
                now = Stopwatch.GetTimestamp();
            }
            while (!found && now - began < _waits.PollTicks);
            _waits.Polled(now - began, found);
            if (found)
            {
                return;
            }
        }

        Look(milliseconds);
        if (kind == WaitKind.Sleep)
        {
            _waits.Slept(Stopwatch.GetTimestamp() - began);
        }
    }

    private void TakeTurn(int index)
    {
        if (!_endpoints[index].Has(EndpointFlags.Queued))
        {
            return; // closed since it was queued
        }

        _endpoints[index].Flags &= ~EndpointFlags.Queued;
        switch (_sessions[index >> 1].State)
        {
            case SessionState.Open:
                Forward(index);
                break;
            case SessionState.Header:
                ReadHeader(index >> 1);
                break;
            case SessionState.Refused:
                Discard(index);
                break;
        }
    }

    protected void QueueAgain(int index)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        if (!endpoint.Has(EndpointFlags.Queued))
        {
            endpoint.Flags |= EndpointFlags.Queued;
            _again.Enqueue(index);
        }
    }
}
