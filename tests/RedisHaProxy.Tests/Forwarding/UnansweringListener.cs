// An address on loopback whose accept queue is full, so that the kernel drops further SYNs: a connect to it hangs,
// as to a machine that has lost its network.

using System.Net;
using System.Net.Sockets;

namespace RedisHaProxy.Tests.Forwarding;

internal sealed class UnansweringListener : IDisposable
{
    // Linux calls the queue full when it holds more than this (sk_acceptq_is_full in include/net/sock.h); then it drops each SYN.
    private const int Backlog = 1;

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> _fillers = [];

    public UnansweringListener()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(Backlog);
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        for (int i = 0; i <= Backlog; i++)
        {
            var filler = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            _fillers.Add(filler);
            filler.Connect(EndPoint);
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
