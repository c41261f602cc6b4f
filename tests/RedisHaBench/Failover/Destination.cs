// Where clients connect, as whom, and how they learn which node answered.

using System.Net;
using System.Text;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>
/// The proxy under test as a client sees it. A session starts with AUTH and CONFIG GET port in one packet: a TCP proxy keeps a session on
/// one node, and the nodes' ports differ, so the reply says which node this session writes to.
/// </summary>
internal sealed class Destination
{
    private readonly sbyte[] _nodeByPort = new sbyte[65536];

    public Destination(IPEndPoint endPoint, NetworkNamespace? network, RedisDeployment deployment)
    {
        EndPoint = endPoint;
        Network = network;
        Hello = [.. RespConnection.Encode("AUTH", deployment.Accounts.Client), .. RespConnection.Encode("CONFIG", "GET", "port")];
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

        if (!line.SequenceEqual("*2"u8))
        {
            throw Unexpected(line);
        }

        connection.ReadLine(); // $4
        connection.ReadLine(); // port
        connection.ReadLine(); // length of the number
        line = connection.ReadLine();
        return System.Buffers.Text.Utf8Parser.TryParse(line, out ushort port, out _) && _nodeByPort[port] >= 0
            ? _nodeByPort[port]
            : throw Unexpected(line);
    }

    private static InvalidOperationException Unexpected(ReadOnlySpan<byte> line)
        => new($"a proxy answered '{Encoding.UTF8.GetString(line)}', which no node of the deployment says");
}
