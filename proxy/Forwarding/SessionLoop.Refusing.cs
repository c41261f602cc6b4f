// How clients are refused: with a reason where they have asked something, and an orderly end.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    /// <summary>How long a refused client may take to send its first bytes, and then again to read the refusal and close.</summary>
    internal const int RefusalMilliseconds = 1000;

    private readonly RefusedClients _refused; // those that count against no limit
    private readonly byte[] _refusal;
    private readonly bool _refusalIsDefault;

    // What a client for whom there is no node reads as the answer to its first command: limits.refusal; who configures none is told
    // of replicas where it asked for one.
    private ReadOnlySpan<byte> NoNodeText => ReadOnly && _refusalIsDefault
        ? "-LOADING no Redis replica is available yet, try again later\r\n"u8
        : _refusal;

    // What a client that is refused for its number reads as the answer to its first command: Redis' own text (networking.c).
    internal static ReadOnlySpan<byte> LimitText => "-ERR max number of clients reached\r\n"u8;

    /// <summary>
    /// Answers the client's first bytes with the reason. A client that sends none in time is closed without a word: libraries take an
    /// error that answers nothing for a fault of the protocol, and some end the program.
    /// </summary>
    private void Refuse(int index, SessionEnd end, Refusal refusal)
    {
        Decide(index, end);
        _sessions[index].State = SessionState.Refused;
        _sessions[index].Refusal = refusal;
        _timers.Arm(index, _now + RefusalMilliseconds);
        Discard(2 * index);
    }

    /// <summary>Refuses a client that counts against no limit. <see cref="MakeRoomForRefusal"/> went before.</summary>
    private void RefuseUncounted(int index)
    {
        _refused.Add(index);
        Refuse(index, SessionEnd.Limit, Refusal.Limit);
    }

    /// <summary>Ends refused clients until there is a place for one more. One that has just asked is still told why.</summary>
    private void MakeRoomForRefusal()
    {
        while (_refused.Count > 0 && _refused.Count >= _limits.RefusalsPerLoop)
        {
            int index = _refused.Next;
            if (_sessions[index].Refusal != Refusal.None && LibC.Receive(_endpoints[2 * index].Descriptor, _buffer, BlockPool.BlockSize, 0) > 0)
            {
                TellRefused(index);
            }

            End(index, SessionEnd.Limit, reset: false);
        }
    }

    /// <summary>
    /// Says why, closes our direction, and leaves the client a moment to close its own: closing at once over unread bytes would send
    /// RST, which may overtake the text.
    /// </summary>
    private void TellRefused(int index)
    {
        ref Session session = ref _sessions[index];
        int client = _endpoints[2 * index].Descriptor;
        Send(client, session.Refusal == Refusal.Limit ? LimitText : NoNodeText);
        LibC.Shutdown(client, LibC.ShutdownWrite);
        if (!session.Counted)
        {
            _refused.Told(index);
        }

        session.Refusal = Refusal.None;
        _timers.Arm(index, _now + RefusalMilliseconds);
    }

    /// <summary>Reads and forgets what a refused client sends, until it closes.</summary>
    private void Discard(int index)
    {
        ref Endpoint client = ref _endpoints[index];
        for (int reads = 0; reads < ReadsPerTurn; reads++)
        {
            nint length = LibC.Receive(client.Descriptor, _buffer, BlockPool.BlockSize, 0);
            if (length > 0)
            {
                if (_sessions[index >> 1].Refusal != Refusal.None)
                {
                    TellRefused(index >> 1);
                }

                continue;
            }

            if (length == 0 || LibC.Errno != LibC.EAGAIN)
            {
                End(index >> 1, _sessions[index >> 1].End, reset: false);
            }

            return;
        }

        QueueAgain(index);
    }

    private static void Send(int socket, ReadOnlySpan<byte> text)
    {
        fixed (byte* bytes = text)
        {
            LibC.Send(socket, bytes, text.Length, LibC.MessageNoSignal); // a socket that has sent nothing yet takes all or is dead
        }
    }
}
