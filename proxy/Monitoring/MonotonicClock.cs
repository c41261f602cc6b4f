// Time since the router's start: monotonic, small numbers that read well in logs and recordings.

namespace RedisHaProxy.Monitoring;

/// <summary>A monotonic clock that starts at zero.</summary>
/// <param name="time">Where the time comes from.</param>
/// <param name="start">The timestamp that is zero; now, when null.</param>
internal sealed class MonotonicClock(TimeProvider time, long? start = null)
{
    private readonly long _start = start ?? time.GetTimestamp();

    /// <summary>For timers.</summary>
    public TimeProvider Time => time;

    /// <summary>Elapsed since the start.</summary>
    public TimeSpan Now => time.GetElapsedTime(_start);
}
