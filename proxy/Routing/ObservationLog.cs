// Records what the routing sees and decides, as JSON lines, so that a night's decisions can be replayed in the morning.
// Two files, FILE and FILE.1: at start, when a reload changes the servers, and when FILE has reached half of the bound, it replaces FILE.1.
//
// Recording only observes. It never delays a decision: lines that the disk is too slow for are dropped and counted. Nor does it ever end: when
// the file cannot be written, that is said once, lines are dropped and counted, and it is tried again, at longer and longer intervals.
//
//   {"recording":1,"nodes":["redis1",...],"sentinels":[...],"timing":{...}}        first line of each file
//   {"t":1234,"node":0,"sent":1200,"health":"Up","run":"...","role":"master"}      a report; times in units of 100 ns
//   {"t":1234,"sentinel":1,"sent":1200,"health":"Up","named":0,"epoch":3,...}
//   {"t":1234,"sentinel":1,"at":1234,"promotes":2}                                 an announcement; -1: given up, -2: a stranger
//   {"t":1234,"decision":"R1","action":"Route","to":0,"held":false,"tick":true}    a change; tick: caused by time alone

using System.Buffers;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>Writes the recording.</summary>
internal sealed partial class ObservationLog
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private readonly RecordingConfiguration _configuration;
    private readonly ILogger _logger;
    private readonly Channel<RecordedLine> _lines = Channel.CreateBounded<RecordedLine>(
        new BoundedChannelOptions(4096) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly TimeProvider _time;
    private byte[] _header;
    private long _dropped;
    private int _inHand; // lines taken and not written yet
    private Failure? _failure;
    private DateTimeOffset _began;

    public ObservationLog(RecordingConfiguration configuration, ProxyConfiguration proxy, RoutingTiming timing, TimeProvider time, ILogger logger)
    {
        _configuration = configuration;
        _logger = logger;
        _time = time;
        _began = time.GetUtcNow();
        _header = Header(proxy, timing);
    }

    /// <summary>What is recorded from now on is of another configuration: a new file begins, whose head names its servers.</summary>
    public void Begin(ProxyConfiguration proxy, RoutingTiming timing) => Enqueue(new RecordedLine(Header(proxy, timing), IsHeader: true));

    /// <summary>How long it rests after the first failure; doubled with each further one.</summary>
    internal TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long writing must have gone well before a failure is over: a full disk takes a few bytes now and then.</summary>
    internal TimeSpan Recovered { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Lines that were dropped because the disk was too slow, or could not be written.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Records a node's report.</summary>
    public void Write(TimeSpan now, NodeReport report) => Enqueue(Line(json =>
    {
        json.WriteNumber("t", now.Ticks);
        json.WriteNumber("node", report.Node);
        json.WriteNumber("sent", report.SentAt.Ticks);
        json.WriteNumber("at", report.At.Ticks);
        json.WriteString("health", report.Health.ToString());
        if (report.Health == ServerHealth.Up)
        {
            json.WriteString("run", report.RunId);
            json.WriteString("role", report.IsMaster ? "master" : "replica");
            if (!report.IsMaster)
            {
                json.WriteNumber("of", report.Master);
                json.WriteString("ofAddress", report.MasterAddress);
                json.WriteBoolean("link", report.LinkUp);
            }

            json.WriteNumber("offset", report.Offset);
            if (report.IsMaster)
            {
                json.WriteNumber("acknowledging", report.Acknowledging);
            }

            if (report.HandsOver)
            {
                json.WriteBoolean("handsOver", true);
            }
        }

        else if (report.Unbroken)
        {
            json.WriteBoolean("unbroken", true);
        }

        if (report.Error is not null)
        {
            json.WriteString("error", report.Error);
        }
    }));

    /// <summary>Records a Sentinel's report.</summary>
    public void Write(TimeSpan now, SentinelReport report) => Enqueue(Line(json =>
    {
        json.WriteNumber("t", now.Ticks);
        json.WriteNumber("sentinel", report.Sentinel);
        json.WriteNumber("sent", report.SentAt.Ticks);
        json.WriteNumber("at", report.At.Ticks);
        json.WriteString("health", report.Health.ToString());
        if (report.Health == ServerHealth.Up)
        {
            json.WriteNumber("named", report.Named);
            json.WriteString("namedAddress", report.NamedAddress);
            json.WriteNumber("epoch", report.ConfigEpoch);
            json.WriteNumber("lastOk", report.LastOkPingReply.Ticks);
            json.WriteNumber("downAfter", report.DownAfter.Ticks);
            json.WriteNumber("quorum", report.Quorum);
            json.WriteBoolean("down", report.MarkedDown);
            json.WriteBoolean("failover", report.FailoverInProgress);
            if (report.FailoverInProgress)
            {
                json.WriteBoolean("promotes", report.Promotes);
                json.WriteBoolean("coordinated", report.Coordinated);
            }

            json.WriteBoolean("tilt", report.Tilt);
            json.WriteNumber("others", report.OtherSentinels);
            if (report.HeardSince is { } since)
            {
                json.WriteNumber("heardSince", since.Ticks);
                json.WriteNumber("heardAt", report.HeardAt.Ticks);
            }

            if (report.VotedAt is { } votedAt)
            {
                json.WriteNumber("votedAt", votedAt.Ticks);
                json.WriteNumber("votedEpoch", report.VotedEpoch);
            }
        }

        if (report.Error is not null)
        {
            json.WriteString("error", report.Error);
        }
    }));

    /// <summary>Records a Sentinel's announcement.</summary>
    public void Write(TimeSpan now, PromotionNotice notice) => Enqueue(Line(json =>
    {
        json.WriteNumber("t", now.Ticks);
        json.WriteNumber("sentinel", notice.Sentinel);
        json.WriteNumber("at", notice.At.Ticks);
        json.WriteNumber("promotes", notice.Node);
    }));

    /// <summary>Records a changed decision.</summary>
    public void Write(TimeSpan now, RoutingDecision decision, bool isTick) => Enqueue(Line(json =>
    {
        json.WriteNumber("t", now.Ticks);
        json.WriteString("decision", decision.RuleName);
        json.WriteString("action", decision.Action.ToString());
        json.WriteNumber("to", decision.Node);
        json.WriteBoolean("held", decision.IsHeld);
        json.WriteBoolean("tick", isTick);
    }));

    /// <summary>How it goes.</summary>
    public RecordingStatus Status
    {
        get
        {
            Failure? failure = Volatile.Read(ref _failure);
            return new RecordingStatus { File = _configuration.File, Problem = failure?.Problem, Since = failure?.Since ?? _began, Dropped = Dropped };
        }
    }

    /// <summary>Writes lines until cancelled, then those that are left. Never throws.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using CancellationTokenRegistration registration = stop.UnsafeRegister(static lines => ((Channel<RecordedLine>)lines!).Writer.TryComplete(), _lines);
        await using var file = new RecordingFile(_configuration);
        TimeSpan pause = FirstPause;
        while (!_lines.Reader.Completion.IsCompleted)
        {
            long began = _time.GetTimestamp();
            try
            {
                await WriteAsync(file, began);
            }
            catch (Exception e)
            {
                // Whatever it was: of this one file, nothing that routing depends on.
                pause = _time.GetElapsedTime(began) >= Recovered ? FirstPause : pause;
                await file.CloseAsync();
                Interlocked.Add(ref _dropped, _inHand);
                NoteFailure(RecordingFile.Describe(_configuration.File, e));
                await DropAsync(pause);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private async Task WriteAsync(RecordingFile file, long began)
    {
        _inHand = 0;
        await file.OpenAsync(_header);
        var batch = new ArrayBufferWriter<byte>(4096);
        while (await _lines.Reader.WaitToReadAsync(CancellationToken.None))
        {
            while (_lines.Reader.TryRead(out RecordedLine line))
            {
                if (!line.IsHeader)
                {
                    batch.Write(line.Bytes);
                    _inHand++;
                }
                else
                {
                    _header = line.Bytes;
                }

                if (line.IsHeader || file.IsFull(batch.WrittenCount))
                {
                    await WriteAsync(file, batch);
                    await file.RotateAsync(_header);
                }
            }

            await WriteAsync(file, batch);
            if (_failure is not null && _time.GetElapsedTime(began) >= Recovered)
            {
                LogResumed(_configuration.File, Dropped - _failure.DroppedBefore);
                _began = _time.GetUtcNow();
                Volatile.Write(ref _failure, null);
            }
        }
    }

    private async Task WriteAsync(RecordingFile file, ArrayBufferWriter<byte> batch)
    {
        await file.WriteAsync(batch.WrittenMemory);
        batch.Clear();
        _inHand = 0;
    }

    private void NoteFailure(string problem)
    {
        if (_failure is null)
        {
            LogStopped(_configuration.File, problem);
        }

        // One line for the whole time; status and metrics have the newest cause.
        Volatile.Write(ref _failure, new Failure(problem, _failure?.Since ?? _time.GetUtcNow(), _failure?.DroppedBefore ?? Dropped));
    }

    /// <summary>Drops lines until it is to be tried again, or all is over.</summary>
    private async Task DropAsync(TimeSpan pause)
    {
        using var again = new CancellationTokenSource(pause, _time);
        try
        {
            while (await _lines.Reader.WaitToReadAsync(again.Token))
            {
                while (_lines.Reader.TryRead(out RecordedLine line))
                {
                    if (line.IsHeader)
                    {
                        _header = line.Bytes;
                    }
                    else
                    {
                        Interlocked.Increment(ref _dropped);
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Now.
        }
    }

    private static byte[] Header(ProxyConfiguration proxy, RoutingTiming timing) => Line(json =>
    {
        json.WriteNumber("recording", 1);
        json.WriteStartArray("nodes");
        foreach (RedisNode node in proxy.Redis.Nodes)
        {
            json.WriteStringValue(node.Name);
        }

        json.WriteEndArray();
        json.WriteStartArray("sentinels");
        foreach (System.Net.IPEndPoint sentinel in proxy.Sentinel?.Nodes ?? [])
        {
            json.WriteStringValue(sentinel.ToString());
        }

        json.WriteEndArray();
        json.WriteStartObject("timing");
        json.WriteNumber("nodeEvidence", timing.NodeEvidence.Ticks);
        json.WriteNumber("silentHold", timing.SilentHold.Ticks);
        json.WriteNumber("promotionValidity", timing.PromotionValidity.Ticks);
        json.WriteNumber("promotionWindow", timing.PromotionWindow.Ticks);
        json.WriteNumber("voteEvidence", timing.VoteEvidence.Ticks);
        json.WriteNumber("downAfter", timing.DownAfter.Ticks);
        json.WriteNumber("refusalEvidence", timing.RefusalEvidence.Ticks);
        json.WriteNumber("noticeLife", timing.NoticeLife.Ticks);
        json.WriteNumber("ballotLife", timing.BallotLife.Ticks);
        json.WriteNumber("isolation", timing.Isolation.Ticks);
        json.WriteNumber("missingAcknowledgements", timing.MissingAcknowledgements.Ticks);
        json.WriteEndObject();
    });

    private void Enqueue(byte[] line) => Enqueue(new RecordedLine(line, IsHeader: false));

    private void Enqueue(RecordedLine line)
    {
        if (!_lines.Writer.TryWrite(line))
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    private static byte[] Line(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private readonly record struct RecordedLine(byte[] Bytes, bool IsHeader);

    private sealed record Failure(string Problem, DateTimeOffset Since, long DroppedBefore);

    [LoggerMessage(EventId = LogEvents.RecordingStopped, Level = LogLevel.Warning,
        Message = "Recording to {File} has stopped: {Problem}. Routing goes on; the recording is tried again until it can be written",
            EventName = nameof(LogEvents.RecordingStopped))]
    private partial void LogStopped(string file, string problem);

    [LoggerMessage(EventId = LogEvents.RecordingResumed, Level = LogLevel.Warning, Message = "Recording to {File} goes on; {Lines} lines are missing",
        EventName = nameof(LogEvents.RecordingResumed))]
    private partial void LogResumed(string file, long lines);
}
