// Time as the reactor's thread has it: whoever takes it as a TimeProvider (CancellationTokenSource, Task.Delay, PeriodicTimer) gets timers
// that fire there, in one round with everything else that is due.

namespace RedisHaProxy.Reactor;

/// <summary>Another clock's time, and timers of the reactor.</summary>
internal sealed class ReactorClock(ReactorThread reactor, TimeProvider time) : TimeProvider
{
    /// <summary>The moment from which periods count, so that all that is done regularly is done in the same rounds.</summary>
    public long Origin { get; } = time.GetTimestamp();

    /// <inheritdoc/>
    public override long TimestampFrequency => time.TimestampFrequency;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => time.LocalTimeZone;

    /// <inheritdoc/>
    public override long GetTimestamp() => time.GetTimestamp();

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

    /// <inheritdoc/>
    /// <remarks>
    /// The callback runs on the reactor's thread, without the creator's execution context; an exception of it ends the thread. With a period
    /// it is called at multiples of the period since <see cref="Origin"/>, from the first one after the due time on.
    /// </remarks>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ReactorTimer(reactor, this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }
}

/// <summary>A timer of the reactor. May be changed from any thread.</summary>
internal sealed class ReactorTimer(ReactorThread reactor, ReactorClock clock, TimerCallback callback, object? state) : ITimer
{
    private volatile bool _disposed;

    /// <summary>When it is due, in the clock's timestamps; <see cref="long.MaxValue"/> when it is not armed. <see cref="TimerQueue"/> owns it.</summary>
    internal long Due { get; set; } = long.MaxValue;

    /// <summary>After how much time again, in the same; 0 for never; the reactor's.</summary>
    internal long Period { get; set; }

    /// <inheritdoc/>
    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        if (_disposed)
        {
            return false;
        }

        long every = period == Timeout.InfiniteTimeSpan ? 0 : Timestamps(period);
        long due = dueTime == Timeout.InfiniteTimeSpan ? long.MaxValue : clock.GetTimestamp() + Timestamps(dueTime);
        if (every > 0 && due < long.MaxValue)
        {
            due += every - 1;
            due -= (due - clock.Origin) % every;
        }

        reactor.Set(this, due, every);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        reactor.Set(this, long.MaxValue, 0);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Calls back. On the reactor's thread.</summary>
    internal void Fire()
    {
        if (!_disposed)
        {
            callback(state);
        }
    }

    // Rounded up: a timer is never early.
    private long Timestamps(TimeSpan time) => (long)Math.Ceiling(time.Ticks * ((double)clock.TimestampFrequency / TimeSpan.TicksPerSecond));
}
