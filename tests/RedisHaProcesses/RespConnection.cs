// A plain blocking RESP2 connection: what a client library does on the wire, and nothing else, so that what is measured is not the client.
// Deliberately independent of the proxy's own reader, so that neither hides an error of the other.

using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace RedisHaProcesses;

/// <summary>An error reply ("-ERR ..."); the message is the reply's text without the dash.</summary>
public sealed class RespErrorException(string message) : Exception(message);

/// <summary>
/// One connection, one thread at a time. Sending and reading are separate, so that commands can be pipelined. Blocking socket calls go
/// straight to the kernel: the time after a read returns is the time the reply was there. Nothing is allocated per command by
/// <see cref="Send(ReadOnlySpan{byte})"/> and <see cref="ReadLine"/>.
/// </summary>
public sealed partial class RespConnection : IDisposable
{
    private readonly Socket _socket;
    private byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;

    private RespConnection(Socket socket) => _socket = socket;

    /// <summary>The address of this end; identifies the connection in CLIENT LIST.</summary>
    public EndPoint LocalEndPoint => _socket.LocalEndPoint!;

    /// <summary>Whether bytes are there to be read without waiting longer than <paramref name="microseconds"/> (or the peer has closed).</summary>
    public bool Readable(int microseconds) => _end > _start || _socket.Poll(microseconds, SelectMode.SelectRead);

    /// <summary>Connects.</summary>
    /// <param name="endPoint">Where to.</param>
    /// <param name="timeout">For the connect and for each read and write.</param>
    /// <param name="network">Namespace of the client; null is ours.</param>
    /// <exception cref="IOException">Refused, unreachable or timed out.</exception>
    public static RespConnection Connect(IPEndPoint endPoint, TimeSpan timeout, NetworkNamespace? network = null)
    {
        var socket = network?.Socket() ?? new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.NoDelay = true;
            // The kernel's own timeouts (SO_SNDTIMEO bounds connect(2) as well), so that no timer thread takes part.
            socket.SendTimeout = (int)timeout.TotalMilliseconds;
            socket.ReceiveTimeout = (int)timeout.TotalMilliseconds;
            socket.Connect(endPoint);
            return new RespConnection(socket);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"connect to {endPoint}: {e.SocketErrorCode}", e);
        }
    }

    /// <summary>Connects and authenticates.</summary>
    public static RespConnection Connect(IPEndPoint endPoint, TimeSpan timeout, string? user, string password, NetworkNamespace? network = null)
    {
        var connection = Connect(endPoint, timeout, network);
        try
        {
            _ = user is null ? connection.Call("AUTH", password) : connection.Call("AUTH", user, password);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>A command as the bytes of its RESP array.</summary>
    public static byte[] Encode(params ReadOnlySpan<string> words)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"*{words.Length}\r\n");
        foreach (var word in words)
        {
            text.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>Sends bytes, all of them.</summary>
    /// <exception cref="IOException">The connection is gone, or the timeout passed.</exception>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        try
        {
            while (bytes.Length > 0)
            {
                bytes = bytes[_socket.Send(bytes)..];
            }
        }
        catch (SocketException e)
        {
            throw new IOException($"send: {e.SocketErrorCode}", e);
        }
    }

    /// <summary>Sends a command and reads its reply.</summary>
    /// <exception cref="RespErrorException">An error reply.</exception>
    /// <exception cref="IOException">The connection is gone, or the timeout passed.</exception>
    public RespReply Call(params ReadOnlySpan<string> words)
    {
        var reply = Ask(words);
        return reply.IsError ? throw new RespErrorException(reply.Text) : reply;
    }

    /// <summary>Sends a command and reads its reply, an error reply among them.</summary>
    /// <exception cref="IOException">The connection is gone, or the timeout passed.</exception>
    public RespReply Ask(params ReadOnlySpan<string> words)
    {
        Send(Encode(words));
        return Read();
    }

    /// <summary>
    /// Reads one line without its end: type byte first. Valid until the next read.
    /// </summary>
    /// <exception cref="IOException">The connection is gone, or the timeout passed.</exception>
    public ReadOnlySpan<byte> ReadLine()
    {
        var from = _start;
        while (true)
        {
            var end = _buffer.AsSpan(from, _end - from).IndexOf("\r\n"u8);
            if (end >= 0)
            {
                var line = _buffer.AsSpan(_start, from + end - _start);
                _start = from + end + 2;
                return line;
            }

            var scanned = Math.Max(_end - _start - 1, 0);
            Fill();
            from = _start + scanned;
        }
    }

    /// <summary>Reads a whole reply.</summary>
    /// <exception cref="IOException">The connection is gone, the timeout passed, or the bytes are not RESP.</exception>
    public RespReply Read()
    {
        var line = ReadLine();
        if (line.IsEmpty)
        {
            throw new IOException("an empty line instead of a RESP reply");
        }

        var type = (char)line[0];
        switch (type)
        {
            case '+' or '-' or ':':
                return new RespReply(type, Encoding.UTF8.GetString(line[1..]), []);
            case '$' or '*' when Utf8Parser.TryParse(line[1..], out int length, out var read) && read == line.Length - 1:
                if (length < 0)
                {
                    return new RespReply(type, "", []) { IsNil = true };
                }

                if (type == '$')
                {
                    return new RespReply(type, ReadBulk(length), []);
                }

                var items = new RespReply[length];
                for (var i = 0; i < length; i++)
                {
                    items[i] = Read();
                }

                return new RespReply(type, "", items);
            default:
                throw new IOException($"not RESP: {Encoding.UTF8.GetString(line)}");
        }
    }

    /// <summary>Closes it.</summary>
    public void Dispose() => _socket.Dispose();

    private string ReadBulk(int length)
    {
        while (_end - _start < length + 2)
        {
            Fill();
        }

        var text = Encoding.UTF8.GetString(_buffer.AsSpan(_start, length));
        _start += length + 2;
        return text;
    }

    private void Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        try
        {
            var read = _socket.Receive(_buffer.AsSpan(_end));
            _end += read > 0 ? read : throw new IOException("closed by the peer");
        }
        catch (SocketException e)
        {
            throw new IOException(
                $"receive: {(e.SocketErrorCode is SocketError.WouldBlock or SocketError.TimedOut ? "no reply in time" : e.SocketErrorCode)}", e);
        }
    }
}
