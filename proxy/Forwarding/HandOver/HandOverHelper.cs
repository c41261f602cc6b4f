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
internal sealed unsafe partial class HandOverHelper : IDisposable
{
    private const int CountMilliseconds = 1000;
    private const int IdleMilliseconds = 100;

    // Nobody reads the two sockets any more, so that their peers' windows fill up and what was written is acknowledged: a session with too much under way has
    // little after a round trip, if its ends read.
    private const int LeastWaitingMilliseconds = 5;
    private const int MostWaitingMilliseconds = 200;

    // More than the kernel keeps of what a proxy has sent: what was there when a round began is heard in it.
    private const int MessagesPerRound = 2048;
    private const int EventsPerWait = 8;

    private const int SaidMilliseconds = 1_000;

    private const ulong ListenerToken = 1;
    private const ulong ProxyToken = 2;
    private const ulong ReportToken = 3;

    private readonly HandOvers _sessions;
    private readonly Socket _listener;
    private readonly string _path;
    private readonly int _epoll;
    private readonly Queue<HandOverMessage> _unsent = [];
    private readonly List<long> _toReset = [];
    private readonly List<(HandOverMessage Take, int Client, int Node, long Until)> _waiting = [];
    private Socket? _proxy;
    private uint _user;
    private long _countedAt;
    private long _heardAt;
    private long _saidAt = long.MinValue / 2;
    private int _unsaid;

    /// <summary>Prepares the kernel's side and listens.</summary>
    /// <param name="path">Of the Unix socket; what is there of a predecessor is replaced. Its owner and its group may connect.</param>
    /// <param name="sessions">Most sessions at a time.</param>
    /// <param name="parts">The kernel's part, if it is made already for as many sessions; belongs to this from now on.</param>
    /// <exception cref="BpfException">The kernel refuses; the message says what.</exception>
    /// <exception cref="SocketException">The path cannot be listened on.</exception>
    public HandOverHelper(string path, int sessions, TranslationParts? parts = null)
    {
        _path = path;
        _sessions = new HandOvers(sessions, parts: parts) { Ended = OnEnded, GivenUp = OnGivenUp };
        _listener = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified) { Blocking = false };
        _epoll = LibC.EPollCreate(LibC.EPollCloseOnExec);
        try
        {
            File.Delete(path);
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
            _listener.Listen(AcceptsPerRound);
            _accepting = Watch((int)_listener.Handle, ListenerToken);
            if (!_accepting || !Watch(_sessions.Descriptor, ReportToken))
            {
                throw new SocketException(LibC.Errno);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Told why a session was given up, for a person; at most once a second.</summary>
    public Action<string>? Log { get; set; }

    /// <summary>Whether a proxy is connected.</summary>
    public bool HasProxy => _proxy is not null;

    /// <summary>Sessions that it holds.</summary>
    public int Sessions => _sessions.Count;

    /// <summary>The table of flows, for <see cref="HandOverGuard"/>.</summary>
    public int FlowsDescriptor => _sessions.FlowsDescriptor;

    /// <summary>Tries whether the kernel forwards; call it before <see cref="Run"/>. Why not, for a person, or null.</summary>
    public string? Try() => HandOverTrial.Run(_sessions, out _);

    /// <summary>Serves until it is told to stop; then all sessions are reset.</summary>
    /// <param name="stop">Says so.</param>
    /// <param name="alive">Called now and then, ten times a second at least.</param>
    public void Run(CancellationToken stop, Action? alive = null)
    {
        byte* events = stackalloc byte[EventsPerWait * LibC.EventSize];
        while (!stop.IsCancellationRequested)
        {
            int count = LibC.EPollWait(_epoll, events, EventsPerWait, _sessions.IsBusy || _unsent.Count > 0 || _waiting.Count > 0 ? 1 : IdleMilliseconds);
            long began = Translation.Now;

            // A session whose end was ordered before this round began is not forwarded after it, however long the process is held up in between. And a proxy
            // that has gone makes room before the next one is looked at.
            Hear();
            TakeWaiting();
            for (int i = 0; i < count; i++)
            {
                if (LibC.EventData(events, i) == ListenerToken)
                {
                    Accept();
                }
            }

            HearNewcomers();
            ResumeAccepting();

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
        DropWaiting();
        _proxy?.Dispose();
        _newcomers.ForEach(newcomer => newcomer.Socket.Dispose());
        _listener.Dispose();
        _sessions.Dispose();
        LibC.Close(_epoll);
        File.Delete(_path);
    }

    private bool Watch(int descriptor, ulong token) => LibC.EPollControl(_epoll, LibC.EPollAdd, descriptor, LibC.PollIn, token) == 0;

    private void Forget()
    {
        _sessions.ResetAll(); // first: once it sees that its connection has ended, nothing of its sessions is forwarded
        DropWaiting();
        _proxy?.Dispose();
        _proxy = null;
        _unsent.Clear();
    }

    private void Hear()
    {
        Span<int> sockets = stackalloc int[DescriptorSocket.MostDescriptors];
        bool more = true;
        for (int i = 0; i < MessagesPerRound && _proxy is not null && more; i++)
        {
            bool? heard = DescriptorSocket.Receive((int)_proxy.Handle, out HandOverMessage message, sockets, out bool lost);
            more = heard == true;
            if (heard is null || (more && !IsProper(message, sockets, lost)))
            {
                Close(sockets);
                Forget();
            }
            else if (more)
            {
                Hear(message, sockets, lost);
            }
        }

        if (_toReset.Count > 0)
        {
            _sessions.Reset(_toReset); // all of them at once, so that none waits for what the others leave behind
            DropWaiting(_toReset.ToHashSet());
            _toReset.Clear();
        }
    }

    private static bool IsProper(in HandOverMessage message, ReadOnlySpan<int> sockets, bool lost) => message.Kind switch
    {
        HandOverMessageKind.Alive or HandOverMessageKind.Reset => sockets[0] < 0,
        HandOverMessageKind.Take => sockets[0] >= 0 || lost,
        _ => false,
    };

    private static void Close(ReadOnlySpan<int> sockets)
    {
        foreach (int socket in sockets)
        {
            if (socket >= 0)
            {
                LibC.Close(socket);
            }
        }
    }

    private void Hear(in HandOverMessage message, ReadOnlySpan<int> sockets, bool lost)
    {
        switch (message.Kind)
        {
            case HandOverMessageKind.Alive:
                _heardAt = Translation.Now;
                break;
            case HandOverMessageKind.Take when lost:
                Answer(message, HandOverAnswer.Full);
                break;
            case HandOverMessageKind.Take:
                Take(message, sockets[0], sockets[1]);
                break;
            case HandOverMessageKind.Reset:
                _toReset.Add(message.Id);
                break;
        }
    }

    private void Take(in HandOverMessage take, int client, int node)
    {
        if (!TryTake(take, client, node, last: false))
        {
            uint roundTrip = Math.Max(new TcpConnection(client).Info.RoundTrip, new TcpConnection(node).Info.RoundTrip) / 1000;
            long waiting = Math.Clamp(Math.Max(2L * roundTrip, take.Value), LeastWaitingMilliseconds, MostWaitingMilliseconds);
            _waiting.Add((take, client, node, Environment.TickCount64 + waiting));
        }
    }

    private bool TryTake(in HandOverMessage take, int client, int node, bool last)
    {
        HandOverAnswer answer = _sessions.Take(take.Name, client, node, (take.FromClient, take.FromNode));
        if (answer == HandOverAnswer.Busy && !last)
        {
            return false;
        }

        if (answer != HandOverAnswer.Taken)
        {
            Close([client, node]);
        }

        Answer(take, answer);
        return true;
    }

    private void TakeWaiting()
    {
        if (_waiting.Count > 0)
        {
            _waiting.RemoveAll(one => TryTake(one.Take, one.Client, one.Node, Environment.TickCount64 >= one.Until));
        }
    }

    /// <summary>The proxy ends these itself.</summary>
    private void DropWaiting(HashSet<long> ids)
    {
        foreach ((HandOverMessage take, int client, int node, _) in _waiting.Where(one => ids.Contains(one.Take.Id)))
        {
            Close([client, node]);
            Answer(take, HandOverAnswer.Busy);
        }

        _waiting.RemoveAll(one => ids.Contains(one.Take.Id));
    }

    private void DropWaiting()
    {
        foreach ((_, int client, int node, _) in _waiting)
        {
            Close([client, node]);
        }

        _waiting.Clear();
    }

    private void Answer(in HandOverMessage take, HandOverAnswer answer) =>
        Say(new HandOverMessage { Kind = HandOverMessageKind.Answered, Id = take.Id, Slot = take.Slot, Value = (int)answer });

    private void OnEnded(HandOverName name, HandOverEnd end, (long Client, long Node) bytes) => Say(new HandOverMessage
    {
        Kind = HandOverMessageKind.Ended,
        Id = name.Id,
        Slot = name.Slot,
        Value = (int)end,
        FromClient = bytes.Client,
        FromNode = bytes.Node,
    });

    private void OnGivenUp(long id, Func<string> why)
    {
        if (Log is null || Translation.Now - _saidAt < SaidMilliseconds)
        {
            _unsaid++;
            return;
        }

        _saidAt = Translation.Now;
        Log($"session {id} was given up: {why()}" + (_unsaid == 0 ? "" : $"; so were {_unsaid} more before"));
        _unsaid = 0;
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
        foreach ((HandOverName name, (long Client, long Node) bytes) in _sessions.MoreBytes())
        {
            Say(new HandOverMessage
            {
                Kind = HandOverMessageKind.Counted,
                Id = name.Id,
                Slot = name.Slot,
                FromClient = bytes.Client,
                FromNode = bytes.Node,
            });
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
