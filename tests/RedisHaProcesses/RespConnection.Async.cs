// The same connection for tests that await: each call runs the blocking one on a pool thread, and replies are .NET values.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace RedisHaProcesses;

public sealed partial class RespConnection
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Connects, and authenticates when a password is given.</summary>
    public static Task<RespConnection> ConnectAsync(
        IPEndPoint endPoint, string? password = null, string? user = null, TimeSpan? within = null, NetworkNamespace? network = null)
        => Task.Run(() => password is null
            ? Connect(endPoint, within ?? TimeSpan.FromSeconds(5), network)
            : Connect(endPoint, within ?? TimeSpan.FromSeconds(5), user, password, network));

    /// <summary>Sends one command and returns its reply, an error reply among them.</summary>
    /// <exception cref="IOException">The connection ended, or the timeout passed.</exception>
    public Task<RespReply> AskAsync(params string[] command) => Task.Run(() => Ask(command));

    /// <summary>Sends one command and returns its reply: string, long, null or object?[]; waits at most 10 s.</summary>
    /// <exception cref="RespErrorException">The server answered with an error.</exception>
    /// <exception cref="IOException">The connection ended.</exception>
    /// <exception cref="TimeoutException">No answer in time.</exception>
    public Task<object?> CommandAsync(params string[] command) => CommandAsync(Patience, command);

    /// <summary>The same with a bound of its own.</summary>
    public async Task<object?> CommandAsync(TimeSpan within, params string[] command)
    {
        await SendAsync(command);
        return await ReceiveAsync(within);
    }

    /// <summary>Sends a command without waiting for its reply.</summary>
    public Task SendAsync(params string[] command) => Task.Run(() => Send(Encode(command)));

    /// <summary>Reads one reply, or one published message.</summary>
    public Task<object?> ReceiveAsync(TimeSpan within) => Task.Run(() =>
    {
        var start = Stopwatch.GetTimestamp();
        var usual = _socket.ReceiveTimeout;
        _socket.ReceiveTimeout = Math.Max(1, (int)within.TotalMilliseconds);
        try
        {
            var reply = Read();
            return reply.IsError ? throw new RespErrorException(reply.Text) : reply.ToValue();
        }
        catch (IOException e) when (Stopwatch.GetElapsedTime(start) >= within)
        {
            throw new TimeoutException($"no reply within {within.TotalSeconds:0.###} s", e);
        }
        finally
        {
            _socket.ReceiveTimeout = usual;
        }
    });

    /// <summary>Waits without a word until the other side resets the connection; false when it has not within <paramref name="patience"/>.</summary>
    /// <exception cref="IOException">It ended in another way, or something was said.</exception>
    public Task<bool> IsResetWithinAsync(TimeSpan patience) => Task.Run(() =>
    {
        var usual = _socket.ReceiveTimeout;
        _socket.ReceiveTimeout = Math.Max(1, (int)patience.TotalMilliseconds);
        try
        {
            var count = _socket.Receive(stackalloc byte[1]);
            throw new IOException(count > 0 ? "an idle connection was sent something" : "closed by the peer");
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.TimedOut)
        {
            return false;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset)
        {
            return true;
        }
        finally
        {
            _socket.ReceiveTimeout = usual;
        }
    });

    /// <summary>A reply that is a flat list of names and values (SENTINEL MASTER, CONFIG GET) as a dictionary.</summary>
    public static Dictionary<string, string> Pairs(object? reply)
    {
        var list = (object?[])reply!;
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i + 1 < list.Length; i += 2)
        {
            pairs[(string)list[i]!] = Convert.ToString(list[i + 1], CultureInfo.InvariantCulture)!;
        }

        return pairs;
    }

    /// <summary>The lines of INFO as a dictionary.</summary>
    public static Dictionary<string, string> Info(object? reply) => new RespReply('$', (string)reply!, []).ToInfo();
}
