// Where clients connect, as whom, and how they learn which node answered.

using System.Net;
using System.Text;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>
/// The proxy under test as a client sees it, with a client's rights. A session starts with AUTH and CLIENT INFO in one packet: a TCP proxy
/// keeps a session on one node, the reply names the address at which the node took the connection (laddr), and the nodes' ports differ, so
/// it says which node this session writes to.
/// </summary>
internal sealed class Destination
{
    private readonly sbyte[] _nodeByPort = new sbyte[65536];

    public Destination(IPEndPoint endPoint, NetworkNamespace? network, RedisDeployment deployment)
    {
        EndPoint = endPoint;
        Network = network;
        Hello = [.. RespConnection.Encode("AUTH", deployment.Accounts.Client), .. RespConnection.Encode("CLIENT", "INFO")];
        Array.Fill(_nodeByPort, (sbyte)-1);
        for (var i = 0; i < deployment.Nodes.Count; i++)
        {
            _nodeByPort[deployment.Nodes[i].EndPoint.Port] = (sbyte)i;
        }
    }

    /// <summary>The proxy's address.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Namespace of the clients; null is ours.</summary>
    public NetworkNamespace? Network { get; }

    /// <summary>The bytes with which a session starts.</summary>
    public byte[] Hello { get; }

    /// <summary>Reads the replies to <see cref="Hello"/>.</summary>
    /// <returns>Index of the node; -1 when the session was refused with an error reply.</returns>
    /// <exception cref="IOException">The connection ended.</exception>
    public sbyte ReadHello(RespConnection connection)
    {
        var line = connection.ReadLine();
        if (!line.SequenceEqual("+OK"u8))
        {
            return line.Length > 0 && line[0] == '-' ? (sbyte)-1 : throw Unexpected(line);
        }

        line = connection.ReadLine();
        if (line.Length > 0 && line[0] == '-')
        {
            return -1;
        }

        if (line.Length == 0 || line[0] != '$')
        {
            throw Unexpected(line);
        }

        // id=7 addr=127.0.0.1:51000 laddr=127.79.3.1:10002 fd=8 ...
        line = connection.ReadLine();
        var address = line[(line.IndexOf(" laddr="u8) + " laddr="u8.Length)..];
        return System.Buffers.Text.Utf8Parser.TryParse(address[(address.IndexOf((byte)':') + 1)..], out ushort port, out _) && _nodeByPort[port] >= 0
            ? _nodeByPort[port]
            : throw Unexpected(line);
    }

    private static InvalidOperationException Unexpected(ReadOnlySpan<byte> line)
        => new($"a proxy answered '{Encoding.UTF8.GetString(line)}', which no node of the deployment says");
}
