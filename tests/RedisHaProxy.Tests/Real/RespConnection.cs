// A plain RESP2 client for tests: one connection, one command at a time, replies as .NET values.
// Deliberately independent of the proxy's own reader, so that neither hides an error of the other.

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace RedisHaProxy.Tests.Real;

/// <summary>An error reply ("-ERR ..."); the message is the reply's text without the dash.</summary>
public sealed class RespErrorException(string message) : Exception(message);

/// <summary>One connection that speaks RESP2. Not safe for use by several threads at once.</summary>
public sealed class RespConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    private RespConnection(Socket socket) => _socket = socket;

    /// <summary>The address of this end; identifies the connection in CLIENT LIST.</summary>
    public EndPoint LocalEndPoint => _socket.LocalEndPoint!;

    /// <summary>Connects, and authenticates when a password is given.</summary>
    public static async Task<RespConnection> ConnectAsync(IPEndPoint endPoint, string? password = null, string? user = null, TimeSpan? within = null)
    {
        using var cancel = new CancellationTokenSource(within ?? TimeSpan.FromSeconds(5));
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var connection = new RespConnection(socket);
        try
        {
            await socket.ConnectAsync(endPoint, cancel.Token);
            if (password is not null)
            {
                await connection.CommandAsync(user is null ? ["AUTH", password] : ["AUTH", user, password]);
            }

            return connection;
        }
        catch (OperationCanceledException)
        {
            connection.Dispose();
            throw new TimeoutException($"connect to {endPoint} timed out");
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Sends one command and returns its reply: string, long, null or object?[]; waits at most 10 s.</summary>
    /// <exception cref="RespErrorException">The server answered with an error.</exception>
    /// <exception cref="IOException">The connection ended.</exception>
    /// <exception cref="TimeoutException">No answer in time.</exception>
    public Task<object?> CommandAsync(params string[] command) => CommandAsync(TimeSpan.FromSeconds(10), command);

    /// <summary>The same with a bound of its own.</summary>
    public async Task<object?> CommandAsync(TimeSpan within, params string[] command)
    {
        await SendAsync(command);
        return await ReceiveAsync(within);
    }

    /// <summary>Sends a command without waiting for its reply.</summary>
    public async Task SendAsync(params string[] command)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"*{command.Length}\r\n");
        foreach (string word in command)
        {
            text.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text.ToString());
        try
        {
            for (int sent = 0; sent < bytes.Length;)
            {
                sent += await _socket.SendAsync(bytes.AsMemory(sent));
            }
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Reads one reply, or one published message.</summary>
    public async Task<object?> ReceiveAsync(TimeSpan within)
    {
        using var cancel = new CancellationTokenSource(within);
        try
        {
            return await ReadValueAsync(cancel.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"no reply within {within.TotalSeconds:0.###} s");
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>A reply that is a flat list of names and values (SENTINEL MASTER, CONFIG GET) as a dictionary.</summary>
    public static Dictionary<string, string> Pairs(object? reply)
    {
        var list = (object?[])reply!;
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i + 1 < list.Length; i += 2)
        {
            pairs[(string)list[i]!] = Convert.ToString(list[i + 1], CultureInfo.InvariantCulture)!;
        }

        return pairs;
    }

    /// <summary>The lines of INFO as a dictionary.</summary>
    public static Dictionary<string, string> Info(object? reply)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in ((string)reply!).Split("\r\n"))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                pairs[line[..colon]] = line[(colon + 1)..];
            }
        }

        return pairs;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private async Task<object?> ReadValueAsync(CancellationToken cancel)
    {
        string line = await ReadLineAsync(cancel);
        switch (line[0])
        {
            case '+':
                return line[1..];
            case '-':
                throw new RespErrorException(line[1..]);
            case ':':
                return long.Parse(line.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            case '$':
                int length = int.Parse(line.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
                return length < 0 ? null : await ReadBulkAsync(length, cancel);
            case '*':
                int count = int.Parse(line.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
                if (count < 0)
                {
                    return null;
                }

                object?[] items = new object?[count];
                for (int i = 0; i < count; i++)
                {
                    try
                    {
                        items[i] = await ReadValueAsync(cancel);
                    }
                    catch (RespErrorException e)
                    {
                        items[i] = e;
                    }
                }

                return items;
            default:
                throw new IOException($"not RESP: {line}");
        }
    }

    private async Task<string> ReadLineAsync(CancellationToken cancel)
    {
        for (int from = 0; ;)
        {
            int at = _buffer.AsSpan(_start + from, _end - _start - from).IndexOf((byte)'\n');
            if (at >= 0)
            {
                string line = Encoding.UTF8.GetString(_buffer, _start, from + at).TrimEnd('\r');
                _start += from + at + 1;
                return line.Length > 0 ? line : throw new IOException("empty line");
            }

            from = _end - _start;
            await FillAsync(cancel);
        }
    }

    private async Task<string> ReadBulkAsync(int length, CancellationToken cancel)
    {
        byte[] bytes = new byte[length + 2];
        for (int have = 0; have < bytes.Length;)
        {
            if (_start == _end)
            {
                await FillAsync(cancel);
            }

            int n = Math.Min(bytes.Length - have, _end - _start);
            _buffer.AsSpan(_start, n).CopyTo(bytes.AsSpan(have));
            _start += n;
            have += n;
        }

        return Encoding.UTF8.GetString(bytes, 0, length);
    }

    private async Task FillAsync(CancellationToken cancel)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            throw new IOException("line too long");
        }

        int n = await _socket.ReceiveAsync(_buffer.AsMemory(_end), cancel);
        if (n == 0)
        {
            throw new IOException("connection closed by the server");
        }

        _end += n;
    }
}
