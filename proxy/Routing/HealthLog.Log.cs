// The lines of HealthLog.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

internal sealed partial class HealthLog
{
    [LoggerMessage(EventId = LogEvents.NodeUp, Message = "{Node} answers: {Role}, after {DownMs:0} ms{Left}",
        EventName = nameof(LogEvents.NodeUp))]
    private partial void LogNodeUp(LogLevel level, string node, string role, double downMs, string left);

    [LoggerMessage(EventId = LogEvents.NodeDown, Level = LogLevel.Warning, Message = "{Node} is {Health}: {Error}.{Advice}{Left}",
        EventName = nameof(LogEvents.NodeDown))]
    private partial void LogNodeDown(string node, ServerHealth health, string error, string advice, string left);

    [LoggerMessage(EventId = LogEvents.NodeRole, Level = LogLevel.Information, Message = "{Node} was {Before}, is now {After}{Promotion}",
        EventName = nameof(LogEvents.NodeRole))]
    private partial void LogRoleChanged(string node, string before, string after, string promotion);

    [LoggerMessage(EventId = LogEvents.NodeFollowsStranger, Level = LogLevel.Warning,
        Message = "{Node} follows {Address}, which is not in redis.nodes: " + DeploymentAdvice.Stranger + "{Left}",
            EventName = nameof(LogEvents.NodeFollowsStranger))]
    private partial void LogForeignMaster(string node, string address, string left);

    [LoggerMessage(EventId = LogEvents.NodeComplaint, Level = LogLevel.Warning, Message = "{Node} answers and complains: {Error}{Left}",
        EventName = nameof(LogEvents.NodeComplaint))]
    private partial void LogComplaint(string node, string error, string left);

    [LoggerMessage(EventId = LogEvents.WritesRefused, Level = LogLevel.Warning, Message = "{Node} refuses all writes: {Brief}: {Reason}. {Remedy}{Left}",
        EventName = nameof(LogEvents.WritesRefused))]
    private partial void LogWritesRefused(string node, string brief, string reason, string remedy, string left);

    [LoggerMessage(EventId = LogEvents.WritesTaken, Level = LogLevel.Warning, Message = "{Node} takes writes again{Left}",
        EventName = nameof(LogEvents.WritesTaken))]
    private partial void LogWritesTaken(string node, string left);

    [LoggerMessage(EventId = LogEvents.SentinelMajorityLost, Level = LogLevel.Warning, Message = "{What}{Left}",
        EventName = nameof(LogEvents.SentinelMajorityLost))]
    private partial void LogMajorityLost(string what, string left);

    [LoggerMessage(EventId = LogEvents.SentinelMajorityBack, Level = LogLevel.Warning,
        Message = "A failover is possible again: {Able} of {All} Sentinels answer, and it takes {Needed}{Left}",
        EventName = nameof(LogEvents.SentinelMajorityBack))]
    private partial void LogMajorityBack(int able, int all, int needed, string left);

    [LoggerMessage(EventId = LogEvents.SentinelUp,
        Message = "Sentinel {Sentinel} answers: names {Node}, epoch {Epoch}, after {DownMs:0} ms{Left}", EventName = nameof(LogEvents.SentinelUp))]
    private partial void LogSentinelUp(LogLevel level, string sentinel, string node, long epoch, double downMs, string left);

    [LoggerMessage(EventId = LogEvents.SentinelDown, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} is {Health}: {Error}.{Advice}{Left}",
        EventName = nameof(LogEvents.SentinelDown))]
    private partial void LogSentinelDown(string sentinel, ServerHealth health, string error, string advice, string left);

    [LoggerMessage(EventId = LogEvents.NodeComplaintOver, Level = LogLevel.Warning, Message = "{Node} answers without a complaint again{Left}",
        EventName = nameof(LogEvents.NodeComplaintOver))]
    private partial void LogComplaintOver(string node, string left);

    [LoggerMessage(EventId = LogEvents.SentinelEventsLost, Level = LogLevel.Warning,
        Message = "Sentinel {Sentinel} answers, and its events are not heard: a hand-over (SENTINEL FAILOVER) is seen by questions alone, "
            + "which may lose its last writes on a busy machine: {Health}: {Error}.{Advice}{Left}", EventName = nameof(LogEvents.SentinelEventsLost))]
    private partial void LogNotSubscribed(string sentinel, string health, string error, string advice, string left);

    [LoggerMessage(EventId = LogEvents.SentinelEventsHeard, Level = LogLevel.Warning, Message = "The events of Sentinel {Sentinel} are heard again{Left}",
        EventName = nameof(LogEvents.SentinelEventsHeard))]
    private partial void LogSubscribed(string sentinel, string left);

    [LoggerMessage(EventId = LogEvents.SentinelVote, Level = LogLevel.Information, Message = "Sentinel {Sentinel} now names {Node}, epoch {Epoch}{Left}",
        EventName = nameof(LogEvents.SentinelVote))]
    private partial void LogVoteChanged(string sentinel, string node, long epoch, string left);

    [LoggerMessage(EventId = LogEvents.SentinelConcerns, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} {Concerns}. {Remedy}{Left}",
        EventName = nameof(LogEvents.SentinelConcerns))]
    private partial void LogConcerns(string sentinel, string concerns, string remedy, string left);

    [LoggerMessage(EventId = LogEvents.SentinelTilt, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} {Tilt}",
        EventName = nameof(LogEvents.SentinelTilt))]
    private partial void LogTilt(string sentinel, string tilt);

    [LoggerMessage(EventId = LogEvents.SentinelAnnouncement, Level = LogLevel.Information, Message = "Sentinel {Sentinel} {Announcement}",
        EventName = nameof(LogEvents.SentinelAnnouncement))]
    private partial void LogAnnouncement(string sentinel, string announcement);

    [LoggerMessage(EventId = LogEvents.SentinelDownAfter, Level = LogLevel.Warning,
        Message = "Sentinel {Sentinel} has down-after-milliseconds {Reported}, sentinel.downAfter says {Configured}: "
            + "{Remedy}{Left}", EventName = nameof(LogEvents.SentinelDownAfter))]
    private partial void LogDownAfter(string sentinel, double reported, double configured, string remedy, string left);

    [LoggerMessage(EventId = LogEvents.SmallQuorum, Level = LogLevel.Warning,
        Message = "Sentinel {Sentinel} has quorum {Quorum} of {Sentinels} Sentinels, {Remedy}", EventName = nameof(LogEvents.SmallQuorum))]
    private partial void LogSmallQuorum(string sentinel, int quorum, int sentinels, string remedy);

    [LoggerMessage(EventId = LogEvents.FewSentinels, Level = LogLevel.Warning,
        Message = "Sentinel {Sentinel} knows of {Reported} Sentinels, itself included; sentinel.nodes lists {Listed}: "
            + DeploymentAdvice.FewSentinels, EventName = nameof(LogEvents.FewSentinels))]
    private partial void LogFewSentinels(string sentinel, int reported, int listed);

    [LoggerMessage(EventId = LogEvents.SentinelConcernOver, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} {What}{Left}",
        EventName = nameof(LogEvents.SentinelConcernOver))]
    private partial void LogConcernOver(string sentinel, string what, string left);
}
