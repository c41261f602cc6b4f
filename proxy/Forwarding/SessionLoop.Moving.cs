// How bytes are moved from an open session's one socket to the other, by reading and writing; in bulk by SessionLoop.Splice.cs.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    /// <summary>Full reads in a row after which a stream counts as bulk: 256 KB, beyond what pipelines of small values reach.</summary>
    protected const int FullReadsToBulk = 4;

    /// <summary>Reads after which a busy stream lets others take their turn: 1 MB of copying. A test makes every read the last of its turn.</summary>
    internal int ReadsPerTurn { get; set; } = 16;

    /// <summary>Bytes read from one side and not yet taken by the other, over all sessions of this loop.</summary>
    public long HeldBytes()
    {
        long held = 0;
        for (int index = 0; index < 2 * _usedSessions; index++)
        {
            held += BlockPool.Owed(in _endpoints[index]) + _endpoints[index].PipeLength;
        }

        return held;
    }

    /// <summary>Counts bytes read from an endpoint.</summary>
    protected void Count(int from, nint length)
    {
        _endpoints[from].Received += length;
        ref Session session = ref _sessions[from >> 1];
        _activeInWindow += session.ActiveAt >> ActivityShift == _window ? 0 : 1;
        session.ActiveAt = _now;
        if (session.HandOverAt != long.MaxValue)
        {
            Spend(from >> 1, length);
        }

        ref NodeCounters counters = ref Counters.Nodes[session.Node];
        if ((from & 1) == 0)
        {
            counters.BytesIn += length;
        }
        else
        {
            counters.BytesOut += length;
        }
    }

    /// <summary>Writes what an endpoint is owed; when all is gone, its peer is read again.</summary>
    protected void Flush(int to)
    {
        ref Endpoint sink = ref _endpoints[to];
        while (sink.OwedLength > 0)
        {
            nint sent = LibC.Send(sink.Descriptor, sink.Owed + sink.OwedStart, sink.OwedLength, LibC.MessageNoSignal);
            if (sent < 0)
            {
                int errno = LibC.Errno;
                if (errno != LibC.EAGAIN)
                {
                    OnWriteFailed(to, errno);
                }

                return;
            }

            _sessions[to >> 1].ActiveAt = _now;
            _blocks.Taken(ref sink, (int)sent);
        }

        if (DrainPipe(to))
        {
            Forward(to ^ 1);
        }
    }

    /// <summary>
    /// Moves what an endpoint sent to its peer by reading into the loop's buffer and writing at once, or by splice(2), until it is
    /// drained (then it is no longer <see cref="EndpointFlags.Readable"/>), the peer is full, or its turn is over.
    /// </summary>
    protected void Pull(int from)
    {
        ref Endpoint source = ref _endpoints[from];
        ref Endpoint sink = ref _endpoints[from ^ 1];
        for (int reads = 0; ; reads++)
        {
            if ((source.Flags & (EndpointFlags.Readable | EndpointFlags.ReadClosed)) != EndpointFlags.Readable || sink.IsOwed)
            {
                return;
            }

            if (reads == ReadsPerTurn)
            {
                QueueAgain(from);
                return;
            }

            if (source.Has(EndpointFlags.Bulk))
            {
                if (SpliceFrom(from))
                {
                    continue;
                }

                return;
            }

            nint length = LibC.Receive(source.Descriptor, _buffer, BlockPool.BlockSize, 0);
            if (length <= 0)
            {
                OnReadEnd(from, length < 0 ? LibC.Errno : 0);
                return;
            }

            Count(from, length);
            nint sent = LibC.Send(sink.Descriptor, _buffer, length, LibC.MessageNoSignal);
            if (sent != length && !Owe(from ^ 1, sent, length))
            {
                return;
            }

            if (length == BlockPool.BlockSize)
            {
                if (++source.Streak >= FullReadsToBulk)
                {
                    EnterBulk(ref source);
                }
            }
            else
            {
                source.Streak = 0;
                if (!source.Has(EndpointFlags.Hung))
                {
                    source.Flags &= ~EndpointFlags.Readable; // a short read has emptied it; the next byte brings an edge
                    return;
                }
            }
        }
    }

    /// <summary>Keeps what the endpoint did not take of the buffer, by keeping the buffer. False when it failed instead.</summary>
    private bool Owe(int to, nint sent, nint length)
    {
        if (sent < 0)
        {
            int errno = LibC.Errno;
            if (errno != LibC.EAGAIN)
            {
                OnWriteFailed(to, errno);
                return false;
            }

            sent = 0;
        }

        BlockPool.Owe(ref _endpoints[to], _buffer, (int)sent, (int)(length - sent));
        _buffer = _blocks.Rent();
        return true;
    }
}
