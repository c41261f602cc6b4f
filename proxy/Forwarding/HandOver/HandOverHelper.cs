// The process with the rights that a hand-over needs, so that the proxy itself needs none. It listens on a Unix socket for one proxy, gets
// the two sockets of each session, and has the kernel forward them. Its end, a crash too, ends the translation with it; the proxy sees the
// end of their connection, and so does this process when the proxy ends: whatever was handed over is reset then.
//
// What the proxy says is not trusted beyond its own sessions: whatever it sends, only connections that it has itself are touched.

using System.Diagnostics;
using System.Net.Sockets;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Serves one proxy at a time. For one thread.</summary>
internal sealed unsafe class HandOverHelper : IDisposable
{
    private const int CountMilliseconds = 1000;
    private const int IdleMilliseconds = 100;

    // More than the kernel keeps of what a proxy has sent: what was there when a round began is heard in it.
    private const int MessagesPerRound = 2048;
    private const int EventsPerWait = 8;

    private const int OptionPeerCredentials = 17; // SO_PEERCRED

    private const ulong ListenerToken = 1;
    private const ulong ProxyToken = 2;
    private const ulong ReportToken = 3;

    private readonly HandOvers _sessions;
    private readonly Socket _listener;
    private readonly string _path;
    private readonly int _epoll;
    private readonly Queue<HandOverMessage> _unsent = [];
    private readonly Dictionary<long, (long Client, long Node)> _counted = [];
    private readonly List<long> _toReset = [];
    private Socket? _proxy;
    private uint _user;
    private long _countedAt;
    private long _heardAt;

    /// <summary>Prepares the kernel's side and listens.</summary>
    /// <param name="path">Of the Unix socket; what is there of a predecessor is replaced. Its owner and its group may connect.</param>
    /// <param name="sessions">Most sessions at a time.</param>
    /// <exception cref="BpfException">The kernel refuses; the message says what.</exception>
    /// <exception cref="SocketException">The path cannot be listened on.</exception>
    public HandOverHelper(string path, int sessions)
    {
        _path = path;
        _sessions = new HandOvers(sessions) { Ended = OnEnded };
        _listener = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified) { Blocking = false };
        _epoll = LibC.EPollCreate(LibC.EPollCloseOnExec);
        try
        {
            File.Delete(path);
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
            _listener.Listen(4);
            Watch((int)_listener.Handle, ListenerToken);
            Watch(_sessions.Descriptor, ReportToken);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The table of flows, for <see cref="HandOverGuard"/>.</summary>
    public int FlowsDescriptor => _sessions.FlowsDescriptor;

    /// <summary>Serves until it is told to stop; then all sessions are reset.</summary>
    /// <param name="stop">Says so.</param>
    /// <param name="alive">Called now and then, ten times a second at least.</param>
    public void Run(CancellationToken stop, Action? alive = null)
    {
        byte* events = stackalloc byte[EventsPerWait * LibC.EventSize];
        while (!stop.IsCancellationRequested)
        {
            int count = LibC.EPollWait(_epoll, events, EventsPerWait, _sessions.IsBusy || _unsent.Count > 0 ? 1 : IdleMilliseconds);
            long began = Translation.Now;

            // A session whose end was ordered before this round began is not forwarded after it, however long the process is held up in between. And a proxy
            // that has gone makes room before the next one is looked at.
            Hear();
            for (int i = 0; i < count; i++)
            {
                if (LibC.EventData(events, i) == ListenerToken)
                {
                    Accept();
                }
            }

            // Nor is anything forwarded while the proxy says nothing: it is stuck, and might want to end what it cannot.
            _sessions.KnownAt = _proxy is null ? began : Math.Min(began, _heardAt);
            _sessions.Poll();
            Report();
            alive?.Invoke();
        }

        _sessions.ResetAll();
        _sessions.Poll();
        Flush();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _proxy?.Dispose();
        _listener.Dispose();
        _sessions.Dispose();
        LibC.Close(_epoll);
        File.Delete(_path);
    }

    private void Watch(int descriptor, ulong token)
    {
        if (LibC.EPollControl(_epoll, LibC.EPollAdd, descriptor, LibC.PollIn, token) < 0)
        {
            throw new SocketException(LibC.Errno);
        }
    }

    private void Accept()
    {
        Socket proxy;
        try
        {
            proxy = _listener.Accept();
        }
        catch (SocketException)
        {
            return; // it is gone already
        }

        uint user = UserOf(proxy);
        if (_proxy is not null)
        {
            if (user != _user)
            {
                proxy.Dispose(); // somebody else of the group
                return;
            }

            // The newer one is right: an older proxy that still lives has lost its place, and sees that.
            Forget();
        }

        proxy.Blocking = false;
        _proxy = proxy;
        _user = user;
        _heardAt = Translation.Now;
        Watch((int)proxy.Handle, ProxyToken);
    }

    private void Forget()
    {
        _sessions.ResetAll(); // first: once it sees that its connection has ended, nothing of its sessions is forwarded
        _proxy?.Dispose();
        _proxy = null;
        _unsent.Clear();
        _counted.Clear();
    }

    private static uint UserOf(Socket peer)
    {
        uint* credentials = stackalloc uint[3]; // pid, uid, gid
        uint length = 3 * sizeof(uint);
        return LibC.GetSocketOption((int)peer.Handle, LibC.LevelSocket, OptionPeerCredentials, credentials, &length) < 0 ? uint.MaxValue : credentials[1];
    }

    private void Hear()
    {
        Span<int> sockets = stackalloc int[DescriptorSocket.MostDescriptors];
        bool more = true;
        for (int i = 0; i < MessagesPerRound && _proxy is not null && more; i++)
        {
            switch (DescriptorSocket.Receive((int)_proxy.Handle, out HandOverMessage message, sockets, out bool lost))
            {
                case false:
                    more = false;
                    break;
                case null:
                    Forget();
                    break;
                case true when message.Kind == HandOverMessageKind.Alive && sockets[0] < 0:
                    _heardAt = Translation.Now;
                    break;
                case true when message.Kind == HandOverMessageKind.Take && sockets[0] >= 0:
                    Take(message.Id, sockets[0], sockets[1]);
                    break;
                case true when message.Kind == HandOverMessageKind.Take && lost:
                    Answer(message.Id, HandOverAnswer.Full);
                    break;
                case true when message.Kind == HandOverMessageKind.Reset && sockets[0] < 0:
                    _toReset.Add(message.Id);
                    break;
                default:
                    foreach (int socket in sockets)
                    {
                        if (socket >= 0)
                        {
                            LibC.Close(socket);
                        }
                    }

                    Forget();
                    break;
            }
        }

        if (_toReset.Count > 0)
        {
            _sessions.Reset(_toReset); // all of them at once, so that none waits for what the others leave behind
            _toReset.Clear();
        }
    }

    private void Take(long id, int client, int node)
    {
        HandOverAnswer answer = _sessions.Take(id, client, node);
        if (answer != HandOverAnswer.Taken)
        {
            LibC.Close(client);
            LibC.Close(node);
        }

        Answer(id, answer);
    }

    private void Answer(long id, HandOverAnswer answer) =>
        Say(new HandOverMessage { Kind = HandOverMessageKind.Answered, Id = id, Value = (int)answer });

    private void OnEnded(long id, HandOverEnd end, (long Client, long Node) bytes)
    {
        _counted.Remove(id);
        Say(new HandOverMessage { Kind = HandOverMessageKind.Ended, Id = id, Value = (int)end, FromClient = bytes.Client, FromNode = bytes.Node });
    }

    private void Report()
    {
        Flush();
        long now = Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000);
        if (_proxy is null || _unsent.Count > 0 || now - _countedAt < CountMilliseconds)
        {
            return;
        }

        _countedAt = now;
        foreach ((long id, (long Client, long Node) bytes) in _sessions.AllBytes())
        {
            if (_counted.GetValueOrDefault(id) != bytes)
            {
                _counted[id] = bytes;
                Say(new HandOverMessage { Kind = HandOverMessageKind.Counted, Id = id, FromClient = bytes.Client, FromNode = bytes.Node });
            }
        }
    }

    private void Say(in HandOverMessage message)
    {
        if (_proxy is not null && (_unsent.Count > 0 || DescriptorSocket.Send((int)_proxy.Handle, message, []) != 0))
        {
            _unsent.Enqueue(message); // a proxy that is gone is seen by reading
        }
    }

    private void Flush()
    {
        while (_proxy is not null && _unsent.TryPeek(out HandOverMessage message) && DescriptorSocket.Send((int)_proxy.Handle, message, []) == 0)
        {
            _unsent.Dequeue();
        }
    }
}
