// What is asked of a Sentinel: SENTINEL MASTER name (its vote, epoch, and what a lease is made of) and INFO sentinel (TILT).
// Both are within the rights "+sentinel|master +info". Now and then also whom it knows; a user that may not ask that is asked less.

using System.Net;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Monitoring;

/// <summary>The conversation with one Sentinel.</summary>
internal sealed class SentinelConversation : IConversation
{
    private readonly int _index;
    private readonly NodeDirectory _directory;
    private readonly IReportSink _sink;
    private readonly SentinelHearing _hearing;

    private string? _namedAddress;
    private byte[] _namedHost = [];
    private long _namedPort;
    private int _named = NamedNode.Foreign;

    /// <summary>Between two questions whom it knows, unless the numbers change.</summary>
    private static readonly TimeSpan NamesEvery = TimeSpan.FromMinutes(1);

    /// <summary>The same when they do.</summary>
    private static readonly TimeSpan NamesAtMostEvery = TimeSpan.FromSeconds(1);

    /// <summary>A server takes about 700 bytes of the answer. Anybody who may publish on a node can make a Sentinel know as many as he likes.</summary>
    private const int MostNamed = 64;

    /// <summary>The same when that was not permitted.</summary>
    private static readonly TimeSpan NamesAfterRefusal = TimeSpan.FromMinutes(10);

    private readonly (ReadOnlyMemory<byte>, int) _short;
    private readonly (ReadOnlyMemory<byte>, int) _long;
    private readonly Func<IPEndPoint, bool> _isSentinel;
    private readonly Func<IPEndPoint, bool> _isNode;
    private bool _asksNames; // first it is answered at all
    private bool _mayNotAsk;
    private TimeSpan _namesDueAt;
    private TimeSpan _namesAskedAt;
    private (int Sentinels, int Replicas) _numbers;
    private string? _unknownSentinels;
    private string? _unknownReplicas;

    public SentinelConversation(int index, SentinelConfiguration configuration, NodeDirectory directory, IReportSink sink, SentinelHearing hearing)
    {
        _index = index;
        _hearing = hearing;
        _directory = directory;
        _sink = sink;
        Greeting = configuration.Credentials is null ? (default, 0) : (NodeConversation.Authentication(configuration.Credentials), 1);
        byte[] question = [.. RespSocket.Command("SENTINEL", "MASTER", configuration.Master), .. RespSocket.Command("INFO", "sentinel")];
        byte[] names =
        [
            .. RespSocket.Command("SENTINEL", "SENTINELS", configuration.Master),
            .. RespSocket.Command("SENTINEL", "REPLICAS", configuration.Master),
        ];
        _short = (question, 2);
        _long = ((byte[])[.. question, .. names], 4);
        _isSentinel = address => configuration.Nodes.Any(node => NodeDirectory.Same(node, address));
        _isNode = address => directory.Find(address) >= 0;
    }

    /// <inheritdoc/>
    public (ReadOnlyMemory<byte> Bytes, int Replies) Greeting { get; }

    /// <inheritdoc/>
    public (ReadOnlyMemory<byte> Bytes, int Replies) Question => _asksNames ? _long : _short;

    /// <summary>
    /// Two while its events are not heard: the answer must then tell of a promotion before it happens, and the Sentinel is about to for two ticks of
    /// its timer, 105 to 200 ms (<see cref="SentinelReport.Promotes"/>).
    /// </summary>
    public int QuestionsPerInterval => _hearing.Since is null ? 2 : 1;

    /// <inheritdoc/>
    public Outcome Greeted(ReadOnlySpan<byte> replies)
    {
        var reader = new RespReader(replies);
        return reader.NextType == RespType.Error ? NodeConversation.ErrorOutcome(ref reader) : Outcome.Up;
    }

    /// <inheritdoc/>
    public Outcome Answered(ReadOnlySpan<byte> replies, TimeSpan sentAt, TimeSpan at)
    {
        var reader = new RespReader(replies);
        if (reader.NextType == RespType.Error)
        {
            return NodeConversation.ErrorOutcome(ref reader);
        }

        var report = new SentinelReport { Sentinel = _index, SentAt = sentAt, At = at, Health = ServerHealth.Up };
        if (!ReadMaster(ref reader, ref report))
        {
            return new Outcome(ServerHealth.ProtocolError, "SENTINEL MASTER lacks ip, port, config-epoch, last-ok-ping-reply or down-after-milliseconds");
        }

        if (reader.NextType == RespType.Error)
        {
            return NodeConversation.ErrorOutcome(ref reader);
        }

        report = report with { Tilt = InfoReader.Number(reader.ReadString(), "sentinel_tilt:"u8, 0) != 0 };
        if (_asksNames)
        {
            ReadNames(ref reader, at);
        }

        Ask(report.OtherSentinels, report.Replicas, at);
        _sink.Report(report with
        {
            UnknownSentinels = _unknownSentinels,
            UnknownReplicas = _unknownReplicas,
            HeardSince = _hearing.Since,
            HeardAt = _hearing.At,
            VotedAt = _hearing.VotedAt,
            VotedEpoch = _hearing.VotedEpoch,
        });
        return Outcome.Up;
    }

    /// <inheritdoc/>
    public void Failed(Outcome outcome, TimeSpan sentAt, TimeSpan at) =>
        _sink.Report(new SentinelReport { Sentinel = _index, SentAt = sentAt, At = at, Health = outcome.Health, Error = outcome.Error });

    // Numbers that change are a reason to ask at once, but not every time; so many that the answer would be beyond a reply's limit are told as numbers.
    private void Ask(int sentinels, int replicas, TimeSpan at)
    {
        bool changed = !_mayNotAsk && _numbers != (sentinels, replicas) && at >= _namesAskedAt + NamesAtMostEvery;
        bool tooMany = sentinels > MostNamed || replicas > MostNamed;
        _asksNames = (at >= _namesDueAt || changed) && !tooMany;
        (_unknownSentinels, _unknownReplicas) = tooMany ? (null, null) : (_unknownSentinels, _unknownReplicas);
        _numbers = _asksNames || tooMany ? (sentinels, replicas) : _numbers;
    }

    private void ReadNames(ref RespReader reader, TimeSpan at)
    {
        _namesAskedAt = at;
        _mayNotAsk = false;
        _unknownSentinels = Read(ref reader, _isSentinel);
        _unknownReplicas = Read(ref reader, _isNode);
        _namesDueAt = at + (_mayNotAsk ? NamesAfterRefusal : NamesEvery);

        string? Read(ref RespReader reader, Func<IPEndPoint, bool> isConfigured)
        {
            if (reader.NextType != RespType.Error)
            {
                return KnownServers.Strangers(ref reader, isConfigured);
            }

            _mayNotAsk = true;
            reader.Skip();
            return null;
        }
    }

    // A flat list of names and values, all strings. (Redis sentinel.c, addReplySentinelRedisInstance)
    private bool ReadMaster(ref RespReader reader, ref SentinelReport report)
    {
        ReadOnlySpan<byte> host = default;
        long port = -1, epoch = -1, lastOk = -1, downAfter = -1, quorum = 0, others = 0, replicas = 0;
        bool down = false, failover = false, coordinated = false, promotes = false, hasHost = false;
        int count = reader.ReadArray();
        for (int i = 0; i + 1 < count; i += 2)
        {
            ReadOnlySpan<byte> name = reader.ReadString();
            ReadOnlySpan<byte> value = reader.ReadString();
            switch (name)
            {
                case var _ when name.SequenceEqual("ip"u8):
                    hasHost = true;
                    host = value;
                    break;
                case var _ when name.SequenceEqual("port"u8):
                    port = RespReader.Number(value);
                    break;
                case var _ when name.SequenceEqual("flags"u8):
                    // "_down" finds s_down and o_down; both void a lease.
                    down = value.IndexOf("_down"u8) >= 0;
                    failover = value.IndexOf("failover_in_progress"u8) >= 0;
                    coordinated = value.IndexOf("coordinated_failover"u8) >= 0;
                    break;
                case var _ when name.SequenceEqual("failover-state"u8):
                    // There while a failover is in progress. Before: none, wait_start; after: reconf_slaves, update_config.
                    promotes = value.SequenceEqual("select_slave"u8) || value.SequenceEqual("send_slaveof_noone"u8) || value.SequenceEqual("wait_promotion"u8);
                    break;
                case var _ when name.SequenceEqual("config-epoch"u8):
                    epoch = RespReader.Unsigned(value);
                    break;
                case var _ when name.SequenceEqual("last-ok-ping-reply"u8):
                    lastOk = RespReader.Number(value);
                    break;
                case var _ when name.SequenceEqual("down-after-milliseconds"u8):
                    downAfter = RespReader.Number(value);
                    break;
                case var _ when name.SequenceEqual("quorum"u8):
                    quorum = RespReader.Number(value);
                    break;
                case var _ when name.SequenceEqual("num-other-sentinels"u8):
                    others = RespReader.Number(value);
                    break;
                case var _ when name.SequenceEqual("num-slaves"u8):
                    replicas = RespReader.Number(value);
                    break;
                default:
                    break;
            }
        }

        // An empty one is that of a master whose host name the Sentinel cannot resolve.
        if (!hasHost || port < 0 || epoch < 0 || lastOk < 0 || downAfter < 0)
        {
            return false;
        }

        FindNamed(host, port);
        report = report with
        {
            Named = _named,
            NamedAddress = _namedAddress,
            ConfigEpoch = epoch,
            LastOkPingReply = Milliseconds(lastOk),
            DownAfter = Milliseconds(downAfter),
            Quorum = (int)Math.Clamp(quorum, 0, int.MaxValue),
            MarkedDown = down,
            FailoverInProgress = failover,
            Promotes = failover && promotes,
            Coordinated = failover && coordinated,
            OtherSentinels = (int)Math.Clamp(others, 0, int.MaxValue),
            Replicas = (int)Math.Clamp(replicas, 0, int.MaxValue),
        };
        return true;
    }

    private void FindNamed(ReadOnlySpan<byte> host, long port)
    {
        if (_namedAddress is not null && port == _namedPort && host.SequenceEqual(_namedHost))
        {
            return;
        }

        _namedHost = host.ToArray();
        _namedPort = port;
        int index = _directory.Find(host, port);
        _named = index >= 0 ? index : NamedNode.Foreign;
        _namedAddress = $"{(host.IsEmpty ? "(empty address)" : RespReader.Printable(host))}:{port}";
    }

    // A hostile or broken Sentinel must not overflow a TimeSpan: a day is as good as for ever here.
    private static TimeSpan Milliseconds(long value) => TimeSpan.FromMilliseconds(Math.Min(value, 86_400_000));
}
