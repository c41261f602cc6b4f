// One log line per health transition (HealthMemory.cs says what is one), each with what to do where a person is needed.

using RedisHaProxy.Monitoring;

// Everything here runs once per transition: what a line's arguments cost does not matter.
#pragma warning disable CA1873

namespace RedisHaProxy.Routing;

public sealed partial class Router
{
    private void NoteHealth(in NodeReport report, in NodeTrack before)
    {
        string name = _configuration.Redis.Nodes[report.Node].Name;
        HealthMemory memory = _nodeHealth[report.Node];
        bool quiet = InMaintenance(name);
        if (report.Health != ServerHealth.Up)
        {
            if (memory.BecomesDown(report.Health, report.Error, _clock.Time) && !quiet && memory.States.Lets((int)report.Health, _clock.Now, out int left))
            {
                WriteNodeState(report.Node, left, TimeSpan.Zero);
            }

            return;
        }

        if (memory.BecomesUp(_clock.Time, out TimeSpan downFor))
        {
            if (!quiet && memory.States.Lets((int)ServerHealth.Up, _clock.Now, out int left))
            {
                WriteNodeState(report.Node, left, downFor);
            }
        }
        else if (before.HasAnswer && (before.Answer.IsMaster != report.IsMaster || before.Answer.Master != report.Master))
        {
            NodeTrack after = _state.Node(report.Node);
            bool promotion = report.IsMaster && after.PromotedRunId is not null && after.PromotionSeenAt == report.At;
            if (memory.Events.Lets((int)Note.Role, _clock.Now, out int left))
            {
                LogRoleChanged(name, RoleText(before.Answer), RoleText(report), $"{(promotion ? ": a promotion" : "")}{RepeatedLines.Describe(left)}");
            }

            AskEverybody();
        }

        if (!report.IsMaster && report.Master < 0 && report.LinkUp && memory.WarnedForeign != report.MasterAddress)
        {
            memory.WarnedForeign = report.MasterAddress;
            if (memory.Events.Lets((int)Note.Foreign, _clock.Now, out int left))
            {
                LogForeignMaster(name, report.MasterAddress ?? "", RepeatedLines.Describe(left));
            }
        }

        if (report.Error is not null && memory.Complaint != report.Error && !quiet && memory.Events.Lets((int)Note.Complaint, _clock.Now, out int repeated))
        {
            LogComplaint(name, report.Error, RepeatedLines.Describe(repeated));
        }

        memory.Complaint = report.Error;
    }

    private void NoteHealth(in SentinelReport report, in SentinelTrack before)
    {
        int index = report.Sentinel;
        HealthMemory memory = _sentinelHealth[report.Sentinel];
        if (report.Health != ServerHealth.Up)
        {
            if (memory.BecomesDown(report.Health, report.Error, _clock.Time) && memory.States.Lets((int)report.Health, _clock.Now, out int left))
            {
                WriteSentinelState(index, left, TimeSpan.Zero);
            }

            return;
        }

        if (memory.BecomesUp(_clock.Time, out TimeSpan downFor))
        {
            if (memory.States.Lets((int)ServerHealth.Up, _clock.Now, out int left))
            {
                WriteSentinelState(index, left, downFor);
            }
        }
        else if (before.HasAnswer && before.Answer.NamedAddress != report.NamedAddress)
        {
            if (memory.Events.Lets((int)Note.Role, _clock.Now, out int left))
            {
                LogVoteChanged(Name(), Named(report), report.ConfigEpoch, RepeatedLines.Describe(left));
            }

            AskEverybody();
        }

        // The same, as nearly always, is not looked at again.
        var basis = (report.Named, report.NamedAddress, report.ConfigEpoch, report.OtherSentinels, report.Replicas, report.UnknownSentinels, report.UnknownReplicas,
            _nodeHealth.Length, _sentinels.Count);
        if (basis != memory.ConcernsBasis)
        {
            memory.ConcernsBasis = basis;
            NoteConcerns(index, report);
        }

        if (report.Tilt != memory.Tilt)
        {
            memory.Tilt = report.Tilt;
            if (memory.Events.Lets((int)Note.Tilt, _clock.Now, out int left))
            {
                LogTilt(Name(), $"{(report.Tilt ? "is in TILT: its vote does not count" : "has left TILT")}{RepeatedLines.Describe(left)}");
            }
        }

        if (report.DownAfter != _timing.DownAfter && memory.WarnedDownAfter != report.DownAfter)
        {
            memory.WarnedDownAfter = report.DownAfter;
            if (memory.Events.Lets((int)Note.DownAfter, _clock.Now, out int left))
            {
                LogDownAfter(Name(), report.DownAfter.TotalMilliseconds, _timing.DownAfter.TotalMilliseconds, RepeatedLines.Describe(left));
            }
        }

        NoteDeployment(report);

        // A text that is made anew each time, for lines that are rare.
        string Name() => _sentinels[index].ToString();
    }

    private void NoteConcerns(int index, in SentinelReport report)
    {
        HealthMemory memory = _sentinelHealth[index];
        memory.Concerns.TakeEpoch(report.ConfigEpoch);
        IReadOnlyList<string> concerns = memory.Concerns.Of(report, _nodeHealth.Length, _sentinels.Count);
        string? text = concerns.Count == 0 ? null : string.Join("; it ", concerns);
        if (text == memory.WarnedConcerns)
        {
            return;
        }

        memory.WarnedConcerns = text;
        if (text is not null && memory.Events.Lets((int)Note.Foreign, _clock.Now, out int left))
        {
            LogConcerns(_sentinels[index].ToString(), text, SentinelConcerns.Remedy, RepeatedLines.Describe(left));
        }
    }

    private void NoteEpoch(int index, long epoch)
    {
        _sentinelHealth[index].Concerns.TakeEpoch(epoch);
        if (_state.Sentinel(index) is { HasAnswer: true } track)
        {
            NoteConcerns(index, track.Answer);
        }
    }

    // While a Sentinel does not answer, neither does its subscription: that is said once, of the Sentinel.
    private void NoteSubscription(in SubscriptionReport report)
    {
        HealthMemory memory = _subscriptions[report.Sentinel];
        string name = _sentinels[report.Sentinel].ToString();
        if (report.Health == ServerHealth.Up)
        {
            bool wasDown = memory.IsDown;
            if (memory.BecomesUp(_clock.Time, out _) && wasDown && memory.States.Lets((int)ServerHealth.Up, _clock.Now, out int left))
            {
                LogSubscribed(name, RepeatedLines.Describe(left));
            }
        }
        else if (report.Health != ServerHealth.Disconnected && _state.Sentinel(report.Sentinel).Health == ServerHealth.Up
            && memory.BecomesDown(report.Health, report.Error, _clock.Time) && memory.States.Lets((int)report.Health, _clock.Now, out int left))
        {
            LogNotSubscribed(name, report.Health.Text(), (report.Error ?? "").TrimEnd('.', ' '), report.Health.Advice("sentinel"), RepeatedLines.Describe(left));
        }
    }

    // Three events tell of one promotion.
    private void NoteAnnouncement(in PromotionNotice notice)
    {
        HealthMemory memory = _sentinelHealth[notice.Sentinel];
        if (memory.Promotes == notice.Node && notice.At < memory.PromotesUntil)
        {
            return;
        }

        memory.Promotes = notice.Node;
        memory.PromotesUntil = notice.At + _timing.NoticeLife;
        string announcement = notice.Node switch
        {
            >= 0 => $"is about to promote {_names.Node(notice.Node)}",
            SentinelVote.Foreign => $"is about to promote {notice.Address}, which is not in redis.nodes: add it there",
            _ => "has given up its failover",
        };
        if (memory.Events.Lets((int)Note.Announcement, _clock.Now, out int left))
        {
            LogAnnouncement(_sentinels[notice.Sentinel].ToString(), $"{announcement}{RepeatedLines.Describe(left)}");
        }
    }

    private void NoteDecision(RoutingDecision decision)
    {
        if (decision.Action == _decision.Action && decision.Node == _decision.Node && decision.IsHeld == _decision.IsHeld)
        {
            LogOtherEvidence(decision.RuleName, _names.Node(decision.Node), _names.Describe(decision.Situation));
            return;
        }

        NoteChange(decision);
        if (decision.Rule == RuleId.R4 && !Enumerable.Range(0, _sentinels.Count).Any(i => _state.Sentinel(i) is { HasAnswer: true, Answer.FailoverInProgress: true }))
        {
            LogRawFailover(_names.Node(decision.Node), _names.Node(decision.Situation.Named));
        }
    }

    private void NoteChange(RoutingDecision decision)
    {
        string action = decision.Action switch
        {
            RoutingAction.Route when decision.IsHeld => $"keep sessions to {_names.Node(decision.Node)}, which is silent; new ones wait",
            RoutingAction.Route => $"route to {_names.Node(decision.Node)}",
            RoutingAction.Park => "park",
            _ => "closed",
        };
        if (_decisionLines.Lets((int)decision.Rule, _clock.Now, out int left))
        {
            LogDecision(decision.RuleName, action, $"{_names.Describe(decision.Situation)}{RepeatedLines.Describe(left)}");
        }
    }

    // What time alone changes: answers that have grown old, and lines that waited because there were too many.
    private void NoteSilence(TimeSpan now)
    {
        if (_decisionLines.IsDue((int)_decision.Rule, now))
        {
            NoteChange(_decision);
        }

        for (int i = 0; i < _nodeHealth.Length; i++)
        {
            NodeTrack track = _state.Node(i);
            HealthMemory memory = _nodeHealth[i];
            bool silent = track.HasAnswer && now - track.Answer.SentAt > _timing.NodeEvidence && memory.BecomesSilent(_clock.Time)
                && !InMaintenance(_configuration.Redis.Nodes[i].Name);
            if ((silent || memory.States.IsDue((int)StateOf(memory), now)) && memory.States.Lets((int)StateOf(memory), now, out int left))
            {
                WriteNodeState(i, left, TimeSpan.Zero);
            }
        }

        for (int i = 0; i < _sentinelHealth.Length; i++)
        {
            SentinelTrack track = _state.Sentinel(i);
            HealthMemory memory = _sentinelHealth[i];
            bool silent = track.HasAnswer && now - track.Answer.SentAt > _timing.VoteEvidence && memory.BecomesSilent(_clock.Time);
            if ((silent || memory.States.IsDue((int)StateOf(memory), now)) && memory.States.Lets((int)StateOf(memory), now, out int left))
            {
                WriteSentinelState(i, left, TimeSpan.Zero);
            }
        }
    }

    private void WriteNodeState(int index, int heldBack, TimeSpan downFor)
    {
        string name = _configuration.Redis.Nodes[index].Name;
        NodeTrack track = _state.Node(index);
        HealthMemory memory = _nodeHealth[index];
        if (memory.IsDown)
        {
            LogNodeDown(name, StateOf(memory), ErrorOf(memory, track.Error), memory.Health.Advice("redis"), RepeatedLines.Describe(heldBack));
        }
        else
        {
            LogNodeUp(name, RoleText(track.Answer), downFor.TotalMilliseconds, RepeatedLines.Describe(heldBack));
        }
    }

    private void WriteSentinelState(int index, int heldBack, TimeSpan downFor)
    {
        string name = _sentinels[index].ToString();
        SentinelTrack track = _state.Sentinel(index);
        HealthMemory memory = _sentinelHealth[index];
        if (memory.IsDown)
        {
            LogSentinelDown(name, StateOf(memory), ErrorOf(memory, track.Error), memory.Health.Advice("sentinel"), RepeatedLines.Describe(heldBack));
        }
        else
        {
            LogSentinelUp(name, Named(track.Answer), track.Answer.ConfigEpoch, downFor.TotalMilliseconds, RepeatedLines.Describe(heldBack));
        }
    }

    private static ServerHealth StateOf(HealthMemory memory) => memory.Silent ? ServerHealth.Silent : memory.Health;

    // A sentence of the server's ends the line's.
    private static string ErrorOf(HealthMemory memory, string? last) => ((memory.Silent ? last ?? "no answer" : memory.Error) ?? "").TrimEnd('.', ' ');

    private string Named(in SentinelReport report) => report.Named >= 0 ? _names.Node(report.Named) : report.NamedAddress ?? "";

    private string RoleText(in NodeReport report) =>
        report.IsMaster ? "master" : $"replica of {(report.Master >= 0 ? _names.Node(report.Master) : report.MasterAddress)}";

    // Kinds of lines that are no states.
    private enum Note
    {
        Role,
        Foreign,
        Complaint,
        Tilt,
        DownAfter,
        Announcement,
    }
}
