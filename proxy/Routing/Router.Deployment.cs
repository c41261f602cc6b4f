// What a Sentinel says of the whole deployment and what makes failovers worse: a quorum that is too small, other Sentinels that it does not
// know. Each is logged once, with what to do. Servers that are not configured are SentinelConcerns.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

public sealed partial class Router
{
    /// <summary>
    /// How long a Sentinel's count of the others may differ before it is told. One that has just been started finds them within seconds, by
    /// messages that are sent every 2 s.
    /// </summary>
    private static readonly TimeSpan CountSettles = TimeSpan.FromSeconds(30);

    private DeploymentMemory[] _deployment = [];

    private void NoteDeployment(in SentinelReport report)
    {
        ref DeploymentMemory memory = ref _deployment[report.Sentinel];
        int majority = ((report.OtherSentinels + 1) / 2) + 1;
        if (report.Named >= 0 && report.Quorum > 0 && report.Quorum < majority && memory.WarnedQuorum != report.Quorum)
        {
            memory.WarnedQuorum = report.Quorum;
            string master = _configuration.Sentinel!.Master;
            LogSmallQuorum(_sentinels[report.Sentinel].ToString(), report.Quorum, report.OtherSentinels + 1, majority, $"SENTINEL SET {master} quorum {majority}");
        }

        if (report.OtherSentinels != memory.Others || report.Named < 0)
        {
            memory = memory with { Others = report.OtherSentinels, OthersSince = report.SentAt, WarnedOthers = false };
        }
        else if (report.OtherSentinels + 1 < _sentinels.Count && !memory.WarnedOthers && report.SentAt - memory.OthersSince >= CountSettles)
        {
            memory.WarnedOthers = true;
            LogFewSentinels(_sentinels[report.Sentinel].ToString(), report.OtherSentinels + 1, _sentinels.Count);
        }
    }

    private record struct DeploymentMemory
    {
        public int WarnedQuorum;
        public int Others;
        public TimeSpan OthersSince;
        public bool WarnedOthers;
    }

    [LoggerMessage(EventId = LogEvents.SmallQuorum, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} has quorum {Quorum} of {Sentinels} Sentinels, less than the majority ({Majority}): few of them can begin a failover from a healthy master, and it takes more leases to exclude one. Set it on each Sentinel: {Command}", EventName = nameof(LogEvents.SmallQuorum))]
    private partial void LogSmallQuorum(string sentinel, int quorum, int sentinels, int majority, string command);

    [LoggerMessage(EventId = LogEvents.FewSentinels, Level = LogLevel.Warning, Message = "Sentinel {Sentinel} knows of {Reported} Sentinels, itself included; sentinel.nodes lists {Listed}: it may not be able to elect the leader of a failover. See whether it reaches the master, and whether all of them watch the same one", EventName = nameof(LogEvents.FewSentinels))]
    private partial void LogFewSentinels(string sentinel, int reported, int listed);
}
