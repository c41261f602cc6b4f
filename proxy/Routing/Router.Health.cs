// One log line per health transition, each with what to do where a person is needed. A connection that is lost and back within
// the life of its last answer (a promotion kills all connections) is no transition.

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
            if (memory.BecomesUnwell(report.Health, _clock.Time) && !quiet)
            {
                LogNodeUnwell(name, report.Health, report.Error ?? "", Advice(report.Health, "redis"));
            }

            return;
        }

        if (memory.BecomesWell(_clock.Time, out TimeSpan unwell))
        {
            if (!quiet)
            {
                LogNodeWell(name, RoleText(report), unwell.TotalMilliseconds);
            }
        }
        else if (before.HasAnswer && (before.Answer.IsMaster != report.IsMaster || before.Answer.Master != report.Master))
        {
            NodeTrack after = _state.Node(report.Node);
            bool promotion = report.IsMaster && after.PromotedRunId is not null && after.PromotionSeenAt == report.At;
            LogRoleChanged(name, RoleText(before.Answer), RoleText(report), promotion ? ": a promotion" : "");
            AskEverybody();
        }

        if (!report.IsMaster && report.Master < 0 && report.LinkUp && memory.WarnedForeign != report.MasterAddress)
        {
            memory.WarnedForeign = report.MasterAddress;
            LogForeignMaster(name, report.MasterAddress ?? "");
        }

        if (report.Error is not null && memory.Complaint != report.Error && !quiet)
        {
            LogComplaint(name, report.Error);
        }

        memory.Complaint = report.Error;
    }

    private void NoteHealth(in SentinelReport report, in SentinelTrack before)
    {
        int index = report.Sentinel;
        HealthMemory memory = _sentinelHealth[report.Sentinel];
        if (report.Health != ServerHealth.Up)
        {
            if (memory.BecomesUnwell(report.Health, _clock.Time))
            {
                LogSentinelUnwell(Name(), report.Health, report.Error ?? "", Advice(report.Health, "sentinel"));
            }

            return;
        }

        string named = report.Named >= 0 ? _names.Node(report.Named) : report.NamedAddress ?? "";
        if (memory.BecomesWell(_clock.Time, out TimeSpan unwell))
        {
            LogSentinelWell(Name(), named, report.ConfigEpoch, unwell.TotalMilliseconds);
        }
        else if (before.HasAnswer && before.Answer.NamedAddress != report.NamedAddress)
        {
            LogVoteChanged(Name(), named, report.ConfigEpoch);
            AskEverybody();
        }

        if (report.Named < 0 && memory.WarnedForeign != report.NamedAddress)
        {
            memory.WarnedForeign = report.NamedAddress;
            LogForeignVote(Name(), report.NamedAddress ?? "");
        }

        if (report.Tilt != memory.Tilt)
        {
            memory.Tilt = report.Tilt;
            LogTilt(Name(), report.Tilt ? "is in TILT: its vote does not count" : "has left TILT");
        }

        if (report.DownAfter != _timing.DownAfter && memory.WarnedDownAfter != report.DownAfter)
        {
            memory.WarnedDownAfter = report.DownAfter;
            LogDownAfter(Name(), report.DownAfter.TotalMilliseconds, _timing.DownAfter.TotalMilliseconds);
        }

        // A text that is made anew each time, for lines that are rare.
        string Name() => _sentinels[index].ToString();
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
        LogAnnouncement(_sentinels[notice.Sentinel].ToString(), notice.Node >= 0 ? $"is about to promote {_names.Node(notice.Node)}" : "has given up its failover");
    }

    private void NoteDecision(RoutingDecision decision)
    {
        if (decision.Action == _decision.Action && decision.Node == _decision.Node && decision.IsHeld == _decision.IsHeld)
        {
            LogOtherEvidence(decision.RuleName, _names.Node(decision.Node), _names.Describe(decision.Situation));
            return;
        }

        NoteChange(decision);
        if (decision.Rule == RuleId.R4)
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
        LogDecision(decision.RuleName, action, _names.Describe(decision.Situation));
    }

    private void NoteSilence(TimeSpan now)
    {
        for (int i = 0; i < _nodeHealth.Length; i++)
        {
            NodeTrack track = _state.Node(i);
            if (track.HasAnswer && now - track.Answer.SentAt > _timing.NodeEvidence && _nodeHealth[i].BecomesSilent(_clock.Time)
                && !InMaintenance(_configuration.Redis.Nodes[i].Name))
            {
                LogNodeUnwell(_configuration.Redis.Nodes[i].Name, ServerHealth.Silent, track.Error ?? "no answer", "");
            }
        }

        for (int i = 0; i < _sentinelHealth.Length; i++)
        {
            SentinelTrack track = _state.Sentinel(i);
            if (track.HasAnswer && now - track.Answer.SentAt > _timing.VoteEvidence && _sentinelHealth[i].BecomesSilent(_clock.Time))
            {
                LogSentinelUnwell(_sentinels[i].ToString(), ServerHealth.Silent, track.Error ?? "no answer", "");
            }
        }
    }

    private string RoleText(in NodeReport report) =>
        report.IsMaster ? "master" : $"replica of {(report.Master >= 0 ? _names.Node(report.Master) : report.MasterAddress)}";

    private static string Advice(ServerHealth health, string section) => health switch
    {
        ServerHealth.PasswordRequired => $" It wants a password: set {section}.passwordFile (and {section}.user).",
        ServerHealth.WrongPassword => $" Check {section}.user and {section}.passwordFile against ACL LIST on that server.",
        ServerHealth.NotPermitted when section == "redis" => " Let the user run its commands: ACL SETUSER <redis.user> +ping +role +info",
        ServerHealth.NotPermitted => " Let the user run its commands: ACL SETUSER <sentinel.user> +ping +info +subscribe +sentinel|master &*",
        ServerHealth.UnknownMaster => " Check sentinel.master against the names in SENTINEL MASTERS.",
        ServerHealth.ProtocolError => " Check that the address is right and that nothing stands between.",
        ServerHealth.CertificateRefused => $" Give that server a certificate for this address (or for {section}.tls.serverName) that an authority of {section}.tls.caFile has signed, or mend these keys and reload.",
        ServerHealth.TlsFailed => $" Check that this is its TLS port, and whether it wants a client's certificate (tls-auth-clients): {section}.tls.certificateFile and keyFile.",
        ServerHealth.Unreachable => " Check routes and security rules.",
        _ => "",
    };

    // What has been logged of one server, so that only changes are.
    private sealed class HealthMemory
    {
        private DateTimeOffset _downSince;

        public ServerHealth Health { get; private set; }

        public bool Silent { get; private set; }

        public DateTimeOffset Since { get; set; }

        /// <summary>How often it went from well to unwell or silent, and for how long it was so in all, the present time excluded.</summary>
        public long Falls { get; private set; }

        public TimeSpan Downtime { get; private set; }

        public bool IsDown => Health is not (ServerHealth.Up or ServerHealth.Unknown) || Silent;

        public string? WarnedForeign { get; set; }

        public string? Complaint { get; set; }

        public bool Tilt { get; set; }

        public TimeSpan WarnedDownAfter { get; set; }

        public int Promotes { get; set; } = -1;

        public TimeSpan PromotesUntil { get; set; }

        public bool BecomesWell(TimeProvider time, out TimeSpan unwell)
        {
            DateTimeOffset now = time.GetUtcNow();
            unwell = now - Since;
            bool changed = Health != ServerHealth.Up || Silent;
            Downtime += IsDown ? now - _downSince : TimeSpan.Zero;
            Silent = false;
            Health = ServerHealth.Up;
            Since = changed ? now : Since;
            return changed;
        }

        public bool BecomesUnwell(ServerHealth health, TimeProvider time)
        {
            // A lost connection is news only when the last answer has grown old: then it is silence.
            bool mayPass = !health.VoidsAnswers() && !health.NeedsOperator() && (Health == ServerHealth.Up || Health == ServerHealth.Silent);
            if (Health == health || mayPass)
            {
                return false;
            }

            Fall(time);
            Health = health;
            Silent = false;
            Since = time.GetUtcNow();
            return true;
        }

        public bool BecomesSilent(TimeProvider time)
        {
            if (Silent || Health != ServerHealth.Up)
            {
                return false;
            }

            Fall(time);
            Silent = true;
            Since = time.GetUtcNow();
            return true;
        }

        /// <summary>The same with the present time.</summary>
        public TimeSpan DowntimeAt(DateTimeOffset now) => Downtime + (IsDown ? now - _downSince : TimeSpan.Zero);

        private void Fall(TimeProvider time)
        {
            if (!IsDown)
            {
                // Never heard of and dead from the start is down as well, and no fall.
                Falls += Health == ServerHealth.Up ? 1 : 0;
                _downSince = time.GetUtcNow();
            }
        }
    }
}
