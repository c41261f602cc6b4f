// What receives bring, and what is asked of the kernel for an open session.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe partial class UringLoop
{
    private void OnReceived(int from, in IoUring.Completion completion)
    {
        ref Endpoint source = ref _endpoints[from];
        if ((_endpoints[from ^ 1].UnderWay & UnderWay.Send) != 0)
        {
            HandOverSends(); // one at a time: what follows a send that fell short must not overtake its rest
        }

        if ((completion.Flags & IoUring.HasBuffer) != 0)
        {
            int number = (int)(completion.Flags >> IoUring.BufferShift);
            if (!IsCurrent(completion) || completion.Result <= 0 || !Take(from, number, completion.Result))
            {
                _ring.GiveBuffer(number);
            }
        }

        if ((completion.Flags & IoUring.HasMore) != 0)
        {
            return;
        }

        HandOverSends(); // before the session's state changes
        _underWay--;
        if (!IsCurrent(completion))
        {
            return;
        }

        source.UnderWay &= ~(UnderWay.Receive | UnderWay.Cancel);
        switch (completion.Result)
        {
            case > 0 when (completion.Flags & IoUring.MoreInSocket) == 0:
                Settle(from >> 1); // the limit was reached, no more
                break;
            case 0 when _endpoints[from ^ 1].IsOwed:
                source.Flags |= EndpointFlags.Readable | EndpointFlags.Hung; // the end is read again when all before it is written
                Settle(from >> 1);
                break;
            case > 0 or -LibC.ENOBUFS or -LibC.ECANCELED or -LibC.EINTR or -LibC.EAGAIN:
                source.Flags |= EndpointFlags.Readable; // it may be
                Forward(from);
                break;
            default:
                if (!source.Has(EndpointFlags.ReadClosed))
                {
                    OnReadEnd(from, -completion.Result);
                }

                Settle(from >> 1);
                break;
        }
    }

    /// <summary>Sends to the peer what an endpoint sent. True when the buffer is kept until that is handed over.</summary>
    private bool Take(int from, int number, int length)
    {
        ref Endpoint source = ref _endpoints[from];
        ref Endpoint sink = ref _endpoints[from ^ 1];
        if (source.Has(EndpointFlags.ReadClosed))
        {
            return false; // nothing more of it is wanted
        }

        Count(from, length);
        if (sink.IsOwed)
        {
            _blocks.OweCopy(ref sink, new ReadOnlySpan<byte>(_ring.Buffer(number), length));
            return false;
        }

        Submit(from ^ 1, number, length);
        if (length < _ring.BufferSize)
        {
            source.Streak = 0;
        }
        else if (!source.Has(EndpointFlags.Bulk) && ++source.Streak >= FullReadsToBulk)
        {
            EnterBulk(ref source);
            Settle(from >> 1);
        }

        return true;
    }

    /// <summary>Has the kernel do for an open session what its flags ask for.</summary>
    private void Settle(int session)
    {
        if (_sessions[session].State == SessionState.Open)
        {
            SettleSide(2 * session);
            SettleSide((2 * session) + 1);
            if (IsDetaching(session) && (_endpoints[2 * session].UnderWay | _endpoints[(2 * session) + 1].UnderWay) == UnderWay.None)
            {
                Detached(session);
            }
        }
    }

    private void SettleSide(int index)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        if (endpoint.IsOwed && (endpoint.UnderWay & UnderWay.Room) == 0)
        {
            endpoint.UnderWay |= UnderWay.Room;
            Poll(endpoint.Descriptor, LibC.PollOut, Token(Kind.Room, endpoint.Generation, index));
        }

        bool held = _endpoints[index ^ 1].IsOwed || endpoint.Has(EndpointFlags.ReadClosed);
        bool receiving = (endpoint.UnderWay & UnderWay.Receive) != 0;
        if (receiving)
        {
            if ((held || IsDetaching(index >> 1) || endpoint.Has(EndpointFlags.Bulk) || _sessions[index >> 1].Broken)
                && (endpoint.UnderWay & UnderWay.Cancel) == 0)
            {
                endpoint.UnderWay |= UnderWay.Cancel;
                Cancel(Token(Kind.Receive, endpoint.Generation, index));
            }
        }
        else if (IsDetaching(index >> 1))
        {
            // Nothing new; what is under way comes to its end, or is cancelled.
        }
        else if (held)
        {
            if ((endpoint.UnderWay & UnderWay.Watch) == 0)
            {
                endpoint.UnderWay |= UnderWay.Watch; // for failures, which come once
                Poll(endpoint.Descriptor, 0, Token(Kind.Watch, endpoint.Generation, index));
            }
        }
        else if ((endpoint.UnderWay & UnderWay.Bytes) == 0 && !endpoint.Has(EndpointFlags.Queued))
        {
            if (endpoint.Has(EndpointFlags.Readable) || _sessions[index >> 1].Broken)
            {
                endpoint.Flags |= EndpointFlags.Readable;
                QueueAgain(index);
            }
            else if (endpoint.Has(EndpointFlags.Bulk))
            {
                endpoint.UnderWay |= UnderWay.Bytes;
                Poll(endpoint.Descriptor, LibC.PollIn | LibC.PollReadHangUp, Token(Kind.Bytes, endpoint.Generation, index));
            }
            else
            {
                endpoint.UnderWay |= UnderWay.Receive;
                _underWay++;
                _ring.Receive(endpoint.Descriptor, Token(Kind.Receive, endpoint.Generation, index), _limit);
            }
        }
    }
}
