// The routing decision in sentences: what holds, by which rule, and what an operator can do about it.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>Explains a moment.</summary>
internal static class Explanation
{
    /// <summary>How long before its end a certificate is named in the hints.</summary>
    private static readonly TimeSpan ExpiryWarning = TimeSpan.FromDays(14);

    /// <summary>How long a wrong password is named in the hints.</summary>
    private static readonly TimeSpan PasswordMemory = TimeSpan.FromMinutes(10);

    /// <summary>How long a failover takes at most from the moment that the Sentinels have agreed that the master is down.</summary>
    private static readonly TimeSpan FailoverTakes = TimeSpan.FromSeconds(5);

    /// <summary>The answer to "why is the gate as it is?" in a sentence.</summary>
    public static string Summary(Moment moment)
    {
        string rule = moment.Control.Decision.RuleName;
        return (moment.Gate.Mode, moment.Gate.Target?.Name, moment.Control.Withheld) switch
        {
            (not GateMode.Open, _, { } why) =>
                $"{(moment.Gate.Mode == GateMode.Park ? "New sessions wait" : "Sessions are refused")}: {why}. "
                + $"Rule {rule} would route to it: {moment.RuleMeaning}.",
            (GateMode.Open, { } target, _) => $"Sessions go to {target} by rule {rule}: {moment.RuleMeaning}.",
            (GateMode.Park, { } target, _) => $"New sessions wait, sessions to {target} go on. Rule {rule}: {moment.RuleMeaning}.",
            (GateMode.Park, null, _) => $"New sessions wait for a master. Rule {rule}: {moment.RuleMeaning}.",
            _ => $"The gate is shut, sessions are refused. Rule {rule}: {moment.RuleMeaning}.",
        };
    }

    /// <summary>What deserves attention, most important first; empty on a normal day.</summary>
    public static IReadOnlyList<string> Hints(Moment moment) =>
        [.. OfTheGate(moment), .. OfStrangers(moment), .. OfNodes(moment), .. OfSentinels(moment), .. OfVotes(moment), .. OfTheProxy(moment)];

    /// <summary>Why a Sentinel's events are not heard, and what to do; null when they are, and while it does not answer.</summary>
    public static string? EventsError(SentinelStatus sentinel) => !sentinel.IsUp || sentinel.Events is ServerHealth.Up or ServerHealth.Unknown ? null
        : $"{sentinel.Events.Text()}{Error(sentinel.Events, sentinel.EventsError)}. {sentinel.Events.Remedy("sentinel")}".TrimEnd();

    /// <summary>The error in brackets, unless it says no more than the state.</summary>
    public static string Error(ServerHealth health, string? error) =>
        error is null || error.Equals(health.Text(), StringComparison.OrdinalIgnoreCase) ? "" : $" ({error.TrimEnd('.', ' ')})";

    private static IEnumerable<string> OfTheGate(Moment moment)
    {
        if (moment.ReadOnlyMaster is { } master)
        {
            yield return $"{master.Name} refuses all writes: {master.RefusalText}. "
                + master.Refusal.Remedy(master.Name, moment.Nodes.Where(n => n != master && !n.Up).Select(n => n.Name));
        }

        if ((moment.WhyNone ?? moment.NoFailover) is { } none)
        {
            yield return none;
        }

        if (moment.Control.Withheld is { } withheld)
        {
            yield return $"{withheld}, and no other node may take its place now: make another one master, or give the order 'ready' with its name.";
        }

        if (moment.Blind is { } blind)
        {
            yield return $"This proxy cannot see what the Sentinels see: since {Clock(blind.Since)} most of them see {blind.Node} as healthy, "
                + $"and this proxy cannot use it: {blind.Health.Text()}. "
                + (moment.BlindFails ? "/healthz fails, so that the load balancer sends clients to other proxies." : "If it lasts, /healthz fails.")
                + blind.Health.Advice("redis");
        }
    }

    private static IEnumerable<string> OfStrangers(Moment moment)
    {
        foreach (IGrouping<string, string> concern in moment.Sentinels
            .SelectMany(s => s.Concerns.Select(text => (Text: text, s.Address))).GroupBy(c => c.Text, c => c.Address))
        {
            string others = string.Join(" and ", concern.Skip(1));
            yield return $"Sentinel {concern.First()} {concern.Key}{(others.Length > 0 ? $"; so does {others}" : "")}. {SentinelConcerns.Remedy}";
        }

        foreach (NodeMoment node in moment.Nodes.Where(n => n.Status.State is { Role: NodeRole.Follows, Master: < 0 }))
        {
            yield return $"{node.Name} ({node.Address}) follows {node.Follows}, which is not in redis.nodes: "
                + DeploymentAdvice.Stranger;
        }
    }

    private static IEnumerable<string> OfNodes(Moment moment)
    {
        var claimants = moment.Nodes.Where(n => n.Status.State.IsClaimant).ToList();
        if (claimants.Count > 1)
        {
            yield return $"{string.Join(" and ", claimants.Select(n => n.Name))} both claim to be master: a failover is under way, or an old master came back. "
                + "Sentinels turn the wrong one into a replica within about 10 s; if not, compare SENTINEL MASTER on each Sentinel.";
        }

        if (claimants.Count == 0 && moment.Sentinels.Count == 0)
        {
            yield return "No node is seen to claim to be master, and no Sentinels are configured, so nobody promotes a replica: look at each node below. "
                + "If the master is lost, make a replica the master (REPLICAOF NO ONE).";
        }
        else if (claimants.Count == 0 && moment.Blind is null && moment.WhyNone is null)
        {
            yield return moment.Time - moment.InterruptedSince > (moment.Settings.DownAfter * 2) + FailoverTakes
                ? "No node claims to be master, and the Sentinels' failover should have come by now: ask a Sentinel why, with SENTINEL CKQUORUM "
                    + $"{moment.Settings.Sentinel?.Master} and its log (no replica that it finds good, no votes, or failover-timeout "
                        + "after an attempt that failed)."
                : "No node claims to be master: wait for the Sentinels' failover, which comes within about "
                    + $"{Quantities.Span(moment.Settings.DownAfter + FailoverTakes)}.";
        }

        foreach (IGrouping<(ServerHealth Health, string? Error), NodeMoment> nodes in moment.Nodes
            .Where(n => !n.Up && !n.InMaintenance).GroupBy(n => (n.Status.Health, n.Status.Error)))
        {
            (ServerHealth health, string? error) = nodes.Key;
            yield return $"{string.Join(" and ", nodes.Select(n => $"{n.Name} ({n.Address})"))}: {health.Text()} since {Clock(nodes.Min(n => n.Status.Since))}"
                + $"{Error(health, error)}.{health.Advice("redis")}";
        }

        foreach (NodeMoment node in moment.Nodes.Where(n => n is { Up: true, LinkUp: false, InMaintenance: false }))
        {
            yield return $"{node.Name} ({node.Address}): its link to its master {node.Follows} is down. Its log says why "
                + "(masterauth, masteruser, a firewall, a copy that does not fit the master's output buffer).";
        }

        foreach (var node in moment.Nodes.Where(n => n is { Up: true, InMaintenance: false, Status.Error: not null, Refusal: not WriteRefusal.Disk }))
        {
            yield return $"{node.Name} ({node.Address}) answers and complains: {node.Status.Error!.TrimEnd('.', ' ')}.";
        }
    }

    private static IEnumerable<string> OfSentinels(Moment moment)
    {
        foreach (SentinelStatus sentinel in moment.Sentinels.Where(s => !s.IsUp))
        {
            yield return $"Sentinel {sentinel.Address}: {sentinel.Health.Text()} since "
                + $"{Clock(sentinel.Since)}{Error(sentinel.Health, sentinel.Error)}.{sentinel.Health.Advice("sentinel")}";
        }

        foreach (IGrouping<string?, string> unheard in moment.Sentinels.Where(s => EventsError(s) is not null).GroupBy(EventsError, s => s.Address))
        {
            yield return $"The events of Sentinel {string.Join(" and ", unheard)} are not heard: a hand-over (SENTINEL FAILOVER) is seen by questions alone, "
                + $"which may lose its last writes on a busy machine: {unheard.Key}";
        }

        foreach (IGrouping<(int Quorum, int Known), string> small in moment.Sentinels
            .Where(s => s is { IsUp: true, Answer: { Quorum: > 0 } said } && said.Quorum < ((said.OtherSentinels + 1) / 2) + 1)
            .GroupBy(s => (s.Answer!.Value.Quorum, Known: s.Answer!.Value.OtherSentinels + 1), s => s.Address))
        {
            (int quorum, int known) = small.Key;
            yield return $"Sentinel {string.Join(" and ", small)} {(small.Count() == 1 ? "has" : "have")} quorum {quorum} of {known} Sentinels, "
                + DeploymentAdvice.Quorum(moment.Settings.Sentinel?.Master, known, quorum);
        }

        foreach (var other in moment.Sentinels.Where(s => s is { IsUp: true, Answer: { } said } && said.DownAfter > TimeSpan.Zero
            && said.DownAfter != moment.Settings.DownAfter)
            .GroupBy(s => s.Answer!.Value.DownAfter, s => s.Address))
        {
            yield return $"Sentinel {string.Join(" and ", other)} {(other.Count() == 1 ? "has" : "have")} down-after-milliseconds "
                + $"{other.Key.TotalMilliseconds:0}, "
                + $"sentinel.downAfter says {moment.Settings.DownAfter.TotalMilliseconds:0}: "
                + DeploymentAdvice.DownAfter(moment.Settings.Sentinel?.Master, moment.Settings.DownAfter);
        }

        foreach (var few in moment.Sentinels.Where(s => s is { IsUp: true, KnowsFew: true }))
        {
            yield return $"Sentinel {few.Address} knows of {few.Answer?.OtherSentinels + 1} Sentinels, itself included; sentinel.nodes lists "
                + $"{moment.Sentinels.Count}: "
                + DeploymentAdvice.FewSentinels;
        }

        foreach (SentinelStatus sentinel in moment.Sentinels.Where(s => s is { IsUp: true, Answer.Tilt: true }))
        {
            yield return $"Sentinel {sentinel.Address} is in TILT: its clock or machine stalled; it decides nothing for 30 s.";
        }
    }

    private static IEnumerable<string> OfVotes(Moment moment)
    {
        var voters = moment.Sentinels.Where(s => s.Vote.Fresh).ToList();
        var votes = voters.Select(s => s.VoteText).Distinct().ToList();
        if (votes.Count > 1)
        {
            yield return $"The Sentinels disagree: {string.Join(", ", voters.Select(s => $"{s.Address} names {s.VoteText}"))}.";
        }
        else if (moment.Gate is { Mode: GateMode.Open, Target: { } target } && votes is [var vote] && vote != target.Name)
        {
            // Sentinels that see the named node down are failing over themselves and will confirm; after a FAILOVER by hand they
            // see nothing wrong until the old master has reported "slave" for down-after + 20 s, and then promote by themselves.
            yield return moment.Sentinels.Any(s => s.Answer is { MarkedDown: true } or { FailoverInProgress: true })
                ? $"Sessions go to {target.Name}; the Sentinels still name {vote}, see it down, and should confirm within about a second."
                : $"Sessions go to {target.Name}, but the Sentinels still name {vote}: after a FAILOVER by hand "
                + DeploymentAdvice.BareFailover;
        }
    }

    private static IEnumerable<string> OfTheProxy(Moment moment)
    {
        foreach (CertificateMoment certificate in moment.Certificates)
        {
            TimeSpan left = certificate.Identity.NotAfter - moment.Time;
            if (left < ExpiryWarning)
            {
                string when = left < TimeSpan.Zero ? "has expired" : $"expires in {Math.Floor(left.TotalDays):0} days,";
                yield return $"The certificate for {certificate.Use} ({certificate.Identity.Certificate.Subject}) {when} at "
                    + $"{CertificateText.Time(certificate.Identity.NotAfter)}: replace its file and reload.";
            }
        }

        if (moment.Control.Recording is { Problem: { } problem } recording)
        {
            yield return $"Nothing is recorded to {recording.File} since {Clock(recording.Since)}: {problem}. It is tried again every minute or sooner; "
                + "sessions do not depend on it.";
        }

        if (moment.WrongPassword is { } wrong && moment.Time - wrong.At < PasswordMemory)
        {
            yield return $"{wrong.Source} sent a wrong user or password for this page or the metrics at {Clock(wrong.At)}. {BasicAuthentication.Advice}";
        }

        if (moment.Phase is LifecyclePhase.Draining or LifecyclePhase.Stopping)
        {
            yield return $"This proxy is {Moment.Lower(moment.Phase)} since {Clock(moment.PhaseSince)}: the load balancer sends new sessions elsewhere.";
        }

        if (moment.SessionsLimit < moment.Settings.Limits.Connections)
        {
            yield return FileDescriptorLimit.Lowered(moment.Settings.Limits.Connections, moment.SessionsLimit,
                FileDescriptorLimit.PerSession(moment.Settings));
        }

        if (moment.Data.Sessions >= moment.SessionsLimit)
        {
            yield return $"limits.connections = {moment.SessionsLimit} is reached: new sessions are refused. Raise it and reload, or see who has them: "
                + "redis-ha-proxy sessions --top 10.";
        }
    }

    /// <summary>The time of day, UTC.</summary>
    public static string Clock(DateTimeOffset time) => time.ToString("HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
