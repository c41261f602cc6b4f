// One timer per session: a hashed wheel of intrusive lists over the session table. Arming, moving and cancelling are a few
// stores; nothing is allocated. Deadlines beyond one turn of the wheel stay in their bucket and are looked at once a turn.

namespace RedisHaProxy.Forwarding;

/// <summary>Times are milliseconds of the loop's clock; a timer fires at its deadline or up to one tick later.</summary>
internal sealed class TimerWheel
{
    internal const int TickMilliseconds = 32;

    private const int Buckets = 512; // one turn is 16 s: connect, park and refusal timers fit into one
    private const int Due = Buckets; // list of timers that fired and were not yet taken

    private readonly Session[] _sessions;
    private readonly int[] _heads = new int[Buckets + 1];
    private long _tick;
    private int _count;

    public TimerWheel(Session[] sessions, long now)
    {
        _sessions = sessions;
        _tick = now / TickMilliseconds;
        Array.Fill(_heads, -1);
    }

    /// <summary>Starts or moves the session's timer.</summary>
    public void Arm(int session, long deadline)
    {
        Cancel(session);
        long tick = Math.Max((deadline + TickMilliseconds - 1) / TickMilliseconds, _tick + 1);
        _sessions[session].Deadline = deadline;
        Link(session, (int)(tick % Buckets));
        _count++;
    }

    public void Cancel(int session)
    {
        if (_sessions[session].TimerBucket >= 0)
        {
            Unlink(session);
            _count--;
        }
    }

    /// <summary>The next session whose timer has fired, which is taken off the wheel; -1 when there is none.</summary>
    public int Take(long now)
    {
        long target = now / TickMilliseconds;
        _tick = Math.Max(_tick, target - Buckets); // after a long stop one turn visits every bucket
        while (true)
        {
            int session = _heads[Due];
            if (session >= 0)
            {
                Unlink(session);
                _count--;
                return session;
            }

            if (_tick >= target)
            {
                return -1;
            }

            _tick++;
            CollectDue((int)(_tick % Buckets), _tick * TickMilliseconds);
        }
    }

    /// <summary>How long the loop may sleep: until the next timer, at most <paramref name="limit"/> ms.</summary>
    public int MillisecondsToNext(long now, int limit)
    {
        if (_count == 0)
        {
            return limit;
        }

        for (long tick = _tick + 1; (tick * TickMilliseconds) - now < limit; tick++)
        {
            if (_heads[tick % Buckets] >= 0)
            {
                return (int)Math.Max(0, (tick * TickMilliseconds) - now);
            }
        }

        return limit;
    }

    private void CollectDue(int bucket, long time)
    {
        for (int session = _heads[bucket]; session >= 0;)
        {
            int next = _sessions[session].TimerNext;
            if (_sessions[session].Deadline <= time)
            {
                Unlink(session);
                Link(session, Due);
            }

            session = next;
        }
    }

    private void Link(int session, int bucket)
    {
        ref Session entry = ref _sessions[session];
        entry.TimerBucket = bucket;
        entry.TimerPrevious = -1;
        entry.TimerNext = _heads[bucket];
        if (entry.TimerNext >= 0)
        {
            _sessions[entry.TimerNext].TimerPrevious = session;
        }

        _heads[bucket] = session;
    }

    private void Unlink(int session)
    {
        ref Session entry = ref _sessions[session];
        if (entry.TimerPrevious >= 0)
        {
            _sessions[entry.TimerPrevious].TimerNext = entry.TimerNext;
        }
        else
        {
            _heads[entry.TimerBucket] = entry.TimerNext;
        }

        if (entry.TimerNext >= 0)
        {
            _sessions[entry.TimerNext].TimerPrevious = entry.TimerPrevious;
        }

        entry.TimerBucket = -1;
    }
}
