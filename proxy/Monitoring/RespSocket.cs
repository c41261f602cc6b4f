// One connection to a Redis or Sentinel server, for probes: sends prepared commands, receives whole replies. With or without TLS.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Reactor;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Monitoring;

/// <summary>A connection whose replies arrive whole. One task at a time, on the reactor's thread.</summary>
/// <remarks>
/// Without TLS nothing else than that thread has to do with it. A TLS stream reads and writes by tasks of the runtime, which come back
/// to the thread: it costs some wake-ups more for each question.
/// </remarks>
internal sealed class RespSocket : IDisposable
{
    /// <summary>What was said before the end has arrived before it: this is for the work of decrypting.</summary>
    private static readonly TimeSpan LastWordLimit = TimeSpan.FromMilliseconds(250);

    private readonly Socket _socket;
    private readonly ReactorSocket? _plain;
    private readonly SslStream? _tls;
    private Task<int>? _tlsReads; // the wait that a watch began: a TLS stream has one reader at a time
    private int _decrypted = -1; // how many bytes a read of the TLS stream has put behind the buffer's end; -1 for no read
    private Action? _tlsWatcher;
    private byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;
    private int _measured; // the end of the replies that are known to be whole,
    private int _replies;  // and how many these are

    private RespSocket(Socket socket, ReactorSocket? plain, SslStream? tls) => (_socket, _plain, _tls) = (socket, plain, tls);

    /// <summary>Connects. Cancellation is the bound.</summary>
    /// <param name="reactor">The thread; the caller is on it.</param>
    /// <param name="endPoint">The server.</param>
    /// <param name="tls">Makes a TLS connection of it; null connects without TLS.</param>
    /// <param name="cancel">The bound.</param>
    /// <exception cref="SocketException">Refused, unreachable, or another error of the system.</exception>
    /// <exception cref="TlsException">The handshake failed, was not over in time, or the server's certificate is not good.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before the machine answered.</exception>
    public static async ValueTask<RespSocket> ConnectAsync(ReactorThread reactor, IPEndPoint endPoint, TlsClient? tls, CancellationToken cancel)
    {
        if (tls is null)
        {
            var plain = new ReactorSocket(reactor, endPoint.AddressFamily);
            try
            {
                await plain.ConnectAsync(endPoint, cancel);
                return new RespSocket(plain.Socket, plain, null);
            }
            catch
            {
                plain.Dispose();
                throw;
            }
        }

        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        bool connected = false;
        try
        {
            await socket.ConnectAsync(endPoint, cancel);
            connected = true;
            // Certificates are work of milliseconds, and not of this thread.
            return new RespSocket(socket, null, await Task.Run(() => tls.AuthenticateAsync(socket, endPoint, cancel), CancellationToken.None));
        }
        catch (OperationCanceledException e) when (connected)
        {
            socket.Dispose();
            throw new TlsException("no TLS handshake in time", e) { IsLate = true };
        }
        catch (SocketException e) when (connected)
        {
            socket.Dispose();
            throw new TlsException(e.Message, e) { IsBareEnd = true };
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Encodes a command.</summary>
    public static byte[] Command(params ReadOnlySpan<string> words)
    {
        using var bytes = new MemoryStream();
        bytes.Write(Encoding.ASCII.GetBytes($"*{words.Length}\r\n"));
        foreach (string word in words)
        {
            byte[] text = Encoding.UTF8.GetBytes(word);
            bytes.Write(Encoding.ASCII.GetBytes($"${text.Length}\r\n"));
            bytes.Write(text);
            bytes.Write("\r\n"u8);
        }

        return bytes.ToArray();
    }

    /// <summary>
    /// Lets the kernel find out within about 10 s that a silent peer is gone; for connections on which we only listen.
    /// </summary>
    public void KeepAlive()
    {
        _socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        _socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 4);
        _socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 2);
        _socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
    }

    /// <summary>There is something to receive that nobody asked for: the server closed the connection, or sent it.</summary>
    public bool IsReadable => _plain?.IsReadable ?? _tlsReads?.IsCompleted ?? false;

    /// <summary>Sends bytes.</summary>
    /// <exception cref="SocketException">The connection is gone.</exception>
    /// <exception cref="TlsException">The server broke the protocol, or ended the connection by an alert.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel) => _plain?.SendAsync(bytes, cancel) ?? EncryptAsync(bytes, cancel);

    /// <summary>
    /// Takes <paramref name="count"/> whole replies, if they are there: their bytes, valid until the next call. If not, await
    /// <see cref="MoreAsync"/> and try again with the same count. A server that answers with an error and closes yields that error alone.
    /// </summary>
    /// <exception cref="RespException">Not RESP2, or beyond a limit.</exception>
    /// <exception cref="SocketException">The connection ended.</exception>
    public bool TryReceive(int count, out ReadOnlyMemory<byte> replies)
    {
        while (_replies < count)
        {
            if (RespReader.TryMeasure(_buffer.AsSpan(_measured, _end - _measured), out int length))
            {
                _measured += length;
                _replies++;
                continue;
            }

            int received = Take();
            if (received < 0)
            {
                replies = default;
                return false;
            }

            if (received == 0)
            {
                if (_replies > 0 && _buffer[_start] == (byte)RespType.Error)
                {
                    break;
                }

                throw new SocketException((int)SocketError.ConnectionReset);
            }

            _end += received;
        }

        replies = _buffer.AsMemory(_start, _measured - _start);
        _start = _measured;
        _replies = 0;
        return true;
    }

    /// <summary>Waits until there is more to receive, or the stream's end, or (not always with an exception) for cancellation.</summary>
    /// <exception cref="SocketException">The connection is gone.</exception>
    /// <exception cref="TlsException">The server broke the protocol, or ended the connection by an alert.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ValueTask<bool> MoreAsync(CancellationToken cancel) => _plain?.ReadableAsync(cancel) ?? DecryptAsync(_tls!, cancel);

    /// <summary>The two above until the replies are there.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int count, CancellationToken cancel)
    {
        ReadOnlyMemory<byte> replies;
        while (!TryReceive(count, out replies))
        {
            await MoreAsync(cancel);
            cancel.ThrowIfCancellationRequested();
        }

        return replies;
    }

    /// <summary>
    /// What the server said before the connection broke: its first reply that was not taken yet, if that is an error. A server that refuses a
    /// connection writes why and closes; what we send then is answered by a reset, and the reset is often noticed first.
    /// </summary>
    /// <returns>The error's text, printable; null for none.</returns>
    /// <exception cref="TlsException">It said it by an alert.</exception>
    public async ValueTask<string?> LastErrorAsync()
    {
        try
        {
            if (_plain is not null)
            {
                MakeRoom();
                _end += _plain.ReceiveRest(_buffer.AsSpan(_end));
            }
            else
            {
                using var limit = new CancellationTokenSource(LastWordLimit);
                await DecryptAsync(_tls!, limit.Token);
                _end += Math.Max(0, Take());
            }

            return RespReader.TryMeasure(_buffer.AsSpan(_start, _end - _start), out int length) && _buffer[_start] == (byte)RespType.Error
                ? RespReader.Printable(_buffer.AsSpan(_start + 1, length - 3))
                : null;
        }
        catch (Exception e) when (e is SocketException or RespException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>What was received and not taken begins like a record of TLS: a handshake, or an alert.</summary>
    public bool LooksLikeTls => SpokenProtocol.IsTls(_buffer.AsSpan(_start, _end - _start));

    /// <summary>Has somebody told, once, when <see cref="IsReadable"/>; null for nobody any more.</summary>
    public void Watch(Action? watcher)
    {
        if (_plain is not null)
        {
            _plain.Watch(watcher);
            return;
        }

        _tlsWatcher = watcher;
        if (watcher is not null)
        {
            _tlsReads ??= _tls!.ReadAsync(Memory<byte>.Empty, CancellationToken.None).AsTask();
            _ = TellTlsWatcherAsync(_tlsReads);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tlsWatcher = null;
        _plain?.Dispose();
        _tls?.Dispose();
        _socket.Dispose();
    }

    private async Task TellTlsWatcherAsync(Task reads)
    {
        await reads.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        Action? watcher = _tlsWatcher;
        _tlsWatcher = null;
        watcher?.Invoke();
    }

    // What is there now, put behind the buffer's end; -1 for nothing.
    private int Take()
    {
        if (_plain is not null)
        {
            MakeRoom();
            return _plain.Receive(_buffer.AsSpan(_end));
        }

        int decrypted = _decrypted;
        _decrypted = -1;
        return decrypted;
    }

    private async ValueTask EncryptAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        try
        {
            await _tls!.WriteAsync(bytes, cancel);
        }
        catch (IOException e)
        {
            throw TlsClient.Translate(e);
        }
    }

    private async ValueTask<bool> DecryptAsync(SslStream tls, CancellationToken cancel)
    {
        MakeRoom();
        try
        {
            if (_tlsReads is { } begun)
            {
                await begun.WaitAsync(cancel);
                _tlsReads = null;
            }

            _decrypted = await tls.ReadAsync(_buffer.AsMemory(_end), cancel);
            return true;
        }
        catch (IOException e)
        {
            throw TlsClient.Translate(e);
        }
    }

    private void MakeRoom()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _measured -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            // One reply is at most MaxReply (TryMeasure sees to it); a batch is a few of them.
            if (_buffer.Length >= RespReader.MaxReply * 4)
            {
                throw new RespException($"replies of more than {_buffer.Length} bytes");
            }

            Array.Resize(ref _buffer, _buffer.Length * 2);
        }
    }
}
