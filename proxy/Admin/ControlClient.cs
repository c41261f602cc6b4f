// The other end of the control socket: how the verbs ask a running proxy. One question and its answer by HTTP/1.0: a client library would cost each
// verb more time than all of the rest. Blocking calls: a verb has nothing else to do meanwhile, and the runtime's engine for the others starts in 20 ms.

using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace RedisHaProxy.Admin;

/// <summary>A proxy that cannot be asked, or refuses; the message is for the operator.</summary>
internal sealed class ControlException(string message) : Exception(message);

/// <summary>Talks HTTP over the control socket.</summary>
/// <param name="socket">Path of the control socket.</param>
/// <param name="patience">How long a whole answer may take; 15 s if null.</param>
internal sealed class ControlClient(string socket, TimeSpan? patience = null)
{
    private readonly TimeSpan _patience = patience ?? TimeSpan.FromSeconds(15);

    /// <summary>The text of a document, as the proxy wrote it.</summary>
    /// <exception cref="ControlException">No proxy answers, or it refuses.</exception>
    public string GetText(string path) => Send("GET", path);

    /// <summary>A document.</summary>
    /// <exception cref="ControlException">No proxy answers, or it refuses, or it is of another version.</exception>
    public JsonDocument Get(string path) => Read(GetText(path));

    /// <summary>Gives an order and returns what the proxy says.</summary>
    /// <exception cref="ControlException">No proxy answers, or it refuses; the message is the proxy's.</exception>
    public string Order(string path) => Message(Send("POST", path));

    /// <summary>Who called sudo (sudo(8) sets both variables); null where nobody did.</summary>
    internal static string? Caller(Func<string, string?> environment) =>
        environment("SUDO_UID") is not { Length: > 0 } id ? null
        : new string([.. $"{environment("SUDO_USER")} ({id})".Trim().Where(c => c is > ' ' and < '\x7f' or ' ').Take(64)]);

    private string Send(string method, string path)
    {
        long end = Environment.TickCount64 + (long)_patience.TotalMilliseconds;
        try
        {
            using var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            connection.SendTimeout = Left(end); // for connecting too (unix(7): a listener whose queue is full)
            connection.Connect(new UnixDomainSocketEndPoint(socket));
            // What does not fit into the socket's buffer, which holds 200 kB, is not sent by any verb.
            connection.Send(Encoding.ASCII.GetBytes(Request(method, path)));
            return Answer(Receive(connection, end));
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            throw new ControlException($"the proxy on {socket} did not answer within {_patience.TotalSeconds:0.#} s");
        }
        catch (SocketException e)
        {
            throw new ControlException(e.SocketErrorCode switch
            {
                SocketError.AccessDenied => $"user {Environment.UserName} may not use {socket}; use sudo, or the group of the proxy",
                _ when Directory.Exists(socket) => $"{socket} is a folder; --socket names the path of admin.socket",
                _ when File.Exists(socket) && new FileInfo(socket).Length > 0 => $"{socket} is a file, and no socket; --socket names the path of admin.socket",
                _ when !File.Exists(socket) => $"no proxy is running here: {socket} does not exist (--socket names the path of admin.socket)",
                _ => $"no proxy answers on {socket} ({e.Message}): it is not running any more",
            });
        }
        catch (ArgumentException)
        {
            throw new ControlException($"{socket} is too long for the path of a socket");
        }
    }

    private static string Request(string method, string path)
    {
        string caller = method == "POST" && Caller(Environment.GetEnvironmentVariable) is { } who ? $"{ControlEndpoints.SudoHeader}: {who}\r\n" : "";
        return $"{method} /{path} HTTP/1.0\r\nHost: redis-ha-proxy\r\nContent-Length: 0\r\n{caller}\r\n";
    }

    // Up to the end of the connection: that is the end of an answer in HTTP/1.0.
    private static byte[] Receive(Socket connection, long end)
    {
        byte[] bytes = new byte[16 * 1024];
        int length = 0;
        while (true)
        {
            if (length == bytes.Length)
            {
                Array.Resize(ref bytes, 2 * length);
            }

            connection.ReceiveTimeout = Left(end);
            int count = connection.Receive(bytes, length, bytes.Length - length, SocketFlags.None);
            if (count == 0)
            {
                return bytes[..length];
            }

            length += count;
        }
    }

    // Milliseconds up to the end, which also ends an answer that comes byte by byte.
    private static int Left(long end) => end - Environment.TickCount64 is > 0 and var left ? (int)left : throw new SocketException((int)SocketError.TimedOut);

    private string Answer(byte[] answer)
    {
        int end = answer.AsSpan().IndexOf("\r\n\r\n"u8);
        string[] head = end < 0 ? [] : Encoding.Latin1.GetString(answer, 0, end).Split("\r\n");
        if (head.Length == 0 || !head[0].StartsWith("HTTP/1.", StringComparison.Ordinal) || head[0].Length < 12
            || !int.TryParse(head[0].AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out int code))
        {
            throw new ControlException($"the proxy on {socket} did not answer: it closed the connection");
        }

        string body = Encoding.UTF8.GetString(answer, end + 4, answer.Length - end - 4);
        if (head.FirstOrDefault(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)) is { } length
            && long.TryParse(length.AsSpan(15).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long expected)
            && expected != answer.Length - end - 4)
        {
            throw new ControlException($"the proxy on {socket} closed the connection before its answer was whole");
        }

        bool json = head.Any(line => line.StartsWith("Content-Type: application/json", StringComparison.OrdinalIgnoreCase));
        return code is >= 200 and < 300 ? body : throw new ControlException(json ? Message(body) : body.TrimEnd());
    }

    private string Message(string body)
    {
        using JsonDocument document = Read(body);
        return document.RootElement is { ValueKind: JsonValueKind.Object } answer && answer.TryGetProperty("message", out JsonElement message)
            && message.GetString() is { } text ? text : throw Strange();
    }

    private JsonDocument Read(string body)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException)
        {
            throw Strange();
        }
    }

    private ControlException Strange() => new($"the answer on {socket} is not understood; is the running proxy of another version?");
}
