// The loop's log lines, all in this file: see Routing/Router.Log.cs.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

internal abstract unsafe partial class SessionLoop
{
    [LoggerMessage(LogEvents.FilesExhausted, LogLevel.Warning,
        "Event loop {Loop}: descriptors, ports or memory are exhausted (errno {Errno}: {Message}); new sessions wait until some are free. Raise "
        + "LimitNOFILE or lower limits.connections.",
        EventName = nameof(LogEvents.FilesExhausted))]
    private static partial void LogExhausted(ILogger logger, int loop, int errno, string message);

    [LoggerMessage(LogEvents.FilesAvailable, LogLevel.Warning,
        "Event loop {Loop}: descriptors, ports and memory suffice again; new sessions are accepted.",
        EventName = nameof(LogEvents.FilesAvailable))]
    private static partial void LogRecovered(ILogger logger, int loop);

    [LoggerMessage(LogEvents.LoopFailed, LogLevel.Critical, "Event loop {Loop} failed because of a defect; the process ends.",
        EventName = nameof(LogEvents.LoopFailed))]
    private static partial void LogDied(ILogger logger, Exception exception, int loop);
}
