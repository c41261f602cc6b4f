// The memory of an event loop: blocks that hold what a socket has not taken yet. A loop needs one to read into; further ones only
// while peers are slow, so a few are kept and the rest goes back to the system.
//
// An endpoint that is owed more than a block has a chain of them. Behind the bytes of each are the next block of the chain, and how
// many bytes are in it (of the first, the endpoint knows).

using System.Runtime.InteropServices;

namespace RedisHaProxy.Forwarding;

/// <summary>Blocks outside of the managed heap, and the chains of them that endpoints are owed. For one thread.</summary>
internal sealed unsafe class BlockPool
{
    /// <summary>Bytes of a block. Larger ones gain nothing that splice does not give.</summary>
    public const int BlockSize = 64 * 1024;

    /// <summary>Blocks kept for reuse.</summary>
    public const int MaxFree = 64;

    private readonly byte*[] _free = new byte*[MaxFree];
    private int _freeCount;

    /// <summary>Blocks in use.</summary>
    public int Rented { get; private set; }

    /// <summary>Blocks that nobody uses.</summary>
    public int Kept => _freeCount;

    /// <summary>A block that is in no chain.</summary>
    public byte* Rent()
    {
        Rented++;
        return _freeCount > 0 ? _free[--_freeCount] : (byte*)NativeMemory.AlignedAlloc(BlockSize + (2 * (nuint)sizeof(byte*)), 4096);
    }

    /// <summary>Takes a block back.</summary>
    public void Return(byte* block)
    {
        Rented--;
        if (_freeCount < MaxFree)
        {
            _free[_freeCount++] = block;
        }
        else
        {
            NativeMemory.AlignedFree(block);
        }
    }

    /// <summary>Has an endpoint, which is owed nothing, owed the bytes of a block from <paramref name="start"/> on; the block is the endpoint's now.</summary>
    public static void Owe(ref Endpoint endpoint, byte* block, int start, int length)
    {
        *Next(block) = null;
        endpoint.Owed = block;
        endpoint.OwedStart = start;
        endpoint.OwedLength = length;
    }

    /// <summary>Adds a copy of bytes to what an endpoint is owed.</summary>
    public void OweCopy(ref Endpoint endpoint, ReadOnlySpan<byte> bytes)
    {
        if (endpoint.Owed is null)
        {
            Owe(ref endpoint, Rent(), 0, 0);
        }

        byte* last = endpoint.Owed;
        int used = endpoint.OwedStart + endpoint.OwedLength;
        while (*Next(last) is not null)
        {
            last = *Next(last);
            used = *Used(last);
        }

        while (bytes.Length > 0)
        {
            if (used == BlockSize)
            {
                byte* next = Rent();
                *Next(next) = null;
                *Next(last) = next;
                last = next;
                used = 0;
            }

            int fits = Math.Min(BlockSize - used, bytes.Length);
            bytes[..fits].CopyTo(new Span<byte>(last + used, fits));
            bytes = bytes[fits..];
            used += fits;
            if (last == endpoint.Owed)
            {
                endpoint.OwedLength += fits;
            }
            else
            {
                *Used(last) = used;
            }
        }
    }

    /// <summary>The endpoint has taken so many bytes of its first block. An empty block goes back, and the next is the first.</summary>
    public void Taken(ref Endpoint endpoint, int length)
    {
        endpoint.OwedStart += length;
        endpoint.OwedLength -= length;
        if (endpoint.OwedLength == 0)
        {
            ReturnFirst(ref endpoint);
        }
    }

    /// <summary>The endpoint is owed nothing any more.</summary>
    public void Forget(ref Endpoint endpoint)
    {
        while (endpoint.Owed is not null)
        {
            ReturnFirst(ref endpoint);
        }
    }

    /// <summary>Bytes that an endpoint is owed.</summary>
    public static long Owed(in Endpoint endpoint)
    {
        long owed = endpoint.OwedLength;
        for (byte* block = endpoint.Owed is null ? null : *Next(endpoint.Owed); block is not null; block = *Next(block))
        {
            owed += *Used(block);
        }

        return owed;
    }

    /// <summary>Gives the blocks that nobody uses back to the system.</summary>
    public void Free()
    {
        while (_freeCount > 0)
        {
            NativeMemory.AlignedFree(_free[--_freeCount]);
        }
    }

    private void ReturnFirst(ref Endpoint endpoint)
    {
        byte* next = *Next(endpoint.Owed);
        Return(endpoint.Owed);
        endpoint.Owed = next;
        endpoint.OwedStart = 0;
        endpoint.OwedLength = next is null ? 0 : *Used(next);
    }

    private static byte** Next(byte* block) => (byte**)(block + BlockSize);

    private static int* Used(byte* block) => (int*)(block + BlockSize + sizeof(byte*));
}
