// The pipes of an event loop, for splice(2). Each is two descriptors and up to 256 KB of kernel memory, so there is a bound, and a
// stream borrows one only while it has bytes on their way.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

/// <summary>Lends pipes to endpoints. For one thread.</summary>
internal sealed unsafe class PipePool
{
    /// <summary>Capacity asked for a pipe, and so the most that can be between two sockets (the kernel may grant less).</summary>
    public const int PipeSize = 256 * 1024;

    /// <summary>Pipes of a loop; further bulk streams copy.</summary>
    public const int MaxPipes = 256;

    /// <summary>How many are kept open for reuse.</summary>
    public const int MaxFree = 16;

    private readonly (int Read, int Write)[] _free = new (int, int)[MaxFree];
    private int _freeCount;

    /// <summary>Pipes that are open.</summary>
    public int Open { get; private set; }

    /// <summary>Lends the endpoint an empty pipe; false when there are too many, or the kernel has none.</summary>
    public bool TryBorrow(ref Endpoint endpoint)
    {
        if (_freeCount > 0)
        {
            (endpoint.PipeRead, endpoint.PipeWrite) = _free[--_freeCount];
        }
        else
        {
            int* descriptors = stackalloc int[2];
            if (Open == MaxPipes || LibC.Pipe(descriptors, LibC.OpenNonBlocking | LibC.OpenCloseOnExec) < 0)
            {
                return false;
            }

            Open++;
            _ = LibC.Fcntl(descriptors[1], LibC.FcntlSetPipeSize, PipeSize); // above the user's quota the default size stays
            (endpoint.PipeRead, endpoint.PipeWrite) = (descriptors[0], descriptors[1]);
        }

        endpoint.Flags |= EndpointFlags.HasPipe;
        return true;
    }

    /// <summary>Takes back the endpoint's pipe, which is empty; nothing where it has none.</summary>
    public void Return(ref Endpoint endpoint)
    {
        if (endpoint.Has(EndpointFlags.HasPipe) && _freeCount < MaxFree)
        {
            _free[_freeCount++] = (endpoint.PipeRead, endpoint.PipeWrite);
            endpoint.Flags &= ~EndpointFlags.HasPipe;
        }
        else
        {
            Close(ref endpoint);
        }
    }

    /// <summary>Closes the endpoint's pipe with what is in it; nothing where it has none.</summary>
    public void Close(ref Endpoint endpoint)
    {
        if (endpoint.Has(EndpointFlags.HasPipe))
        {
            Close(endpoint.PipeRead, endpoint.PipeWrite);
            endpoint.Flags &= ~EndpointFlags.HasPipe;
            endpoint.PipeLength = 0;
        }
    }

    /// <summary>Closes the pipes that nobody uses.</summary>
    public void Free()
    {
        while (_freeCount > 0)
        {
            (int read, int write) = _free[--_freeCount];
            Close(read, write);
        }
    }

    private void Close(int read, int write)
    {
        LibC.Close(read);
        LibC.Close(write);
        Open--;
    }
}
