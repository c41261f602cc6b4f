// A plain client of Redis in one of the lab's networks: sends a command, reads the answer. Small on purpose: what is
// verified is what any client sees.

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaLab.Services;

namespace RedisHaLab.Cluster;

/// <summary>An answer: text, number, error or list of answers.</summary>
internal sealed record RespReply(string? Text, bool IsError, IReadOnlyList<RespReply> Items)
{
    /// <summary>The first item's text of a list, or the text itself.</summary>
    public string First => Items.Count > 0 ? Items[0].First : Text ?? "";

    /// <summary>The answer on one line.</summary>
    public override string ToString() => Items.Count > 0 ? string.Join(' ', Items) : Text ?? "(nil)";
}

/// <summary>One connection.</summary>
internal sealed class RespConnection : IAsyncDisposable
{
    private readonly NetworkStream _stream;
    private readonly TimeSpan _patience;
    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;

    private RespConnection(Socket socket, TimeSpan patience)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _patience = patience;
    }

    /// <summary>Connects from a namespace, and authenticates when a password is given.</summary>
    /// <exception cref="IOException">The connection ended, or the password was refused.</exception>
    /// <exception cref="SocketException">No connection.</exception>
    /// <exception cref="OperationCanceledException">No answer within <paramref name="patience"/>.</exception>
    public static async Task<RespConnection> OpenAsync(string networkNamespace, IPEndPoint endpoint, string? password, TimeSpan patience)
    {
        var connection = new RespConnection(await NamespaceSockets.ConnectAsync(networkNamespace, endpoint, patience), patience);
        try
        {
            if (password is not null && await connection.CallAsync("AUTH", password) is { IsError: true } refused)
            {
                throw new IOException(refused.Text);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    /// <summary>Sends a command and reads its answer.</summary>
    public async Task<RespReply> CallAsync(params string[] command)
    {
        using var limit = new CancellationTokenSource(_patience);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"*{command.Length}\r\n");
        foreach (var word in command)
        {
            text.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
        }

        await _stream.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()), limit.Token);
        return await ReadAsync(limit.Token);
    }

    /// <summary>Waits without a word until the other side resets the connection; false when it has not within <paramref name="patience"/>.</summary>
    /// <exception cref="IOException">It ended otherwise, or something was said.</exception>
    public async Task<bool> IsResetWithinAsync(TimeSpan patience)
    {
        using var limit = new CancellationTokenSource(patience);
        try
        {
            var said = await ReadByteAsync(limit.Token);
            throw new IOException($"an idle connection was sent the byte {said}");
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        catch (IOException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
        {
            return true;
        }
    }

    private async Task<RespReply> ReadAsync(CancellationToken cancellation)
    {
        var line = await ReadLineAsync(cancellation);
        var rest = line[1..];
        switch (line[0])
        {
            case '+' or ':':
                return new RespReply(rest, IsError: false, []);
            case '-':
                return new RespReply(rest, IsError: true, []);
            case '$' when rest == "-1":
                return new RespReply(null, IsError: false, []);
            case '$':
                return new RespReply(await ReadBytesAsync(int.Parse(rest, CultureInfo.InvariantCulture), cancellation), IsError: false, []);
            case '*':
                var items = new List<RespReply>();
                for (var i = int.Parse(rest, CultureInfo.InvariantCulture); i > 0; i--)
                {
                    items.Add(await ReadAsync(cancellation));
                }

                return new RespReply(null, IsError: false, items);
            default:
                throw new IOException($"not an answer of Redis: {line}");
        }
    }

    private async Task<string> ReadLineAsync(CancellationToken cancellation)
    {
        var line = new StringBuilder();
        while (true)
        {
            var next = (char)await ReadByteAsync(cancellation);
            if (next == '\n')
            {
                return line.Length > 0 ? line.ToString() : throw new IOException("an empty line instead of an answer");
            }

            if (next != '\r')
            {
                line.Append(next);
            }
        }
    }

    private async Task<string> ReadBytesAsync(int count, CancellationToken cancellation)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++)
        {
            bytes[i] = await ReadByteAsync(cancellation);
        }

        await ReadByteAsync(cancellation);
        await ReadByteAsync(cancellation);
        return Encoding.UTF8.GetString(bytes);
    }

    private async ValueTask<byte> ReadByteAsync(CancellationToken cancellation)
    {
        if (_start == _end)
        {
            // Empty also when the wait is given up.
            _start = _end = 0;
            _end = await _stream.ReadAsync(_buffer, cancellation);
            if (_end == 0)
            {
                throw new IOException("the connection was closed");
            }
        }

        return _buffer[_start++];
    }
}
