// Waits between two probes: until the interval is over, or until somebody wants an answer at once.

namespace RedisHaProxy.Monitoring;

/// <summary>A wait that can be cut short. One waiter; any thread may poke it. Allocates nothing per wait but its task.</summary>
internal sealed class Pacer : IDisposable
{
    private readonly Lock _lock = new();
    private readonly ITimer _timer;
    private TaskCompletionSource? _waiting;
    private bool _poked;

    public Pacer(TimeProvider time) =>
        _timer = time.CreateTimer(static state => ((Pacer)state!).Wake(poke: false), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>Ends the present wait, or the next one before it begins.</summary>
    public void Poke() => Wake(poke: true);

    /// <summary>Waits for the duration, a poke, or cancellation (which ends the wait without an exception).</summary>
    public async ValueTask WaitAsync(TimeSpan duration, CancellationToken cancel)
    {
        Task task;
        lock (_lock)
        {
            if (_poked || duration <= TimeSpan.Zero || cancel.IsCancellationRequested)
            {
                _poked = false;
                return;
            }

            _waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            task = _waiting.Task;
            _timer.Change(duration, Timeout.InfiniteTimeSpan);
        }

        using CancellationTokenRegistration registration = cancel.UnsafeRegister(static state => ((Pacer)state!).Wake(poke: false), this);
        await task;
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Wake(bool poke)
    {
        TaskCompletionSource? waiting;
        lock (_lock)
        {
            waiting = _waiting;
            _waiting = null;
            if (waiting is null)
            {
                _poked |= poke;
            }
            else
            {
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }

        waiting?.TrySetResult();
    }
}
