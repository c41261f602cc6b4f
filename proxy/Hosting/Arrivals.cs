// Whether new sessions still come to a proxy that is draining.

using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Hosting;

/// <summary>Remembers when the number of accepted sessions last grew.</summary>
internal sealed class Arrivals(TimeProvider time)
{
    private long _accepted = -1;
    private long _lastAt = time.GetTimestamp();

    /// <summary>Looks at the counters.</summary>
    public void Look(ForwarderSnapshot now)
    {
        long accepted = now.SessionsTotal + (now.ReadOnly?.SessionsTotal ?? 0);
        if (accepted != _accepted)
        {
            // What was there before the first look came at an unknown time: now, to be safe.
            _accepted = accepted;
            _lastAt = time.GetTimestamp();
        }
    }

    /// <summary>Whether none has come for so long, as far as was looked.</summary>
    public bool QuietFor(TimeSpan span) => time.GetElapsedTime(_lastAt) >= span;
}
