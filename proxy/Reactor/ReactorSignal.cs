// What is awaited on the reactor's thread: something that is set there. Used again and again; a wait allocates nothing.

using System.Threading.Tasks.Sources;

namespace RedisHaProxy.Reactor;

/// <summary>One waiter at a time, on the reactor's thread; the wait may be cancelled from any thread.</summary>
internal sealed class ReactorSignal(ReactorThread reactor) : IValueTaskSource<bool>
{
    private CancellationTokenRegistration _registration;
    private CancellationToken _cancel;
    private Action<object?>? _continuation;
    private object? _state;
    private short _version;
    private bool _waits;
    private bool _result;

    /// <summary>Waits for <see cref="Set"/>.</summary>
    /// <returns>True when it came; false when the wait was cancelled.</returns>
    public ValueTask<bool> WaitAsync(CancellationToken cancel)
    {
        if (_waits)
        {
            throw new InvalidOperationException("another wait is under way");
        }

        _waits = true;
        _cancel = cancel;
        _registration = cancel.UnsafeRegister(static signal => ((ReactorSignal)signal!).Cancelled(), this);
        return new ValueTask<bool>(this, _version);
    }

    /// <summary>Ends the wait, if there is one. On the reactor's thread.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Set() => End(result: true);

    /// <inheritdoc/>
    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token)
    {
        Check(token);
        return _waits ? ValueTaskSourceStatus.Pending : ValueTaskSourceStatus.Succeeded;
    }

    /// <inheritdoc/>
    /// <remarks>The flags do not matter: continuations run on the reactor's thread in any case.</remarks>
    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        Check(token);
        if (_waits)
        {
            (_continuation, _state) = (continuation, state);
        }
        else
        {
            reactor.Post(continuation, state);
        }
    }

    /// <inheritdoc/>
    bool IValueTaskSource<bool>.GetResult(short token)
    {
        Check(token);
        if (_waits)
        {
            throw new InvalidOperationException("the wait has not ended");
        }

        _version++;
        _registration.Dispose();
        return _result;
    }

    // On the thread that cancels; the wait may be over, and another one may have begun, when the reactor gets to it.
    private void Cancelled() => reactor.Post(static signal => ((ReactorSignal)signal!).EndCancelled(), this);

    private void EndCancelled()
    {
        if (_cancel.IsCancellationRequested)
        {
            End(result: false);
        }
    }

    private bool End(bool result)
    {
        if (!_waits)
        {
            return false;
        }

        _waits = false;
        _result = result;
        if (_continuation is { } continuation)
        {
            object? state = _state;
            (_continuation, _state) = (null, null);
            reactor.Post(continuation, state);
        }

        return true;
    }

    private void Check(short token)
    {
        if (token != _version)
        {
            throw new InvalidOperationException("this wait has been awaited already");
        }
    }
}
