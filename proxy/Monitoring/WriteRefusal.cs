// Why a master that answers, and is the true one, refuses all writes. Each reason has its row: the code that clients get, the words, and what to
// do about it. (Redis 6.2-7.2 server.c, processCommand; Valkey 8 has the same)

using System.Globalization;

namespace RedisHaProxy.Monitoring;

/// <summary>Why a master refuses writes.</summary>
public enum WriteRefusal : byte
{
    /// <summary>It does not, as far as it says.</summary>
    None,

    /// <summary>Fewer replicas acknowledge than min-replicas-to-write (-NOREPLICAS).</summary>
    Replicas,

    /// <summary>It cannot save to its disk (-MISCONF); PING is answered with that as well.</summary>
    Disk,

    /// <summary>It holds more than maxmemory, and has nothing that its policy may remove (-OOM).</summary>
    Memory,

    /// <summary>Somebody has paused writes (CLIENT PAUSE); told by Valkey 8.1 and newer.</summary>
    Paused,
}

/// <summary>What a refusal means.</summary>
internal static class WriteRefusals
{
    private static readonly Meaning[] Table =
    [
        new("none", "", "", ""),
        new("NOREPLICAS", "too few replicas", "{good} of the {needed} replicas that it needs (min-replicas-to-write) acknowledge",
            "Start the replicas: systemctl start redis-server on {others}. To take writes without them meanwhile, on {node}: CONFIG SET min-replicas-to-write "
                + "0; what is written then is lost if {node} dies before a replica is back."),
        new("MISCONF", "the disk cannot be written", "it cannot save to its disk: {error}",
            "On {node}: df -h, and the end of Redis' log; free space, then BGSAVE. Writes are taken again when a save has succeeded."),
        new("OOM", "memory is full", "it holds {used} of maxmemory {limit}, and {policy}",
            "On {node}: CONFIG SET maxmemory with more, as far as the machine has memory; or delete keys; or CONFIG SET maxmemory-policy allkeys-lru, which "
                + "removes keys by itself. All of it lasts until Redis restarts: set redisMaxMemory or redisMaxMemoryPolicy of the stack as well."),
        new("PAUSED", "writes are paused", "writes are paused (CLIENT PAUSE)", "On {node}: CLIENT UNPAUSE."),
    ];

    /// <summary>All codes, as the metric has them.</summary>
    public static IReadOnlyList<string> Codes { get; } = [.. Table.Skip(1).Select(row => row.Code)];

    /// <summary>Why the node refuses writes, as its last answer says.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="needed">min-replicas-to-write of the nodes; what they say only when it is not 0.</param>
    public static WriteRefusal Of(in NodeReport answer, int needed) => answer switch
    {
        not { Health: ServerHealth.Up, IsMaster: true } or { HandsOver: true } => WriteRefusal.None,
        { Error: { } error } when error.StartsWith("MISCONF", StringComparison.Ordinal) => WriteRefusal.Disk,
        { GoodReplicas: { } good } when good < needed => WriteRefusal.Replicas,
        { Memory: { EvictsNothing: true, Limit: > 0 } memory } when memory.Used > memory.Limit => WriteRefusal.Memory,
        { WritesPaused: true } => WriteRefusal.Paused,
        _ => WriteRefusal.None,
    };

    /// <summary>The code that clients get.</summary>
    public static string Code(this WriteRefusal refusal) => Table[(int)refusal].Code;

    /// <summary>The reason in a few words, with the code that clients get.</summary>
    public static string Brief(this WriteRefusal refusal) => $"{Table[(int)refusal].Brief} ({refusal.Code()})";

    /// <summary>The reason in words, a part of a sentence.</summary>
    public static string Text(this WriteRefusal refusal, in NodeReport answer, int needed) => Table[(int)refusal].Text
        .Replace("{good}", (answer.GoodReplicas ?? 0).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{needed}", needed.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{used}", Bytes(answer.Memory?.Used), StringComparison.Ordinal)
        .Replace("{limit}", Bytes(answer.Memory?.Limit), StringComparison.Ordinal)
        .Replace("{policy}", Nothing(answer.Memory?.Policy ?? ""), StringComparison.Ordinal)
        .Replace("{error}", (answer.Error ?? "").TrimEnd('.', ' '), StringComparison.Ordinal);

    /// <summary>What an operator can do.</summary>
    /// <param name="refusal">The reason.</param>
    /// <param name="node">The master's name.</param>
    /// <param name="others">Names of the nodes that should be its replicas and do not answer, or else of all others.</param>
    public static string Remedy(this WriteRefusal refusal, string node, IEnumerable<string> others) => Table[(int)refusal].Remedy
        .Replace("{node}", node, StringComparison.Ordinal)
        .Replace("{others}", string.Join(" and ", others.DefaultIfEmpty("the other nodes")), StringComparison.Ordinal);

    // Why there is nothing to remove.
    private static string Nothing(string policy) => policy switch
    {
        _ when policy.StartsWith("volatile-", StringComparison.Ordinal) => $"no key has a time to live, so its policy {policy} removes nothing",
        _ when policy.StartsWith("allkeys-", StringComparison.Ordinal) => $"there is no key that its policy {policy} could remove",
        _ => $"its policy {policy} removes nothing",
    };

    private static string Bytes(long? bytes) => string.Create(CultureInfo.InvariantCulture, $"{(bytes ?? 0) / 1_000_000.0:0.#} MB");

    private sealed record Meaning(string Code, string Brief, string Text, string Remedy);
}

/// <summary>What a node says of its memory (INFO memory, INFO keyspace), in bytes.</summary>
/// <param name="Used">used_memory without what eviction does not count (mem_not_counted_for_evict).</param>
/// <param name="Limit">maxmemory; 0 for none.</param>
/// <param name="Policy">maxmemory_policy.</param>
/// <param name="Evictable">How many keys the policy may remove: none, those with a time to live, or all; null where the node does not say.</param>
public readonly record struct MemoryReport(long Used, long Limit, string Policy, long? Evictable)
{
    /// <summary>Nothing can be removed, as far as the node says.</summary>
    public bool EvictsNothing => Evictable == 0;
}
