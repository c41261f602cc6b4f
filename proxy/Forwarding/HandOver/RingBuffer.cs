// Reports from the kernel, in the order in which they were made (Linux, Documentation/bpf/ringbuf.rst).

using System.Runtime.InteropServices;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>The reading side of a map of the kind ring buffer. For one thread.</summary>
internal sealed unsafe class RingBuffer : IDisposable
{
    private const int HeaderBytes = 8;
    private const uint Busy = 1u << 31;
    private const uint Discarded = 1u << 30;

    private readonly int _page = Environment.SystemPageSize;
    private readonly int _size;
    private readonly byte* _consumer;
    private readonly byte* _producer;

    /// <summary>Maps the buffer.</summary>
    /// <param name="map">The map's descriptor; it can be waited for with epoll.</param>
    /// <param name="size">The number of entries that it was made with, in bytes.</param>
    /// <exception cref="BpfException">The memory cannot be mapped.</exception>
    public RingBuffer(int map, int size)
    {
        _size = size;
        _consumer = SharedMemory.Map(map, _page, 0);
        try
        {
            _producer = SharedMemory.Map(map, _page + (2 * size), _page, readOnly: true); // the data twice, so that none is cut at the end
        }
        catch
        {
            LibC.MemoryUnmap(_consumer, _page);
            throw;
        }
    }

    /// <summary>Takes the next report. False when there is none.</summary>
    public bool TryRead(out FlowEvent report)
    {
        while (true)
        {
            ulong position = *(ulong*)_consumer;
            if (position >= Volatile.Read(ref *(ulong*)_producer))
            {
                report = default;
                return false;
            }

            byte* record = _producer + _page + (position & (ulong)(_size - 1));
            uint length = Volatile.Read(ref *(uint*)record);
            if ((length & Busy) != 0)
            {
                report = default;
                return false; // being written on another processor, which tells when it has
            }

            uint bytes = length & ~Discarded;
            report = (length & Discarded) == 0 && bytes >= sizeof(FlowEvent) ? *(FlowEvent*)(record + HeaderBytes) : default;
            Volatile.Write(ref *(ulong*)_consumer, position + (((ulong)bytes + HeaderBytes + 7) & ~7ul));
            if (report.Kind != 0)
            {
                return true;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        LibC.MemoryUnmap(_consumer, _page);
        LibC.MemoryUnmap(_producer, _page + (2 * _size));
    }
}

/// <summary>Memory that the kernel shares by a descriptor.</summary>
internal static unsafe partial class SharedMemory
{
    private const int ProtectRead = 1;
    private const int ProtectReadWrite = 3;
    private const int Shared = 1;

    /// <summary>Maps it; <see cref="LibC.MemoryUnmap"/> lets go of it.</summary>
    /// <exception cref="BpfException">The kernel refuses.</exception>
    public static byte* Map(int descriptor, nint length, nint offset, bool readOnly = false)
    {
        byte* at = Map(null, length, readOnly ? ProtectRead : ProtectReadWrite, Shared, descriptor, offset);
        return (nint)at != -1 ? at : throw new BpfException("mapping a map's memory", LibC.Errno);
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(byte* address, nint length, int protection, int flags, int descriptor, nint offset);
}
