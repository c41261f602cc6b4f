// What is remembered of one server's health: since when it is so, what has been logged of it, and the reason that it gave. A connection that is
// lost and back within the life of its last answer (a promotion kills all connections) is no change, and the bare end of a connection does
// not replace a reason that the server gave a moment before.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>The memory of one node or Sentinel.</summary>
internal sealed class HealthMemory
{
    /// <summary>How long a reason outlives the ends of connections that follow it without a word.</summary>
    public static readonly TimeSpan ReasonLife = TimeSpan.FromSeconds(30);

    private DateTimeOffset _downSince;
    private DateTimeOffset _reasonAt;

    /// <summary>The state; <see cref="ServerHealth.Up"/> also while a connection is just being renewed.</summary>
    public ServerHealth Health { get; private set; }

    /// <summary>What the server or the system said, for a state other than Up.</summary>
    public string? Error { get; private set; }

    /// <summary>It was up, and its last answer is too old.</summary>
    public bool Silent { get; private set; }

    /// <summary>Since when it is so.</summary>
    public DateTimeOffset Since { get; set; }

    /// <summary>How often it went from up to down or silent, and for how long it was so in all, the present time excluded.</summary>
    public long Falls { get; private set; }

    public TimeSpan Downtime { get; private set; }

    public bool IsDown => Health is not (ServerHealth.Up or ServerHealth.Unknown) || Silent;

    /// <summary>Lines about its state; two a minute when it goes back and forth.</summary>
    public RepeatedLines States { get; } = new(end: (int)ServerHealth.Up);

    /// <summary>Lines about its role, vote and the like, of which there are some in every failover.</summary>
    public RepeatedLines Events { get; } = new(burst: 10);

    /// <summary>Lines about writes that it refuses, and takes again.</summary>
    public RepeatedLines Writes { get; } = new(burst: 4, end: (int)WriteRefusal.None);

    public string? WarnedForeign { get; set; }

    /// <summary>A line has said that it is down, and none yet that this is over.</summary>
    public bool ToldDown { get; set; }

    public string? Complaint { get; set; }

    /// <summary>Of a node: why it refuses writes, as its last answer said.</summary>
    public WriteRefusal Refusal { get; set; }

    /// <summary>Of a Sentinel.</summary>
    public SentinelConcerns Concerns { get; } = new();

    /// <summary>What the concerns were last found from.</summary>
    public ConcernsBasis ConcernsBasis { get; set; }

    public string? WarnedConcerns { get; set; }

    public bool Tilt { get; set; }

    public TimeSpan WarnedDownAfter { get; set; }

    public int Promotes { get; set; } = -1;

    public TimeSpan PromotesUntil { get; set; }

    /// <summary>Takes an answer; whether it ends another state, which has lasted for <paramref name="downFor"/>.</summary>
    public bool BecomesUp(TimeProvider time, out TimeSpan downFor)
    {
        DateTimeOffset now = time.GetUtcNow();
        downFor = now > Since ? now - Since : TimeSpan.Zero; // the wall clock may be set back
        bool changed = Health != ServerHealth.Up || Silent;
        Downtime += IsDown ? Later(now, _downSince) : TimeSpan.Zero;
        Silent = false;
        Health = ServerHealth.Up;
        Error = null;
        Since = changed ? now : Since;
        return changed;
    }

    /// <summary>Takes a failure; whether it is another state than before.</summary>
    public bool BecomesDown(ServerHealth health, string? error, TimeProvider time)
    {
        DateTimeOffset now = time.GetUtcNow();
        if (health.IsBareEnd() && Health.IsReason() && now - _reasonAt < ReasonLife)
        {
            return false;
        }

        _reasonAt = health.IsReason() ? now : _reasonAt;
        // A lost connection is news only when the last answer has grown old: then it is silence, or what is known of its cause.
        bool mayPass = !health.VoidsAnswers() && !health.NeedsOperator() && Health == ServerHealth.Up
            && !(Silent && (health.IsReason() || health == ServerHealth.ClosesAtOnce));
        if (Health == health)
        {
            Error = error;
            return false;
        }

        if (mayPass)
        {
            return false;
        }

        Fall(now);
        Health = health;
        Error = error;
        Silent = false;
        Since = now;
        return true;
    }

    /// <summary>Takes the news that its last answer is too old; whether that is news.</summary>
    public bool BecomesSilent(TimeProvider time)
    {
        if (Silent || Health != ServerHealth.Up)
        {
            return false;
        }

        Fall(time.GetUtcNow());
        Silent = true;
        Since = time.GetUtcNow();
        return true;
    }

    /// <summary>
    /// The state to show, and its error, when the last conversation went so. A silent server's connection is given up every two seconds;
    /// that does not make it less silent.
    /// </summary>
    public (ServerHealth Health, string? Error) Shown(ServerHealth last, string? error) => last switch
    {
        _ when last.IsBareEnd() && Health.IsReason() => (Health, Error),
        ServerHealth.Up or ServerHealth.Disconnected when Silent => (ServerHealth.Silent, error),
        _ => (last, error),
    };

    /// <summary>The downtime with the present time.</summary>
    public TimeSpan DowntimeAt(DateTimeOffset now) => Downtime + (IsDown ? Later(now, _downSince) : TimeSpan.Zero);

    private static TimeSpan Later(DateTimeOffset now, DateTimeOffset then) => now > then ? now - then : TimeSpan.Zero;

    private void Fall(DateTimeOffset now)
    {
        if (!IsDown)
        {
            // Never heard of and dead from the start is down as well, and no fall.
            Falls += Health == ServerHealth.Up ? 1 : 0;
            _downSince = now;
        }
    }
}

/// <summary>What of a Sentinel's answer, and of the configured lists, the concerns follow from.</summary>
internal readonly record struct ConcernsBasis(
    int Named, string? Address, long Epoch, int Sentinels, int Replicas, string? UnknownSentinels, string? UnknownReplicas, int Nodes, int Listed);
