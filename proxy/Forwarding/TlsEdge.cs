// One TLS connection, and the loop's socket pair behind it: bytes are decrypted into the pair and encrypted out of it. A loop without
// edges knows nothing of them but one null check when a socket is opened or closed.
//
// Back-pressure is the await on either write: what a side does not take is not read from the other, so a direction that is held
// back costs one record (16 KB), the kernel's buffer of the pair (about 200 KB), and what the loop and TCP keep. A connection
// that rests holds no buffer of ours.
//
// Ends travel as between plain sockets. A FIN of the loop becomes close_notify and FIN, the peer's close_notify or FIN becomes
// FIN to the loop, each direction by itself. A reset of the peer, or bytes that are no TLS, are told to the loop, which resets the
// session. When the loop resets, the TCP connection is ended before its call returns (LibC.Disconnect), with whatever is under way in
// it: after an order is acknowledged, nothing more can reach the former master.

using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using RedisHaProxy.Linux;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Forwarding;

/// <summary>The far side of one socket of a loop: moves bytes between a TLS stream and the loop.</summary>
internal sealed class TlsEdge(SessionLoop loop)
{
    /// <summary>The most plain bytes of a TLS record (RFC 8446, 5.1).</summary>
    private const int RecordSize = 16 * 1024;

    /// <summary>How long a peer may take to read the last bytes of a session that has ended in order.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Socket? _network;
    private volatile bool _reset;

    /// <summary>The endpoint that it belongs to; the loop's thread sets and reads it.</summary>
    public int Endpoint { get; set; }

    /// <summary>Completes when the loop has closed its end.</summary>
    public Task Ended => _closed.Task;

    /// <summary>
    /// The loop is about to close its end. After a reset, not a byte more reaches the network when this call returns; otherwise
    /// what the loop has written is still delivered. Called by the loop's thread, once, and never blocks it.
    /// </summary>
    public void Closed(bool reset)
    {
        if (reset)
        {
            _reset = true;
            Reset(Volatile.Read(ref _network));
        }

        _closed.TrySetResult();
    }

    /// <summary>Names the socket that a reset is to end; a reset that came before ends it now.</summary>
    public void Attach(Socket network)
    {
        Volatile.Write(ref _network, network);
        Interlocked.MemoryBarrier(); // the write before the read: Closed does the two the other way round
        if (_reset)
        {
            Reset(network);
        }
    }

    /// <summary>Two connected ends of one stream.</summary>
    /// <exception cref="SocketException">No descriptors are left.</exception>
    public static unsafe (int ForLoop, Socket ForUs) CreatePair()
    {
        int* descriptors = stackalloc int[2];
        if (LibC.SocketPair(LibC.AddressFamilyUnix, LibC.SocketStream | LibC.SocketNonBlocking | LibC.SocketCloseOnExec, 0, descriptors) < 0)
        {
            throw new SocketException((int)SocketError.TooManyOpenSockets);
        }

        try
        {
            return (descriptors[0], new Socket(new SafeSocketHandle(descriptors[1], ownsHandle: true)));
        }
        catch
        {
            LibC.Close(descriptors[0]);
            throw;
        }
    }

    /// <summary>Moves bytes until both sides are done with each other. Owns the stream and our end of the pair. Never throws.</summary>
    public async Task PumpAsync(Socket network, SslStream tls, Socket pair)
    {
        await using (tls.ConfigureAwait(false))
        using (pair)
        {
            using var stream = new TlsDuplex(tls);
            Task inbound = DecryptAsync(stream, pair);
            Task outbound = EncryptAsync(network, stream, pair);
            await Task.WhenAny(Task.WhenAll(inbound, outbound), _closed.Task);
            if (!_reset)
            {
                await outbound.WaitAsync(LastWords).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private static void Reset(Socket? socket)
    {
        if (socket is null)
        {
            return;
        }

        bool held = false;
        try
        {
            socket.SafeHandle.DangerousAddRef(ref held);
            LibC.Disconnect((int)socket.SafeHandle.DangerousGetHandle());
        }
        catch (ObjectDisposedException)
        {
            // Closed already.
        }
        finally
        {
            if (held)
            {
                socket.SafeHandle.DangerousRelease();
            }
        }
    }

    private async Task DecryptAsync(TlsDuplex tls, Socket pair)
    {
        try
        {
            while (true)
            {
                _ = await tls.ReadAsync(Memory<byte>.Empty); // waits without a buffer
                byte[] buffer = ArrayPool<byte>.Shared.Rent(RecordSize);
                try
                {
                    int length = await tls.ReadAsync(buffer.AsMemory(0, RecordSize));
                    if (length == 0)
                    {
                        break;
                    }

                    await SendAsync(pair, buffer.AsMemory(0, length));
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }

            pair.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The loop has closed its end: the stream's own errors are of other types.
        }
        catch (Exception e)
        {
            // Reset, or not TLS: hostile bytes may cause any error of the library, and each of them ends this session alone.
            Fail(e);
        }
    }

    private async Task EncryptAsync(Socket network, TlsDuplex tls, Socket pair)
    {
        try
        {
            while (true)
            {
                await ReceiveAsync(pair, Memory<byte>.Empty);
                byte[] buffer = ArrayPool<byte>.Shared.Rent(RecordSize);
                try
                {
                    int length = await ReceiveAsync(pair, buffer.AsMemory(0, RecordSize));
                    if (length == 0)
                    {
                        break;
                    }

                    await tls.WriteAsync(buffer.AsMemory(0, length));
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }

            await tls.FinishAsync();
            network.Shutdown(SocketShutdown.Send);
        }
        catch (ObjectDisposedException)
        {
            // Over.
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    // An error says that the loop has closed its end over bytes of ours that it had not read; its own come before the error.
    private static async ValueTask<int> ReceiveAsync(Socket pair, Memory<byte> buffer)
    {
        try
        {
            return await pair.ReceiveAsync(buffer);
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    private static async ValueTask SendAsync(Socket pair, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await pair.SendAsync(bytes)..];
        }
    }

    private void Fail(Exception e)
    {
        // The stream wraps the socket's error, where there is one.
        int errno = (e as SocketException ?? e.InnerException as SocketException)?.NativeErrorCode is LibC.ETIMEDOUT ? LibC.ETIMEDOUT : LibC.ECONNRESET;
        loop.Post(each => each.EdgeFailed(this, errno));
    }
}
