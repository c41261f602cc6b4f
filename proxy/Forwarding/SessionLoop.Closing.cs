// How streams end: a FIN is passed on when all bytes before it are, the second one ends the session; a reset ends both sides at
// once, except for the last words of a side that takes no more.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    /// <summary>A read gave no bytes: end of stream (errno 0), drained, or an error.</summary>
    protected void OnReadEnd(int from, int errno)
    {
        ref Endpoint source = ref _endpoints[from];
        switch (errno)
        {
            case 0:
                break;
            case LibC.EAGAIN when !_sessions[from >> 1].Broken:
                source.Flags &= ~EndpointFlags.Readable;
                return;
            case LibC.EINTR:
                QueueAgain(from);
                return;
            default:
                Fail(from, errno);
                return;
        }

        source.Flags = (source.Flags | EndpointFlags.ReadClosed) & ~EndpointFlags.Readable;
        Decide(from >> 1, ClosedBy(from));
        CloseDirection(from ^ 1);
    }

    /// <summary>
    /// The peer's end of stream was read, and so all before it is written, because nobody is read while bytes of it are owed:
    /// pass the FIN on, and end the session after the second one.
    /// </summary>
    private void CloseDirection(int to)
    {
        ref Endpoint sink = ref _endpoints[to];
        int session = to >> 1;
        if (sink.Has(EndpointFlags.ReadClosed))
        {
            End(session, _sessions[session].End, reset: _sessions[session].Broken);
            return;
        }

        if (!sink.Has(EndpointFlags.WriteClosed))
        {
            LibC.Shutdown(sink.Descriptor, LibC.ShutdownWrite);
            sink.Flags |= EndpointFlags.WriteClosed;
            ArmOpenTimer(session);
        }
    }

    /// <summary>
    /// A socket takes no more bytes (reset, or closed without reading). Its last words may still be unread, an error reply most
    /// often: they are delivered before the session ends, which the end of its stream brings about.
    /// </summary>
    protected void OnWriteFailed(int to, int errno)
    {
        ref Endpoint sink = ref _endpoints[to];
        ref Endpoint source = ref _endpoints[to ^ 1];
        int session = to >> 1;
        Decide(session, Cause(to, errno));
        _sessions[session].Broken = true;
        _blocks.Forget(ref sink);
        _pipes.Close(ref sink);
        source.Flags = (source.Flags | EndpointFlags.ReadClosed) & ~EndpointFlags.Readable;
        sink.Flags |= EndpointFlags.WriteClosed | EndpointFlags.Readable | EndpointFlags.Hung;
        if (sink.Has(EndpointFlags.ReadClosed))
        {
            End(session, _sessions[session].End, reset: true);
            return;
        }

        Forward(to);
    }

    /// <summary>A socket failed: both are reset.</summary>
    protected void Fail(int index) => Fail(index, LibC.PendingError(_endpoints[index].Descriptor));

    protected void Fail(int index, int errno)
    {
        int session = index >> 1;
        Decide(session, Cause(index, errno));
        End(session, _sessions[session].End, reset: true);
    }

    // TCP gives up on a silent peer with the last error that the network reported, when there was one (tcp_write_err in tcp_timer.c).
    private static SessionEnd Cause(int index, int errno) => errno switch
    {
        0 or LibC.ECONNRESET or LibC.EPIPE => ClosedBy(index),
        LibC.ETIMEDOUT or LibC.EHOSTUNREACH or LibC.ENETUNREACH => (index & 1) == 0 ? SessionEnd.ClientTimeout : SessionEnd.ServerTimeout,
        _ => SessionEnd.Error,
    };

    private static SessionEnd ClosedBy(int index) => (index & 1) == 0 ? SessionEnd.ClientClosed : SessionEnd.ServerClosed;

    private void Decide(int session, SessionEnd end)
    {
        if (!_sessions[session].Ending)
        {
            _sessions[session].Ending = true;
            _sessions[session].End = end;
        }
    }
}
