// The gate's log lines.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Routing;

internal sealed partial class Gate
{
    [LoggerMessage(EventId = 120, Level = LogLevel.Information, Message = "Gate open to {Target} by rule {Rule}; shut for {Shut:0} ms since {From}. {Evidence}")]
    private partial void LogOpened(string target, string rule, double shut, string from, string evidence);

    [LoggerMessage(EventId = 121, Level = LogLevel.Warning, Message = "Gate shut ({Mode}, sessions kept to: {Target}) by rule {Rule}; carried out in {Took:0.0} ms. {Evidence}")]
    private partial void LogShut(GateMode mode, string target, string rule, double took, string evidence);
}
