// The router's own log lines. All of them are in this file: the generator takes the parts of a class in an order that each compilation draws
// by chance, and the proxy's file is to have the same bytes from every checkout.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Routing;

internal sealed partial class Router
{
    [LoggerMessage(EventId = LogEvents.Maintenance, Level = LogLevel.Information, Message = "{Node} is {State}", EventName = nameof(LogEvents.Maintenance))]
    private partial void LogMaintenance(string node, string state);

    [LoggerMessage(EventId = LogEvents.Blind, Level = LogLevel.Error,
        Message = "This proxy cannot see what the Sentinels see: for {Seconds:0} s most of them have seen {Node} as healthy, which this proxy cannot use: "
            + "{Health}. /healthz fails from now on.{Advice}", EventName = nameof(LogEvents.Blind))]
    private partial void LogBlind(string node, double seconds, string health, string advice);

    [LoggerMessage(EventId = LogEvents.BlindNoMore, Level = LogLevel.Error,
        Message = "This proxy sees again what the Sentinels see, or they see the same: /healthz succeeds", EventName = nameof(LogEvents.BlindNoMore))]
    private partial void LogBlindNoMore();
}
