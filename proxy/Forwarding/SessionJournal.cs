// The way of ended sessions from the event loops to whoever logs them: one bounded ring per loop, written by the loop without
// lock, allocation or system call, read by one reader at its own pace. What does not fit is dropped and counted, never waited for.

namespace RedisHaProxy.Forwarding;

/// <summary>Ended sessions, for one reader.</summary>
public sealed class SessionJournal
{
    /// <summary>Records a loop can be ahead of the reader.</summary>
    internal const int Capacity = 4096;

    private readonly SessionRing[] _rings;

    internal SessionJournal(int loops)
    {
        _rings = new SessionRing[loops];
        for (int i = 0; i < loops; i++)
        {
            _rings[i] = new SessionRing(Capacity);
        }
    }

    /// <summary>Records dropped since start because the reader was too slow.</summary>
    public long Dropped => _rings.Sum(ring => ring.Dropped);

    /// <summary>Takes one record if there is any. One thread at a time.</summary>
    public bool TryRead(out SessionRecord record)
    {
        foreach (SessionRing ring in _rings)
        {
            if (ring.TryRead(out record))
            {
                return true;
            }
        }

        record = default;
        return false;
    }

    internal SessionRing Ring(int loop) => _rings[loop];
}

/// <summary>A bounded queue for one writing and one reading thread.</summary>
internal sealed class SessionRing(int capacity)
{
    private readonly SessionRecord[] _records = new SessionRecord[capacity];
    private long _written;
    private long _read;
    private long _dropped;

    public long Dropped => Volatile.Read(ref _dropped);

    public void Write(in SessionRecord record)
    {
        if (_written - Volatile.Read(ref _read) == _records.Length)
        {
            Volatile.Write(ref _dropped, _dropped + 1);
            return;
        }

        _records[_written % _records.Length] = record;
        Volatile.Write(ref _written, _written + 1);
    }

    public bool TryRead(out SessionRecord record)
    {
        if (_read == Volatile.Read(ref _written))
        {
            record = default;
            return false;
        }

        record = _records[_read % _records.Length];
        Volatile.Write(ref _read, _read + 1);
        return true;
    }
}
