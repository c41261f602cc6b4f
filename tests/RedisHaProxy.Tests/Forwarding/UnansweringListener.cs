// An address on loopback whose accept queue is full, so that the kernel drops further SYNs: a connect to it hangs,
// as to a machine that has lost its network.

using System.Net;
using System.Net.Sockets;

namespace RedisHaProxy.Tests.Forwarding;

internal sealed class UnansweringListener : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> _fillers = [];

    public UnansweringListener()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(1);
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        while (true)
        {
            var filler = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            _fillers.Add(filler);
            Task connect = filler.ConnectAsync(EndPoint);
            if (!connect.Wait(200))
            {
                return; // this one hangs: the queue is full
            }
        }
    }

    public IPEndPoint EndPoint { get; }

    public void Dispose()
    {
        _listener.Dispose();
        foreach (Socket filler in _fillers)
        {
            filler.Dispose();
        }
    }
}
