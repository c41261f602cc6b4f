// What a probe reports after each conversation: plain values, the input of all routing and of its replay.

namespace RedisHaProxy.Monitoring;

/// <summary>One answer of a data node, or the news that there is none.</summary>
public readonly record struct NodeReport
{
    /// <summary>Index of the node in the configuration.</summary>
    public required int Node { get; init; }

    /// <summary>When the question was sent, since the router's start: what the answer says was true at some moment after that.</summary>
    public required TimeSpan SentAt { get; init; }

    /// <summary>When the answer came, or the failure was noticed.</summary>
    public required TimeSpan At { get; init; }

    /// <summary><see cref="ServerHealth.Up"/> for an answer; all fields below are only then meaningful.</summary>
    public required ServerHealth Health { get; init; }

    /// <summary>The process's run id: a new one after each start.</summary>
    public string? RunId { get; init; }

    /// <summary>ROLE said master.</summary>
    public bool IsMaster { get; init; }

    /// <summary>For a replica: index of its master; -1 when that address is not among the configured nodes.</summary>
    public int Master { get; init; }

    /// <summary>For a replica: its master's address as it reports it.</summary>
    public string? MasterAddress { get; init; }

    /// <summary>For a replica: ROLE said "connected", which is INFO's master_link_status:up.</summary>
    public bool LinkUp { get; init; }

    /// <summary>Replication offset: of a master what it has written, of a replica what it has received, in bytes.</summary>
    public long Offset { get; init; }

    /// <summary>For a master: replicas connected to it.</summary>
    public int Replicas { get; init; }

    /// <summary>For a replica: seconds since it last heard from its master; -1 when never or disconnected.</summary>
    public int LastIoSeconds { get; init; }

    /// <summary>
    /// For a master: how many of its replicas acknowledge what it sends. They do once a second, so one is missing whose lag in INFO's slaveN lines
    /// is two whole seconds or more: its last acknowledgement is between one and three old. (Redis replication.c, replicationCron)
    /// </summary>
    public int Acknowledging { get; init; }

    /// <summary>For a master: it hands over to a replica by itself and lets nobody write meanwhile (INFO's master_failover_state; FAILOVER).</summary>
    public bool HandsOver { get; init; }

    /// <summary>
    /// For a master: how many of its replicas count for min-replicas-to-write (INFO's min_slaves_good_slaves); null where that is 0, and in versions that
    /// do not say it.
    /// </summary>
    public int? GoodReplicas { get; init; }

    /// <summary>For a master: its memory, as of the last second; null while it has not said.</summary>
    public MemoryReport? Memory { get; init; }

    /// <summary>For a master: somebody has paused writes (INFO's paused_actions, Valkey 8.1), as of the last second.</summary>
    public bool WritesPaused { get; init; }

    /// <summary>The replication id: equal on nodes with one history.</summary>
    public string? ReplicationId { get; init; }

    /// <summary>For states other than Up: the error came as a reply on a connection on which this very process had answered before.</summary>
    public bool Unbroken { get; init; }

    /// <summary>
    /// An error reply of a living process: it refuses our login or is too busy for it, and its role is not known to have changed. A process
    /// that loads may have been started just now, with other data, unless the connection to it has never ended.
    /// </summary>
    public bool IsSignOfLife =>
        Health.RefusesProbe() || Health is ServerHealth.Busy or ServerHealth.ServerError || (Health == ServerHealth.Loading && Unbroken);

    /// <summary>The server's or the system's error text, for states other than Up, and for an Up server that also complains (-MISCONF, -MASTERDOWN).</summary>
    public string? Error { get; init; }
}

/// <summary>One answer of a Sentinel, or the news that there is none.</summary>
public readonly record struct SentinelReport
{
    /// <summary>Index of the Sentinel in the configuration.</summary>
    public required int Sentinel { get; init; }

    /// <summary>When the question was sent, since the router's start.</summary>
    public required TimeSpan SentAt { get; init; }

    /// <summary>When the answer came, or the failure was noticed.</summary>
    public required TimeSpan At { get; init; }

    /// <summary><see cref="ServerHealth.Up"/> for an answer; all fields below are only then meaningful.</summary>
    public required ServerHealth Health { get; init; }

    /// <summary>Index of the node that it names as master; <see cref="NamedNode.Foreign"/> for an unknown address.</summary>
    public int Named { get; init; }

    /// <summary>The address that it names.</summary>
    public string? NamedAddress { get; init; }

    /// <summary>config-epoch of what it names: grows with each failover that it learnt of. One above 2^63 - 1 is that.</summary>
    public long ConfigEpoch { get; init; }

    /// <summary>last-ok-ping-reply: how long ago the named master last answered its ping, when it answered us.</summary>
    public TimeSpan LastOkPingReply { get; init; }

    /// <summary>down-after-milliseconds as it has it.</summary>
    public TimeSpan DownAfter { get; init; }

    /// <summary>quorum as it has it.</summary>
    public int Quorum { get; init; }

    /// <summary>It has marked the named master down, subjectively (s_down) or in agreement with others (o_down).</summary>
    public bool MarkedDown { get; init; }

    /// <summary>A failover is in progress, as far as this Sentinel knows (flag failover_in_progress).</summary>
    public bool FailoverInProgress { get; init; }

    /// <summary>
    /// It leads that failover and promotes a replica now: from the moment it is elected, or ordered to (SENTINEL FAILOVER), until the promotion
    /// is seen. (failover-state select_slave, send_slaveof_noone or wait_promotion)
    /// </summary>
    public bool Promotes { get; init; }

    /// <summary>That failover is a hand-over by the master itself, which lets nobody write meanwhile (Valkey 9, flag coordinated_failover).</summary>
    public bool Coordinated { get; init; }

    /// <summary>It is in TILT: its clock or its machine stalled, and for 30 s it decides nothing.</summary>
    public bool Tilt { get; init; }

    /// <summary>num-other-sentinels.</summary>
    public int OtherSentinels { get; init; }

    /// <summary>
    /// Since when its published votes have been heard without a gap, up to <see cref="HeardAt"/>; null while there is no subscription, and
    /// while the Sentinel answers nothing on it.
    /// </summary>
    public TimeSpan? HeardSince { get; init; }

    /// <summary>All that it had published at this moment has been heard.</summary>
    public TimeSpan HeardAt { get; init; }

    /// <summary>When its last vote for the leader of a failover was heard; null for none.</summary>
    public TimeSpan? VotedAt { get; init; }

    /// <summary>The epoch of that vote: the failover's, which becomes the config-epoch of what it promotes.</summary>
    public long VotedEpoch { get; init; }

    /// <summary>num-slaves.</summary>
    public int Replicas { get; init; }

    /// <summary>Sentinels that it knows and that are not configured, as text; null for none, and while it may not be asked.</summary>
    public string? UnknownSentinels { get; init; }

    /// <summary>The same for replicas.</summary>
    public string? UnknownReplicas { get; init; }

    /// <summary>The error text for states other than Up.</summary>
    public string? Error { get; init; }
}

/// <summary>
/// A Sentinel has published that it is about to promote a node, or that it has given that up. The leader of a failover publishes the
/// first one timer tick (50 to 100 ms) before it sends SLAVEOF NO ONE. (Redis 6.2-7.4 sentinel.c, sentinelFailoverSelectSlave)
/// </summary>
public readonly record struct PromotionNotice
{
    /// <summary>Index of the Sentinel in the configuration.</summary>
    public required int Sentinel { get; init; }

    /// <summary>When it came, since the router's start.</summary>
    public required TimeSpan At { get; init; }

    /// <summary>
    /// Index of the node that is promoted now; <see cref="NamedNode.Foreign"/> for one that is not configured;
    /// <see cref="NamedNode.Nobody"/> when the failover was given up.
    /// </summary>
    public required int Node { get; init; }

    /// <summary>The announced node's address as the Sentinel writes it; null when the failover was given up.</summary>
    public string? Address { get; init; }
}

/// <summary>Takes the probes' reports. Called on monitoring's thread; must not block.</summary>
public interface IReportSink
{
    /// <summary>News of a data node.</summary>
    void Report(in NodeReport report);

    /// <summary>News of a Sentinel.</summary>
    void Report(in SentinelReport report);

    /// <summary>A Sentinel announced a promotion, or gave it up.</summary>
    void Report(in PromotionNotice notice);

    /// <summary>News of a Sentinel's subscription.</summary>
    void Report(in SubscriptionReport report)
    {
    }

    /// <summary>A Sentinel published that it has taken another current epoch. (+new-epoch)</summary>
    /// <param name="sentinel">Index of the Sentinel in the configuration.</param>
    /// <param name="epoch">The epoch; one above 2^63 - 1 is that.</param>
    void NewEpoch(int sentinel, long epoch)
    {
    }

    /// <summary>A Sentinel published an event: something may have changed, ask everybody at once.</summary>
    void Hint();
}
