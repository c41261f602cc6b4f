// How the verbs ask a running proxy: what they say when nobody answers, or answers in another way than a proxy of this version.

using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Admin;
using RedisHaProxy.Tests.Configuration;

namespace RedisHaProxy.Tests.Admin;

public sealed class ControlClientTests : IDisposable
{
    private const string NotUnderstood = "the answer on {0} is not understood; is the running proxy of another version?";

    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);

    private readonly TemporaryFolder _folder = new();

    private string Path => System.IO.Path.Combine(_folder.Path, "s");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nwhole\n", "whole\n")]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nup to the end", "up to the end")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "")]
    public void An_answer_is_its_body(string answer, string expected)
    {
        using var server = Serve(answer);

        Assert.Equal(expected, new ControlClient(Path).GetText("stats.json"));
    }

    [Theory]
    [InlineData("HTTP/1.1 409 Conflict\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{ \"message\": \"refused: no\" }", "refused: no")]
    [InlineData("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\r\nbusy\n", "busy")]
    [InlineData("HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\n\r\n{ \"reason\": 3 }", NotUnderstood)]
    [InlineData("HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\n\r\n[1,", NotUnderstood)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf", "the proxy on {0} closed the connection before its answer was whole")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le", "the proxy on {0} did not answer: it closed the connection")]
    [InlineData("", "the proxy on {0} did not answer: it closed the connection")]
    [InlineData("-ERR unknown command\r\n\r\n", "the proxy on {0} did not answer: it closed the connection")]
    [InlineData("HTTP/1.1 2x0 OK\r\n\r\n", "the proxy on {0} did not answer: it closed the connection")]
    public void Another_answer_is_one_clear_sentence(string answer, string expected)
    {
        using var server = Serve(answer);

        var error = Assert.Throws<ControlException>(() => new ControlClient(Path).Order("control/drain"));

        Assert.Equal(string.Format(System.Globalization.CultureInfo.InvariantCulture, expected, Path), error.Message);
    }

    [Fact]
    public void A_silent_proxy_a_dead_one_none_and_an_impossible_path_are_told_apart()
    {
        using (Serve(null))
        {
            Assert.Contains("did not answer within 0.2 s", Ask(Path), StringComparison.Ordinal);
        }

        using (Serve(string.Concat(Enumerable.Repeat("slowly ", 200)), TimeSpan.FromMilliseconds(20)))
        {
            Assert.Contains("did not answer within 0.2 s", Ask(Path), StringComparison.Ordinal);
        }

        _folder.Write("s", "");
        Assert.Contains("it is not running any more", Ask(Path), StringComparison.Ordinal);
        _folder.Write("text", "of any kind");
        Assert.Contains("is a file, and no socket", Ask(Path[..^1] + "text"), StringComparison.Ordinal);
        Assert.Contains("is a folder", Ask(_folder.Path), StringComparison.Ordinal);
        Assert.Contains("no proxy is running here", Ask(Path + "2"), StringComparison.Ordinal);
        Assert.Contains("is too long for the path of a socket", Ask("/tmp/" + new string('x', 200)), StringComparison.Ordinal);
    }

    private static string Ask(string path) =>
        Assert.Throws<ControlException>(() => new ControlClient(path, Soon).GetText("stats.json")).Message;

    // Reads the head of one request, answers (byte by byte if there is a pause), and closes; with null it takes the connection and says nothing.
    private Socket Serve(string? answer, TimeSpan pause = default)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(Path));
        listener.Listen();
        if (answer is not null)
        {
            _ = AnswerAsync(listener, answer, pause);
        }

        return listener;
    }

    private static async Task AnswerAsync(Socket listener, string answer, TimeSpan pause)
    {
        using var connection = await listener.AcceptAsync();
        byte[] request = new byte[1024];
        int count = 0;
        while (!request.AsSpan(0, count).EndsWith("\r\n\r\n"u8))
        {
            count += await connection.ReceiveAsync(request.AsMemory(count));
        }

        byte[] bytes = Encoding.UTF8.GetBytes(answer);
        for (int sent = 0; pause > TimeSpan.Zero && sent < bytes.Length; sent++)
        {
            await connection.SendAsync(bytes.AsMemory(sent, 1));
            await Task.Delay(pause);
        }

        if (pause == TimeSpan.Zero)
        {
            await connection.SendAsync(bytes);
        }
    }
}
