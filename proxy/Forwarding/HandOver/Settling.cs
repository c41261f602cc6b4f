// The last bytes that passed through the local sockets. Their peers' acknowledgements go to the other end now, so they are told to the
// local sockets by a segment of our own.

using System.ComponentModel;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Empties the local sockets of sessions that were just handed over.</summary>
internal sealed unsafe class Settling(Translation translation, HandOverSide[] sides, RawSegments segments)
{
    private const int WindowMilliseconds = 10;

    private readonly byte[] _buffer = new byte[64 * 1024];

    /// <summary>The error of the socket that has failed last, for a person.</summary>
    public string Fault { get; private set; } = "";

    /// <summary>Moves what there is.</summary>
    /// <returns>Whether nothing is left; null when a socket has failed.</returns>
    public bool? Step(ref Unsettled session)
    {
        int clientFlow = 2 * session.Place;
        int nodeFlow = clientFlow + 1;
        bool? client = Move(clientFlow, ref session.Client, ref session.Node);
        bool? node = Move(nodeFlow, ref session.Node, ref session.Client);
        return client is null || node is null
            ? null : client.Value & node.Value & Acknowledge(clientFlow, ref session.Client) & Acknowledge(nodeFlow, ref session.Node);
    }

    private bool? Move(int flow, ref UnsettledSide from, ref UnsettledSide to)
    {
        ref bool finRead = ref sides[flow].FinRead;
        int target = sides[flow ^ 1].Socket;
        if (!Write(target, ref to))
        {
            Fault = Name(flow ^ 1, LibC.Errno);
            return null;
        }

        while (to.Owed is null && !finRead)
        {
            nint length;
            nint sent;
            fixed (byte* bytes = _buffer)
            {
                length = LibC.Receive(sides[flow].Socket, bytes, _buffer.Length, LibC.MessageDoNotWait);
                if (length < 0)
                {
                    if (LibC.Errno != LibC.EAGAIN)
                    {
                        from.WasReset |= LibC.Errno == LibC.ECONNRESET;
                        Fault = Name(flow, LibC.Errno);
                        return null;
                    }

                    Catch(flow, ref from);
                    return true;
                }

                if (length == 0 && from.WasReset)
                {
                    break; // no FIN: all that came before the RST was read
                }

                // First it is said that this was sent: the other end may acknowledge it before the next line, and would not be believed.
                finRead |= length == 0;
                Catch(flow, ref from);
                sent = length == 0 ? 0 : Send(target, ref to, bytes, (int)length);
            }

            if (sent < 0)
            {
                Fault = Name(flow ^ 1, LibC.Errno);
                return null;
            }

            if (sent < length)
            {
                to.Owed = _buffer[(int)sent..(int)length];
                to.OwedStart = 0;
            }
        }

        Catch(flow, ref from);
        if (finRead && to.Owed is null && !to.FinPassed)
        {
            to.FinPassed = true;
            LibC.Shutdown(target, LibC.ShutdownWrite);
        }

        return to.Owed is null;
    }

    private static string Name(int flow, int errno) => $"{((flow & 1) == 0 ? "the client's" : "the node's")}: {new Win32Exception(errno).Message}";

    // What came to the local socket after the flow was computed was sent, too; acknowledgements of it are to be believed.
    private void Catch(int index, ref UnsettledSide from)
    {
        ref Flow flow = ref translation[index];
        uint received = sides[index].Connection.Sequences().Receive;
        uint known = Volatile.Read(ref flow.Sent);
        while ((int)(received - known) > 0)
        {
            uint seen = Interlocked.CompareExchange(ref flow.Sent, received, known);
            if (seen == known)
            {
                Interlocked.Add(ref flow.Bytes, received - known);
                from.Caught = received;
                break;
            }

            known = seen;
        }

        // Its last number is that of the FIN, which is no byte; caught it may have been before it was read.
        if (sides[index].FinRead && from.Caught == received)
        {
            Interlocked.Decrement(ref flow.Bytes);
            from.Caught = null;
        }
    }

    private static bool Write(int socket, ref UnsettledSide to)
    {
        while (to.Owed is { } owed)
        {
            fixed (byte* bytes = owed)
            {
                nint sent = Send(socket, ref to, bytes + to.OwedStart, owed.Length - to.OwedStart);
                if (sent < 0)
                {
                    return false;
                }

                to.OwedStart += (int)sent;
                if (sent == 0)
                {
                    return true;
                }
            }

            to.Owed = to.OwedStart == owed.Length ? null : owed;
        }

        return true;
    }

    private static nint Send(int socket, ref UnsettledSide to, byte* bytes, int length)
    {
        nint sent = LibC.Send(socket, bytes, length, LibC.MessageNoSignal | LibC.MessageDoNotWait);
        if (sent >= 0 || LibC.Errno == LibC.EAGAIN)
        {
            return Math.Max(sent, 0);
        }

        to.WasReset |= LibC.Errno is LibC.ECONNRESET or LibC.EPIPE;
        return -1;
    }

    // True when the local socket has nothing more to send or to hear.
    private bool Acknowledge(int index, ref UnsettledSide side)
    {
        TcpConnection socket = sides[index].Connection;
        int unacknowledged = socket.UnacknowledgedBytes;
        if (unacknowledged == 0)
        {
            return socket.UnreadBytes == 0;
        }

        Flow flow = translation[index];
        (uint send, uint receive, _) = socket.Sequences();
        uint sent = send - (uint)socket.UnsentBytes;
        // Also when only the window has changed: without room the local socket would ask for it, and the answer would go to the other end.
        bool news = (int)(flow.Acknowledged - (send - (uint)unacknowledged)) > 0;
        long now = Environment.TickCount64;
        if (news || (socket.UnsentBytes > 0 && now - side.Acknowledged > WindowMilliseconds))
        {
            side.Acknowledged = now;

            // Never more than was sent: a socket drops such a segment, and answers it.
            uint acknowledged = (int)(flow.Acknowledged - sent) > 0 ? sent : flow.Acknowledged;

            // What was sent was within a window. The other end's scale is not to make nothing of the rest of it, or the socket would take that for a
            // window that was taken back, and soon give up (tcp_rtx_probe0_timed_out).
            int window = Math.Max(Math.Max((int)(flow.Edge - acknowledged), 0) >> flow.ShiftIn, sent == acknowledged ? 0 : 1);
            segments.Send(translation.KeyOf(index), receive, acknowledged, RawSegments.AcknowledgeFlag, window);
        }

        return false;
    }
}
