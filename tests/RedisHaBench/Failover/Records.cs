// What the clients and the probes write down during a run. Times are Stopwatch timestamps of one process, so they compare directly.

namespace RedisHaBench.Failover;

/// <summary>How an attempted write ended, as the client saw it.</summary>
internal enum Outcome : byte
{
    /// <summary>The write was answered with success: it must never be lost.</summary>
    Acknowledged,

    /// <summary>-READONLY: the client was talking to a replica.</summary>
    ReadOnly,

    /// <summary>-NOREPLICAS: the master answered, but min-replicas-to-write is not met yet.</summary>
    NoReplicas,

    /// <summary>Any other error reply, of a node or of the proxy.</summary>
    Refused,

    /// <summary>Connecting failed, or the connection ended before the reply.</summary>
    Broken,

    /// <summary>No reply within the client's timeout.</summary>
    TimedOut,
}

/// <summary>One attempted write.</summary>
/// <param name="Opened">When the client began to connect.</param>
/// <param name="Sent">When the write was sent; equal to <paramref name="Opened"/> for the first on a connection.</param>
/// <param name="Ended">When the reply, or the failure, was there.</param>
/// <param name="Sequence">Unique within the client: the field of the client's hash that the write sets.</param>
/// <param name="Node">Index of the node that answered; -1 when none did.</param>
/// <param name="Outcome">How it ended.</param>
internal readonly record struct WriteRecord(long Opened, long Sent, long Ended, int Sequence, sbyte Node, Outcome Outcome);

/// <summary>Whether a client keeps its connection.</summary>
internal enum ClientKind
{
    /// <summary>One connection, kept until it breaks: a connection pool.</summary>
    Persistent,

    /// <summary>A connection for each write.</summary>
    New,
}

/// <summary>All writes of a client.</summary>
/// <param name="Name">Name of the client and of its hash in Redis.</param>
/// <param name="Kind">Whether it keeps its connection.</param>
/// <param name="Writes">In order of <see cref="WriteRecord.Ended"/>.</param>
internal sealed record WriterRecord(string Name, ClientKind Kind, IReadOnlyList<WriteRecord> Writes);

/// <summary>A session of a client that waits: a blocked pop, or a subscription.</summary>
/// <param name="Client">Name of the client.</param>
/// <param name="Waiting">When it began to wait, established on the node.</param>
/// <param name="Ended">When it was ended for the client (closed, or answered with an error); <see cref="long.MaxValue"/> when it lasted to the end.</param>
/// <param name="Node">Index of the node.</param>
internal readonly record struct WaitRecord(string Client, long Waiting, long Ended, sbyte Node);

/// <summary>What a node says about itself, seen directly.</summary>
internal enum NodeState : byte
{
    /// <summary>No answer.</summary>
    Silent,

    /// <summary>ROLE says slave.</summary>
    Replica,

    /// <summary>ROLE says master.</summary>
    Master,

    /// <summary>It is loading its data.</summary>
    Loading,
}

/// <summary>A change of a node's state.</summary>
/// <param name="At">When the first answer with the new state was there (or, for Silent, when the answer was overdue or the connection broke).</param>
/// <param name="State">The new state.</param>
internal readonly record struct StateChange(long At, NodeState State);

/// <summary>What the direct probe of a node saw.</summary>
/// <param name="States">Changes of state, the first at the start.</param>
/// <param name="Writable">Begins and ends of times in which the node took a write sent directly to it.</param>
internal sealed record NodeRecord(IReadOnlyList<StateChange> States, IReadOnlyList<Interval> Writable);

/// <summary>A stretch of time; an open one ends at <see cref="long.MaxValue"/>.</summary>
internal readonly record struct Interval(long From, long To);

/// <summary>Something the scenario did.</summary>
internal readonly record struct Mark(string Name, long At);

/// <summary>A stretch of the scenario with a bar of its own, such as "all Sentinels dead".</summary>
internal readonly record struct Phase(string Name, long From, long To);

/// <summary>Everything seen in one run.</summary>
internal sealed record RunRecord
{
    /// <summary>Index of the node that was master before the scenario.</summary>
    public required int OldMaster { get; init; }

    /// <summary>When all clients were being served, before the scenario.</summary>
    public required long Begin { get; init; }

    /// <summary>When the scenario began.</summary>
    public required long Acted { get; init; }

    /// <summary>When the clients were stopped.</summary>
    public required long End { get; init; }

    /// <summary>What the scenario did, in order.</summary>
    public required IReadOnlyList<Mark> Marks { get; init; }

    /// <summary>Phases with bars of their own.</summary>
    public required IReadOnlyList<Phase> Phases { get; init; }

    /// <summary>The clients that write.</summary>
    public required IReadOnlyList<WriterRecord> Writers { get; init; }

    /// <summary>The sessions that wait.</summary>
    public required IReadOnlyList<WaitRecord> Waits { get; init; }

    /// <summary>The nodes as their probes saw them.</summary>
    public required IReadOnlyList<NodeRecord> Nodes { get; init; }

    /// <summary>Index of the master after everything converged.</summary>
    public required int FinalMaster { get; init; }

    /// <summary>For each running node, after convergence: the sequences found in each writer's hash, by the writer's name.</summary>
    public required IReadOnlyDictionary<int, IReadOnlyDictionary<string, HashSet<int>>> Data { get; init; }

    /// <summary>What came of the hand-over; null where nothing is handed over.</summary>
    public HandOverOutcome? HandOver { get; init; }
}
