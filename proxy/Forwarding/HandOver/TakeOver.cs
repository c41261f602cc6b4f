// From two sockets to two flows. Bytes that arrive meanwhile need no stop: the difference between the numbers of the two connections is
// the same before and after, as all that was read of one side was written to the other.

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Finds out whether two connections can be joined, and how.</summary>
internal static class TakeOver
{
    /// <summary>Most bytes that the local sockets may still have to send to an end: what the other end's window has room for in any case.</summary>
    public const int MostUnacknowledged = 16 * 1024;

    /// <summary>
    /// Bytes of window that a socket may grant before its hand-over, so that its peer cannot send more than the other end takes (RFC 5961, 5.2).
    /// </summary>
    public const int WindowBefore = 24 * 1024;

    /// <summary>More window than a socket can have.</summary>
    public const int AnyWindow = 1 << 30;

    /// <summary>
    /// Bytes that a socket of a fast stream keeps for reading before its hand-over. With the headers of packets in it, less than
    /// <see cref="MostUnacknowledged"/> are left when nobody reads any more, and what was written is acknowledged.
    /// </summary>
    public const int UnreadBefore = 16 * 1024;

    /// <summary>How large a receive buffer is at first (the default of net.ipv4.tcp_rmem).</summary>
    public const int UsualBuffer = 128 * 1024;

    /// <summary>
    /// What the local socket may grant beyond its present window while it is emptied, in bytes: what arrives meanwhile, and a window in units of its scale.
    /// </summary>
    private const uint GrantedLater = 64 * 1024;

    private const uint HeaderBytes = 40;
    private const int Attempts = 8;

    /// <summary>Computes the flows.</summary>
    /// <param name="client">The client's connection, of which nothing that was read is unwritten.</param>
    /// <param name="node">The node's; the same.</param>
    /// <param name="devices">By which interfaces the packets of the two come in.</param>
    /// <param name="flows">What the two ends' packets become, valid with <see cref="HandOverAnswer.Taken"/>.</param>
    public static HandOverAnswer TryJoin(
        (TcpConnection Socket, FlowKey Key) client,
        (TcpConnection Socket, FlowKey Key) node,
        (uint Client, uint Node) devices,
        out (Flow Client, Flow Node) flows)
    {
        flows = default;
        TcpInfo c = client.Socket.Info;
        TcpInfo n = node.Socket.Info;
        if (Check(c, n) is { } refused)
        {
            return refused;
        }

        if (HoldsAhead(client.Socket) || HoldsAhead(node.Socket) || HasMuch(client.Socket, node.Socket) || HasMuch(node.Socket, client.Socket))
        {
            return HandOverAnswer.Busy;
        }

        for (int i = 0; i < Attempts; i++)
        {
            (uint Send, uint Receive, uint PeerSegment) ofClient = client.Socket.Sequences();
            (uint Send, uint Receive, uint PeerSegment) ofNode = node.Socket.Sequences();
            if (ofClient == default || ofNode == default)
            {
                return HandOverAnswer.NotPermitted;
            }

            if (!Fits(c, n, ofNode.PeerSegment) || !Fits(n, c, ofClient.PeerSegment))
            {
                return HandOverAnswer.SegmentSize;
            }

            uint readOfClient = ofClient.Receive - (uint)client.Socket.UnreadBytes;
            uint readOfNode = ofNode.Receive - (uint)node.Socket.UnreadBytes;
            if (client.Socket.Sequences() != ofClient || node.Socket.Sequences() != ofNode)
            {
                continue; // something came in between
            }

            uint toNode = ofNode.Send - readOfClient;
            uint toClient = ofClient.Send - readOfNode;
            flows = (
                Join(client, c, ofClient, ofClient.Receive - readOfClient, node, n, toNode, 0 - toClient, devices.Node),
                Join(node, n, ofNode, ofNode.Receive - readOfNode, client, c, toClient, 0 - toNode, devices.Client));
            return client.Socket.Info.State == TcpInfo.Established && node.Socket.Info.State == TcpInfo.Established
                ? HandOverAnswer.Taken
                : HandOverAnswer.NotOpen; // a FIN is in the numbers
        }

        return HandOverAnswer.Busy;
    }

    private static HandOverAnswer? Check(in TcpInfo c, in TcpInfo n)
    {
        if (c.State != TcpInfo.Established || n.State != TcpInfo.Established)
        {
            return HandOverAnswer.NotOpen;
        }

        int options = c.Options & ~TcpInfo.Ignored;
        return options != (n.Options & ~TcpInfo.Ignored) || (options & ~TcpInfo.Translatable) != 0 ? HandOverAnswer.Options : null;
    }

    // What one end may send must fit the way to the other, and be what that takes: nobody would tell it of a packet that is too large.
    private static bool Fits(in TcpInfo from, in TcpInfo to, uint taken) =>
        from.AnnouncedSegment <= taken && from.AnnouncedSegment + HeaderBytes <= to.PathUnit;

    // Behind a gap: such bytes were acknowledged selectively, and their sender would have to find out that it must send them again.
    private static bool HoldsAhead(TcpConnection socket) => socket.UnreadBytes == 0 && socket.HoldsReceived;

    // What the local sockets still have to send one of the ends. It is sent without hearing which of it was lost, so it must not be much.
    private static bool HasMuch(TcpConnection from, TcpConnection to) => from.UnreadBytes + to.UnacknowledgedBytes > MostUnacknowledged;

    private static Flow Join(
        (TcpConnection Socket, FlowKey Key) from,
        in TcpInfo ofFrom,
        (uint Send, uint Receive, uint PeerSegment) numbers,
        uint unread,
        (TcpConnection Socket, FlowKey Key) to,
        in TcpInfo ofTo,
        uint addSequence,
        uint addAcknowledgement,
        uint device)
    {
        uint acknowledged = numbers.Send - (uint)from.Socket.UnacknowledgedBytes;
        uint window = ofFrom.SendWindow > 0 ? ofFrom.SendWindow : (uint)ushort.MaxValue << ofFrom.SendScale;
        return new Flow
        {
            Leaves = to.Key.Reversed,
            AddSequence = addSequence,
            AddAcknowledgement = addAcknowledgement,
            Device = device,
            ShiftIn = (byte)ofFrom.SendScale,
            ShiftOut = (byte)ofTo.ReceiveScale,
            State = FlowState.Open,
            Sent = numbers.Receive,
            Acknowledged = acknowledged,
            Edge = acknowledged + window,
            Granted = numbers.Receive + ofFrom.ReceiveWindow + GrantedLater,
            Clock = to.Socket.TimestampOffset,
            Bytes = unread, // nobody has counted them yet
        };
    }
}
