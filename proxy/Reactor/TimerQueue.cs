// Armed timers by their due time: a binary heap whose entries know their places, so that a timer is moved without a search. Nothing is
// allocated once it has its size.

namespace RedisHaProxy.Reactor;

/// <summary>A heap of timers. One thread at a time.</summary>
internal sealed class TimerQueue
{
    private readonly List<ReactorTimer> _heap = [];

    /// <summary>The timer that is due first; null when none is armed.</summary>
    public ReactorTimer? First => _heap.Count > 0 ? _heap[0] : null;

    /// <summary>Arms, moves or (<see cref="long.MaxValue"/>) disarms a timer.</summary>
    public void Set(ReactorTimer timer, long due)
    {
        timer.Due = due;
        if (due < long.MaxValue)
        {
            if (timer.Place < 0)
            {
                timer.Place = _heap.Count;
                _heap.Add(timer);
            }

            Move(timer);
        }
        else if (timer.Place >= 0)
        {
            int place = timer.Place;
            timer.Place = -1;
            ReactorTimer last = _heap[^1];
            _heap.RemoveAt(_heap.Count - 1);
            if (last != timer)
            {
                Put(last, place);
                Move(last);
            }
        }
    }

    // Up or down, to where it belongs.
    private void Move(ReactorTimer timer)
    {
        int place = timer.Place;
        while (place > 0 && _heap[(place - 1) / 2].Due > timer.Due)
        {
            Put(_heap[(place - 1) / 2], place);
            place = (place - 1) / 2;
        }

        while (true)
        {
            int child = (2 * place) + 1;
            if (child + 1 < _heap.Count && _heap[child + 1].Due < _heap[child].Due)
            {
                child++;
            }

            if (child >= _heap.Count || _heap[child].Due >= timer.Due)
            {
                break;
            }

            Put(_heap[child], place);
            place = child;
        }

        Put(timer, place);
    }

    private void Put(ReactorTimer timer, int place)
    {
        _heap[place] = timer;
        timer.Place = place;
    }
}
