// What a Sentinel says of the whole deployment that makes failovers worse.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

internal sealed partial class HealthLog
{
    // Each trouble is told once, and its end once as well.
    private void NoteDeployment(Watch watch, in SentinelReport report)
    {
        NoteDownAfter(watch, report);
        if (report.Named < 0)
        {
            return; // what it says is not of this deployment
        }

        NoteQuorum(watch, report);
        NoteOthers(watch, report);
    }

    private void NoteDownAfter(Watch watch, in SentinelReport report)
    {
        HealthMemory memory = watch.SentinelHealth[report.Sentinel];
        TimeSpan warned = memory.WarnedDownAfter;
        TimeSpan now = report.DownAfter == watch.Timing.DownAfter ? TimeSpan.Zero : report.DownAfter;
        if (now == warned)
        {
            return;
        }

        memory.WarnedDownAfter = now;
        if (now == TimeSpan.Zero)
        {
            WriteOver(watch, report.Sentinel, Line.DownAfterOver,
                $"has down-after-milliseconds {report.DownAfter.TotalMilliseconds:0} again, as configured here");
        }
        else if (memory.Events.Lets((int)Line.DownAfter, clock.Now, out int left))
        {
            LogDownAfter(watch.Sentinels[report.Sentinel].ToString(), now.TotalMilliseconds, watch.Timing.DownAfter.TotalMilliseconds,
                DeploymentAdvice.DownAfter(watch.SentinelMaster, watch.Timing.DownAfter), RepeatedLines.Describe(left));
        }
    }

    private void NoteQuorum(Watch watch, in SentinelReport report)
    {
        ref DeploymentMemory memory = ref watch.Deployment[report.Sentinel];
        int sentinels = report.OtherSentinels + 1;
        int small = report.Quorum > 0 && report.Quorum < (sentinels / 2) + 1 ? report.Quorum : 0;
        if (small == memory.WarnedQuorum || report.Quorum == 0)
        {
            return;
        }

        memory.WarnedQuorum = small;
        if (small == 0)
        {
            WriteOver(watch, report.Sentinel, Line.QuorumOver, $"has quorum {report.Quorum} of {sentinels} Sentinels now, no longer less than the majority");
        }
        else if (watch.SentinelHealth[report.Sentinel].Events.Lets((int)Line.Quorum, clock.Now, out int left))
        {
            LogSmallQuorum(watch.Sentinels[report.Sentinel].ToString(), small, sentinels,
                DeploymentAdvice.Quorum(watch.SentinelMaster, sentinels, small) + RepeatedLines.Describe(left));
        }
    }

    private void NoteOthers(Watch watch, in SentinelReport report)
    {
        ref DeploymentMemory memory = ref watch.Deployment[report.Sentinel];
        int known = report.OtherSentinels + 1;
        if (report.OtherSentinels != memory.Others)
        {
            memory = memory with { Others = report.OtherSentinels, OthersSince = report.SentAt };
        }

        if (known >= watch.Sentinels.Count)
        {
            if (memory.WarnedKnown != 0)
            {
                memory.WarnedKnown = 0;
                WriteOver(watch, report.Sentinel, Line.OthersOver, $"knows of {known} Sentinels again, itself included");
            }
        }
        else if (memory.WarnedKnown != known && report.SentAt - memory.OthersSince >= CountSettles)
        {
            memory.WarnedKnown = known;
            if (watch.SentinelHealth[report.Sentinel].Events.Lets((int)Line.Others, clock.Now, out _))
            {
                LogFewSentinels(watch.Sentinels[report.Sentinel].ToString(), known, watch.Sentinels.Count);
            }
        }
    }

    private void WriteOver(Watch watch, int index, Line kind, string what)
    {
        if (watch.SentinelHealth[index].Events.Lets((int)kind, clock.Now, out int left))
        {
            LogConcernOver(watch.Sentinels[index].ToString(), what, RepeatedLines.Describe(left));
        }
    }
}
