// Sockets before bytes flow and after: whether they are connected or hung, clients at the listeners, closing.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe partial class UringLoop
{
    /// <summary>A connection to a node stands sooner than this, as a rule: so long its client is not watched, which would be for nothing.</summary>
    private const int UnwatchedClientMilliseconds = 1;

    // Clients that are not watched yet: endpoint, its generation, and whether one round has gone by.
    private readonly Queue<(int Endpoint, uint Generation, bool Late)> _newClients = [];
    private bool[] _listening = [];
    private bool _accepting;

    protected override bool TryWatch(int endpoint)
    {
        ref Endpoint watched = ref _endpoints[endpoint];
        if ((endpoint & 1) == 0)
        {
            _newClients.Enqueue((endpoint, watched.Generation, Late: false));
        }
        else
        {
            watched.UnderWay |= UnderWay.Watch;
            Poll(watched.Descriptor, LibC.PollOut, Token(Kind.Watch, watched.Generation, endpoint)); // whether it is connected, once
        }

        return true;
    }

    /// <summary>Watches the clients that have to wait for something. How many milliseconds the next wait may last; the rest is looked at again then.</summary>
    private int WatchWaiting(int longest)
    {
        for (int i = _newClients.Count; i > 0; i--)
        {
            var (index, generation, late) = _newClients.Dequeue();
            ref Endpoint client = ref _endpoints[index];
            SessionState state = _sessions[index >> 1].State;
            if (client.Generation != generation || state is SessionState.Open or SessionState.HandedOver)
            {
                continue;
            }

            if (state == SessionState.Connecting && !late)
            {
                _newClients.Enqueue((index, generation, Late: true));
                longest = Math.Min(longest, UnwatchedClientMilliseconds);
                continue;
            }

            client.UnderWay |= UnderWay.Watch;
            PollMany(client.Descriptor, LibC.PollIn | LibC.PollReadHangUp, Token(Kind.Watch, generation, index));
        }

        return longest;
    }

    private void StopWatching(ref Endpoint endpoint, int index)
    {
        if ((endpoint.UnderWay & UnderWay.Watch) != 0)
        {
            endpoint.UnderWay &= ~UnderWay.Watch;
            Cancel(Token(Kind.Watch, endpoint.Generation, index));
        }
    }

    // What is under way for the socket holds it open, so closing it would tell the peer nothing. A reset is sent at once, by
    // connect(2) to nowhere, which is what close does with SO_LINGER of zero; it ends what is under way, as shutdown does, all but
    // a multishot poll. The descriptor is closed after the submissions that name it were handed over.
    protected override void Close(int index, bool reset)
    {
        ref Endpoint endpoint = ref _endpoints[index];
        StopWatching(ref endpoint, index);
        bool ended = reset && LibC.Disconnect(endpoint.Descriptor);
        if (!ended && endpoint.UnderWay != UnderWay.None)
        {
            LibC.Shutdown(endpoint.Descriptor, LibC.ShutdownBoth);
        }

        endpoint.UnderWay = UnderWay.None;
        _ring.Submit(IoUring.OpClose, endpoint.Descriptor, 0).Flags = IoUring.SkipSuccess;
    }

    private void OnClient(int listener)
    {
        _listening[listener] = false;
        if (_accepting)
        {
            Accept(listener);
            Listen();
        }
    }

    protected override void WatchListeners(bool begin)
    {
        _accepting = begin;
        if (begin)
        {
            Listen();
            return;
        }

        // What is under way would hold a listener open. These are rare: done at once.
        for (int i = 0; i < _listening.Length; i++)
        {
            if (_listening[i])
            {
                Cancel(Token(Kind.Listener, 0, i));
            }
        }

        if (_enabled)
        {
            _ring.SubmitAndWait(0);
        }
    }

    // Once each: a poll looks whether clients wait already, whom the last turn has left.
    private void Listen()
    {
        if (_listening.Length < ListenDescriptors.Length)
        {
            _listening = new bool[ListenDescriptors.Length];
        }

        for (int i = 0; i < ListenDescriptors.Length; i++)
        {
            if (!_listening[i])
            {
                _listening[i] = true;
                Poll(ListenDescriptors[i], LibC.PollIn, Token(Kind.Listener, 0, i));
            }
        }
    }
}
