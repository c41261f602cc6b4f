// What a Sentinel says of the whole deployment that makes failovers worse.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

internal sealed partial class HealthLog
{
    private void NoteDeployment(Watch watch, in SentinelReport report)
    {
        ref DeploymentMemory memory = ref watch.Deployment[report.Sentinel];
        int majority = ((report.OtherSentinels + 1) / 2) + 1;
        if (report.Named >= 0 && report.Quorum > 0 && report.Quorum < majority && memory.WarnedQuorum != report.Quorum)
        {
            memory.WarnedQuorum = report.Quorum;
            LogSmallQuorum(watch.Sentinels[report.Sentinel].ToString(), report.Quorum, report.OtherSentinels + 1,
                DeploymentAdvice.Quorum(watch.SentinelMaster, report.OtherSentinels + 1, report.Quorum));
        }

        if (report.OtherSentinels != memory.Others || report.Named < 0)
        {
            memory = memory with { Others = report.OtherSentinels, OthersSince = report.SentAt, WarnedOthers = false };
        }
        else if (report.OtherSentinels + 1 < watch.Sentinels.Count && !memory.WarnedOthers && report.SentAt - memory.OthersSince >= CountSettles)
        {
            memory.WarnedOthers = true;
            LogFewSentinels(watch.Sentinels[report.Sentinel].ToString(), report.OtherSentinels + 1, watch.Sentinels.Count);
        }
    }
}
