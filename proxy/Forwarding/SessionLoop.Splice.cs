// Bulk streams: splice(2) moves pages from socket to socket through a pipe, without copying them into this process.
// A pipe is borrowed only while a stream has bytes on their way, so idle sessions hold none.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    /// <summary>Capacity asked for a pipe, and so the most that can be between two sockets (the kernel may grant less).</summary>
    internal const int PipeSize = 256 * 1024;

    private const int SmallSplice = 16 * 1024;

    /// <summary>Splices below <see cref="SmallSplice"/> in a row after which a stream goes back to copying.</summary>
    private const int SmallSplicesAllowed = 8;

    /// <summary>Pipes of a loop in all; further bulk streams copy. And how many of them are kept open for reuse.</summary>
    private const int MaxPipes = 256;
    private const int PooledPipes = 16;

    private readonly (int Read, int Write)[] _freePipes = new (int, int)[PooledPipes];
    private int _freePipeCount;
    private int _pipeCount;

    /// <summary>One splice from an endpoint towards its peer, whose pipe is empty. True when there may be more to move.</summary>
    private bool SpliceFrom(int from)
    {
        ref Endpoint source = ref _endpoints[from];
        ref Endpoint sink = ref _endpoints[from ^ 1];
        if (!sink.Has(EndpointFlags.HasPipe) && !TryBorrowPipe(ref sink))
        {
            LeaveBulk(ref source);
            return true;
        }

        nint length = LibC.Splice(source.Descriptor, null, sink.PipeWrite, null, PipeSize, LibC.SpliceMove | LibC.SpliceNonBlocking);
        if (length <= 0)
        {
            int errno = length < 0 ? LibC.Errno : 0;
            ReturnPipe(ref sink);
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

        ReturnPipe(ref sink);
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

    private bool TryBorrowPipe(ref Endpoint sink)
    {
        if (_freePipeCount > 0)
        {
            (sink.PipeRead, sink.PipeWrite) = _freePipes[--_freePipeCount];
        }
        else
        {
            int* descriptors = stackalloc int[2];
            if (_pipeCount == MaxPipes || LibC.Pipe(descriptors, LibC.OpenNonBlocking | LibC.OpenCloseOnExec) < 0)
            {
                return false;
            }

            _pipeCount++;
            _ = LibC.Fcntl(descriptors[1], LibC.FcntlSetPipeSize, PipeSize); // above the user's quota the default size stays
            (sink.PipeRead, sink.PipeWrite) = (descriptors[0], descriptors[1]);
        }

        sink.Flags |= EndpointFlags.HasPipe;
        return true;
    }

    private void ReturnPipe(ref Endpoint sink)
    {
        if (sink.Has(EndpointFlags.HasPipe) && _freePipeCount < PooledPipes)
        {
            _freePipes[_freePipeCount++] = (sink.PipeRead, sink.PipeWrite);
            sink.Flags &= ~EndpointFlags.HasPipe;
        }
        else
        {
            ClosePipe(ref sink);
        }
    }

    /// <summary>Closes the endpoint's pipe with what is in it.</summary>
    private void ClosePipe(ref Endpoint sink)
    {
        if (sink.Has(EndpointFlags.HasPipe))
        {
            LibC.Close(sink.PipeRead);
            LibC.Close(sink.PipeWrite);
            sink.Flags &= ~EndpointFlags.HasPipe;
            sink.PipeLength = 0;
            _pipeCount--;
        }
    }
}
