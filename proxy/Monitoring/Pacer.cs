// Waits between two probes: until the interval is over, or until somebody wants an answer at once.

using RedisHaProxy.Reactor;

namespace RedisHaProxy.Monitoring;

/// <summary>A wait that can be cut short. One waiter, on the reactor's thread; any thread may poke it. Allocates nothing per wait.</summary>
internal sealed class Pacer : IDisposable
{
    private readonly ReactorThread _reactor;
    private readonly ReactorSignal _over;
    private readonly ITimer _timer;
    private bool _poked;

    public Pacer(ReactorThread reactor)
    {
        _reactor = reactor;
        _over = new ReactorSignal(reactor);
        _timer = reactor.Clock.CreateTimer(static pacer => ((Pacer)pacer!)._over.Set(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Ends the present wait, or the next one before it begins.</summary>
    public void Poke()
    {
        if (_reactor.IsCurrent)
        {
            _poked = !_over.Set();
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
        else
        {
            _reactor.Post(static pacer => ((Pacer)pacer!).Poke(), this);
        }
    }

    /// <summary>Waits for the duration, a poke, or cancellation (which ends the wait without an exception: its result is false).</summary>
    public ValueTask<bool> WaitAsync(TimeSpan duration, CancellationToken cancel)
    {
        if (_poked || duration <= TimeSpan.Zero || cancel.IsCancellationRequested)
        {
            _poked = false;
            return ValueTask.FromResult(!cancel.IsCancellationRequested);
        }

        _timer.Change(duration, Timeout.InfiniteTimeSpan);
        return _over.WaitAsync(cancel);
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();
}
