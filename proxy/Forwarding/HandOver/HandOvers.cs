// All sessions that the kernel forwards.
//
// A hand-over is asked for with two sockets whose bytes have all been passed on. From Taken on they belong to this: the packets of both
// ends are translated by the kernel (translate.bpf.c), the local sockets are emptied (Settling) and stay as place holders, so that their
// ports are not used again. Poll takes the kernel's reports, ends what has ended, and looks for silent ends.
//
// For one thread, that of its maker's network namespace.

using System.Diagnostics;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Takes sessions over into the kernel, and ends them. Needs CAP_NET_ADMIN and CAP_NET_RAW, and what <see cref="Translation"/> does.</summary>
internal sealed partial class HandOvers : IDisposable
{
    private const int StuckMilliseconds = 10_000; // local sockets that have nothing left to wait for, and are not emptied
    private const int SendAgainMilliseconds = 1_000;
    private const int ArrivedMilliseconds = 20; // a packet that the table did not know yet has come to its socket by then
    private const int LastWordsMilliseconds = 1_000; // what an end had sent before its RST is waited for
    private const int LookMilliseconds = 1_000;
    private const int NarrowMilliseconds = 600_000; // as long as the kernel believes it (net.ipv4.route.mtu_expires)

    /// <summary>
    /// The kernel forwards for so long after the moment of which <see cref="Poll"/> knows everything; then it drops packets, which TCP repairs once there is
    /// another such moment.
    /// </summary>
    public const int WatchedMilliseconds = 2_000;

    private readonly HandOverTimes _times;
    private readonly Translation _translation;
    private readonly RawSegments _segments;
    private readonly Settling _settling;
    private readonly Dictionary<int, HandedOver> _byPlace = [];
    private readonly Dictionary<long, HandedOver> _byId = [];
    private readonly List<HandedOver> _unsettled = [];
    private readonly Queue<HandedOver> _closing = [];
    private readonly Queue<HandedOver> _reset = [];
    private readonly Queue<int> _places;

    /// <summary>Addresses whose way takes smaller packets than its two ends say, and when that was heard.</summary>
    private readonly Dictionary<uint, long> _narrow = [];
    private Interfaces _interfaces = new();
    private uint _generation;
    private long _looked;

    /// <summary>Prepares everything; nothing is attached yet.</summary>
    /// <param name="sessions">Most sessions at a time.</param>
    /// <param name="times">When ends are asked whether they are there; the defaults when null.</param>
    /// <param name="parts">The kernel's part, if it is made already for as many sessions; belongs to this from now on.</param>
    /// <exception cref="BpfException">The kernel refuses; the message says what.</exception>
    public HandOvers(int sessions, HandOverTimes? times = null, TranslationParts? parts = null)
    {
        _times = times ?? new HandOverTimes();
        _translation = parts is { } made ? new Translation(sessions, made) : new Translation(sessions);
        try
        {
            _segments = new RawSegments();
        }
        catch
        {
            _translation.Dispose();
            throw;
        }

        _settling = new Settling(_translation, _segments);
        _places = new Queue<int>(Enumerable.Range(0, sessions));
    }

    /// <summary>Called within <see cref="Poll"/>, once for each session that has ended.</summary>
    public Action<long, HandOverEnd, (long Client, long Node)>? Ended { get; set; }

    /// <summary>Called before <see cref="Ended"/> of a session that is given up, and not by order: with the reason, for a person.</summary>
    public Action<long, Func<string>>? GivenUp { get; set; }

    /// <summary>
    /// The moment (milliseconds since boot) of which everything is known that was said about the sessions; null: now. The kernel forwards for a
    /// while from it; so when nobody calls <see cref="Poll"/>, or nobody says anything, nothing is forwarded.
    /// </summary>
    public long? KnownAt { get; set; }

    /// <summary>How often ends were asked whether they are there.</summary>
    public long Probes { get; private set; }

    /// <summary>Sessions that are not over.</summary>
    public int Count => _byId.Count;

    /// <summary>Whether <see cref="Poll"/> is to be called every millisecond or two, and not only when <see cref="Descriptor"/> is readable.</summary>
    public bool IsBusy => _unsettled.Count > 0;

    /// <summary>The table of flows, for <see cref="HandOverGuard"/>.</summary>
    public int FlowsDescriptor => _translation.FlowsDescriptor;

    /// <summary>Becomes readable when the kernel has reported something.</summary>
    public int Descriptor => _translation.ReportDescriptor;

    /// <summary>Prepares a connection that may be handed over later. Call it once it is open.</summary>
    public static void Prepare(int socket) => new TcpConnection(socket).ClampWindow(TakeOver.WindowBefore);

    /// <summary>A fast stream is to be handed over soon: its sockets keep little for reading, so that little is left when nobody reads.</summary>
    public static void Squeeze(int socket) => new TcpConnection(socket).LimitUnread(TakeOver.UnreadBefore);

    /// <summary>It was not: its sockets keep what they like again.</summary>
    public static void Loosen(int socket) => new TcpConnection(socket).UnlimitUnread(TakeOver.UsualBuffer);

    /// <summary>It will not be handed over: it grants as much window as it likes again.</summary>
    public static void Release(int socket) => new TcpConnection(socket).ClampWindow(TakeOver.AnyWindow);

    /// <summary>Asks for a hand-over. Nothing that was read of one socket may be unwritten to the other.</summary>
    /// <param name="id">The caller's name of the session.</param>
    /// <param name="clientSocket">The client's connection.</param>
    /// <param name="nodeSocket">The node's.</param>
    /// <returns>With <see cref="HandOverAnswer.Taken"/> both sockets belong to this, which closes them.</returns>
    public HandOverAnswer Take(long id, int clientSocket, int nodeSocket)
    {
        var client = new TcpConnection(clientSocket);
        var node = new TcpConnection(nodeSocket);
        if (client.Info.State != TcpInfo.Established || node.Info.State != TcpInfo.Established)
        {
            return HandOverAnswer.NotOpen;
        }

        if (!client.TryGetKey(out FlowKey clientKey) || !node.TryGetKey(out FlowKey nodeKey))
        {
            return HandOverAnswer.Family;
        }

        if (Devices(clientKey, nodeKey) is not { } devices)
        {
            return HandOverAnswer.Interface;
        }

        if (_places.Count == 0 || _byId.ContainsKey(id))
        {
            return HandOverAnswer.Full;
        }

        if (IsNarrow(clientKey.Source) || IsNarrow(nodeKey.Source))
        {
            return HandOverAnswer.SegmentSize;
        }

        HandOverAnswer answer = TakeOver.TryJoin((client, clientKey), (node, nodeKey), devices, out (Flow Client, Flow Node) flows);
        if (answer != HandOverAnswer.Taken)
        {
            return answer;
        }

        int place = _places.Dequeue();
        flows.Client.Generation = flows.Node.Generation = ++_generation;
        flows.Client.Held = flows.Node.Held = 1;
        _translation[2 * place] = flows.Client;
        _translation[(2 * place) + 1] = flows.Node;
        if (!_translation.TryAdd(clientKey, 2 * place) || !_translation.TryAdd(nodeKey, (2 * place) + 1))
        {
            if (_translation.Has(clientKey, 2 * place))
            {
                _translation.Remove(clientKey);
            }

            Free(place);
            return HandOverAnswer.Full;
        }

        foreach (TcpConnection local in (ReadOnlySpan<TcpConnection>)[client, node])
        {
            local.StopWatching();
            local.SendAgainWithin(SendAgainMilliseconds);
        }

        var session = new HandedOver(
            id, place,
            new HandOverSide(client, clientKey, 2 * place, flows.Client.ShiftIn), new HandOverSide(node, nodeKey, (2 * place) + 1, flows.Node.ShiftIn))
        {
            Since = Environment.TickCount64,
            UnderWay = Environment.TickCount64,
        };
        long now = Stopwatch.GetTimestamp();
        foreach (HandOverSide side in (ReadOnlySpan<HandOverSide>)[session.Client, session.Node])
        {
            ref Flow flow = ref _translation[side.Flow];
            flow.Last = Math.Max(flow.Last, now);
            flow.Progress = (uint)(now / Stopwatch.Frequency);
        }

        _byPlace.Add(place, session);
        _byId.Add(id, session);
        _unsettled.Add(session);
        _translation.Unsettled = _unsettled.Count + _reset.Count;
        return HandOverAnswer.Taken;
    }

    /// <summary>Bytes of a session since its hand-over that the client has sent, and that the node has; null when it is over.</summary>
    public (long Client, long Node)? Bytes(long id) => _byId.TryGetValue(id, out HandedOver? session) ? BytesOf(session) : null;

    /// <summary>The same of all sessions.</summary>
    public IEnumerable<(long Id, (long Client, long Node) Bytes)> AllBytes() => _byId.Values.Select(session => (session.Id, BytesOf(session)));

    /// <summary>What is known of a session, for a person.</summary>
    public string Describe(long id)
    {
        return (_byId.GetValueOrDefault(id) ?? _closing.FirstOrDefault(closing => closing.Id == id)) is { } session ? Describe(session) : "over";
    }

    private string Describe(HandedOver session)
    {
        string Of(HandOverSide side)
        {
            Flow flow = _translation[side.Flow];
            Flow other = _translation[side.Flow ^ 1];
            string end = $"{flow.Bytes} bytes, seen {flow.Seen}, "
                + $"under way to it {other.Sent + other.AddSequence - flow.Acknowledged} of {flow.Edge - flow.Acknowledged}, "
                + $"acknowledged nothing for {(uint)(Stopwatch.GetTimestamp() / Stopwatch.Frequency) - flow.Progress} s, "
                + $"last {(Stopwatch.GetTimestamp() - flow.Last) / 1_000_000} ms ago, asked {side.Probes} times";
            if (side.Closed)
            {
                return end;
            }

            TcpInfo info = side.Socket.Info;
            return $"{end}; local: unread {side.Socket.UnreadBytes}, "
                + $"unacknowledged {side.Socket.UnacknowledgedBytes}, unsent {side.Socket.UnsentBytes}, state {info.State}, "
                + $"sent again after {info.RetransmissionTime / 1000} ms, backoff {info.Backoff}, segments under way {info.CongestionWindow}, "
                + $"owed {(side.Owed?.Length ?? 0) - side.OwedStart}, FIN read {side.FinRead} passed {side.FinPassed}";
        }

        return $"{session.State}; client: {Of(session.Client)}; node: {Of(session.Node)}";
    }

    /// <summary>Resets sessions at both ends. Nothing happens to those that are over.</summary>
    public void Reset(IEnumerable<long> ids)
    {
        var sessions = new HashSet<HandedOver>();
        foreach (long id in ids)
        {
            if (_byId.TryGetValue(id, out HandedOver? session))
            {
                sessions.Add(session);
            }
        }

        Kill(sessions.ToArray(), HandOverEnd.Ordered);
    }

    /// <summary>Resets all.</summary>
    public void ResetAll()
    {
        Kill(_byId.Values.ToArray(), HandOverEnd.Ordered);
    }

    /// <summary>Takes the kernel's reports, and does what is due.</summary>
    public void Poll()
    {
        long now = Environment.TickCount64;
        _translation.Watch((KnownAt ?? Translation.Now) + WatchedMilliseconds);

        while (_translation.TryRead(out FlowEvent report))
        {
            if (_byPlace.TryGetValue(report.Flow >> 1, out HandedOver? session) && _translation[report.Flow].Generation == report.Generation)
            {
                Hear(session, (report.Flow & 1) == 0 ? session.Client : session.Node, report);
            }
        }

        for (int i = _unsettled.Count - 1; i >= 0; i--)
        {
            if (IsSettled(_unsettled[i], now))
            {
                _unsettled.RemoveAt(i);
            }
        }

        _translation.Unsettled = _unsettled.Count + _reset.Count;
        while (_closing.TryPeek(out HandedOver? closing) && now - closing.Since >= ClosingMilliseconds)
        {
            LeaveIfDelivered(_closing.Dequeue());
        }

        while (_reset.TryPeek(out HandedOver? reset) && now - reset.Since >= TellMilliseconds)
        {
            Tell(_reset.Dequeue());
        }

        if (now - _looked >= LookMilliseconds)
        {
            _looked = now;
            Look();
        }
    }

    /// <summary>Whether the local sockets of a session are empty, or it is over.</summary>
    private bool IsSettled(HandedOver session, long now)
    {
        if (session.State != HandOverState.Settling)
        {
            return now - session.Since > ArrivedMilliseconds;
        }

        bool? settled = _settling.Step(session);
        if (IsReset(session.Client) || IsReset(session.Node))
        {
            EndAfterLastWords(session, now);
            return false;
        }

        if (settled == false && !(HasAll(session.Client) && HasAll(session.Node)))
        {
            session.UnderWay = now;
        }

        if (settled is null || (settled == false && now - session.UnderWay > StuckMilliseconds))
        {
            GiveUp(session, HandOverEnd.Failed, settled is null ? "a local socket has failed" : "its local sockets are not emptied");
            return false;
        }

        if (settled == false || now - session.Since <= ArrivedMilliseconds)
        {
            return false;
        }

        session.State = HandOverState.Open;
        LetResetsPass(session);
        EndIfFinished(session);
        return true;
    }

    /// <summary>Ends all sessions by RST, and translates nothing any more.</summary>
    public void Dispose()
    {
        ResetAll();
        Poll();
        foreach (HandedOver session in _byPlace.Values)
        {
            CloseSide(session.Node);
        }

        _segments.Dispose();
        _translation.Dispose();
    }

    private bool IsNarrow(uint address)
    {
        if (_narrow.TryGetValue(address, out long since) && Environment.TickCount64 - since > NarrowMilliseconds)
        {
            _narrow.Remove(address);
            return false;
        }

        return _narrow.ContainsKey(address);
    }

    private (uint Client, uint Node)? Devices(in FlowKey client, in FlowKey node)
    {
        (int Index, bool Loopback)? ofClient = _interfaces.Find(client);
        (int Index, bool Loopback)? ofNode = _interfaces.Find(node);
        if (ofClient is null || ofNode is null)
        {
            _interfaces = new Interfaces(); // an address may be new
            ofClient = _interfaces.Find(client);
            ofNode = _interfaces.Find(node);
        }

        if (ofClient is not { } c || ofNode is not { } n || c.Loopback != n.Loopback)
        {
            return null;
        }

        try
        {
            _translation.Attach(c.Index);
            _translation.Attach(n.Index);
        }
        catch (BpfException)
        {
            return null; // the interface is gone by now
        }

        return c.Loopback ? (0, 0) : ((uint)c.Index, (uint)n.Index);
    }
}
