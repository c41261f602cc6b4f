// Sockets whose network side somebody else handles (TLS): they come through the inbox, connected, as one end of a socket pair.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    private TlsEdge?[]? _edges; // by endpoint; null as long as nobody brings one

    /// <summary>Connects to nodes in place of this loop; null where the loop does it. Set before the start.</summary>
    internal TlsDialer? Dialer { get; set; }

    /// <summary>Takes a client that was accepted, and counted against the limits, elsewhere.</summary>
    public void Admit(int descriptor, ClientAddress client, TlsEdge edge)
    {
        if (_stopping)
        {
            edge.Closed(reset: true);
            LibC.Close(descriptor);
            _limits.Leave(client.Address);
            return;
        }

        Admit(descriptor, client, edge, counted: true, header: false);
    }

    /// <summary>
    /// A dialled connection stands, from <paramref name="localPort"/> of this machine; <paramref name="descriptor"/> is the loop's end of it.
    /// </summary>
    public void EdgeConnected(TlsEdge edge, int descriptor, ushort localPort)
    {
        if (!Holds(edge))
        {
            LibC.Close(descriptor); // its session has ended, or was called back, meanwhile
            return;
        }

        OpenEndpoint(edge.Endpoint, descriptor);
        OnConnected(edge.Endpoint >> 1, localPort);
    }

    /// <summary>The connection could not be made, or its network side was reset.</summary>
    public void EdgeFailed(TlsEdge edge, int errno)
    {
        if (!Holds(edge))
        {
            return;
        }

        int endpoint = edge.Endpoint;
        if ((endpoint & 1) != 0 && _sessions[endpoint >> 1].State == SessionState.Connecting)
        {
            CloseEndpoint(endpoint, reset: true);
            OnConnectFailed(endpoint >> 1, errno);
        }
        else
        {
            Fail(endpoint, errno);
        }
    }

    private bool HasEdges(int session) => _edges is not null && (_edges[2 * session] is not null || _edges[(2 * session) + 1] is not null);

    private bool Holds(TlsEdge edge) => _edges is not null && _edges[edge.Endpoint] == edge;

    private void SetEdge(int endpoint, TlsEdge edge)
    {
        _edges ??= new TlsEdge?[_endpoints.Length];
        _edges[endpoint] = edge;
        edge.Endpoint = endpoint;
    }

    private void CloseEdge(int endpoint, bool reset)
    {
        if (_edges![endpoint] is { } edge)
        {
            _edges[endpoint] = null;
            edge.Closed(reset);
            if (_endpoints[endpoint].Descriptor >= 0)
            {
                LibC.Shutdown(_endpoints[endpoint].Descriptor, LibC.ShutdownBoth); // also where an engine's reads hold it open
            }
        }
    }
}
