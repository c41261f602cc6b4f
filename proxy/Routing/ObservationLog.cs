// Records what the routing sees and decides, as JSON lines, so that a night's decisions can be replayed in the morning.
// Two files, FILE and FILE.1: at start, when a reload changes the servers, and when FILE has reached half of the bound, it replaces FILE.1. Recording never delays a decision:
// lines that the disk is too slow for are dropped and counted.
//
//   {"recording":1,"nodes":["redis1",...],"sentinels":[...],"timing":{...}}        first line of each file
//   {"t":1234,"node":0,"sent":1200,"health":"Up","run":"...","role":"master"}      a report; times in units of 100 ns
//   {"t":1234,"sentinel":1,"sent":1200,"health":"Up","named":0,"epoch":3,...}
//   {"t":1234,"sentinel":1,"at":1234,"promotes":2}                                 an announcement; -1: given up
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
    private readonly RecordingConfiguration _configuration;
    private readonly ILogger _logger;
    private readonly Channel<RecordedLine> _lines = Channel.CreateBounded<RecordedLine>(new BoundedChannelOptions(4096) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private byte[] _header;
    private long _dropped;

    public ObservationLog(RecordingConfiguration configuration, ProxyConfiguration proxy, RoutingTiming timing, ILogger logger)
    {
        _configuration = configuration;
        _logger = logger;
        _header = Header(proxy, timing);
    }

    /// <summary>What is recorded from now on is of another configuration: a new file begins, whose head names its servers.</summary>
    public void Begin(ProxyConfiguration proxy, RoutingTiming timing) => Enqueue(new RecordedLine(Header(proxy, timing), IsHeader: true));

    /// <summary>Lines that were dropped because the disk was too slow.</summary>
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
            json.WriteBoolean("tilt", report.Tilt);
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

    /// <summary>Writes lines until cancelled, then those that are left. A disk error ends the recording with one log line, nothing else.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using CancellationTokenRegistration registration = stop.UnsafeRegister(static lines => ((Channel<RecordedLine>)lines!).Writer.TryComplete(), _lines);
        try
        {
            if (File.Exists(_configuration.File))
            {
                // What a process recorded that has just ended, perhaps in an error, is what somebody will ask for.
                File.Move(_configuration.File, _configuration.File + ".1", overwrite: true);
            }

            while (!_lines.Reader.Completion.IsCompleted)
            {
                await using var file = new FileStream(_configuration.File, FileMode.Create, FileAccess.Write, FileShare.Read, 64 * 1024, useAsync: true);
                await file.WriteAsync(_header, CancellationToken.None);
                bool full = false;
                while (!full && await _lines.Reader.WaitToReadAsync(CancellationToken.None))
                {
                    while (!full && _lines.Reader.TryRead(out RecordedLine line))
                    {
                        if (line.IsHeader)
                        {
                            _header = line.Bytes;
                        }
                        else
                        {
                            await file.WriteAsync(line.Bytes, CancellationToken.None);
                        }

                        full = line.IsHeader || file.Position >= _configuration.MaxBytes / 2;
                    }

                    await file.FlushAsync(CancellationToken.None);
                }

                if (full)
                {
                    File.Move(_configuration.File, _configuration.File + ".1", overwrite: true);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _lines.Writer.TryComplete();
            LogEnded(_configuration.File, e.Message);
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

    [LoggerMessage(EventId = 130, Level = LogLevel.Error, Message = "Recording to {File} has ended: {Error}. Routing goes on")]
    private partial void LogEnded(string file, string error);
}
