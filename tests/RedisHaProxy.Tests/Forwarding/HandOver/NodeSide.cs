// The nodes' side of a test: whoever connects is served, each by a task of its own.

using System.Net.Sockets;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

/// <summary>Serves what comes to a listener, until that is closed.</summary>
internal sealed class NodeSide
{
    private readonly List<Task> _sessions = [];

    /// <param name="listener">Belongs to the caller.</param>
    /// <param name="serve">Of one connection, which is closed after it.</param>
    public NodeSide(Socket listener, Func<Socket, Task> serve) => _ = AcceptAsync(listener, serve);

    /// <summary>What was accepted so far: a task that fails is a session that was not served well.</summary>
    public Task[] Sessions
    {
        get
        {
            lock (_sessions)
            {
                return [.. _sessions];
            }
        }
    }

    private async Task AcceptAsync(Socket listener, Func<Socket, Task> serve)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            lock (_sessions)
            {
                _sessions.Add(ServeAsync(socket, serve));
            }
        }
    }

    private static async Task ServeAsync(Socket socket, Func<Socket, Task> serve)
    {
        using (socket)
        {
            await serve(socket);
        }
    }
}
