// What the io_uring of this kernel can do, found out by doing it: version numbers say little about what was ported back or is forbidden.

using System.Runtime.InteropServices;

namespace RedisHaProxy.Linux;

/// <summary>The abilities that differ among kernels on which the io_uring engine works.</summary>
/// <param name="LimitsReceives">A multishot receive can be made to end after so many bytes (Linux 6.17).</param>
internal sealed record UringSupport(bool LimitsReceives)
{
    private const int BufferBytes = 4096;

    private const int MoreThanFits = 1024 * 1024;
    private const long LongestWaitNanoseconds = 1_000_000_000;

    /// <summary>Tries a send that falls short, and a multishot receive into provided buffers (Linux 6.0), on a pair of sockets.</summary>
    /// <exception cref="IoUringUnavailableException">It does not work here; the message says why.</exception>
    public static unsafe UringSupport Find()
    {
        int* pair = stackalloc int[2];
        if (LibC.SocketPair(LibC.AddressFamilyUnix, LibC.SocketStream | LibC.SocketNonBlocking | LibC.SocketCloseOnExec, 0, pair) < 0)
        {
            throw new IoUringUnavailableException($"it could not be tried, socketpair failed with errno {LibC.Errno}");
        }

        var ring = new IoUring(submissions: 4, completions: 8, buffers: 4, BufferBytes);
        try
        {
            ring.Enable();
            ProveShortSends(ring, pair);
            IoUring.Completion limited = Receive(ring, pair, limit: 1);
            if (limited.Result == 1 && (limited.Flags & IoUring.HasMore) == 0)
            {
                return new UringSupport(LimitsReceives: true);
            }

            IoUring.Completion plain = limited.Result == 1 ? limited : Receive(ring, pair, limit: 0);
            const uint Expected = IoUring.HasBuffer | IoUring.HasMore;
            return plain.Result == 1 && (plain.Flags & Expected) == Expected
                ? new UringSupport(LimitsReceives: false)
                : throw new IoUringUnavailableException(
                    $"a multishot receive returned {plain.Result} with flags 0x{plain.Flags:x}; Linux 6.0 or newer is needed");
        }
        finally
        {
            LibC.Close(pair[0]);
            LibC.Close(pair[1]);
            ring.Close(idle: false); // a few pages, once: who knows what such a kernel still does
        }
    }

    // A kernel that called such a send a success, or waited with it, would lose bytes or stand still. (Linux, io_uring/net.c: io_send)
    private static unsafe void ProveShortSends(IoUring ring, int* pair)
    {
        _ = LibC.SetOption(pair[1], LibC.LevelSocket, LibC.OptionSendBuffer, MoreThanFits / 16);
        byte* bytes = (byte*)NativeMemory.AllocZeroed(MoreThanFits);
        try
        {
            ring.Send(pair[1], 1, bytes, MoreThanFits);
            ring.Submit();
            long taken = ring.WaitingCompletions == 1 ? ring.CompletionAt(ring.FirstCompletion).Result : MoreThanFits;
            ring.ReleaseCompletions(ring.LastCompletion);
            while (LibC.Receive(pair[0], bytes, MoreThanFits, 0) > 0)
            {
            }

            if (taken is <= 0 or >= MoreThanFits)
            {
                throw new IoUringUnavailableException($"a send of {MoreThanFits} bytes into a socket that takes fewer returned {taken}");
            }
        }
        finally
        {
            NativeMemory.Free(bytes);
        }
    }

    /// <summary>Sends a byte through a pair of sockets, and receives it by a multishot receive.</summary>
    internal static unsafe IoUring.Completion Receive(IoUring ring, int* pair, uint limit)
    {
        byte x = (byte)'x';
        while (LibC.Receive(pair[0], &x, 1, 0) > 0)
        {
            // What the kernel refused before, as one older than 6.17 does with a limit, has left its byte here.
        }

        _ = LibC.Send(pair[1], &x, 1, LibC.MessageNoSignal);
        ring.Receive(pair[0], 1, limit);
        _ = ring.SubmitAndWait(LongestWaitNanoseconds);
        uint head = ring.FirstCompletion;
        ring.TryNext(ref head, out IoUring.Completion completion);
        ring.ReleaseCompletions(head);
        return completion;
    }
}
