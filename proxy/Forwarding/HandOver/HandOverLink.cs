// The proxy's side of the hand-over: a thread that talks to the helper, and looks for it while there is none. Loops leave what they want in
// its inbox, and it leaves the answers in theirs, so that no loop ever waits for the helper.

using System.Collections.Concurrent;
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
    private readonly SessionLoop?[] _loops;
    private readonly ConcurrentQueue<(HandOverMessage Message, int Client, int Node)> _asked = []; // by loops
    private readonly Queue<(HandOverMessage Message, int Client, int Node)> _unsent = [];
    private readonly Queue<long> _unsentResets = []; // when each was asked for
    private readonly Queue<(long Id, long At)> _resets = []; // which the helper has got, and may have heard
    private readonly HashSet<long> _resetting = []; // all that it was told, or is to be told, to reset
    private int _sessions; // that it was asked for, and that are not over
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
    /// <param name="loops">The loops whose sessions they are.</param>
    /// <param name="logger">Told when it comes and goes.</param>
    public HandOverLink(string path, IReadOnlyCollection<SessionLoop> loops, ILogger logger)
    {
        (_path, _logger) = (path, logger);
        _loops = new SessionLoop?[loops.FirstOrDefault()?.Loops ?? 0];
        foreach (SessionLoop loop in loops)
        {
            _loops[loop.Index] = loop;
        }

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
    /// Asks for a session. Its loop is told what comes of that, and of its end (<see cref="SessionLoop.TellOfHandOver"/>); it keeps both sockets open until
    /// then, and touches neither. The helper may wait so many milliseconds for what is under way.
    /// </summary>
    public void Take(HandOverName name, (int Client, int Node) sockets, (long Client, long Node) bytes, int patience) => Ask(
        new HandOverMessage
        {
            Kind = HandOverMessageKind.Take,
            Id = name.Id,
            Slot = name.Slot,
            Value = patience,
            FromClient = bytes.Client,
            FromNode = bytes.Node,
        },
        sockets.Client, sockets.Node);

    /// <summary>Has a session reset at both ends. The loop is told when it is over.</summary>
    public void Reset(long id) => Ask(new HandOverMessage { Kind = HandOverMessageKind.Reset, Id = id });

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

    private void Ask(in HandOverMessage message, int client = -1, int node = -1)
    {
        _asked.Enqueue((message, client, node)); // not in a command of its own, which would be an object for each session
        _inbox.Post(static link => link.OnAsked());
    }

    private void OnAsked()
    {
        if (!_asked.TryDequeue(out (HandOverMessage Message, int Client, int Node) asked))
        {
            return;
        }

        switch (asked.Message.Kind)
        {
            case HandOverMessageKind.Take:
                _sessions++;
                if (_helper is null)
                {
                    Answer(asked.Message, HandOverAnswer.Busy); // the loop sees for itself that there is no helper
                }

                break;
            case HandOverMessageKind.Reset when _helper is not null:
                _unsentResets.Enqueue(Environment.TickCount64);
                _resetting.Add(asked.Message.Id);
                break;
        }

        Say(asked.Message, asked.Client, asked.Node);
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
                Answer(next.Message, HandOverAnswer.Busy); // too many descriptors are under way to the helper, say (ETOOMANYREFS)
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

    private void Hear(in HandOverMessage message)
    {
        if (message.Kind == HandOverMessageKind.Ended || (message.Kind == HandOverMessageKind.Answered && message.Value != (int)HandOverAnswer.Taken))
        {
            _sessions--;
            _resetting.Remove(message.Id);
        }

        if (LoopOf(message.Id) is { } loop)
        {
            loop.TellOfHandOver(message);
        }
    }

    private void Answer(in HandOverMessage take, HandOverAnswer answer) =>
        Hear(new HandOverMessage { Kind = HandOverMessageKind.Answered, Id = take.Id, Slot = take.Slot, Value = (int)answer });

    private SessionLoop? LoopOf(long id) => id >= 0 && _loops.Length > 0 ? _loops[SessionLoop.IndexOf(id, _loops.Length)] : null;

    /// <summary>A helper that is stuck is to hold up no order: what it was told to end does not go on in any case.</summary>
    private void Hold()
    {
        long now = Environment.TickCount64;
        while (_resets.TryPeek(out (long Id, long At) reset))
        {
            if (_resetting.Contains(reset.Id))
            {
                if (now - reset.At < HeldMilliseconds)
                {
                    break;
                }

                _resetting.Remove(reset.Id);
                LoopOf(reset.Id)?.Post(owner => owner.HandOverHeld(reset.Id));
            }

            _resets.Dequeue();
        }

        if (_unsentResets.TryPeek(out long since) && now - since >= HeldMilliseconds)
        {
            Lose(); // there is no room to tell it
        }

        // Of a process that is killed the connection ends before the translation does: that is over when the process is.
        if (_lostAt is { } lostAt
            && (_sessions == 0 || now - lostAt >= HeldMilliseconds || (_process >= 0 && LibC.WaitReadable(_process, TimeSpan.Zero))))
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
        _resetting.Clear();
        _lostAt = Environment.TickCount64;
    }

    private void TellLost()
    {
        _lostAt = null;
        CloseProcess();
        _looked = Environment.TickCount64; // what loops have asked for meanwhile is refused, not sent to the next helper: the sockets may be others by then
        int lost = _sessions;
        _sessions = 0;
        foreach (SessionLoop? loop in lost > 0 ? _loops : [])
        {
            loop?.Post(static owner => owner.HandOverLost());
        }

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
