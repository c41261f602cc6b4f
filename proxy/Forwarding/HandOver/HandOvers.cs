// All sessions that the kernel forwards.
//
// A hand-over is asked for with two sockets whose bytes have all been passed on. From Taken on they belong to this: the packets of both
// ends are translated by the kernel (translate.bpf.c), the local sockets are emptied (Settling) and stay as place holders, so that their
// ports are not used again. Poll takes the kernel's reports, ends what has ended, and looks for silent ends.
//
// For one thread, that of its maker's network namespace.

using System.Diagnostics;
using System.Runtime.InteropServices;

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

    // What is kept of a session is a few numbers in tables: an idle one costs little.
    private readonly Places _places;
    private readonly HandedOver[] _sessions;
    private readonly HandOverSide[] _sides;
    private readonly List<Unsettled> _unsettled = [];
    private readonly Queue<int> _closing = [];
    private readonly Queue<int> _reset = [];

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

        _places = new Places(sessions);
        _sessions = new HandedOver[sessions];
        _sides = new HandOverSide[2 * sessions];
        _settling = new Settling(_translation, _sides, _segments);
    }

    /// <summary>Called within <see cref="Poll"/>, once for each session that has ended.</summary>
    public Action<HandOverName, HandOverEnd, (long Client, long Node)>? Ended { get; set; }

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
    public int Count => _places.Count;

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
    /// <param name="name">The caller's name of the session.</param>
    /// <param name="clientSocket">The client's connection.</param>
    /// <param name="nodeSocket">The node's.</param>
    /// <param name="before">Bytes that both have sent, and that are counted already.</param>
    /// <returns>With <see cref="HandOverAnswer.Taken"/> both sockets belong to this, which closes them.</returns>
    public HandOverAnswer Take(HandOverName name, int clientSocket, int nodeSocket, (long Client, long Node) before = default)
    {
        var client = new TcpConnection(clientSocket);
        var node = new TcpConnection(nodeSocket);
        if (!AreOpen(client, node))
        {
            return HandOverAnswer.NotOpen;
        }

        if (!client.TryGetKey(out FlowKey clientKey) || !node.TryGetKey(out FlowKey nodeKey))
        {
            return AreOpen(client, node) ? HandOverAnswer.Family : HandOverAnswer.NotOpen; // one that was reset just now has no addresses
        }

        if (Devices(clientKey, nodeKey) is not { } devices)
        {
            return HandOverAnswer.Interface;
        }

        if (_places.IsFull || _places.Find(name.Id) >= 0)
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

        int place = _places.Take(name.Id);
        flows.Client.Generation = flows.Node.Generation = ++_generation;
        flows.Client.Held = flows.Node.Held = 1;
        flows.Client.Bytes += before.Client;
        flows.Node.Bytes += before.Node;
        _translation[ClientFlow(place)] = flows.Client;
        _translation[NodeFlow(place)] = flows.Node;
        if (!_translation.TryAdd(clientKey, ClientFlow(place)) || !_translation.TryAdd(nodeKey, NodeFlow(place)))
        {
            if (_translation.Has(clientKey, ClientFlow(place)))
            {
                _translation.Remove(clientKey);
            }

            _places.Forget(place);
            Free(place);
            return HandOverAnswer.Full;
        }

        foreach (TcpConnection local in (ReadOnlySpan<TcpConnection>)[client, node])
        {
            local.StopWatching(2 * _times.Standstill); // longer than whoever looks for ends waits
            local.SendAgainWithin(SendAgainMilliseconds);
        }

        long now = Stopwatch.GetTimestamp();
        for (int index = ClientFlow(place); index <= NodeFlow(place); index++)
        {
            ref Flow flow = ref _translation[index];
            flow.Last = Math.Max(flow.Last, now);
            flow.Progress = (uint)(now / Stopwatch.Frequency);
        }

        long milliseconds = Environment.TickCount64;
        _sessions[place] = new HandedOver
        {
            Since = milliseconds,
            Counted = before.Client + before.Node,
            Slot = name.Slot,
            State = HandOverState.Settling,
        };
        _sides[ClientFlow(place)] = new HandOverSide { Socket = clientSocket };
        _sides[NodeFlow(place)] = new HandOverSide { Socket = nodeSocket };
        _unsettled.Add(new Unsettled { Place = place, UnderWay = milliseconds });
        _translation.Unsettled = _unsettled.Count + _reset.Count;
        return HandOverAnswer.Taken;
    }

    /// <summary>Resets sessions at both ends. Nothing happens to those that are over.</summary>
    public void Reset(IEnumerable<long> ids) => Kill([.. ids.Select(_places.Find).Where(place => place >= 0).Distinct()], HandOverEnd.Ordered);

    /// <summary>Resets all.</summary>
    public void ResetAll() => Kill([.. Enumerable.Range(0, _places.Used).Where(IsForwarded)], HandOverEnd.Ordered);

    /// <summary>Takes the kernel's reports, and does what is due.</summary>
    public void Poll()
    {
        long now = Environment.TickCount64;
        _translation.Watch((KnownAt ?? Translation.Now) + WatchedMilliseconds);

        while (_translation.TryRead(out FlowEvent report))
        {
            if (_sessions[report.Flow >> 1].State != HandOverState.None && _translation[report.Flow].Generation == report.Generation)
            {
                Hear(report);
            }
        }

        for (int i = _unsettled.Count - 1; i >= 0; i--)
        {
            if (IsSettled(ref CollectionsMarshal.AsSpan(_unsettled)[i], now))
            {
                _unsettled[i] = _unsettled[^1]; // their order is of no meaning
                _unsettled.RemoveAt(_unsettled.Count - 1);
            }
        }

        _translation.Unsettled = _unsettled.Count + _reset.Count;
        while (_closing.TryPeek(out int closing) && now - _sessions[closing].Since >= ClosingMilliseconds)
        {
            LeaveIfDelivered(_closing.Dequeue());
        }

        while (_reset.TryPeek(out int reset) && now - _sessions[reset].Since >= TellMilliseconds)
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
    private bool IsSettled(ref Unsettled unsettled, long now)
    {
        int place = unsettled.Place;
        ref HandedOver session = ref _sessions[place];
        if (session.State != HandOverState.Settling)
        {
            return now - session.Since > ArrivedMilliseconds;
        }

        bool? settled = _settling.Step(ref unsettled);
        bool clientReset = unsettled.Client.WasReset || IsReset(ClientFlow(place));
        bool nodeReset = unsettled.Node.WasReset || IsReset(NodeFlow(place));
        if (clientReset || nodeReset)
        {
            // The other end hears of it after the bytes of it that the local sockets still have.
            unsettled.ResetAt ??= now;
            if (clientReset == nodeReset || HasAll(clientReset ? NodeFlow(place) : ClientFlow(place)) || now - unsettled.ResetAt > LastWordsMilliseconds)
            {
                Close(place, clientReset ? HandOverEnd.ClientReset : HandOverEnd.NodeReset);
            }

            return false;
        }

        if (settled == false && !(HasAll(ClientFlow(place)) && HasAll(NodeFlow(place))))
        {
            unsettled.UnderWay = now;
        }

        if (settled is null || (settled == false && now - unsettled.UnderWay > StuckMilliseconds))
        {
            GiveUp(place, HandOverEnd.Failed, settled is null ? $"a local socket has failed ({_settling.Fault})" : "its local sockets are not emptied");
            return false;
        }

        if (settled == false || now - session.Since <= ArrivedMilliseconds)
        {
            return false;
        }

        session.State = HandOverState.Open;
        LetResetsPass(place);
        EndIfFinished(place);
        return true;
    }

    /// <summary>Ends all sessions by RST, and translates nothing any more.</summary>
    public void Dispose()
    {
        ResetAll();
        Poll();
        for (int place = 0; place < _places.Used; place++)
        {
            if (_sessions[place].State != HandOverState.None)
            {
                CloseSide(NodeFlow(place));
            }
        }

        _segments.Dispose();
        _translation.Dispose();
    }

    private static bool AreOpen(TcpConnection client, TcpConnection node) =>
        client.Info.State == TcpInfo.Established && node.Info.State == TcpInfo.Established;

    private static int ClientFlow(int place) => 2 * place;

    private static int NodeFlow(int place) => (2 * place) + 1;

    private HandOverName NameOf(int place) => new(_places.IdOf(place), _sessions[place].Slot);

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
