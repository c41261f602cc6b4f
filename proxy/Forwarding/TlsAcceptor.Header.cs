// The PROXY protocol header of a balancer that passes TLS on: it comes before the handshake.

using System.Buffers.Binary;
using System.Net.Sockets;

namespace RedisHaProxy.Forwarding;

internal sealed partial class TlsAcceptor
{
    /// <summary>The client that the header of a balancer names, which is the balancer itself when it names none; null when there is no header.</summary>
    private async Task<ClientAddress?> ReadHeaderAsync(Socket network, ClientAddress peer, CancellationToken cancel)
    {
        byte[] bytes = new byte[ProxyProtocol.MaxLength];
        int length = 0;
        try
        {
            while (true)
            {
                ProxyHeader header = ProxyProtocol.Read(bytes.AsSpan(0, length));
                switch (header.Status)
                {
                    case ProxyHeaderStatus.Relayed:
                        return header.Client;
                    case ProxyHeaderStatus.Own:
                        return peer;
                    case ProxyHeaderStatus.Malformed:
                        LogFailure(peer, "it did not begin with a PROXY protocol header, as every connection from there must");
                        return null;
                }

                // Not a byte more than the header has: the handshake follows.
                int needed = length < ProxyProtocol.FixedLength
                    ? ProxyProtocol.FixedLength - length
                    : ProxyProtocol.FixedLength + BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(14)) - length;
                int received = await network.ReceiveAsync(bytes.AsMemory(length, needed), cancel);
                if (received == 0)
                {
                    return null; // a balancer's check of the port
                }

                length += received;
            }
        }
        catch (OperationCanceledException)
        {
            LogFailure(peer, "the PROXY protocol header did not come in time");
        }
        catch (SocketException)
        {
            // Reset: a check of the port, too.
        }

        return null;
    }
}
