// The proxy's side of the hand-over while there is nobody at the other one.

using System.Net.Sockets;
using RedisHaProxy.Forwarding.HandOver;
using RedisHaProxy.Tests.Routing;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

public sealed class HandOverLinkTests : IDisposable
{
    private readonly WorkDirectory _directory = new();

    private string SocketPath => Path.Combine(_directory.Path, "helper");

    [Fact]
    public async Task A_helper_that_is_not_there_is_named_with_what_is_to_be_done()
    {
        using var log = new LineLog();
        using var link = new HandOverLink(SocketPath, [], log);
        await log.HasAsync(SocketPath, "there is no such file", "systemctl status redis-ha-hand-over", "start it");
        Assert.DoesNotContain("Cannot assign", log.ToString(), StringComparison.Ordinal);

        // What a helper that was killed leaves behind.
        await File.WriteAllTextAsync(SocketPath, "");
        await log.HasAsync(SocketPath, "nobody listens there", "start it");
    }

    // Its backlog is full: whoever waits for it to accept waits for good, and so would the end of the proxy.
    [Fact]
    public async Task A_helper_that_accepts_nobody_is_not_waited_for()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        listener.Listen(1);
        var waiting = new List<Socket>();
        try
        {
            while (waiting.Count < 100)
            {
                var next = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified) { Blocking = false };
                waiting.Add(next);
                try
                {
                    next.Connect(listener.LocalEndPoint!);
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
                {
                    break;
                }
            }

            using var log = new LineLog();
            var link = new HandOverLink(SocketPath, [], log);
            await log.HasAsync(SocketPath, "accepts nobody");
            await Task.Run(link.Dispose).WaitAsync(Bound.Wait);
        }
        finally
        {
            waiting.ForEach(socket => socket.Dispose());
        }
    }

    public void Dispose() => _directory.Dispose();
}
