// One log line per health transition (HealthMemory.cs says what is one), role change and vote change, and what a Sentinel says of the whole
// deployment that makes failovers worse: each with what to do where a person is needed. Lines about a node in maintenance are left out.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Monitoring;

// Everything here runs once per transition: what a line's arguments cost does not matter.
#pragma warning disable CA1873

namespace RedisHaProxy.Routing;

/// <summary>Compares what servers say with what they said before. Under the router's lock.</summary>
/// <param name="clock">For the moments of lines.</param>
/// <param name="logger">Takes the lines.</param>
/// <param name="isQuiet">Whether a node's failures are no news: it is in maintenance.</param>
internal sealed partial class HealthLog(MonotonicClock clock, ILogger logger, Func<string, bool> isQuiet)
{
    /// <summary>
    /// How long a Sentinel's count of the others may differ before it is told. One that has just been started finds them within seconds, by
    /// messages that are sent every 2 s.
    /// </summary>
    private static readonly TimeSpan CountSettles = TimeSpan.FromSeconds(30);

    /// <summary>How long too few Sentinels must answer before it is told: one that is started again is back within that.</summary>
    private static readonly TimeSpan MajoritySettles = TimeSpan.FromSeconds(2);

    private readonly ILogger _logger = logger;
    private readonly RepeatedLines _majorityLines = new(end: 0);
    private TimeSpan? _majorityLostAt;
    private bool _majorityIsLost;

    public void Note(Watch watch, in NodeReport report, in NodeTrack before)
    {
        string name = watch.Names.Node(report.Node);
        HealthMemory memory = watch.NodeHealth[report.Node];
        bool quiet = isQuiet(name);
        if (report.Health != ServerHealth.Up)
        {
            if (memory.BecomesDown(report.Health, report.Error, clock.Time) && !quiet && memory.States.Lets((int)report.Health, clock.Now, out int left))
            {
                WriteNodeState(watch, report.Node, left, TimeSpan.Zero);
            }

            return;
        }

        if (memory.BecomesUp(clock.Time, out TimeSpan downFor))
        {
            if (!quiet && memory.States.Lets((int)ServerHealth.Up, clock.Now, out int left))
            {
                WriteNodeState(watch, report.Node, left, downFor);
            }
        }
        else if (before.HasAnswer && (before.Answer.IsMaster != report.IsMaster || before.Answer.Master != report.Master))
        {
            NodeTrack after = watch.State.Node(report.Node);
            bool promotion = report.IsMaster && after.PromotedRunId is not null && after.PromotionSeenAt == report.At;
            if (memory.Events.Lets((int)Line.Role, clock.Now, out int left))
            {
                LogRoleChanged(name, RoleText(watch, before.Answer), RoleText(watch, report),
                    $"{(promotion ? ": a promotion" : "")}{RepeatedLines.Describe(left)}");
            }

            watch.Probes.AskEverybody();
        }

        if (!report.IsMaster && report.Master < 0 && report.LinkUp && memory.WarnedForeign != report.MasterAddress)
        {
            memory.WarnedForeign = report.MasterAddress;
            if (memory.Events.Lets((int)Line.Foreign, clock.Now, out int left))
            {
                LogForeignMaster(name, report.MasterAddress ?? "", RepeatedLines.Describe(left));
            }
        }

        // A disk that refuses writes is told with its remedy, below.
        string? complaint = memory.Refusal == WriteRefusal.Disk || WriteRefusals.Of(report, 0) == WriteRefusal.Disk ? null : report.Error;
        if (memory.Complaint != complaint && !quiet && memory.Events.Lets((int)Line.Complaint, clock.Now, out int repeated))
        {
            if (complaint is not null)
            {
                LogComplaint(name, complaint, RepeatedLines.Describe(repeated));
            }
            else
            {
                LogComplaintOver(name, RepeatedLines.Describe(repeated));
            }
        }

        memory.Complaint = complaint;
        NoteRefusal(watch, report, quiet);
    }

    private void NoteRefusal(Watch watch, in NodeReport report, bool quiet)
    {
        HealthMemory memory = watch.NodeHealth[report.Node];
        WriteRefusal refusal = WriteRefusals.Of(report, watch.ReplicasNeeded);
        if (refusal == memory.Refusal)
        {
            return;
        }

        memory.Refusal = refusal;
        string name = watch.Names.Node(report.Node);
        if (quiet || !memory.Writes.Lets((int)refusal, clock.Now, out int left))
        {
            return;
        }

        if (refusal != WriteRefusal.None)
        {
            var others = watch.Nodes.Where((node, i) => node.Name != name && watch.NodeHealth[i].IsDown).Select(node => node.Name);
            LogWritesRefused(name, refusal.Brief(), refusal.Text(report, watch.ReplicasNeeded), refusal.Remedy(name, others), RepeatedLines.Describe(left));
        }
        else if (report.IsMaster)
        {
            LogWritesTaken(name, RepeatedLines.Describe(left));
        }
    }

    /// <summary>Tells when too few Sentinels are left for a failover, and when there are enough again.</summary>
    /// <param name="watch">What is known.</param>
    /// <param name="situation">The same as symbols.</param>
    /// <param name="hasMaster">Whether sessions go to a master.</param>
    public void NoteMajority(Watch watch, Situation situation, bool hasMaster)
    {
        FailoverChance chance = ChanceOf(watch, situation);
        _majorityLostAt = chance.IsPossible || !watch.State.HasHeardAll ? null : _majorityLostAt ?? clock.Now;
        bool lost = clock.Now - _majorityLostAt >= MajoritySettles;
        if (lost == _majorityIsLost)
        {
            return;
        }

        _majorityIsLost = lost;
        if (!_majorityLines.Lets(lost ? 1 : 0, clock.Now, out int left))
        {
            return;
        }

        if (lost)
        {
            bool IsTilted(int i) => watch.State.Sentinel(i) is { Health: ServerHealth.Up, Answer.Tilt: true };
            var silent = watch.Sentinels.Where((_, i) => !IsAble(watch, situation, i) && !IsTilted(i)).Select(sentinel => sentinel.ToString());
            int tilted = Enumerable.Range(0, watch.Sentinels.Count).Count(IsTilted);
            LogMajorityLost(chance.Describe(hasMaster, silent, tilted, watch.Nodes), RepeatedLines.Describe(left));
        }
        else
        {
            LogMajorityBack(chance.Able, chance.All, chance.Needed, RepeatedLines.Describe(left));
        }
    }

    private static FailoverChance ChanceOf(Watch watch, Situation situation) => FailoverChance.Of(
        watch.Sentinels.Count, i => IsAble(watch, situation, i), i => watch.State.Sentinel(i) is { HasAnswer: true } track ? track.Answer : null);

    private static bool IsAble(Watch watch, Situation situation, int index) =>
        FailoverChance.IsAble(watch.State.Sentinel(index).Health, situation.Votes[index]);

    public void Note(Watch watch, in SentinelReport report, in SentinelTrack before)
    {
        int index = report.Sentinel;
        HealthMemory memory = watch.SentinelHealth[report.Sentinel];
        if (report.Health != ServerHealth.Up)
        {
            if (memory.BecomesDown(report.Health, report.Error, clock.Time) && memory.States.Lets((int)report.Health, clock.Now, out int left))
            {
                WriteSentinelState(watch, index, left, TimeSpan.Zero);
            }

            return;
        }

        if (memory.BecomesUp(clock.Time, out TimeSpan downFor))
        {
            if (memory.States.Lets((int)ServerHealth.Up, clock.Now, out int left))
            {
                WriteSentinelState(watch, index, left, downFor);
            }
        }
        else if (before.HasAnswer && before.Answer.NamedAddress != report.NamedAddress)
        {
            if (memory.Events.Lets((int)Line.Role, clock.Now, out int left))
            {
                LogVoteChanged(Name(), Named(watch, report), report.ConfigEpoch, RepeatedLines.Describe(left));
            }

            watch.Probes.AskEverybody();
        }

        // The same, as nearly always, is not looked at again.
        var basis = new ConcernsBasis(report.Named, report.NamedAddress, report.ConfigEpoch, report.OtherSentinels, report.Replicas, report.UnknownSentinels,
            report.UnknownReplicas, watch.NodeHealth.Length, watch.Sentinels.Count);
        if (basis != memory.ConcernsBasis)
        {
            memory.ConcernsBasis = basis;
            NoteConcerns(watch, index, report);
        }

        if (report.Tilt != memory.Tilt)
        {
            memory.Tilt = report.Tilt;
            if (memory.Events.Lets((int)Line.Tilt, clock.Now, out int left))
            {
                LogTilt(Name(), $"{(report.Tilt ? "is in TILT: its vote does not count" : "has left TILT")}{RepeatedLines.Describe(left)}");
            }
        }

        NoteDeployment(watch, report);

        // A new text each time, for lines that are rare.
        string Name() => watch.Sentinels[index].ToString();
    }

    private void NoteConcerns(Watch watch, int index, in SentinelReport report)
    {
        HealthMemory memory = watch.SentinelHealth[index];
        memory.Concerns.TakeEpoch(report.ConfigEpoch);
        IReadOnlyList<string> concerns = memory.Concerns.Of(report, watch.NodeHealth.Length, watch.Sentinels.Count);
        string? text = concerns.Count == 0 ? null : string.Join("; it ", concerns);
        if (text == memory.WarnedConcerns)
        {
            return;
        }

        memory.WarnedConcerns = text;
        if (text is null)
        {
            WriteOver(watch, index, Line.ForeignOver, "names and counts only what is configured here again");
        }
        else if (memory.Events.Lets((int)Line.Foreign, clock.Now, out int left))
        {
            LogConcerns(watch.Sentinels[index].ToString(), text, SentinelConcerns.Remedy, RepeatedLines.Describe(left));
        }
    }

    public void NoteEpoch(Watch watch, int index, long epoch)
    {
        watch.SentinelHealth[index].Concerns.TakeEpoch(epoch);
        if (watch.State.Sentinel(index) is { HasAnswer: true } track)
        {
            NoteConcerns(watch, index, track.Answer);
        }
    }

    // While a Sentinel does not answer, neither does its subscription: that is said once, of the Sentinel.
    public void Note(Watch watch, in SubscriptionReport report)
    {
        HealthMemory memory = watch.Subscriptions[report.Sentinel];
        string name = watch.Sentinels[report.Sentinel].ToString();
        if (report.Health == ServerHealth.Up)
        {
            bool wasDown = memory.IsDown;
            if (memory.BecomesUp(clock.Time, out _) && wasDown && memory.States.Lets((int)ServerHealth.Up, clock.Now, out int left))
            {
                LogSubscribed(name, RepeatedLines.Describe(left));
            }
        }
        else if (report.Health != ServerHealth.Disconnected && watch.State.Sentinel(report.Sentinel).Health == ServerHealth.Up
            && memory.BecomesDown(report.Health, report.Error, clock.Time) && memory.States.Lets((int)report.Health, clock.Now, out int left))
        {
            LogNotSubscribed(name, report.Health.Text(), (report.Error ?? "").TrimEnd('.', ' '), report.Health.Advice("sentinel"),
                RepeatedLines.Describe(left));
        }
    }

    // Three events tell of one promotion.
    public void Note(Watch watch, in PromotionNotice notice)
    {
        HealthMemory memory = watch.SentinelHealth[notice.Sentinel];
        if (memory.Promotes == notice.Node && notice.At < memory.PromotesUntil)
        {
            return;
        }

        memory.Promotes = notice.Node;
        memory.PromotesUntil = notice.At + watch.Timing.NoticeLife;
        string announcement = notice.Node switch
        {
            >= 0 => $"is about to promote {watch.Names.Node(notice.Node)}",
            SentinelVote.Foreign => $"is about to promote {notice.Address}, which is not in redis.nodes: add it there",
            _ => "has given up its failover",
        };
        if (memory.Events.Lets((int)Line.Announcement, clock.Now, out int left))
        {
            LogAnnouncement(watch.Sentinels[notice.Sentinel].ToString(), $"{announcement}{RepeatedLines.Describe(left)}");
        }
    }

    // What time alone changes: answers that have grown old, and lines that waited because there were too many.
    public void NoteSilence(Watch watch, TimeSpan now)
    {
        for (int i = 0; i < watch.NodeHealth.Length; i++)
        {
            NodeTrack track = watch.State.Node(i);
            HealthMemory memory = watch.NodeHealth[i];
            bool silent = track.HasAnswer && now - track.Answer.SentAt > watch.Timing.NodeEvidence && memory.BecomesSilent(clock.Time)
                && !isQuiet(watch.Names.Node(i));
            if ((silent || memory.States.IsDue((int)StateOf(memory), now)) && memory.States.Lets((int)StateOf(memory), now, out int left))
            {
                WriteNodeState(watch, i, left, TimeSpan.Zero);
            }
        }

        for (int i = 0; i < watch.SentinelHealth.Length; i++)
        {
            SentinelTrack track = watch.State.Sentinel(i);
            HealthMemory memory = watch.SentinelHealth[i];
            bool silent = track.HasAnswer && now - track.Answer.SentAt > watch.Timing.VoteEvidence && memory.BecomesSilent(clock.Time);
            if ((silent || memory.States.IsDue((int)StateOf(memory), now)) && memory.States.Lets((int)StateOf(memory), now, out int left))
            {
                WriteSentinelState(watch, i, left, TimeSpan.Zero);
            }
        }
    }

    private void WriteNodeState(Watch watch, int index, int heldBack, TimeSpan downFor)
    {
        string name = watch.Names.Node(index);
        NodeTrack track = watch.State.Node(index);
        HealthMemory memory = watch.NodeHealth[index];
        if (memory.IsDown)
        {
            memory.ToldDown = true;
            LogNodeDown(name, StateOf(memory), ErrorOf(memory, track.Error), memory.Health.Advice("redis"), RepeatedLines.Describe(heldBack));
        }
        else
        {
            LogNodeUp(EndLevel(memory), name, RoleText(watch, track.Answer), downFor.TotalMilliseconds, RepeatedLines.Describe(heldBack));
        }
    }

    private void WriteSentinelState(Watch watch, int index, int heldBack, TimeSpan downFor)
    {
        string name = watch.Sentinels[index].ToString();
        SentinelTrack track = watch.State.Sentinel(index);
        HealthMemory memory = watch.SentinelHealth[index];
        if (memory.IsDown)
        {
            memory.ToldDown = true;
            LogSentinelDown(name, StateOf(memory), ErrorOf(memory, track.Error), memory.Health.Advice("sentinel"), RepeatedLines.Describe(heldBack));
        }
        else
        {
            LogSentinelUp(EndLevel(memory), name, Named(watch, track.Answer), track.Answer.ConfigEpoch, downFor.TotalMilliseconds,
                RepeatedLines.Describe(heldBack));
        }
    }

    // As loud as what it ends: who reads warnings only learns that it is over. The first answer after the start ends nothing.
    private static LogLevel EndLevel(HealthMemory memory)
    {
        LogLevel level = memory.ToldDown ? LogLevel.Warning : LogLevel.Information;
        memory.ToldDown = false;
        return level;
    }

    private static ServerHealth StateOf(HealthMemory memory) => memory.Silent ? ServerHealth.Silent : memory.Health;

    // A sentence of the server's ends the line's.
    private static string ErrorOf(HealthMemory memory, string? last) => ((memory.Silent ? last ?? "no answer" : memory.Error) ?? "").TrimEnd('.', ' ');

    private static string Named(Watch watch, in SentinelReport report) => report.Named >= 0 ? watch.Names.Node(report.Named) : report.NamedAddress ?? "";

    private static string RoleText(Watch watch, in NodeReport report) =>
        report.IsMaster ? "master" : $"replica of {(report.Master >= 0 ? watch.Names.Node(report.Master) : report.MasterAddress)}";

    // Kinds of lines that are no states.
    private enum Line
    {
        Role,
        Foreign,
        ForeignOver,
        Complaint,
        Tilt,
        DownAfter,
        DownAfterOver,
        Quorum,
        QuorumOver,
        Others,
        OthersOver,
        Announcement,
    }
}
