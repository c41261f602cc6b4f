// What is asked of a Sentinel: SENTINEL MASTER name (its vote, epoch, and what a lease is made of) and INFO sentinel (TILT).
// Both are within the rights "+sentinel|master +info".

using RedisHaProxy.Configuration;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Monitoring;

/// <summary>The conversation with one Sentinel.</summary>
internal sealed class SentinelConversation : IConversation
{
    private readonly int _index;
    private readonly NodeDirectory _directory;
    private readonly IReportSink _sink;

    private string? _namedAddress;
    private byte[] _namedHost = [];
    private long _namedPort;
    private int _named = SentinelVote.Foreign;

    public SentinelConversation(int index, SentinelConfiguration configuration, NodeDirectory directory, IReportSink sink)
    {
        _index = index;
        _directory = directory;
        _sink = sink;
        Greeting = configuration.Credentials is null ? (default, 0) : (NodeConversation.Authentication(configuration.Credentials), 1);
        Question = ((byte[])[.. RespSocket.Command("SENTINEL", "MASTER", configuration.Master), .. RespSocket.Command("INFO", "sentinel")], 2);
    }

    /// <inheritdoc/>
    public (ReadOnlyMemory<byte> Bytes, int Replies) Greeting { get; }

    /// <inheritdoc/>
    public (ReadOnlyMemory<byte> Bytes, int Replies) Question { get; }

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

        _sink.Report(report with { Tilt = InfoReader.Number(reader.ReadString(), "sentinel_tilt:"u8, 0) != 0 });
        return Outcome.Up;
    }

    /// <inheritdoc/>
    public void Failed(Outcome outcome, TimeSpan sentAt, TimeSpan at) =>
        _sink.Report(new SentinelReport { Sentinel = _index, SentAt = sentAt, At = at, Health = outcome.Health, Error = outcome.Error });

    // A flat list of names and values, all strings. (Redis sentinel.c, addReplySentinelRedisInstance)
    private bool ReadMaster(ref RespReader reader, ref SentinelReport report)
    {
        ReadOnlySpan<byte> host = default;
        long port = -1, epoch = -1, lastOk = -1, downAfter = -1, quorum = 0, others = 0, replicas = 0;
        bool down = false, failover = false;
        int count = reader.ReadArray();
        for (int i = 0; i + 1 < count; i += 2)
        {
            ReadOnlySpan<byte> name = reader.ReadString();
            ReadOnlySpan<byte> value = reader.ReadString();
            switch (name)
            {
                case var _ when name.SequenceEqual("ip"u8):
                    host = value;
                    break;
                case var _ when name.SequenceEqual("port"u8):
                    port = RespReader.Number(value);
                    break;
                case var _ when name.SequenceEqual("flags"u8):
                    // "_down" finds s_down and o_down; both void a lease.
                    down = value.IndexOf("_down"u8) >= 0;
                    failover = value.IndexOf("failover_in_progress"u8) >= 0;
                    break;
                case var _ when name.SequenceEqual("config-epoch"u8):
                    epoch = RespReader.Number(value);
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

        if (host.IsEmpty || port < 0 || epoch < 0 || lastOk < 0 || downAfter < 0)
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
        _named = index >= 0 ? index : SentinelVote.Foreign;
        _namedAddress = $"{RespReader.Printable(host)}:{port}";
    }

    // A hostile or broken Sentinel must not overflow a TimeSpan: a day is as good as for ever here.
    private static TimeSpan Milliseconds(long value) => TimeSpan.FromMilliseconds(Math.Min(value, 86_400_000));
}
