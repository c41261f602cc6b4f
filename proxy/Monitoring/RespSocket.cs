// One connection to a Redis or Sentinel server, for probes: sends prepared commands, receives whole replies. With or without TLS.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Monitoring;

/// <summary>A connection whose replies arrive whole. One task at a time.</summary>
internal sealed class RespSocket : IDisposable
{
    private readonly Socket _socket;
    private readonly SslStream? _tls;
    private Task<int>? _readable; // the wait that ReadableAsync began: a TLS stream has one reader at a time
    private byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;

    private RespSocket(Socket socket, SslStream? tls) => (_socket, _tls) = (socket, tls);

    /// <summary>Connects. Cancellation is the bound.</summary>
    /// <param name="endPoint">The server.</param>
    /// <param name="tls">Makes a TLS connection of it; null connects without TLS.</param>
    /// <param name="cancel">The bound.</param>
    /// <exception cref="SocketException">Refused, unreachable, or another error of the system.</exception>
    /// <exception cref="TlsException">The handshake failed, or the server's certificate is not good.</exception>
    public static async ValueTask<RespSocket> ConnectAsync(IPEndPoint endPoint, TlsClient? tls, CancellationToken cancel)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancel);
            return new RespSocket(socket, tls is null ? null : await tls.AuthenticateAsync(socket, endPoint, cancel));
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

    /// <summary>Sends bytes.</summary>
    /// <exception cref="SocketException">The connection is gone.</exception>
    /// <exception cref="TlsException">The server broke the protocol, or ended the connection by an alert.</exception>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        if (_tls is not null)
        {
            try
            {
                await _tls.WriteAsync(bytes, cancel);
                return;
            }
            catch (IOException e)
            {
                throw TlsClient.Translate(e);
            }
        }

        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes, cancel)..];
        }
    }

    /// <summary>
    /// Receives until <paramref name="count"/> whole replies are there, and returns their bytes, valid until the next call.
    /// A server that answers with an error and closes yields that error alone.
    /// </summary>
    /// <exception cref="RespException">Not RESP2, or beyond a limit.</exception>
    /// <exception cref="SocketException">The connection ended.</exception>
    /// <exception cref="TlsException">The server broke the protocol, or ended the connection by an alert.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int count, CancellationToken cancel)
    {
        int measured = _start;
        for (int replies = 0; replies < count;)
        {
            if (RespReader.TryMeasure(_buffer.AsSpan(measured, _end - measured), out int length))
            {
                measured += length;
                replies++;
                continue;
            }

            int used = measured - _start;
            MakeRoom();
            measured = _start + used;
            int received = _tls is null ? await _socket.ReceiveAsync(_buffer.AsMemory(_end), cancel) : await DecryptAsync(_tls, cancel);
            if (received == 0)
            {
                if (replies > 0 && _buffer[_start] == (byte)RespType.Error)
                {
                    break;
                }

                throw new SocketException((int)SocketError.ConnectionReset);
            }

            _end += received;
        }

        ReadOnlyMemory<byte> result = _buffer.AsMemory(_start, measured - _start);
        _start = measured;
        return result;
    }

    /// <summary>
    /// Completes when there is something to receive: the server closed the connection, or sent what nobody asked for. Also
    /// completes, at the latest, when the next answer comes.
    /// </summary>
    public ValueTask<int> ReadableAsync(CancellationToken cancel)
    {
        if (_tls is null)
        {
            return _socket.ReceiveAsync(Memory<byte>.Empty, cancel);
        }

        _readable = ReadableAsync(_tls, cancel);
        return new ValueTask<int>(_readable);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tls?.Dispose();
        _socket.Dispose();
    }

    private static async Task<int> ReadableAsync(SslStream tls, CancellationToken cancel)
    {
        try
        {
            return await tls.ReadAsync(Memory<byte>.Empty, cancel);
        }
        catch (IOException e)
        {
            throw TlsClient.Translate(e);
        }
    }

    private async ValueTask<int> DecryptAsync(SslStream tls, CancellationToken cancel)
    {
        if (_readable is { } waiting)
        {
            _readable = null;
            await waiting;
        }

        try
        {
            return await tls.ReadAsync(_buffer.AsMemory(_end), cancel);
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
