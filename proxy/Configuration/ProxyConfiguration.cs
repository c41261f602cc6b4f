// The proxy's settings after reading and validation: what proxy.json means, in types.
// The file format is a contract: keys are added, existing ones keep their names and meaning.

using System.Net;
using Microsoft.Extensions.Logging;

namespace RedisHaProxy.Configuration;

/// <summary>All settings of one proxy process, valid as a whole.</summary>
public sealed record ProxyConfiguration
{
    /// <summary>Addresses on which clients are accepted; empty only when <see cref="Tls"/> has some.</summary>
    public required IReadOnlyList<IPEndPoint> Listen { get; init; }

    /// <summary>Who connects with a PROXY protocol header; null when the section is absent (then nobody does).</summary>
    public ProxyProtocolConfiguration? ProxyProtocol { get; init; }

    /// <summary>Where clients are accepted over TLS; null when the section is absent.</summary>
    public TlsConfiguration? Tls { get; init; }

    /// <summary>The read-only listener; null when the section is absent.</summary>
    public ReadOnlyConfiguration? ReadOnly { get; init; }

    /// <summary>The Redis data nodes.</summary>
    public required RedisConfiguration Redis { get; init; }

    /// <summary>The Sentinels; null when the section is absent (then only followers and observed promotions are evidence).</summary>
    public SentinelConfiguration? Sentinel { get; init; }

    /// <summary>sentinel.downAfter, or its default without Sentinels.</summary>
    internal TimeSpan DownAfter => Sentinel?.DownAfter ?? SentinelConfiguration.DefaultDownAfter;

    /// <summary>The admin server and control socket; null when the section is absent.</summary>
    public AdminConfiguration? Admin { get; init; }

    /// <summary>How bytes are moved.</summary>
    public ForwardingEngine Engine { get; init; } = ForwardingEngine.Auto;

    /// <summary>Handing plain sessions over to the kernel; null (the default) hands none over.</summary>
    public HandOverConfiguration? HandOver { get; init; }

    /// <summary>How long an event loop looks for bytes before it sleeps, when they come soon; 0 to 1000. 0, the default: never.</summary>
    public int BusyPollMicroseconds { get; init; }

    /// <summary>
    /// How long an event loop that is short of processor time waits for the bytes of further sessions; 100 by default, 0 to 1000, 0 never. With
    /// io_uring only.
    /// </summary>
    public int CoalesceMicroseconds { get; init; } = 100;

    /// <summary>Time limits.</summary>
    public TimeoutConfiguration Timeouts { get; init; } = new();

    /// <summary>Connection limits.</summary>
    public LimitConfiguration Limits { get; init; } = new();

    /// <summary>What is logged, and how.</summary>
    public LogConfiguration Log { get; init; } = new();

    /// <summary>Recording of observations and decisions for replay; null (the default) records nothing.</summary>
    public RecordingConfiguration? Recording { get; init; }
}

/// <summary>Section "handOver".</summary>
/// <param name="Socket">Path of the helper's Unix socket.</param>
public sealed record HandOverConfiguration(string Socket);

/// <summary>Section "proxyProtocol".</summary>
public sealed record ProxyProtocolConfiguration
{
    /// <summary>Whose connections begin with a header of version 2, and must; at least one. Those of others are plain.</summary>
    public required IReadOnlyList<IPNetwork> From { get; init; }

    /// <summary>How long the header may take from the accept; 3 s by default, which covers a TCP retransmission, 100 ms to 1 min.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);
}

/// <summary>By which interface of the kernel the data plane works.</summary>
public enum ForwardingEngine
{
    /// <summary>io_uring where the kernel has what is needed and permits it, otherwise epoll.</summary>
    Auto,

    /// <summary>epoll, which every Linux has.</summary>
    Epoll,

    /// <summary>io_uring, of Linux 6.0 or newer; without it the proxy does not start.</summary>
    IoUring,
}

/// <summary>Section "readOnly".</summary>
public sealed record ReadOnlyConfiguration
{
    /// <summary>Addresses on which clients that only read are accepted; at least one, here or in <see cref="TlsListen"/>.</summary>
    public required IReadOnlyList<IPEndPoint> Listen { get; init; }

    /// <summary>Addresses on which clients that only read are accepted over TLS, with the certificate of section "tls".</summary>
    public IReadOnlyList<IPEndPoint> TlsListen { get; init; } = [];

    /// <summary>
    /// The age of a replica's data up to which sessions may live on it; new ones come up to half of it. 10 s by default, 1 s to 1 h.
    /// </summary>
    public TimeSpan MaxLag { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether new sessions go to the master while no replica is fit.</summary>
    public bool Master { get; init; }
}

/// <summary>Section "recording".</summary>
public sealed record RecordingConfiguration
{
    /// <summary>
    /// Path of the file, new at each start; what it held before goes to the same path with ".1" appended, and so does its older half when it is full.
    /// </summary>
    public required string File { get; init; }

    /// <summary>Most bytes of both files together; 64 MB by default (about an hour), 1 MB to 10 GB.</summary>
    public long MaxBytes { get; init; } = 64 * 1024 * 1024;
}

/// <summary>A named Redis data node. The name is the operator's (redis1), used in logs, metrics and pages.</summary>
/// <param name="Name">Unique within the file.</param>
/// <param name="EndPoint">Address and port of redis-server.</param>
public sealed record RedisNode(string Name, IPEndPoint EndPoint);

/// <summary>User name and password for AUTH; a null user means the default user.</summary>
/// <param name="User">ACL user, or null.</param>
/// <param name="Password">The secret, read from the password file. Never logged, never served.</param>
public sealed record RedisCredentials(string? User, string Password)
{
    /// <summary>Hides the password.</summary>
    public override string ToString() => $"{User ?? "default"}:***";
}

/// <summary>Section "redis".</summary>
public sealed record RedisConfiguration
{
    /// <summary>The data nodes, in file order; at least one, names and addresses unique.</summary>
    public required IReadOnlyList<RedisNode> Nodes { get; init; }

    /// <summary>Credentials of the probe (needs only PING, ROLE, INFO); null without a password.</summary>
    public RedisCredentials? Credentials { get; init; }

    /// <summary>Time between two probes of a node; 50 ms by default, 10 ms to 10 s.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// min-replicas-to-write of the nodes; 1 by default, 0 to 100. Only for telling that they refuse writes: a node says how many replicas count, and
    /// how many it needs only to a user that may read all of its configuration, passwords included.
    /// </summary>
    public int MinReplicasToWrite { get; init; } = 1;

    /// <summary>How the nodes are connected to over TLS, by sessions and probes; null without TLS.</summary>
    public TlsPeerConfiguration? Tls { get; init; }

    /// <summary>Whether all values are equal, those of the list included.</summary>
    internal bool IsSameAs(RedisConfiguration other) => this == other with { Nodes = Nodes } && Nodes.SequenceEqual(other.Nodes);
}

/// <summary>Section "sentinel".</summary>
public sealed record SentinelConfiguration
{
    /// <summary>Name under which the Sentinels monitor the master.</summary>
    public required string Master { get; init; }

    /// <summary>The Sentinels; a majority of this list decides, so all of them must be listed.</summary>
    public required IReadOnlyList<IPEndPoint> Nodes { get; init; }

    /// <summary>Credentials; null without a password.</summary>
    public RedisCredentials? Credentials { get; init; }

    /// <summary>The Sentinels' down-after-milliseconds: it bounds leases and the validity of an observed promotion.</summary>
    public TimeSpan DownAfter { get; init; } = DefaultDownAfter;

    /// <summary>Also where no Sentinels are configured: the time a failover is given.</summary>
    internal static TimeSpan DefaultDownAfter => TimeSpan.FromSeconds(5);

    /// <summary>Time between two polls of a Sentinel; 100 ms by default, 20 ms to 10 s.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How the Sentinels are connected to over TLS; null without TLS.</summary>
    public TlsPeerConfiguration? Tls { get; init; }

    /// <summary>Whether all values are equal, those of the list included.</summary>
    internal bool IsSameAs(SentinelConfiguration other) => this == other with { Nodes = Nodes } && Nodes.SequenceEqual(other.Nodes);
}

/// <summary>Section "admin".</summary>
public sealed record AdminConfiguration
{
    /// <summary>Address of the admin HTTP server; null when only the socket is wanted.</summary>
    public IPEndPoint? Listen { get; init; }

    /// <summary>User of the HTTP basic authentication; null serves without one.</summary>
    public string? User { get; init; }

    /// <summary>Its password. Never logged, never served.</summary>
    public string? Password { get; init; }

    /// <summary>A password that is accepted as well, until everybody has the other; null for none. Never logged, never served.</summary>
    public string? FormerPassword { get; init; }

    /// <summary>Who may read the metrics and nothing else; null for nobody.</summary>
    public MetricsReader? Metrics { get; init; }

    /// <summary>What the HTTP server proves its identity with over TLS; null serves plain HTTP.</summary>
    public TlsIdentity? Tls { get; init; }

    /// <summary>The other proxies' pages, which this one links to; usually none.</summary>
    public IReadOnlyList<RedisNode> Peers { get; init; } = [];

    /// <summary>Path of the local control socket; null without one.</summary>
    public string? Socket { get; init; }

    /// <summary>Hides the password.</summary>
    public override string ToString() => $"{Listen} {Socket}";
}

/// <summary>The account of a scraper, of which metrics are all that it sees.</summary>
/// <param name="User">Its user.</param>
/// <param name="Password">Its password. Never logged, never served.</param>
/// <param name="FormerPassword">A password that is accepted as well; null for none. Never logged, never served.</param>
public sealed record MetricsReader(string User, string Password, string? FormerPassword)
{
    /// <summary>Hides the passwords.</summary>
    public override string ToString() => User;
}

/// <summary>Section "timeouts".</summary>
public sealed record TimeoutConfiguration
{
    /// <summary>To connect a session to its node.</summary>
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a new session waits for a master before it is refused; zero refuses at once.</summary>
    public TimeSpan Park { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// At SIGTERM or a drain: how long new sessions are still taken while /healthz already fails, so that the load balancer
    /// turns away before a door closes. Should exceed the balancer's health interval times its retries.
    /// </summary>
    public TimeSpan DrainDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>At SIGTERM: how long open sessions may go on after the listeners closed; then they are ended.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Silence in both directions after which a session ends; zero (the default) never ends one, so that blocking commands and subscriptions live.
    /// </summary>
    public TimeSpan Idle { get; init; }
}

/// <summary>Section "limits".</summary>
public sealed record LimitConfiguration
{
    /// <summary>Client connections in all; parked ones count.</summary>
    public int Connections { get; init; } = 10_000;

    /// <summary>Client connections from one source address; 0 means no limit.</summary>
    public int PerSource { get; init; }

    /// <summary>Sessions that may wait for a master at once.</summary>
    public int Parked { get; init; } = 10_000;

    /// <summary>
    /// The error reply, without its dash and end, that a client for whom there is no master reads as the answer to its first command: printable
    /// ASCII. LOADING is what Redis itself says when it will be able to serve soon; docs/operations.md has what libraries do with it.
    /// </summary>
    public string Refusal { get; init; } = DefaultRefusal;

    /// <summary>The refusal without a configured one; the read-only listener then speaks of a replica instead.</summary>
    internal const string DefaultRefusal = "LOADING no Redis master is available yet, try again later";
}

/// <summary>The form of a log line.</summary>
public enum LogFormat
{
    /// <summary>Journal lines when standard error is the journal, text otherwise.</summary>
    Auto,

    /// <summary>Time, level and message, for people.</summary>
    Text,

    /// <summary>One JSON object a line.</summary>
    Json,

    /// <summary>The priority in angle brackets and the message (sd-daemon(3)): systemd keeps the rest.</summary>
    Journal,
}

/// <summary>Section "log".</summary>
public sealed record LogConfiguration
{
    /// <summary>The least severe level that is written.</summary>
    public LogLevel Level { get; init; } = LogLevel.Information;

    /// <summary>The form of a line.</summary>
    public LogFormat Format { get; init; }

    /// <summary>Whether each ended session is logged (one line a session, sampled under flood).</summary>
    public bool Sessions { get; init; } = true;
}
