// Ends the sessions of a dead backend as the cloud's instant failover does: each client is sent a TCP reset at once, not only when it speaks
// again. The balancer translates addresses and knows no sequence numbers, so the client is asked for them: a segment that cannot belong to
// the connection is answered with an acknowledgement (RFC 9293, 3.10.7.4), and to that, meant for no connection of its own any more, the
// balancer's kernel answers with a reset that has the right number.

using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using RedisHaLab.Host;
using RedisHaProcesses;

namespace RedisHaLab.Services;

/// <summary>The end of a dead backend's sessions.</summary>
internal static partial class SessionReset
{
    private const int HeaderLength = 20;
    private const byte AckFlag = 0x10;

    // All within one machine.
    private static readonly TimeSpan Answers = TimeSpan.FromMilliseconds(200);

    /// <summary>Forgets all sessions between the balancer's clients and a backend, and resets the clients when that is asked for.</summary>
    public static async Task RunAsync(string networkNamespace, string balancer, string backend, bool reset)
    {
        string[] sessions = ["-p", "tcp", "--orig-dst", balancer, "--reply-src", backend];
        string[] inside = ["nsenter", "--net=/run/netns/" + networkNamespace, "--", "conntrack"];
        var listed = reset ? Clients((await HostCommand.RunAsync([.. inside, "-L", .. sessions])).Output) : [];
        await HostCommand.RunAsync([.. inside, "-D", .. sessions]);
        if (listed.Count == 0)
        {
            return;
        }

        using var socket = NetworkNamespace.Named(networkNamespace).Socket(SocketType.Raw);
        var source = IPAddress.Parse(balancer);
        socket.Bind(new IPEndPoint(source, 0));
        foreach (var (client, port) in listed)
        {
            socket.SendTo(Segment(new IPEndPoint(source, port), client), new IPEndPoint(client.Address, 0));
        }

        // What was said looks like a connection of the balancer's own; left there, it would catch a new one from the same port.
        await Task.Delay(Answers);
        await HostCommand.RunAsync([.. inside, "-D", "-p", "tcp", "--orig-src", balancer, "--reply-dst", balancer]);
    }

    /// <summary>The clients of open sessions in a list of `conntrack -L`, each with the balancer's port that it came to.</summary>
    internal static IReadOnlyList<(IPEndPoint Client, int Port)> Clients(string list) => Entry().Matches(list)
        .Select(match => (new IPEndPoint(IPAddress.Parse(match.Groups[1].Value), Number(match.Groups[2])), Number(match.Groups[3])))
        .ToList();

    /// <summary>A TCP header without data: an acknowledgement with sequence number 0.</summary>
    internal static byte[] Segment(IPEndPoint from, IPEndPoint to)
    {
        // The pseudo-header of RFC 9293, 3.1, for the checksum: addresses, protocol, length.
        var bytes = new byte[12 + HeaderLength];
        from.Address.TryWriteBytes(bytes, out _);
        to.Address.TryWriteBytes(bytes.AsSpan(4), out _);
        bytes[9] = (byte)ProtocolType.Tcp;
        bytes[11] = HeaderLength;
        var header = bytes.AsSpan(12);
        BinaryPrimitives.WriteUInt16BigEndian(header, (ushort)from.Port);
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)to.Port);
        header[12] = (HeaderLength / 4) << 4;
        header[13] = AckFlag;
        var sum = 0u;
        for (var i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(i));
        }

        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(header[16..], (ushort)~(sum + (sum >> 16)));
        return header.ToArray();
    }

    private static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    // The first pair of addresses and ports of each line is the client's way to the balancer.
    [GeneratedRegex(@"^tcp +6 +[0-9]+ ESTABLISHED src=([0-9.]+) dst=[0-9.]+ sport=([0-9]+) dport=([0-9]+)", RegexOptions.Multiline)]
    private static partial Regex Entry();
}
