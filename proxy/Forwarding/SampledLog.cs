// Lets a few lines of one kind through in a while, and counts the rest: whoever can connect could otherwise fill the log.

namespace RedisHaProxy.Forwarding;

/// <summary>Decides which lines are written. Thread-safe.</summary>
internal sealed class SampledLog(int lines, TimeSpan window, TimeProvider time)
{
    private readonly Lock _lock = new();
    private long _windowStart = time.GetTimestamp();
    private int _written;
    private long _left;

    /// <summary>Whether this line is written; then <paramref name="left"/> says how many were not since the last one.</summary>
    public bool Lets(out long left)
    {
        lock (_lock)
        {
            left = 0;
            if (time.GetElapsedTime(_windowStart) >= window)
            {
                _windowStart = time.GetTimestamp();
                _written = 0;
            }

            if (_written == lines)
            {
                _left++;
                return false;
            }

            _written++;
            (left, _left) = (_left, 0);
            return true;
        }
    }
}
