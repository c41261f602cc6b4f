// A TCP server on loopback whose connections are handled by a delegate: the "node" behind the forwarder.

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace RedisHaProxy.Tests.Forwarding;

internal sealed class PlainServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly ConcurrentBag<Task> _handlers = [];
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly Task _accepting;
    private int _accepted;

    public PlainServer(Func<Socket, Task> handler, int port = 0, int backlog = 4096)
    {
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        _listener.Listen(backlog);
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = AcceptAsync(handler);
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>Connections accepted so far.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>Accepted sockets, in no order.</summary>
    public IEnumerable<Socket> Sockets => _sockets;

    /// <summary>Sends every byte back until the client's FIN, then closes.</summary>
    public static PlainServer Echo() => new(async socket =>
    {
        var buffer = new byte[16 * 1024];
        for (int length; (length = await socket.ReceiveAsync(buffer)) > 0;)
        {
            await socket.SendAllAsync(buffer.AsMemory(0, length));
        }
    });

    /// <summary>First sends its name as one line, then echoes.</summary>
    public static PlainServer Named(string name) => new(async socket =>
    {
        await socket.SendAllAsync(System.Text.Encoding.ASCII.GetBytes(name + "\n"));
        var buffer = new byte[16 * 1024];
        for (int length; (length = await socket.ReceiveAsync(buffer)) > 0;)
        {
            await socket.SendAllAsync(buffer.AsMemory(0, length));
        }
    });

    /// <summary>Accepts and then does nothing with its connections.</summary>
    public static PlainServer Silent() => new(_ => Task.Delay(Timeout.Infinite));

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        foreach (Socket socket in _sockets)
        {
            socket.Dispose();
        }

        await _accepting.WaitAsync(Bound.Wait);
    }

    private async Task AcceptAsync(Func<Socket, Task> handler)
    {
        try
        {
            while (true)
            {
                Socket socket = await _listener.AcceptAsync();
                socket.NoDelay = true;
                _sockets.Add(socket);
                Interlocked.Increment(ref _accepted);
                _handlers.Add(HandleAsync(handler, socket));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // disposed
        }
    }

    private static async Task HandleAsync(Func<Socket, Task> handler, Socket socket)
    {
        try
        {
            await handler(socket);
            socket.Dispose();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            socket.Dispose();
        }
    }
}
