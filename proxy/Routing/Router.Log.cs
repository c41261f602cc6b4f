// The router's log lines: one per health transition, role change, vote change and decision.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

public sealed partial class Router
{
    [LoggerMessage(EventId = 100, Level = LogLevel.Information, Message = "Rule {Rule}: {Action}. {Evidence}")]
    private partial void LogDecision(string rule, string action, string evidence);

    [LoggerMessage(EventId = 107, Level = LogLevel.Debug, Message = "Rule {Rule}, as before: {Node}. {Evidence}")]
    private partial void LogOtherEvidence(string rule, string node, string evidence);

    [LoggerMessage(EventId = 101, Level = LogLevel.Information, Message = "{Node} answers: {Role}, after {Unwell:0} ms{Left}")]
    private partial void LogNodeWell(string node, string role, double unwell, string left);

    [LoggerMessage(EventId = 102, Level = LogLevel.Warning, Message = "{Node} is {Health}: {Error}.{Advice}{Left}")]
    private partial void LogNodeUnwell(string node, ServerHealth health, string error, string advice, string left);

    [LoggerMessage(EventId = 103, Level = LogLevel.Information, Message = "{Node} was {Before}, is now {After}{Promotion}")]
    private partial void LogRoleChanged(string node, string before, string after, string promotion);

    [LoggerMessage(EventId = 104, Level = LogLevel.Warning, Message = "{Node} follows {Address}, which is not among redis.nodes: it supports nobody's claim. Nodes must announce the addresses that are configured here{Left}")]
    private partial void LogForeignMaster(string node, string address, string left);

    [LoggerMessage(EventId = 105, Level = LogLevel.Warning, Message = "{Node} answers and complains: {Error}{Left}")]
    private partial void LogComplaint(string node, string error, string left);

    [LoggerMessage(EventId = 106, Level = LogLevel.Warning, Message = "Somebody made {Node} master by FAILOVER while Sentinels still name {Named}: they will promote another node in about 30 s. Run SENTINEL FAILOVER now to let them agree on {Node}")]
    private partial void LogRawFailover(string node, string named);

    [LoggerMessage(EventId = 110, Level = LogLevel.Information, Message = "Sentinel {Sentinel} answers: names {Node}, epoch {Epoch}, after {Unwell:0} ms{Left}")]
    private partial void LogSentinelWell(string sentinel, string node, long epoch, double unwell, string left);

    [LoggerMessage(EventId = 111, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} is {Health}: {Error}.{Advice}{Left}")]
    private partial void LogSentinelUnwell(string sentinel, ServerHealth health, string error, string advice, string left);

    [LoggerMessage(EventId = 117, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} answers, and its events are not heard, so that a planned hand-over (SENTINEL FAILOVER) loses writes: {Health}: {Error}.{Advice}{Left}")]
    private partial void LogNotSubscribed(string sentinel, string health, string error, string advice, string left);

    [LoggerMessage(EventId = 118, Level = LogLevel.Information, Message = "The events of Sentinel {Sentinel} are heard again{Left}")]
    private partial void LogSubscribed(string sentinel, string left);

    [LoggerMessage(EventId = 112, Level = LogLevel.Information, Message = "Sentinel {Sentinel} now names {Node}, epoch {Epoch}{Left}")]
    private partial void LogVoteChanged(string sentinel, string node, long epoch, string left);

    [LoggerMessage(EventId = 113, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} {Concerns}. {Remedy}{Left}")]
    private partial void LogConcerns(string sentinel, string concerns, string remedy, string left);

    [LoggerMessage(EventId = 114, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} {Tilt}")]
    private partial void LogTilt(string sentinel, string tilt);

    [LoggerMessage(EventId = 116, Level = LogLevel.Information, Message = "Sentinel {Sentinel} {Announcement}")]
    private partial void LogAnnouncement(string sentinel, string announcement);

    [LoggerMessage(EventId = 115, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} has down-after-milliseconds {Reported}, sentinel.downAfter says {Configured}: the smaller one bounds the leases; make them equal{Left}")]
    private partial void LogDownAfter(string sentinel, double reported, double configured, string left);
}
