// The proxy's side of the hand-over: a thread that talks to the helper, and looks for it while there is none. Loops leave what they want in
// its inbox, and it leaves the answers in theirs, so that no loop ever waits for the helper.

using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Hands sessions over to the helper.</summary>
internal sealed unsafe partial class HandOverLink : IDisposable
{
    private const int LookMilliseconds = 1000; // for a helper
    private const int AliveMilliseconds = 500;
    private const int EventsPerWait = 4;
    private const int WaitMilliseconds = 50; // when something is due without an event

    /// <summary>
    /// A helper that does not answer for so long is stuck: whatever it has not heard by then stops the kernel's forwarding (<see
    /// cref="HandOvers.WatchedMilliseconds"/>, and what clocks differ).
    /// </summary>
    private const int HeldMilliseconds = HandOvers.WatchedMilliseconds + 100;
    private const int OptionPeerProcess = 77; // SO_PEERPIDFD (Linux 6.5): readable once the process is over
    private const ulong InboxToken = 1;
    private const ulong HelperToken = 2;

    private readonly string _path;
    private readonly ILogger _logger;
    private readonly Inbox<HandOverLink> _inbox = new();
    private readonly Dictionary<long, SessionLoop> _owners = [];
    private readonly Queue<(HandOverMessage Message, int Client, int Node)> _unsent = [];
    private readonly Queue<long> _unsentResets = []; // when each was asked for
    private readonly Queue<(long Id, long At)> _resets = []; // which the helper has got, and may have heard
    private readonly int _epoll;
    private readonly Thread _thread;
    private Socket? _helper;
    private int _process = -1;
    private long? _lostAt;
    private long _looked = long.MinValue / 2;
    private long _alive;
    private string _said = "";
    private volatile bool _ready;
    private int _arrivals;
    private volatile int _refusal;
    private int _told;
    private bool _stopping;

    /// <summary>Begins to look for the helper.</summary>
    /// <param name="path">Of its Unix socket.</param>
    /// <param name="logger">Told when it comes and goes.</param>
    public HandOverLink(string path, ILogger logger)
    {
        (_path, _logger) = (path, logger);
        _epoll = LibC.EPollCreate(LibC.EPollCloseOnExec);
        _ = LibC.EPollControl(_epoll, LibC.EPollAdd, _inbox.Descriptor, LibC.PollIn, InboxToken);
        _thread = new Thread(Run) { IsBackground = true, Name = "hand-over" };
        _thread.Start();
    }

    /// <summary>Whether there is a helper to ask.</summary>
    public bool IsReady => _ready;

    /// <summary>How often there was a new helper.</summary>
    public int Arrivals
    {
        get => Volatile.Read(ref _arrivals);
        private set => Volatile.Write(ref _arrivals, value);
    }

    /// <summary>Why the last session that stays with this process does; null when none had to.</summary>
    public string? Refusal => ((HandOverAnswer)_refusal).Reason();

    /// <summary>A session stays with this process. From any thread; each reason is logged once.</summary>
    public void Refused(HandOverAnswer answer)
    {
        _refusal = (int)answer;
        int told = 1 << (int)answer;
        if ((Interlocked.Or(ref _told, told) & told) == 0)
        {
            LogRefused(_logger, answer.Reason() ?? "");
        }
    }

    /// <summary>
    /// Asks for a session. The loop is told by <see cref="SessionLoop.HandOverAnswered"/>, and of its end by <see
    /// cref="SessionLoop.HandOverEnded"/>; it keeps both sockets open until then, and touches neither.
    /// </summary>
    public void Take(SessionLoop loop, long id, int client, int node) => _inbox.Post(link => link.OnTake(loop, id, client, node));

    /// <summary>Has a session reset at both ends. The loop is told when it is over.</summary>
    public void Reset(long id) => _inbox.Post(link => link.OnReset(id));

    /// <summary>Ends the link; the helper resets what was handed over.</summary>
    public void Dispose()
    {
        _inbox.Post(link => link._stopping = true);
        _thread.Join();
        _inbox.Close(this);
        _helper?.Dispose();
        CloseProcess();
        LibC.Close(_epoll);
    }

    private void Run()
    {
        byte* events = stackalloc byte[EventsPerWait * LibC.EventSize];
        while (!_stopping)
        {
            if (_helper is null && _lostAt is null && Environment.TickCount64 - _looked >= LookMilliseconds)
            {
                _looked = Environment.TickCount64;
                Connect();
            }

            if (_helper is not null && Environment.TickCount64 - _alive >= AliveMilliseconds)
            {
                _alive = Environment.TickCount64;
                Say(new HandOverMessage { Kind = HandOverMessageKind.Alive });
            }

            int wait = _unsent.Count > 0 || _lostAt is not null ? 1 : _resets.Count > 0 ? WaitMilliseconds : AliveMilliseconds;
            int count = LibC.EPollWait(_epoll, events, EventsPerWait, wait);
            for (int i = 0; i < count; i++)
            {
                switch (LibC.EventData(events, i))
                {
                    case InboxToken:
                        _inbox.Run(this);
                        break;
                    case HelperToken:
                        Hear();
                        break;
                }
            }

            Flush();
            Hold();
        }
    }

    private void Connect()
    {
        Socket? socket = null;
        try
        {
            // Without waiting: a helper that is stuck accepts nobody, and would hold this thread up for good.
            socket = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified) { Blocking = false };
            socket.Connect(new UnixDomainSocketEndPoint(_path));
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            string why = WhyNot(e);
            if (_said != why)
            {
                _said = why;
                LogUnavailable(_logger, _path, why);
            }

            return;
        }

        if (LibC.EPollControl(_epoll, LibC.EPollAdd, (int)socket.Handle, LibC.PollIn, HelperToken) < 0)
        {
            socket.Dispose();
            return;
        }

        int process = -1;
        uint length = sizeof(int);
        _process = LibC.GetSocketOption((int)socket.Handle, LibC.LevelSocket, OptionPeerProcess, &process, &length) < 0 ? -1 : process;
        _helper = socket;
        _said = "";
        Arrivals++;
        _ready = true;
        LogAvailable(_logger);
    }

    // The framework's own words for a path where nothing is, "Cannot assign requested address", lead nowhere.
    private static string WhyNot(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.AddressNotAvailable => "there is no such file: the helper does not run; see systemctl status redis-ha-hand-over, and start it",
        SocketError.ConnectionRefused => "nobody listens there: the helper does not run; see systemctl status redis-ha-hand-over, and start it",
        SocketError.AccessDenied => "not permitted: only the socket's owner and its group may connect, and the proxy's account must be one of them",
        SocketError.WouldBlock => "the helper runs and accepts nobody",
        _ => e.Message,
    };

    private void OnTake(SessionLoop loop, long id, int client, int node)
    {
        if (_helper is null)
        {
            loop.Post(owner => owner.HandOverAnswered(id, HandOverAnswer.Busy)); // the loop sees for itself that there is no helper
            return;
        }

        _owners.Add(id, loop);
        Say(new HandOverMessage { Kind = HandOverMessageKind.Take, Id = id }, client, node);
    }

    private void OnReset(long id)
    {
        if (_helper is not null)
        {
            _unsentResets.Enqueue(Environment.TickCount64);
            Say(new HandOverMessage { Kind = HandOverMessageKind.Reset, Id = id });
        }
    }

    private void Say(in HandOverMessage message, int client = -1, int node = -1)
    {
        if (_helper is not null)
        {
            _unsent.Enqueue((message, client, node));
            Flush();
        }
    }

    private void Flush()
    {
        while (_helper is not null && _unsent.TryPeek(out (HandOverMessage Message, int Client, int Node) next))
        {
            int errno = DescriptorSocket.Send((int)_helper.Handle, next.Message, next.Client < 0 ? [] : [next.Client, next.Node]);
            if (errno == LibC.EAGAIN)
            {
                return;
            }

            _unsent.Dequeue();
            if (next.Message.Kind == HandOverMessageKind.Reset)
            {
                _unsentResets.Dequeue();
                _resets.Enqueue((next.Message.Id, Environment.TickCount64));
            }

            if (errno is not (0 or LibC.EPIPE or LibC.ECONNRESET) && next.Client >= 0)
            {
                Answer(next.Message.Id, HandOverAnswer.Busy); // too many descriptors are under way to the helper, say (ETOOMANYREFS)
            }
        }
    }

    private void Hear()
    {
        Span<int> sockets = stackalloc int[DescriptorSocket.MostDescriptors];
        while (_helper is not null)
        {
            switch (DescriptorSocket.Receive((int)_helper.Handle, out HandOverMessage message, sockets, out _))
            {
                case false:
                    return;
                case null:
                    Lose();
                    return;
                case true:
                    Hear(message);
                    break;
            }
        }
    }

    private void Hear(HandOverMessage message)
    {
        if (!_owners.TryGetValue(message.Id, out SessionLoop? loop))
        {
            return;
        }

        switch (message.Kind)
        {
            case HandOverMessageKind.Answered:
                Answer(message.Id, (HandOverAnswer)message.Value);
                break;
            case HandOverMessageKind.Counted:
                loop.Post(owner => owner.HandOverCounted(message.Id, message.FromClient, message.FromNode));
                break;
            case HandOverMessageKind.Ended:
                _owners.Remove(message.Id);
                loop.Post(owner => owner.HandOverEnded(message.Id, (HandOverEnd)message.Value, message.FromClient, message.FromNode));
                break;
        }
    }

    private void Answer(long id, HandOverAnswer answer)
    {
        if (_owners.TryGetValue(id, out SessionLoop? loop))
        {
            if (answer != HandOverAnswer.Taken)
            {
                _owners.Remove(id);
            }

            loop.Post(owner => owner.HandOverAnswered(id, answer));
        }
    }

    /// <summary>A helper that is stuck is to hold up no order: what it was told to end does not go on in any case.</summary>
    private void Hold()
    {
        long now = Environment.TickCount64;
        while (_resets.TryPeek(out (long Id, long At) reset))
        {
            if (_owners.TryGetValue(reset.Id, out SessionLoop? loop))
            {
                if (now - reset.At < HeldMilliseconds)
                {
                    break;
                }

                loop.Post(owner => owner.HandOverHeld(reset.Id));
            }

            _resets.Dequeue();
        }

        if (_unsentResets.TryPeek(out long since) && now - since >= HeldMilliseconds)
        {
            Lose(); // there is no room to tell it
        }

        // Of a process that is killed the connection ends before the translation does: that is over when the process is.
        if (_lostAt is { } lostAt
            && (_owners.Count == 0 || now - lostAt >= HeldMilliseconds || (_process >= 0 && LibC.WaitReadable(_process, TimeSpan.Zero))))
        {
            TellLost();
        }
    }

    private void Lose()
    {
        _ready = false;
        _helper?.Dispose();
        _helper = null;
        _unsent.Clear();
        _unsentResets.Clear();
        _resets.Clear();
        _lostAt = Environment.TickCount64;
    }

    private void TellLost()
    {
        _lostAt = null;
        CloseProcess();
        _looked = Environment.TickCount64; // what loops have asked for meanwhile is refused, not sent to the next helper: the sockets may be others by then
        int lost = _owners.Count;
        foreach (SessionLoop loop in _owners.Values.Distinct().ToArray())
        {
            loop.Post(owner => owner.HandOverLost());
        }

        _owners.Clear();
        LogLost(_logger, lost);
    }

    private void CloseProcess()
    {
        if (_process >= 0)
        {
            LibC.Close(_process);
            _process = -1;
        }
    }

    [LoggerMessage(LogEvents.HandOverAvailable, LogLevel.Information, "Hand-over: the helper is there; plain sessions are handed over to the kernel",
        EventName = nameof(LogEvents.HandOverAvailable))]
    private static partial void LogAvailable(ILogger logger);

    [LoggerMessage(LogEvents.HandOverUnavailable, LogLevel.Warning,
        "Hand-over: the helper cannot be reached at {Path} ({Reason}). Sessions are forwarded by this process; it is looked for every second",
        EventName = nameof(LogEvents.HandOverUnavailable))]
    private static partial void LogUnavailable(ILogger logger, string path, string reason);

    [LoggerMessage(LogEvents.HandOverRefused, LogLevel.Information,
        "Hand-over: a session stays with this process: {Reason}. This is said once for each reason; the status counts them",
        EventName = nameof(LogEvents.HandOverRefused))]
    private static partial void LogRefused(ILogger logger, string reason);

    [LoggerMessage(LogEvents.HandOverLost, LogLevel.Error, "Hand-over: the helper has ended; the {Sessions} sessions that it had are reset",
        EventName = nameof(LogEvents.HandOverLost))]
    private static partial void LogLost(ILogger logger, int sessions);
}
