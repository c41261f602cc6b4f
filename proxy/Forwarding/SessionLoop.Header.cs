// The PROXY protocol: a connection from a listed source begins with a header, and nothing else of its session happens before
// the header is whole ("The PROXY protocol", section 2: "MUST NOT start processing the connection before").
//
// The header is looked at without being taken (MSG_PEEK) until it is whole; then exactly its bytes are taken. So what follows
// stays in the kernel, as the first bytes of every other session do, and a header that comes in pieces needs no memory here.
// Looking again at the pieces that were there before costs at most ProxyProtocol.MaxLength bytes for each new one.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    private readonly AddressNetworks? _headerSources;
    private readonly long _headerMilliseconds;

    private bool SendsHeader(ClientAddress peer) => _headerSources is not null && _headerSources.Contain(peer.Address);

    private void AwaitHeader(int index)
    {
        _sessions[index].State = SessionState.Header;
        _timers.Arm(index, _now + _headerMilliseconds);
    }

    /// <summary>Something has arrived at a session whose header is awaited, or its client has closed.</summary>
    private void ReadHeader(int index)
    {
        ref Endpoint client = ref _endpoints[2 * index];
        nint length = LibC.Receive(client.Descriptor, _buffer, ProxyProtocol.MaxLength, LibC.MessagePeek);
        int errno = length < 0 ? LibC.Errno : 0;
        if (errno == LibC.EAGAIN)
        {
            return;
        }

        if (length <= 0)
        {
            // Closed, or reset, without a byte: how many balancers check whether the port is open.
            _sessions[index].HealthCheck = true;
            End(index, SessionEnd.ClientClosed, reset: errno != 0);
            return;
        }

        ProxyHeader header = ProxyProtocol.Read(new ReadOnlySpan<byte>(_buffer, (int)length));
        if (header.Status == ProxyHeaderStatus.Malformed)
        {
            // No reply: it would be no answer to anything that the sender understands. RST, so that it notices at once.
            End(index, SessionEnd.ProxyHeader, reset: true);
        }
        else if (header.Status == ProxyHeaderStatus.Incomplete)
        {
            if (client.Has(EndpointFlags.Hung))
            {
                End(index, SessionEnd.ClientClosed, reset: false); // all that will ever come was here
            }
        }
        else if (LibC.Receive(client.Descriptor, _buffer, header.Length, 0) == header.Length)
        {
            OnHeader(index, header);
        }
        else
        {
            End(index, SessionEnd.Error, reset: true); // bytes that were there a moment ago
        }
    }

    private void OnHeader(int index, in ProxyHeader header)
    {
        ref Session session = ref _sessions[index];
        session.HealthCheck = header.IsLocal;
        if (header.Status == ProxyHeaderStatus.Relayed)
        {
            session.Client = header.Client;
        }

        session.State = SessionState.None;
        if (_limits.TryEnterSource(session.Client.Address))
        {
            Route(index);
            return;
        }

        _limits.Leave();
        session.Counted = false;
        MakeRoomForRefusal();
        RefuseUncounted(index);
    }
}
