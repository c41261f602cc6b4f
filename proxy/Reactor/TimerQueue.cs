// Armed timers. There are some dozens, and the first is looked for a few hundred times a second: a linear search, as in Redis' ae.c, does.

namespace RedisHaProxy.Reactor;

/// <summary>The timers that are armed. One thread at a time. Nothing is allocated once it has its size.</summary>
internal sealed class TimerQueue
{
    private readonly List<ReactorTimer> _armed = [];

    /// <summary>The timer that is due first; null when none is armed.</summary>
    public ReactorTimer? First
    {
        get
        {
            ReactorTimer? first = null;
            foreach (ReactorTimer timer in _armed)
            {
                first = first is null || timer.Due < first.Due ? timer : first;
            }

            return first;
        }
    }

    /// <summary>Arms, moves or (<see cref="long.MaxValue"/>) disarms a timer.</summary>
    public void Set(ReactorTimer timer, long due)
    {
        bool wasArmed = timer.Due < long.MaxValue;
        timer.Due = due;
        if (due < long.MaxValue && !wasArmed)
        {
            _armed.Add(timer);
        }
        else if (due == long.MaxValue && wasArmed)
        {
            _armed.Remove(timer);
        }
    }
}
