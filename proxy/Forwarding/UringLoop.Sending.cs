// Sends through the ring: those of a round are handed over by one io_uring_enter instead of one call each.
//
// A send is tried once, while it is handed over, and is done when that call returns: its buffer is free, and it has said nothing
// if the socket took all. What a socket did not take is told by a completion, and owed. So sends wait only while completions of
// receives are taken one after the other; before anything else happens to a session (an end, an order, a timer), and when an
// endpoint is to get a second one, they are handed over. A send never overtakes another, and nothing overtakes a send.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe partial class UringLoop
{
    // As many as there are buffers at most: each holds one.
    private readonly PendingSend[] _sends = new PendingSend[UnlimitedBuffers];
    private int _sendCount;
    private int _messages; // submitted in this round
    private uint _firstOfSends; // where their completions begin, should the submission queue be full and handed over before they are

    private void Submit(int to, int buffer, int length)
    {
        if (_sendCount == 0)
        {
            _firstOfSends = _ring.LastCompletion;
        }

        ref Endpoint sink = ref _endpoints[to];
        sink.UnderWay |= UnderWay.Send;
        _messages++;
        _sends[_sendCount++] = new PendingSend { To = to, Buffer = buffer, Length = length };
        _ring.Send(sink.Descriptor, Token(Kind.Send, sink.Generation, to), _ring.Buffer(buffer), length);
    }

    private void HandOverSends()
    {
        if (_sendCount == 0)
        {
            return;
        }

        _ring.Submit();
        int count = _sendCount;
        _sendCount = 0;
        for (int i = 0; i < count; i++)
        {
            _endpoints[_sends[i].To].UnderWay &= ~UnderWay.Send;
        }

        // All rests before all failures: a failure reads the last words of its socket and writes them to the peer, which may be owed.
        uint end = _ring.LastCompletion;
        for (uint position = _firstOfSends; position != end; position++)
        {
            IoUring.Completion completion = _ring.CompletionAt(position);
            if (KindOf(completion.Token) == Kind.Send && completion.Result is >= 0 or -LibC.EAGAIN)
            {
                OweRest(completion);
            }
        }

        for (uint position = _firstOfSends; position != end; position++)
        {
            IoUring.Completion completion = _ring.CompletionAt(position);
            if (KindOf(completion.Token) == Kind.Send && completion.Result is < 0 and not -LibC.EAGAIN && IsCurrent(completion))
            {
                OnWriteFailed((int)(completion.Token & IndexMask), -completion.Result);
                Settle((int)(completion.Token & IndexMask) >> 1);
            }
        }

        for (int i = 0; i < count; i++)
        {
            _ring.GiveBuffer(_sends[i].Buffer);
        }
    }

    private void OweRest(in IoUring.Completion completion)
    {
        int to = (int)(completion.Token & IndexMask);
        int i = 0;
        while (_sends[i].To != to)
        {
            i++; // it is there: each completion answers one of these sends
        }

        int sent = Math.Max(completion.Result, 0);
        _blocks.OweCopy(ref _endpoints[to], new ReadOnlySpan<byte>(_ring.Buffer(_sends[i].Buffer) + sent, _sends[i].Length - sent));
        Settle(to >> 1);
    }

    private struct PendingSend
    {
        /// <summary>The endpoint that gets the bytes.</summary>
        public int To;

        /// <summary>The receive buffer that holds them.</summary>
        public int Buffer;

        /// <summary>How many they are.</summary>
        public int Length;
    }
}
