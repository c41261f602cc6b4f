// Reads the data plane's journal of ended sessions: one log line each, thinned out under a flood.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

/// <summary>The one reader of <see cref="SessionJournal"/>.</summary>
internal sealed partial class SessionLog(TimeProvider timeProvider, ILogger<SessionLog> log)
{
    /// <summary>Lines that may be written at once, and per second after that. A failover ends thousands of sessions in one moment.</summary>
    public const int LinesPerSecond = 200;

    /// <summary>Waking a reader from the loop would cost the loop a system call for each session.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    // The journal has one reader at a time: whoever looks, under the lock, or what that has started.
    private readonly Lock _reader = new();
    private Task _reading = Task.CompletedTask;
    private bool _ended;

    // Also where ends are not logged: somebody is turned away.
    private readonly SampledLog _refusals = new(lines: 1, TimeSpan.FromSeconds(10), timeProvider);

    private long _second = long.MinValue;
    private int _lines;
    private long _left;

    /// <summary>Whether ends are written to the log; may be changed at any time.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Reads until cancelled, then what is left. A timer looks whether there is something; only then a thread of the pool is woken.</summary>
    public async Task RunAsync(SessionJournal journal, CancellationToken cancellationToken)
    {
        await using (timeProvider.CreateTimer(_ => Look(journal), null, LookInterval, LookInterval))
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Task reading;
        lock (_reader)
        {
            _ended = true;
            reading = _reading;
        }

        await reading;
        while (journal.TryRead(out SessionRecord record))
        {
            Add(record);
        }

        ReportLeft();
    }

    /// <summary>Takes one ended session.</summary>
    public void Add(in SessionRecord record)
    {
        if (record.End == SessionEnd.Limit && _refusals.Lets(out long before))
        {
            LogRefused(log, record.Client.ToString(), before);
        }

        if (record.IsHealthCheck)
        {
            // Of a balancer, every few seconds for ever: nobody's session.
            if (Enabled && log.IsEnabled(LogLevel.Debug))
            {
                LogCheck(log, record.Id, record.Client.ToString());
            }

            return;
        }

        if (!Enabled || !log.IsEnabled(LogLevel.Information))
        {
            return;
        }

        long second = timeProvider.GetUtcNow().ToUnixTimeSeconds();
        if (second != _second)
        {
            ReportLeft();
            _second = second;
            _lines = 0;
        }

        if (++_lines > LinesPerSecond)
        {
            _left++;
            return;
        }

        if (record.ConnectedAfterMilliseconds is { } routed)
        {
            LogEnd(log, record.Id, record.Client.ToString(), record.Node?.Name ?? "-", EndCode.Of(record.End),
                routed, record.LocalPort, record.EndedAfterMilliseconds, record.BytesIn, record.BytesOut);
        }
        else
        {
            LogUnrouted(log, record.Id, record.Client.ToString(), record.Node?.Name ?? "-", EndCode.Of(record.End), record.EndedAfterMilliseconds,
                record.BytesIn);
        }
    }

    private void Look(SessionJournal journal)
    {
        lock (_reader)
        {
            if (!_ended && _reading.IsCompleted && journal.TryRead(out SessionRecord first))
            {
                _reading = Task.Run(() => Read(journal, first));
            }
        }
    }

    private void Read(SessionJournal journal, SessionRecord record)
    {
        do
        {
            Add(record);
        }
        while (journal.TryRead(out record));
    }

    private void ReportLeft()
    {
        if (_left > 0)
        {
            LogLeft(log, _left);
            _left = 0;
        }
    }

    [LoggerMessage(LogEvents.SessionEnd, LogLevel.Information, "session {Session} from {Client} to {Node} ended: {Code}; routed after {RouteMs} ms by port "
        + "{LocalPort}, lasted {SessionMs} ms, {BytesIn} bytes in, {BytesOut} out", EventName = nameof(LogEvents.SessionEnd))]
    private static partial void LogEnd(ILogger log, long session, string client, string node, string code, long routeMs, int localPort, long sessionMs,
        long bytesIn, long bytesOut);

    [LoggerMessage(LogEvents.ClientRefused, LogLevel.Warning, "Client {Client} was refused: limits.connections is reached, or limits.perSource by its "
        + "address ({Left} more since the last such line)", EventName = nameof(LogEvents.ClientRefused))]
    private static partial void LogRefused(ILogger log, string client, long left);

    [LoggerMessage(LogEvents.SessionEndUnrouted, LogLevel.Information,
        "session {Session} from {Client} to {Node} ended: {Code}; never routed, lasted {SessionMs} ms, {BytesIn} bytes in",
            EventName = nameof(LogEvents.SessionEndUnrouted))]
    private static partial void LogUnrouted(ILogger log, long session, string client, string node, string code, long sessionMs, long bytesIn);

    [LoggerMessage(LogEvents.HealthCheck, LogLevel.Debug, "session {Session} from {Client} was a health check", EventName = nameof(LogEvents.HealthCheck))]
    private static partial void LogCheck(ILogger log, long session, string client);

    [LoggerMessage(LogEvents.SessionEndsLeftOut, LogLevel.Information,
        "{Sessions} more sessions ended in that second; their lines were left out, their numbers are in the metrics",
            EventName = nameof(LogEvents.SessionEndsLeftOut))]
    private static partial void LogLeft(ILogger log, long sessions);
}
