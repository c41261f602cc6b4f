// What is asked of a data node: PING, ROLE and INFO replication in one packet, once per connection the run id, and of a master once a second what
// can make it refuse writes: its memory, its pause, and how many keys it could remove.
//
// PING tells a loading server, which answers ROLE and INFO as if nothing were wrong. ROLE gives role, master and link in one
// small reply. The run id cannot change within a connection, so INFO server is asked only when it is new. All this is within
// the rights "+ping +role +info", and INFO with a single section works on every version.

using System.Buffers.Text;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Monitoring;

/// <summary>The conversation with one data node.</summary>
internal sealed class NodeConversation : IConversation
{
    private readonly int _index;
    private readonly NodeDirectory _directory;
    private readonly IReportSink _sink;
    private readonly bool _authenticates;
    private readonly (ReadOnlyMemory<byte>, int) _short;
    private readonly (ReadOnlyMemory<byte>, int) _long;

    /// <summary>Between two questions for a master's memory and pause: INFO memory costs it some hundred microseconds.</summary>
    private static readonly TimeSpan StateEvery = TimeSpan.FromSeconds(1);

    private bool _asksState;
    private TimeSpan _stateDueAt;
    private MemoryReport? _memory;
    private string _policy = "";
    private bool _paused;

    private string? _runId;
    private string? _replicationId;
    private string? _masterAddress;
    private byte[] _masterHost = [];
    private long _masterPort;
    private int _master = -1;

    public NodeConversation(int index, RedisCredentials? credentials, NodeDirectory directory, IReportSink sink)
    {
        _index = index;
        _directory = directory;
        _sink = sink;
        _authenticates = credentials is not null;
        Greeting = credentials is null
            ? (RespSocket.Command("INFO", "server"), 1)
            : ((byte[])[.. Authentication(credentials), .. RespSocket.Command("INFO", "server")], 2);
        byte[] question = [.. RespSocket.Command("PING"), .. RespSocket.Command("ROLE"), .. RespSocket.Command("INFO", "replication")];
        _short = (question, 3);
        _long = ((byte[])[.. question, .. RespSocket.Command("INFO", "memory"), .. RespSocket.Command("INFO", "clients"),
            .. RespSocket.Command("INFO", "keyspace")], 6);
    }

    /// <inheritdoc/>
    public (ReadOnlyMemory<byte> Bytes, int Replies) Greeting { get; }

    /// <inheritdoc/>
    public (ReadOnlyMemory<byte> Bytes, int Replies) Question => _asksState ? _long : _short;

    /// <summary>AUTH with user and password, or with a password alone.</summary>
    internal static byte[] Authentication(RedisCredentials credentials) =>
        credentials.User is null ? RespSocket.Command("AUTH", credentials.Password) : RespSocket.Command("AUTH", credentials.User, credentials.Password);

    /// <summary>An error reply as the outcome that it means.</summary>
    internal static Outcome ErrorOutcome(ref RespReader reader)
    {
        ReadOnlySpan<byte> error = reader.ReadError();
        return new Outcome(ServerErrors.Classify(error), RespReader.Printable(error));
    }

    /// <inheritdoc/>
    public Outcome Greeted(ReadOnlySpan<byte> replies)
    {
        var reader = new RespReader(replies);
        if (_authenticates)
        {
            if (reader.NextType == RespType.Error)
            {
                return ErrorOutcome(ref reader);
            }

            reader.Skip();
        }

        if (reader.NextType == RespType.Error)
        {
            return ErrorOutcome(ref reader);
        }

        if (!InfoReader.TryGet(reader.ReadString(), "run_id:"u8, out ReadOnlySpan<byte> runId))
        {
            return new Outcome(ServerHealth.ProtocolError, "INFO server has no run_id");
        }

        _runId = RespReader.Printable(runId);
        return Outcome.Up;
    }

    /// <inheritdoc/>
    public Outcome Answered(ReadOnlySpan<byte> replies, TimeSpan sentAt, TimeSpan at)
    {
        var reader = new RespReader(replies);
        string? complaint = null;
        if (reader.NextType == RespType.Error)
        {
            Outcome ping = ErrorOutcome(ref reader);
            if (ping.Health != ServerHealth.Up)
            {
                return ping;
            }

            complaint = ping.Error;
        }
        else
        {
            reader.Skip();
        }

        if (reader.NextType == RespType.Error)
        {
            return ErrorOutcome(ref reader);
        }

        NodeReport report = new() { Node = _index, SentAt = sentAt, At = at, Health = ServerHealth.Up, RunId = _runId, Error = complaint, Master = -1 };
        Outcome role = ReadRole(ref reader, ref report);
        if (role.Health != ServerHealth.Up)
        {
            return role;
        }

        if (reader.NextType == RespType.Error)
        {
            return ErrorOutcome(ref reader);
        }

        ReadReplication(reader.ReadString(), ref report);
        if (_asksState)
        {
            ReadState(ref reader);
            _stateDueAt = at + StateEvery;
        }

        else if (!report.IsMaster)
        {
            (_memory, _paused) = (null, false); // of the time when it was master before
        }

        _asksState = report.IsMaster && at >= _stateDueAt;
        _sink.Report(report.IsMaster ? report with { Memory = _memory, WritesPaused = _paused } : report);
        return Outcome.Up;
    }

    /// <inheritdoc/>
    public void Failed(Outcome outcome, TimeSpan sentAt, TimeSpan at) =>
        _sink.Report(new NodeReport { Node = _index, SentAt = sentAt, At = at, Health = outcome.Health, Error = outcome.Error, Unbroken = outcome.Unbroken });

    // ROLE: [master, offset, [[ip, port, offset]...]] or [slave, ip, port, state, offset]. (Redis replication.c, roleCommand)
    private Outcome ReadRole(ref RespReader reader, ref NodeReport report)
    {
        int count = reader.ReadArray();
        ReadOnlySpan<byte> role = count > 0 ? reader.ReadString() : default;
        if (role.SequenceEqual("master"u8) && count == 3)
        {
            long offset = reader.ReadNumber();
            int replicas = reader.ReadArray();
            for (int i = 0; i < replicas; i++)
            {
                reader.Skip();
            }

            report = report with { IsMaster = true, Offset = offset, Replicas = Math.Max(replicas, 0) };
            return Outcome.Up;
        }

        if (role.SequenceEqual("slave"u8) && count == 5)
        {
            FindMaster(reader.ReadString(), reader.ReadNumber());
            bool linkUp = reader.ReadString().SequenceEqual("connected"u8);
            report = report with { Master = _master, MasterAddress = _masterAddress, LinkUp = linkUp, Offset = reader.ReadNumber() };
            return Outcome.Up;
        }

        return new Outcome(ServerHealth.ProtocolError, $"ROLE says \"{RespReader.Printable(role)}\" with {count} fields; is this address a Redis data node?");
    }

    private void FindMaster(ReadOnlySpan<byte> host, long port)
    {
        if (_masterAddress is not null && port == _masterPort && host.SequenceEqual(_masterHost))
        {
            return;
        }

        _masterHost = host.ToArray();
        _masterPort = port;
        _master = _directory.Find(host, port);
        _masterAddress = $"{RespReader.Printable(host)}:{port}";
    }

    private void ReadReplication(ReadOnlySpan<byte> info, ref NodeReport report)
    {
        if (InfoReader.TryGet(info, "master_replid:"u8, out ReadOnlySpan<byte> id))
        {
            if (_replicationId is null || !System.Text.Ascii.Equals(id, _replicationId))
            {
                _replicationId = RespReader.Printable(id);
            }

            report = report with { ReplicationId = _replicationId };
        }

        if (report.IsMaster)
        {
            bool hands = InfoReader.TryGet(info, "master_failover_state:"u8, out ReadOnlySpan<byte> state) && !state.SequenceEqual("no-failover"u8);
            long good = InfoReader.Number(info, "min_slaves_good_slaves:"u8, -1);
            report = report with
            {
                Acknowledging = InfoReader.AcknowledgingReplicas(info, report.Replicas),
                HandsOver = hands,
                GoodReplicas = good < 0 ? null : (int)Math.Min(good, int.MaxValue),
            };
            return;
        }

        long lastIo = InfoReader.Number(info, "master_last_io_seconds_ago:"u8, -1);
        report = report with { LastIoSeconds = (int)Math.Clamp(lastIo, -1, int.MaxValue) };
    }

    // A server that refuses to tell, or tells it in another way, is not known to refuse writes.
    private void ReadState(ref RespReader reader)
    {
        ReadOnlySpan<byte> memory = Section(ref reader);
        long used = Plain(memory, "used_memory:"u8), limit = Plain(memory, "maxmemory:"u8);
        if (InfoReader.TryGet(memory, "maxmemory_policy:"u8, out ReadOnlySpan<byte> policy) && !System.Text.Ascii.Equals(policy, _policy))
        {
            _policy = RespReader.Printable(policy);
        }

        long counted = used - Math.Max(0, Plain(memory, "mem_not_counted_for_evict:"u8));
        _paused = InfoReader.TryGet(Section(ref reader), "paused_actions:"u8, out ReadOnlySpan<byte> actions) && !actions.SequenceEqual("none"u8);
        bool told = reader.NextType != RespType.Error;
        (long keys, long expiring) = InfoReader.Keys(Section(ref reader));
        long? evictable = _policy == "noeviction" ? 0 : !told ? null
            : _policy.StartsWith("volatile-", StringComparison.Ordinal) ? expiring
            : _policy.StartsWith("allkeys-", StringComparison.Ordinal) ? keys : null;
        _memory = used < 0 || limit < 0 ? null : new MemoryReport(counted, limit, _policy, evictable);

        static ReadOnlySpan<byte> Section(ref RespReader reader)
        {
            if (reader.NextType != RespType.Error)
            {
                return reader.ReadString();
            }

            reader.Skip();
            return default;
        }

        static long Plain(ReadOnlySpan<byte> info, ReadOnlySpan<byte> name) =>
            InfoReader.TryGet(info, name, out ReadOnlySpan<byte> value) && Utf8Parser.TryParse(value, out long number, out int used) && used == value.Length
                ? number : -1;
    }
}
