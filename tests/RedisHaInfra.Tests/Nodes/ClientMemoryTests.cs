// What clients that read nothing may do to the writes of others.

using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class ClientMemoryTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Seven_hundred_unread_answers_of_1_MB_stop_nobody_from_writing(bool bounded)
    {
        Skip.IfNot(Installed.Has("redis-server", "redis-cli"), "redis-server and redis-cli are not installed");
        // A small node, with the payload's own bounds; and without them, so that the test is known to test something.
        string[] bounds = [.. PayloadInputs.FileOf(NodePayload.Of(PayloadInputs.Redis()).ApplyScript, "settings.conf").Split('\n')
            .Select(line => line.Replace("@7.0 ", string.Empty, StringComparison.Ordinal))
            .Where(line => line.StartsWith("client-output-buffer-limit normal ", StringComparison.Ordinal)
                || line.StartsWith("maxmemory-clients ", StringComparison.Ordinal))];
        Assert.Equal(2, bounds.Length);
        string[] settings = bounded ? [.. bounds.SelectMany(line => $"--{line}".Split(' '))] : [];
        await using RedisServer server = await RedisServer.StartAsync("redis-server", PayloadInputs.Redis(), ["--maxmemory", "128mb", .. settings]);
        Skip.If(server.Version < 700, "Redis 6.2 has no bound of all clients together");
        Assert.Equal("OK", await server.ClientAsync("EVAL", "return redis.call('set', 'large', string.rep('x', 1048576))", "0"));

        var readers = new List<Socket>();
        try
        {
            for (int reader = 0; reader < 70; reader++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4_096 };
                readers.Add(socket);
                await socket.ConnectAsync(IPAddress.Parse(server.Address), 6379);
                string password = PayloadInputs.Passwords.Client;
                byte[] commands = Encoding.ASCII.GetBytes($"*2\r\n$4\r\nAUTH\r\n${password.Length}\r\n{password}\r\n"
                    + string.Concat(Enumerable.Repeat("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n", 10)));
                await socket.SendAsync(commands);
            }

            var answers = new List<string>();
            for (int write = 0; write < 20; write++)
            {
                answers.Add(await server.ClientAsync("SET", $"key{write}", "value"));
            }

            if (bounded)
            {
                Assert.All(answers, answer => Assert.Equal("OK", answer));
            }
            else
            {
                Assert.Contains(answers, answer => answer.StartsWith("OOM", StringComparison.Ordinal));
            }
        }
        finally
        {
            readers.ForEach(reader => reader.Dispose());
        }
    }
}
