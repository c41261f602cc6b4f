// Sockets before bytes flow and after: whether they are connected or hung, clients at the listeners, closing.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe partial class UringLoop
{
    private bool[] _listening = [];
    private bool _accepting;

    protected override bool TryWatch(int endpoint)
    {
        ref Endpoint watched = ref _endpoints[endpoint];
        watched.UnderWay |= UnderWay.Watch;
        ulong token = Token(Kind.Watch, watched.Generation, endpoint);
        if ((endpoint & 1) == 0)
        {
            PollMany(watched.Descriptor, LibC.PollIn | LibC.PollReadHangUp, token);
        }
        else
        {
            Poll(watched.Descriptor, LibC.PollOut, token); // whether it is connected, once
        }

        return true;
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
