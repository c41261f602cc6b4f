// How old a replica's data is. Redis tells the replication offset of both sides, in bytes; what an operator wants to bound is time.
// So it is remembered when the master was seen at which offset: a replica at offset o lacks nothing that was written before the
// master was last seen at o or below. The age is an upper bound, too large by at most a probe interval and one step of the memory.
//
// Redis' own measure, master_last_io_seconds_ago, says when the replica last heard anything: a link that works and lags shows
// nothing there, and on an idle link it rises to repl-ping-replica-period (10 s) although nothing is missing.

namespace RedisHaProxy.Routing;

/// <summary>The offsets of one master over the last time.</summary>
/// <param name="span">How far back ages are to be known.</param>
internal sealed class OffsetHistory(TimeSpan span)
{
    private const int Steps = 32;

    private readonly Queue<(TimeSpan At, long Offset)> _samples = new(Steps + 3);
    private readonly TimeSpan _step = span / Steps;
    private string? _history;
    private (TimeSpan At, long Offset) _newest;
    private TimeSpan _newestSample;

    /// <summary>Takes an answer of the master.</summary>
    /// <param name="at">When the question was sent: at that moment the offset was not larger.</param>
    /// <param name="offset">master_repl_offset.</param>
    /// <param name="history">Its replication id; with another one everything is forgotten.</param>
    public void Add(TimeSpan at, long offset, string? history)
    {
        if (history != _history || offset < _newest.Offset)
        {
            _samples.Clear();
            _history = history;
            _newest = default;
        }

        if (_samples.Count == 0 || at - _newestSample >= _step)
        {
            _samples.Enqueue((at, offset));
            _newestSample = at;
        }

        _newest = (at, offset);
        while (_samples.Count > Steps + 2)
        {
            _samples.Dequeue();
        }
    }

    /// <summary>The age of data up to an offset; null when it cannot be said, <see cref="TimeSpan.MaxValue"/> when it is beyond the span.</summary>
    /// <param name="offset">slave_repl_offset.</param>
    /// <param name="history">The replica's replication id.</param>
    /// <param name="now">The moment.</param>
    public TimeSpan? AgeAt(long offset, string? history, TimeSpan now)
    {
        if (_samples.Count == 0 || history is null || history != _history)
        {
            return null;
        }

        if (offset >= _newest.Offset)
        {
            return TimeSpan.Zero;
        }

        TimeSpan? seen = null;
        foreach ((TimeSpan at, long value) in _samples)
        {
            if (value > offset)
            {
                break;
            }

            seen = at;
        }

        return seen is { } time ? now - time : now - _samples.Peek().At > span ? TimeSpan.MaxValue : null;
    }
}
