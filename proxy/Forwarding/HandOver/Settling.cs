// The last bytes that passed through the local sockets. Their peers' acknowledgements go to the other end now, so they are told to the
// local sockets by a segment of our own.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Empties the local sockets of sessions that were just handed over.</summary>
internal sealed unsafe class Settling(Translation translation, RawSegments segments)
{
    private const int WindowMilliseconds = 10;

    private readonly byte[] _buffer = new byte[64 * 1024];

    /// <summary>Moves what there is.</summary>
    /// <returns>Whether nothing is left; null when a socket has failed.</returns>
    public bool? Step(HandedOver session)
    {
        bool? client = Move(session.Client, session.Node);
        bool? node = Move(session.Node, session.Client);
        return client is null || node is null ? null : client.Value & node.Value & Acknowledge(session.Client) & Acknowledge(session.Node);
    }

    private bool? Move(HandOverSide from, HandOverSide to)
    {
        if (!Write(to))
        {
            return null;
        }

        while (to.Owed is null && !from.FinRead)
        {
            nint length;
            nint sent;
            fixed (byte* bytes = _buffer)
            {
                length = LibC.Receive(from.Socket.Descriptor, bytes, _buffer.Length, LibC.MessageDoNotWait);
                if (length < 0)
                {
                    if (LibC.Errno != LibC.EAGAIN)
                    {
                        from.WasReset |= LibC.Errno == LibC.ECONNRESET;
                        return null;
                    }

                    Catch(from);
                    return true;
                }

                if (length == 0 && from.WasReset)
                {
                    break; // no FIN: all that came before the RST was read
                }

                // First it is said that this was sent: the other end may acknowledge it before the next line, and would not be believed.
                from.FinRead |= length == 0;
                Catch(from);
                sent = length == 0 ? 0 : Send(to, bytes, (int)length);
            }

            if (sent < 0)
            {
                return null;
            }

            if (sent < length)
            {
                to.Owed = _buffer[(int)sent..(int)length];
                to.OwedStart = 0;
            }
        }

        Catch(from);
        if (from.FinRead && to.Owed is null && !to.FinPassed)
        {
            to.FinPassed = true;
            LibC.Shutdown(to.Socket.Descriptor, LibC.ShutdownWrite);
        }

        return to.Owed is null;
    }

    // What came to the local socket after the flow was computed was sent, too; acknowledgements of it are to be believed.
    private void Catch(HandOverSide from)
    {
        ref Flow flow = ref translation[from.Flow];
        uint received = from.Socket.Sequences().Receive;
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
        if (from.FinRead && from.Caught == received)
        {
            Interlocked.Decrement(ref flow.Bytes);
            from.Caught = null;
        }
    }

    private static bool Write(HandOverSide to)
    {
        while (to.Owed is { } owed)
        {
            fixed (byte* bytes = owed)
            {
                nint sent = Send(to, bytes + to.OwedStart, owed.Length - to.OwedStart);
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

    private static nint Send(HandOverSide to, byte* bytes, int length)
    {
        nint sent = LibC.Send(to.Socket.Descriptor, bytes, length, LibC.MessageNoSignal | LibC.MessageDoNotWait);
        if (sent >= 0 || LibC.Errno == LibC.EAGAIN)
        {
            return Math.Max(sent, 0);
        }

        to.WasReset |= LibC.Errno is LibC.ECONNRESET or LibC.EPIPE;
        return -1;
    }

    // True when the local socket has nothing more to send or to hear.
    private bool Acknowledge(HandOverSide side)
    {
        int unacknowledged = side.Socket.UnacknowledgedBytes;
        if (unacknowledged == 0)
        {
            return side.Socket.UnreadBytes == 0;
        }

        Flow flow = translation[side.Flow];
        (uint send, uint receive, _) = side.Socket.Sequences();
        uint sent = send - (uint)side.Socket.UnsentBytes;
        // Also when only the window has changed: without room the local socket would ask for it, and the answer would go to the other end.
        bool news = (int)(flow.Acknowledged - (send - (uint)unacknowledged)) > 0;
        long now = Environment.TickCount64;
        if (news || (side.Socket.UnsentBytes > 0 && now - side.Acknowledged > WindowMilliseconds))
        {
            side.Acknowledged = now;

            // Never more than was sent: a socket drops such a segment, and answers it.
            uint acknowledged = (int)(flow.Acknowledged - sent) > 0 ? sent : flow.Acknowledged;
            int window = Math.Max((int)(flow.Edge - acknowledged), 0) >> side.Scale;
            segments.Send(side.Key, receive, acknowledged, RawSegments.AcknowledgeFlag, window);
        }

        return false;
    }
}
