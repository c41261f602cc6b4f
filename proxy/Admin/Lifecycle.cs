// Where the process is on its way from start to end, as health checks and operators see it.

namespace RedisHaProxy.Admin;

/// <summary>The phases, in order; an operator's drain can be taken back.</summary>
internal enum LifecyclePhase
{
    /// <summary>Listeners are not bound yet.</summary>
    Starting,

    /// <summary>New sessions are wanted.</summary>
    Serving,

    /// <summary>New sessions are still taken, and the load balancer is asked to send them elsewhere.</summary>
    Draining,

    /// <summary>The process is ending: first as in a drain, then without listeners.</summary>
    Stopping,
}

/// <summary>The phase, and since when it holds.</summary>
internal sealed class Lifecycle(TimeProvider timeProvider)
{
    private readonly Lock _lock = new();
    private LifecyclePhase _phase;

    /// <summary>The phase now.</summary>
    public LifecyclePhase Phase
    {
        get
        {
            lock (_lock)
            {
                return _phase;
            }
        }
    }

    /// <summary>When the process started.</summary>
    public DateTimeOffset Started { get; } = timeProvider.GetUtcNow();

    /// <summary>When the phase began.</summary>
    public DateTimeOffset Since { get; private set; } = timeProvider.GetUtcNow();

    /// <summary>Changes the phase; false when that is not possible from where it is, or it is there already.</summary>
    public bool Enter(LifecyclePhase next)
    {
        lock (_lock)
        {
            bool allowed = next switch
            {
                LifecyclePhase.Serving => _phase is LifecyclePhase.Starting or LifecyclePhase.Draining,
                LifecyclePhase.Draining => _phase == LifecyclePhase.Serving,
                LifecyclePhase.Stopping => _phase != LifecyclePhase.Stopping,
                _ => false,
            };
            if (allowed)
            {
                _phase = next;
                Since = timeProvider.GetUtcNow();
            }

            return allowed;
        }
    }
}
