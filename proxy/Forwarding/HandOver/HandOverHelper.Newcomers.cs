// Who connects to the helper's socket. A connection is nobody until it has said something that a proxy says: thousands of them that say nothing, or
// anything else, take neither the proxy's place nor more than a few descriptors.

using System.Net.Sockets;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

internal sealed unsafe partial class HandOverHelper
{
    private const int AcceptsPerRound = 64;

    /// <summary>How long accepting rests when descriptors or memory are exhausted.</summary>
    private const int AcceptPauseMilliseconds = 100;

    /// <summary>Connections that have said nothing yet; one more takes the place of the oldest.</summary>
    private const int MostNewcomers = 64;
    private const int NewcomerMilliseconds = 2_000;

    /// <summary>A proxy speaks every half second; one that does not, and has no sessions, has no claim to its place.</summary>
    private const int SilentMilliseconds = 2_000;

    private const int OptionPeerCredentials = 17; // SO_PEERCRED

    private readonly List<(Socket Socket, uint User, long Since)> _newcomers = [];
    private long _acceptAt;
    private bool _accepting;

    private void Accept()
    {
        for (int i = 0; i < AcceptsPerRound && _accepting; i++)
        {
            int descriptor = LibC.Accept((int)_listener.Handle, null, null, LibC.SocketNonBlocking | LibC.SocketCloseOnExec);
            if (descriptor < 0)
            {
                if (LibC.Errno is not (LibC.EAGAIN or LibC.EINTR))
                {
                    PauseAccepting(); // no descriptor is left, say: the listener stays readable, and would have this thread spin
                }

                return;
            }

            var newcomer = new Socket(new SafeSocketHandle(descriptor, ownsHandle: true)) { Blocking = false };
            uint user = UserOf(newcomer);
            if (!MayServe(user) || !Watch((int)newcomer.Handle, ProxyToken))
            {
                newcomer.Dispose();
                continue;
            }

            if (_newcomers.Count == MostNewcomers)
            {
                _newcomers[0].Socket.Dispose();
                _newcomers.RemoveAt(0);
            }

            _newcomers.Add((newcomer, user, Translation.Now));
        }
    }

    private void PauseAccepting()
    {
        LibC.EPollControl(_epoll, LibC.EPollDelete, (int)_listener.Handle, 0, 0);
        _accepting = false;
        _acceptAt = Translation.Now + AcceptPauseMilliseconds;
    }

    private void ResumeAccepting()
    {
        if (!_accepting && Translation.Now >= _acceptAt)
        {
            _accepting = Watch((int)_listener.Handle, ListenerToken);
        }
    }

    /// <summary>
    /// Somebody else of the group may not take the place of a proxy. Of the same account the newer one is right: an older proxy that still lives has lost its
    /// place, and sees that.
    /// </summary>
    private bool MayServe(uint user) =>
        _proxy is null || user == _user || (_sessions.Count == 0 && Translation.Now - _heardAt > SilentMilliseconds);

    // Who has said nothing yet, or nothing that a proxy says, takes nobody's place.
    private void HearNewcomers()
    {
        Span<int> sockets = stackalloc int[DescriptorSocket.MostDescriptors];
        for (int i = _newcomers.Count - 1; i >= 0; i--)
        {
            (Socket socket, uint user, long since) = _newcomers[i];
            bool? heard = DescriptorSocket.Receive((int)socket.Handle, out HandOverMessage message, sockets, out bool lost);
            if (heard == false && Translation.Now - since < NewcomerMilliseconds)
            {
                continue;
            }

            _newcomers.RemoveAt(i);
            if (heard == true && MayServe(user) && IsProper(message, sockets, lost))
            {
                Forget();
                _proxy = socket;
                _user = user;
                _heardAt = Translation.Now;
                Hear(message, sockets, lost);
            }
            else
            {
                Close(sockets);
                socket.Dispose();
            }
        }
    }

    private static uint UserOf(Socket peer)
    {
        uint* credentials = stackalloc uint[3]; // pid, uid, gid
        uint length = 3 * sizeof(uint);
        return LibC.GetSocketOption((int)peer.Handle, LibC.LevelSocket, OptionPeerCredentials, credentials, &length) < 0 ? uint.MaxValue : credentials[1];
    }
}
