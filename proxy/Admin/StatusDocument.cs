// What the operator is shown, as one document: the page, its updates, stats.json, CSV, metrics and the status verb all say the
// same because they are made from it. Names are part of the interface: fields are added, existing ones keep their meaning.

using System.Text.Json;
using System.Text.Json.Serialization;

namespace RedisHaProxy.Admin;

/// <summary>The proxy at one moment. Times are UTC, durations in milliseconds, sizes in bytes.</summary>
internal sealed record StatusDocument
{
    public required ProcessStatus Process { get; init; }

    public required GateStatus Gate { get; init; }

    public required SessionStatus Sessions { get; init; }

    public required IReadOnlyList<NodeEntry> Nodes { get; init; }

    public required IReadOnlyList<SentinelEntry> Sentinels { get; init; }

    /// <summary>The read-only listener; null without one.</summary>
    public ReadOnlyStatus? ReadOnly { get; init; }

    /// <summary>The recording; null without one.</summary>
    public RecordingEntry? Recording { get; init; }

    /// <summary>The certificates that the proxy shows to others; null or empty without TLS.</summary>
    public IReadOnlyList<CertificateEntry>? Certificates { get; init; }
}

/// <summary>A certificate of the proxy.</summary>
internal sealed record CertificateEntry
{
    /// <summary>To whom it is shown: clients, admin, redis or sentinel.</summary>
    public required string Use { get; init; }

    public required string Subject { get; init; }

    /// <summary>The last moment at which it is valid.</summary>
    public required DateTimeOffset NotAfter { get; init; }
}

/// <summary>The recording of observations and decisions.</summary>
internal sealed record RecordingEntry
{
    public required string File { get; init; }

    /// <summary>Whether it is being written.</summary>
    public required bool Writing { get; init; }

    public required DateTimeOffset Since { get; init; }

    /// <summary>Why it is not written; null when it is.</summary>
    public required string? Problem { get; init; }

    /// <summary>Lines since the start that are missing in the files.</summary>
    public required long Dropped { get; init; }
}

/// <summary>The process itself.</summary>
internal sealed record ProcessStatus
{
    public required string Host { get; init; }

    public required string Version { get; init; }

    /// <summary>epoll or io_uring.</summary>
    public required string Engine { get; init; }

    public required int ProcessId { get; init; }

    public required DateTimeOffset Time { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>starting, serving, draining or stopping.</summary>
    public required string Phase { get; init; }

    public required DateTimeOffset PhaseSince { get; init; }

    /// <summary>What /healthz answers.</summary>
    public required bool Healthy { get; init; }

    /// <summary>Why.</summary>
    public required string Health { get; init; }

    /// <summary>Since the slowest event loop last went round.</summary>
    public required long StalledMs { get; init; }

    public required IReadOnlyList<string> Listen { get; init; }

    /// <summary>What most Sentinels find well and this proxy cannot use; null on a normal day, and in a failover.</summary>
    public BlindEntry? Blind { get; init; }
}

/// <summary>A node that this proxy cannot use although most Sentinels find it well.</summary>
internal sealed record BlindEntry
{
    public required string Node { get; init; }

    /// <summary>Its health, as this proxy sees it.</summary>
    public required string Reason { get; init; }

    /// <summary>What an operator can do; null where nothing is known.</summary>
    public required string? Remedy { get; init; }

    public required DateTimeOffset Since { get; init; }

    /// <summary>Whether /healthz fails for it: after twice down-after.</summary>
    public required bool FailsHealth { get; init; }
}

/// <summary>The gate, and the decision behind it.</summary>
internal sealed record GateStatus
{
    /// <summary>open, park or closed.</summary>
    public required string Mode { get; init; }

    /// <summary>The node whose sessions may live; null for none.</summary>
    public required string? Target { get; init; }

    public required DateTimeOffset Since { get; init; }

    public required long Generation { get; init; }

    /// <summary>The row of the routing table.</summary>
    public required string Rule { get; init; }

    /// <summary>The row in words.</summary>
    public required string RuleMeaning { get; init; }

    public required DateTimeOffset RuleSince { get; init; }

    /// <summary>What was observed.</summary>
    public required string Evidence { get; init; }

    /// <summary>Why the rule's route is not taken ("redis1 is in maintenance"); null when it is.</summary>
    public string? Withheld { get; init; }

    /// <summary>Until the Sentinels' leases on the routed node end; null when none hold.</summary>
    public required double? LeaseLeftMs { get; init; }

    /// <summary>How many of the Sentinels' leases the claim to be master has; null without one.</summary>
    public int? LeasesHeld { get; init; }

    /// <summary>How many exclude a failover.</summary>
    public int? LeasesNeeded { get; init; }

    /// <summary>What supports the claim to be master, in words; null without one.</summary>
    public string? Support { get; init; }
}

/// <summary>Client sessions.</summary>
internal sealed record SessionStatus
{
    public required int Current { get; init; }

    public required int Max { get; init; }

    public required int Limit { get; init; }

    public required long Total { get; init; }

    public required int Parked { get; init; }

    public required int ParkedLimit { get; init; }

    public required double PerSecond { get; init; }

    public required double PerSecondMax { get; init; }

    public required long BytesIn { get; init; }

    public required long BytesOut { get; init; }

    public required double BytesInPerSecond { get; init; }

    public required double BytesOutPerSecond { get; init; }

    /// <summary>Ended sessions by code.</summary>
    public required IReadOnlyDictionary<string, long> Ends { get; init; }

    /// <summary>Ended sessions whose log line was lost because they came too fast.</summary>
    public required long RecordsDropped { get; init; }

    /// <summary>TLS handshakes with clients that became a session; null where clients are not accepted over TLS.</summary>
    public long? Handshakes { get; init; }

    /// <summary>TLS handshakes with clients that failed.</summary>
    public long? HandshakeFailures { get; init; }
}

/// <summary>One data node.</summary>
internal sealed record NodeEntry
{
    public required string Name { get; init; }

    public required string Address { get; init; }

    /// <summary>master, replica or unknown, as the node itself says.</summary>
    public required string Role { get; init; }

    /// <summary>What the routing rule makes of it, in words.</summary>
    public required string State { get; init; }

    /// <summary>Whether sessions go there now.</summary>
    public required bool Routed { get; init; }

    /// <summary>Since when an operator has it in maintenance: it gets no sessions. Null when it is not.</summary>
    public DateTimeOffset? MaintenanceSince { get; init; }

    /// <summary>How the last check went.</summary>
    public required string Health { get; init; }

    public required bool Up { get; init; }

    public required DateTimeOffset Since { get; init; }

    /// <summary>How often it went down since the start.</summary>
    public long Falls { get; init; }

    /// <summary>How long it was down in all.</summary>
    public double DowntimeMs { get; init; }

    /// <summary>The error of the last check; null when all is well.</summary>
    public required string? Error { get; init; }

    /// <summary>What an operator can do about the health; null where nothing is to be done but to wait.</summary>
    public string? Remedy { get; init; }

    public required double? CheckAgeMs { get; init; }

    public required double? CheckLatencyMs { get; init; }

    /// <summary>For a replica: whether its link to its master is up.</summary>
    public required bool? LinkUp { get; init; }

    /// <summary>For a replica: the master's address as it reports it.</summary>
    public required string? Follows { get; init; }

    /// <summary>For a replica: bytes behind its master.</summary>
    public required long? LagBytes { get; init; }

    public required long? Offset { get; init; }

    /// <summary>For a master: connected replicas.</summary>
    public required int? Replicas { get; init; }

    public required string? RunId { get; init; }

    public required int Sessions { get; init; }

    public required int SessionsMax { get; init; }

    public required long SessionsTotal { get; init; }

    public required long ConnectFailures { get; init; }

    public required long BytesIn { get; init; }

    public required long BytesOut { get; init; }
}

/// <summary>One Sentinel.</summary>
internal sealed record SentinelEntry
{
    public required string Address { get; init; }

    public required string Health { get; init; }

    public required bool Up { get; init; }

    public required DateTimeOffset Since { get; init; }

    public required string? Error { get; init; }

    /// <summary>What an operator can do about the health; null where nothing is to be done but to wait.</summary>
    public string? Remedy { get; init; }

    /// <summary>Whether all of its published events are heard; null while that is not known.</summary>
    public bool? EventsHeard { get; init; }

    /// <summary>Why they are not.</summary>
    public string? EventsError { get; init; }

    /// <summary>What it says that should be looked into, each a part of a sentence that begins with the Sentinel; empty on a normal day.</summary>
    public IReadOnlyList<string> Concerns { get; init; } = [];

    /// <summary>The node that it names.</summary>
    public required string Vote { get; init; }

    /// <summary>Whether the vote counts now.</summary>
    public required bool VoteCounts { get; init; }

    /// <summary>config-epoch of what it names.</summary>
    public required long? Epoch { get; init; }

    public required bool MarkedDown { get; init; }

    public required bool FailoverInProgress { get; init; }

    public required bool Tilt { get; init; }

    public required double? CheckAgeMs { get; init; }
}

/// <summary>What happened: the newest first.</summary>
internal sealed record TimelineDocument
{
    public required IReadOnlyList<InterruptionEntry> Interruptions { get; init; }

    public required IReadOnlyList<GateEntry> Orders { get; init; }
}

/// <summary>From the moment the gate left a master to the moment it opened again.</summary>
internal sealed record InterruptionEntry
{
    /// <summary>Null for the start of the process.</summary>
    public required string? From { get; init; }

    public required string To { get; init; }

    public required DateTimeOffset Shut { get; init; }

    public required string ShutRule { get; init; }

    public required DateTimeOffset Open { get; init; }

    public required string OpenRule { get; init; }

    public required double ShutMs { get; init; }

    /// <summary>From the answer that showed the promotion to the open gate; null when none was seen.</summary>
    public required double? PromotionToOpenMs { get; init; }

    /// <summary>Whether the old sessions lived on.</summary>
    public required bool SessionsKept { get; init; }
}

/// <summary>One order of the gate.</summary>
internal sealed record GateEntry
{
    public required DateTimeOffset Time { get; init; }

    public required long Generation { get; init; }

    public required string Mode { get; init; }

    public required string? Target { get; init; }

    public required string Rule { get; init; }

    public required string Evidence { get; init; }

    public required double TookMs { get; init; }
}

/// <summary>The current decision with all evidence.</summary>
internal sealed record ExplainDocument
{
    /// <summary>The answer in a sentence.</summary>
    public required string Summary { get; init; }

    /// <summary>What an operator should look at, most important first.</summary>
    public required IReadOnlyList<string> Hints { get; init; }

    public required GateStatus Gate { get; init; }

    public required IReadOnlyList<NodeEntry> Nodes { get; init; }

    public required IReadOnlyList<SentinelEntry> Sentinels { get; init; }

    /// <summary>The read-only listener; null without one.</summary>
    public ReadOnlyStatus? ReadOnly { get; init; }
}

/// <summary>One open session.</summary>
internal sealed record SessionEntry
{
    public required long Id { get; init; }

    public required string Client { get; init; }

    /// <summary>Null while it waits.</summary>
    public required string? Node { get; init; }

    /// <summary>
    /// The port of the proxy's machine that its connection to the node comes from: with the proxy's address what CLIENT LIST, SLOWLOG
    /// and MONITOR of the node show as the client. Null while it has none.
    /// </summary>
    public required int? LocalPort { get; init; }

    /// <summary>parked, connecting, open or refused.</summary>
    public required string State { get; init; }

    public required DateTimeOffset Accepted { get; init; }

    public required long QuietMs { get; init; }

    public required long BytesIn { get; init; }

    public required long BytesOut { get; init; }
}

/// <summary>The answer to an order on the control socket.</summary>
/// <param name="Message">What was done, or why not.</param>
internal sealed record ControlAnswer(string Message);

/// <summary>The documents' JSON, generated at build time, so that trimming cannot break it.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.Never)]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(TimelineDocument))]
[JsonSerializable(typeof(ExplainDocument))]
[JsonSerializable(typeof(IReadOnlyList<SessionEntry>))]
[JsonSerializable(typeof(ControlAnswer))]
[JsonSerializable(typeof(PageSection))]
[JsonSerializable(typeof(string))]
internal sealed partial class AdminJson : JsonSerializerContext
{
    /// <summary>The same on one line, as events need it.</summary>
    public static AdminJson Compact { get; } = new(new JsonSerializerOptions(JsonSerializerDefaults.Web));
}
