// A stale SSH agent ends the run before it begins: the provider would fail at each command.

using System.Net.Sockets;
using Pulumi;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class SshAgentTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agent").FullName;

    private string Path => System.IO.Path.Combine(_folder, "s");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void No_agent_is_no_problem()
    {
        SshAgent.RequireUsable(null);
        SshAgent.RequireUsable("");
    }

    [SkippableFact]
    public void An_agent_that_answers_may_be_there()
    {
        Skip.If(OperatingSystem.IsWindows(), "agents have no sockets on Windows");
        using Socket agent = Listen();

        SshAgent.RequireUsable(Path);
    }

    [SkippableTheory]
    [InlineData("left behind")]
    [InlineData("gone")]
    [InlineData("too long for a socket's name")]
    public void One_that_does_not_answer_ends_in_one_sentence_with_the_remedy(string kind)
    {
        Skip.If(OperatingSystem.IsWindows(), "agents have no sockets on Windows");
        if (kind == "left behind")
        {
            Listen().Dispose();
            // .NET takes the name away with the socket; an agent that was killed does not.
            using var killed = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            killed.Bind(new UnixDomainSocketEndPoint(Path));
        }
        string path = kind == "too long for a socket's name" ? "/" + new string('x', 300) : Path;

        string message = Assert.Throws<RunException>(() => SshAgent.RequireUsable(path)).Message;

        Assert.Contains($"SSH_AUTH_SOCK = {path} ", message, StringComparison.Ordinal);
        Assert.Contains("Run `unset SSH_AUTH_SOCK`", message, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", message, StringComparison.Ordinal);
    }

    private Socket Listen()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path));
        socket.Listen();
        return socket;
    }
}
