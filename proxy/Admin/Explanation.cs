// The routing decision in sentences: what holds, by which rule, and what an operator can do about it.

using RedisHaProxy.Configuration;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>Explains a status.</summary>
internal static class Explanation
{
    /// <summary>How long before its end a certificate is named in the hints.</summary>
    private static readonly TimeSpan ExpiryWarning = TimeSpan.FromDays(14);

    /// <summary>A row of the routing table in words.</summary>
    public static string Meaning(RuleId rule) => rule switch
    {
        RuleId.Rule0 => "no node claims to be master",
        RuleId.H => "a Sentinel has announced that it promotes another node now, and the promotion has not been seen yet, or that node is none of redis.nodes",
        RuleId.R1 => "one node claims to be master, and a majority of the Sentinels names it",
        RuleId.R2 => "one node claims to be master, and all other nodes follow it",
        RuleId.R3 => "one node claims to be master with a majority of the data nodes, and no majority of the Sentinels is for another",
        RuleId.R4 => "one node claims to be master, and the node that the Sentinels name follows it itself (FAILOVER TO)",
        RuleId.R5 => "one node claims to be master, its promotion was seen, and the node that the Sentinels name claims nothing",
        RuleId.C1 => "one node claims to be master, and what supports the claim does not exclude another master",
        RuleId.R6 => "several nodes claim to be master, and the Sentinels' majority with the replicas confirms one",
        RuleId.P1 => "several nodes claim to be master, one was promoted just now, and the Sentinels have not confirmed it yet",
        RuleId.C2 => "several nodes claim to be master, and the evidence decides for none",
        _ => rule.ToString(),
    };

    /// <summary>The answer to "why is the gate as it is?" in a sentence.</summary>
    public static string Summary(StatusDocument status) => status.Gate switch
    {
        { Mode: not "open", Withheld: { } why } gate => $"{(gate.Mode == "park" ? "New sessions wait" : "Sessions are refused")}: {why}. Rule {gate.Rule} would route to it: {gate.RuleMeaning}.",
        { Mode: "open", Target: { } target } gate => $"Sessions go to {target} by rule {gate.Rule}: {gate.RuleMeaning}.",
        { Mode: "park", Target: { } target } gate => $"New sessions wait, sessions to {target} go on. Rule {gate.Rule}: {gate.RuleMeaning}.",
        { Mode: "park" } gate => $"New sessions wait for a master. Rule {gate.Rule}: {gate.RuleMeaning}.",
        { } gate => $"The gate is shut, sessions are refused. Rule {gate.Rule}: {gate.RuleMeaning}.",
    };

    /// <summary>What deserves attention, most important first; empty on a normal day.</summary>
    public static IReadOnlyList<string> Hints(StatusDocument status)
    {
        var hints = new List<string>();
        if (status.Gate.Withheld is { } withheld)
        {
            hints.Add($"{withheld}, and no other node may take its place now: make another one master, or give the order 'ready' with its name.");
        }

        if (status.Process.Blind is { } blind)
        {
            hints.Add($"This proxy cannot see what the Sentinels see: since {Clock(blind.Since)} most of them find {blind.Node} well, "
                + $"and this proxy cannot use it: {blind.Reason}. "
                + (blind.FailsHealth ? "/healthz fails, so that the load balancer sends clients to other proxies." : "If it lasts, /healthz fails.")
                + Advice(blind.Remedy));
        }

        foreach (var concern in status.Sentinels.SelectMany(s => s.Concerns.Select(text => (Text: text, s.Address))).GroupBy(c => c.Text, c => c.Address))
        {
            string others = string.Join(" and ", concern.Skip(1));
            hints.Add($"Sentinel {concern.First()} {concern.Key}{(others.Length > 0 ? $"; so does {others}" : "")}. {SentinelConcerns.Remedy}");
        }

        foreach (var node in status.Nodes.Where(n => n.Follows is not null && n.State.StartsWith("follows an unknown address", StringComparison.Ordinal)))
        {
            hints.Add($"{node.Name} ({node.Address}) follows {node.Follows}, which is none of redis.nodes: it may be copying a stranger's data. "
                + SentinelConcerns.Remedy);
        }

        var claimants = status.Nodes.Where(n => n.Role == "master").ToList();
        if (claimants.Count > 1)
        {
            hints.Add($"{string.Join(" and ", claimants.Select(n => n.Name))} both claim to be master: a failover is under way, or an old master came back. "
                + "Sentinels turn the wrong one into a replica within about 10 s; if not, compare SENTINEL MASTER on each Sentinel.");
        }

        if (claimants.Count == 0)
        {
            hints.Add("No node claims to be master: wait for the Sentinels' failover; if it does not come, look whether a majority of the Sentinels runs and sees a good replica.");
        }

        foreach (var node in status.Nodes.Where(n => n is { Up: false, MaintenanceSince: null }))
        {
            hints.Add($"{node.Name} ({node.Address}): {node.Health} since {Clock(node.Since)}{Error(node.Health, node.Error)}.{Advice(node.Remedy)}");
        }

        foreach (var node in status.Nodes.Where(n => n is { Up: true, LinkUp: false, MaintenanceSince: null }))
        {
            hints.Add($"{node.Name} ({node.Address}): its link to its master {node.Follows} is down.");
        }

        foreach (var sentinel in status.Sentinels.Where(s => !s.Up))
        {
            hints.Add($"Sentinel {sentinel.Address}: {sentinel.Health} since {Clock(sentinel.Since)}{Error(sentinel.Health, sentinel.Error)}.{Advice(sentinel.Remedy)}");
        }

        foreach (var unheard in status.Sentinels.Where(s => s is { Up: true, EventsError: not null }).GroupBy(s => s.EventsError, s => s.Address))
        {
            hints.Add($"The events of Sentinel {string.Join(" and ", unheard)} are not heard, so that a planned hand-over (SENTINEL FAILOVER) loses writes: {unheard.Key}");
        }

        foreach (var sentinel in status.Sentinels.Where(s => s is { Up: true, Tilt: true }))
        {
            hints.Add($"Sentinel {sentinel.Address} is in TILT: its clock or machine stalled; it decides nothing for 30 s.");
        }

        var votes = status.Sentinels.Where(s => s.VoteCounts).Select(s => s.Vote).Distinct().ToList();
        if (votes.Count > 1)
        {
            hints.Add($"The Sentinels disagree: {string.Join(", ", status.Sentinels.Where(s => s.VoteCounts).Select(s => $"{s.Address} names {s.Vote}"))}.");
        }
        else if (status.Gate is { Mode: "open", Target: { } target } && votes is [var vote] && vote != target)
        {
            // Sentinels that see the named node down are failing over themselves and will confirm; after a FAILOVER by hand they
            // see nothing wrong until the old master has reported "slave" for down-after + 20 s, and then promote by themselves.
            hints.Add(status.Sentinels.Any(s => s.MarkedDown || s.FailoverInProgress)
                ? $"Sessions go to {target}; the Sentinels still name {vote}, see it down, and should confirm within about a second."
                : $"Sessions go to {target}, but the Sentinels still name {vote}: after a FAILOVER by hand they will promote another node in about 30 s. "
                + "Run SENTINEL FAILOVER to prevent it.");
        }

        foreach (var certificate in status.Certificates ?? [])
        {
            var left = certificate.NotAfter - status.Process.Time;
            if (left < ExpiryWarning)
            {
                hints.Add($"The certificate for {certificate.Use} ({certificate.Subject}) {(left < TimeSpan.Zero ? "has expired" : $"expires in {Math.Floor(left.TotalDays):0} days,")} at "
                    + $"{CertificateText.Time(certificate.NotAfter)}: replace its file and reload.");
            }
        }

        if (status.Recording is { Problem: { } problem } recording)
        {
            hints.Add($"Nothing is recorded to {recording.File} since {Clock(recording.Since)}: {problem}. It is tried again every minute or sooner; sessions do not depend on it.");
        }

        if (status.Process.Phase is "draining" or "stopping")
        {
            hints.Add($"This proxy is {status.Process.Phase} since {Clock(status.Process.PhaseSince)}: the load balancer sends new sessions elsewhere.");
        }

        if (status.Sessions.Current >= status.Sessions.Limit)
        {
            hints.Add($"limits.connections = {status.Sessions.Limit} is reached: new sessions are refused.");
        }

        return hints;
    }

    /// <summary>The error in brackets, unless it says no more than the state.</summary>
    public static string Error(string health, string? error) =>
        error is null || error.Equals(health, StringComparison.OrdinalIgnoreCase) ? "" : $" ({error.TrimEnd('.', ' ')})";

    private static string Advice(string? remedy) => remedy is null ? "" : $" {remedy}";

    private static string Clock(DateTimeOffset time) => time.ToString("HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
