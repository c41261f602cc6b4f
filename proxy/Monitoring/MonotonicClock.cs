// Time since the router's start: monotonic, small numbers that read well in logs and recordings.

namespace RedisHaProxy.Monitoring;

/// <summary>A monotonic clock that starts at zero.</summary>
internal sealed class MonotonicClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    /// <summary>For timers.</summary>
    public TimeProvider Time => time;

    /// <summary>Elapsed since the start.</summary>
    public TimeSpan Now => time.GetElapsedTime(_start);
}
