// Bulk streams: splice(2) moves pages from socket to socket through a pipe, without copying them into this process.
// A pipe is borrowed only while a stream has bytes on their way, so idle sessions hold none.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    private const int SmallSplice = 16 * 1024;

    /// <summary>Splices below <see cref="SmallSplice"/> in a row after which a stream goes back to copying.</summary>
    private const int SmallSplicesAllowed = 8;

    private readonly PipePool _pipes = new();

    /// <summary>One splice from an endpoint towards its peer, whose pipe is empty. True when there may be more to move.</summary>
    private bool SpliceFrom(int from)
    {
        ref Endpoint source = ref _endpoints[from];
        ref Endpoint sink = ref _endpoints[from ^ 1];
        if (!sink.Has(EndpointFlags.HasPipe) && !_pipes.TryBorrow(ref sink))
        {
            LeaveBulk(ref source);
            return true;
        }

        nint length = LibC.Splice(source.Descriptor, null, sink.PipeWrite, null, PipePool.PipeSize, LibC.SpliceMove | LibC.SpliceNonBlocking);
        if (length <= 0)
        {
            int errno = length < 0 ? LibC.Errno : 0;
            _pipes.Return(ref sink);
            if (errno == LibC.EINVAL)
            {
                LeaveBulk(ref source); // a socket that cannot be spliced
                return true;
            }

            OnReadEnd(from, errno);
            return false;
        }

        Count(from, length);
        if (length >= SmallSplice)
        {
            source.Streak = SmallSplicesAllowed;
        }
        else if (--source.Streak == 0)
        {
            LeaveBulk(ref source);
        }

        sink.PipeLength = (int)length;
        return DrainPipe(from ^ 1);
    }

    /// <summary>Writes what the endpoint's pipe holds. True when nothing is left (then the pipe is given back) and the socket is well.</summary>
    private bool DrainPipe(int to)
    {
        ref Endpoint sink = ref _endpoints[to];
        while (sink.PipeLength > 0)
        {
            nint sent = LibC.Splice(sink.PipeRead, null, sink.Descriptor, null, sink.PipeLength, LibC.SpliceMove | LibC.SpliceNonBlocking);
            if (sent <= 0)
            {
                int errno = sent == 0 ? 0 : LibC.Errno;
                if (errno != LibC.EAGAIN)
                {
                    OnWriteFailed(to, errno);
                }

                return false;
            }

            _sessions[to >> 1].ActiveAt = _now;
            sink.PipeLength -= (int)sent;
        }

        _pipes.Return(ref sink);
        return true;
    }

    protected static void EnterBulk(ref Endpoint source)
    {
        source.Flags |= EndpointFlags.Bulk;
        source.Streak = SmallSplicesAllowed;
    }

    private static void LeaveBulk(ref Endpoint source)
    {
        source.Flags &= ~EndpointFlags.Bulk;
        source.Streak = 0;
    }
}
