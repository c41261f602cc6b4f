// All keys of proxy.json, in the order of the documentation.

using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Format = RedisHaProxy.Configuration.LogFormat;
using MicrosoftLevel = Microsoft.Extensions.Logging.LogLevel;

namespace RedisHaProxy.Configuration;

internal abstract partial class Setting
{
    private static readonly List<Setting> Declared = [];

    // All sections, each with its defaults. What has none is empty here, and never read.
    protected static readonly ProxyConfiguration Defaults = new()
    {
        Listen = [],
        Tls = new TlsConfiguration { Listen = [], Identity = null! },
        ProxyProtocol = new ProxyProtocolConfiguration { From = [] },
        ReadOnly = new ReadOnlyConfiguration { Listen = [] },
        Redis = new RedisConfiguration { Nodes = [] },
        Sentinel = new SentinelConfiguration { Master = "", Nodes = [] },
        Recording = new RecordingConfiguration { File = "" },
    };

    // The keys. ADDRESS is an IPv4 or a bracketed IPv6 literal: a name server must not be needed during a failover.
    public static readonly PlainSetting Listen = new(
        "listen", SettingKind.Addresses, c => string.Join(' ', c.Listen), "at least one, here or in tls.listen",
        """["172.31.235.141:6379"]""");

    public static readonly SectionSetting Tls = new("tls") { Present = c => c.Tls is not null };
    public static readonly PlainSetting TlsListen = new(
        "tls.listen", SettingKind.Addresses, c => c.Tls is { } t ? string.Join(' ', t.Listen) : null, "at least one; not addresses of listen",
        """["172.31.235.141:6380"]""");
    public static readonly PlainSetting TlsCertificateFile = new(
        "tls.certificateFile", SettingKind.Path, c => c.Tls?.Identity.Fingerprint, "required; a PEM file",
        "proxy.crt")
    { Live = true };
    public static readonly PlainSetting TlsKeyFile = new(
        "tls.keyFile", SettingKind.Path, c => c.Tls?.Identity.KeyFingerprint, "required; a PEM file",
        "proxy.key")
    { Live = true };
    public static readonly PlainSetting TlsClientCaFile = new(
        "tls.clientCaFile", SettingKind.Path, c => Authorities(c.Tls?.ClientAuthorities), "a PEM file",
        "clients-ca.crt")
    { Live = true };
    public static readonly WordSetting<SslProtocols> TlsMinimumVersion = new(
        "tls.minimumVersion", c => c.Tls?.Versions,
        ("1.2", SslProtocols.Tls12 | SslProtocols.Tls13), ("1.3", SslProtocols.Tls13))
    { Live = true };

    public static readonly SectionSetting ProxyProtocol = new("proxyProtocol");
    public static readonly PlainSetting ProxyProtocolFrom = new(
        "proxyProtocol.from", SettingKind.Networks, c => c.ProxyProtocol is { } p ? string.Join(' ', p.From) : null, "required; at least one",
        """["172.31.235.188/32"]""");
    public static readonly DurationSetting ProxyProtocolTimeout = new("proxyProtocol.timeout", c => c.ProxyProtocol?.Timeout, "100ms", "1m");

    public static readonly SectionSetting ReadOnly = new("readOnly");
    public static readonly PlainSetting ReadOnlyListen = new(
        "readOnly.listen", SettingKind.Addresses, c => c.ReadOnly is { } r ? string.Join(' ', r.Listen) : null,
        "at least one, here or in readOnly.tlsListen; none of listen",
        """["172.31.235.141:6381"]""");
    public static readonly PlainSetting ReadOnlyTlsListen = new(
        "readOnly.tlsListen", SettingKind.Addresses, c => c.ReadOnly is { } r ? string.Join(' ', r.TlsListen) : null, "none of the others; needs tls",
        """["172.31.235.141:6382"]""");
    public static readonly DurationSetting ReadOnlyMaxLag = new("readOnly.maxLag", c => c.ReadOnly?.MaxLag, "1s", "1h");
    public static readonly BooleanSetting ReadOnlyMaster = new("readOnly.master", c => c.ReadOnly?.Master);

    public static readonly SectionSetting Redis = new("redis", "required");
    public static readonly PlainSetting RedisNodes = new(
        "redis.nodes", SettingKind.NamedAddresses, c => string.Join(' ', c.Redis.Nodes), "at least one; names and addresses unique",
        """{ "redis1": "172.31.235.131:6379" }""")
    { Live = true };
    public static readonly PlainSetting RedisUser = new(
        "redis.user", SettingKind.Text, c => c.Redis.Credentials?.User, "no blanks; needs passwordFile",
        "rp-health")
    { Live = true };
    public static readonly PlainSetting RedisPasswordFile = new(
        "redis.passwordFile", SettingKind.Path, c => c.Redis.Credentials?.Password, "a file with one line",
        "redis.password")
    { Live = true };
    public static readonly DurationSetting RedisProbeInterval = new("redis.probeInterval", c => c.Redis.ProbeInterval, "10ms", "10s") { Live = true };
    public static readonly IntegerSetting RedisMinReplicasToWrite = new("redis.minReplicasToWrite", c => c.Redis.MinReplicasToWrite, 0, 100) { Live = true };

    public static readonly SectionSetting RedisTls = new("redis.tls") { Present = c => c.Redis.Tls is not null };
    public static readonly PlainSetting RedisTlsCaFile = new(
        "redis.tls.caFile", SettingKind.Path, c => Authorities(c.Redis.Tls?.Authorities), "required; a PEM file",
        "redis-ca.crt")
    { Live = true };
    public static readonly PlainSetting RedisTlsServerName = new(
        "redis.tls.serverName", SettingKind.Text, c => c.Redis.Tls?.ServerName, "no blanks",
        "redis.example.com")
    { Live = true };
    public static readonly PlainSetting RedisTlsCertificateFile = new(
        "redis.tls.certificateFile", SettingKind.Path, c => c.Redis.Tls?.Identity?.Fingerprint, "a PEM file; needs keyFile",
        "proxy.crt")
    { Live = true };
    public static readonly PlainSetting RedisTlsKeyFile = new(
        "redis.tls.keyFile", SettingKind.Path, c => c.Redis.Tls?.Identity?.KeyFingerprint, "a PEM file; needs certificateFile",
        "proxy.key")
    { Live = true };

    public static readonly SectionSetting Sentinel = new("sentinel");
    public static readonly PlainSetting SentinelMaster = new(
        "sentinel.master", SettingKind.Text, c => c.Sentinel?.Master, "required; no blanks",
        "mymaster")
    { Live = true };
    public static readonly PlainSetting SentinelNodes = new(
        "sentinel.nodes", SettingKind.Addresses, c => c.Sentinel is { } s ? string.Join(' ', s.Nodes) : null, "at least one",
        """["172.31.235.131:26379", "172.31.235.132:26379", "172.31.235.133:26379"]""")
    { Live = true };
    public static readonly PlainSetting SentinelUser = new(
        "sentinel.user", SettingKind.Text, c => c.Sentinel?.Credentials?.User, "no blanks; needs passwordFile",
        "rp-sentinel")
    { Live = true };
    public static readonly PlainSetting SentinelPasswordFile = new(
        "sentinel.passwordFile", SettingKind.Path, c => c.Sentinel?.Credentials?.Password, "a file with one line",
        "sentinel.password")
    { Live = true };
    public static readonly DurationSetting SentinelDownAfter = new("sentinel.downAfter", c => c.Sentinel?.DownAfter, "500ms", "10m") { Live = true };
    public static readonly DurationSetting SentinelPollInterval = new("sentinel.pollInterval", c => c.Sentinel?.PollInterval, "20ms", "10s") { Live = true };

    public static readonly SectionSetting SentinelTls = new("sentinel.tls") { Present = c => c.Sentinel?.Tls is not null };
    public static readonly PlainSetting SentinelTlsCaFile = new(
        "sentinel.tls.caFile", SettingKind.Path, c => Authorities(c.Sentinel?.Tls?.Authorities), "required; a PEM file",
        "redis-ca.crt")
    { Live = true };
    public static readonly PlainSetting SentinelTlsServerName = new(
        "sentinel.tls.serverName", SettingKind.Text, c => c.Sentinel?.Tls?.ServerName, "no blanks",
        "sentinel.example.com")
    { Live = true };
    public static readonly PlainSetting SentinelTlsCertificateFile = new(
        "sentinel.tls.certificateFile", SettingKind.Path, c => c.Sentinel?.Tls?.Identity?.Fingerprint, "a PEM file; needs keyFile",
        "proxy.crt")
    { Live = true };
    public static readonly PlainSetting SentinelTlsKeyFile = new(
        "sentinel.tls.keyFile", SettingKind.Path, c => c.Sentinel?.Tls?.Identity?.KeyFingerprint, "a PEM file; needs certificateFile",
        "proxy.key")
    { Live = true };

    public static readonly SectionSetting Admin = new("admin") { Present = c => c.Admin is not null };
    public static readonly PlainSetting AdminListen = new(
        "admin.listen", SettingKind.Address, c => c.Admin?.Listen?.ToString(), "not an address of listen",
        "127.0.0.1:1936");
    public static readonly PlainSetting AdminUser = new(
        "admin.user", SettingKind.Text, c => c.Admin?.User, "no blanks, no colon; needs passwordFile",
        "admin", "admin")
    { Live = true };
    public static readonly PlainSetting AdminPasswordFile = new(
        "admin.passwordFile", SettingKind.Path, c => $"{c.Admin?.Password}\n{c.Admin?.FormerPassword}", "a file with one line, or two",
        "admin.password")
    { Live = true };
    public static readonly PlainSetting AdminMetricsUser = new(
        "admin.metricsUser", SettingKind.Text, c => c.Admin?.Metrics?.User, "no blanks, no colon, not that of user; needs metricsPasswordFile",
        "metrics", "metrics")
    { Live = true };
    public static readonly PlainSetting AdminMetricsPasswordFile = new(
        "admin.metricsPasswordFile", SettingKind.Path, c => $"{c.Admin?.Metrics?.Password}\n{c.Admin?.Metrics?.FormerPassword}",
        "a file with one line, or two; needs passwordFile",
        "metrics.password")
    { Live = true };
    public static readonly PlainSetting AdminSocket = new(
        "admin.socket", SettingKind.Path, c => c.Admin?.Socket, "at most 107 bytes",
        "/run/redis-ha-proxy/control.sock");

    public static readonly PlainSetting AdminPeers = new(
        "admin.peers", SettingKind.NamedAddresses, c => string.Join(' ', c.Admin?.Peers ?? []), "names and addresses unique",
        """{ "proxy2": "172.31.235.142:1936" }""")
    { Live = true };

    public static readonly SectionSetting AdminTls = new("admin.tls", "optional; needs admin.listen") { Present = c => c.Admin?.Tls is not null };
    public static readonly PlainSetting AdminTlsCertificateFile = new(
        "admin.tls.certificateFile", SettingKind.Path, c => c.Admin?.Tls?.Fingerprint, "required; a PEM file",
        "proxy.crt")
    { Live = true };
    public static readonly PlainSetting AdminTlsKeyFile = new(
        "admin.tls.keyFile", SettingKind.Path, c => c.Admin?.Tls?.KeyFingerprint, "required; a PEM file",
        "proxy.key")
    { Live = true };

    public static readonly WordSetting<ForwardingEngine> Engine = new(
        "engine", c => c.Engine,
        ("auto", ForwardingEngine.Auto), ("epoll", ForwardingEngine.Epoll), ("io_uring", ForwardingEngine.IoUring));
    public static readonly IntegerSetting BusyPollMicroseconds = new("busyPollMicroseconds", c => c.BusyPollMicroseconds, 0, 1000);
    public static readonly IntegerSetting CoalesceMicroseconds = new("coalesceMicroseconds", c => c.CoalesceMicroseconds, 0, 1000);

    public static readonly SectionSetting HandOver = new("handOver") { Present = c => c.HandOver is not null };
    public static readonly PlainSetting HandOverSocket = new(
        "handOver.socket", SettingKind.Path, c => c.HandOver?.Socket, "required; at most 107 bytes",
        "/run/redis-ha-hand-over/socket");

    public static readonly SectionSetting Timeouts = new("timeouts");
    public static readonly DurationSetting TimeoutsConnect = new("timeouts.connect", c => c.Timeouts.Connect, "10ms", "10m") { Live = true };
    public static readonly DurationSetting TimeoutsPark = new("timeouts.park", c => c.Timeouts.Park, "10ms", "1h", orZero: true) { Live = true };
    public static readonly DurationSetting TimeoutsIdle = new("timeouts.idle", c => c.Timeouts.Idle, "1s", "168h", orZero: true) { Live = true };
    public static readonly DurationSetting TimeoutsDrainDelay = new(
        "timeouts.drainDelay", c => c.Timeouts.DrainDelay, "10ms", "10m", orZero: true)
    { Live = true };
    public static readonly DurationSetting TimeoutsDrain = new("timeouts.drain", c => c.Timeouts.Drain, "10ms", "24h", orZero: true) { Live = true };

    public static readonly SectionSetting Limits = new("limits");
    public static readonly IntegerSetting LimitsConnections = new("limits.connections", c => c.Limits.Connections, 1, 1_000_000) { Live = true };
    public static readonly IntegerSetting LimitsPerSource = new("limits.perSource", c => c.Limits.PerSource, 0, 1_000_000) { Live = true };
    public static readonly IntegerSetting LimitsParked = new("limits.parked", c => c.Limits.Parked, 0, 1_000_000) { Live = true };
    public static readonly PlainSetting LimitsRefusal = new(
        "limits.refusal", SettingKind.Text, c => c.Limits.Refusal, "an error code in capitals, then a text; at most 200 printable ASCII characters",
        LimitConfiguration.DefaultRefusal, LimitConfiguration.DefaultRefusal);

    public static readonly SectionSetting Recording = new("recording");
    public static readonly PlainSetting RecordingFile = new(
        "recording.file", SettingKind.Path, c => c.Recording?.File, "required; in a folder that the proxy's user may write to",
        "/run/redis-ha-proxy/recording.jsonl");
    public static readonly IntegerSetting RecordingMaxBytes = new("recording.maxBytes", c => c.Recording?.MaxBytes, 1_000_000, 10_000_000_000);

    public static readonly SectionSetting Log = new("log");
    public static readonly WordSetting<MicrosoftLevel> LogLevel = new(
        "log.level", c => c.Log.Level,
        ("trace", MicrosoftLevel.Trace), ("debug", MicrosoftLevel.Debug), ("info", MicrosoftLevel.Information),
        ("warning", MicrosoftLevel.Warning), ("error", MicrosoftLevel.Error))
    { Live = true };
    public static readonly WordSetting<Format> LogFormat = new(
        "log.format", c => c.Log.Format,
        ("auto", Format.Auto), ("text", Format.Text), ("json", Format.Json), ("journal", Format.Journal));
    public static readonly BooleanSetting LogSessions = new("log.sessions", c => c.Log.Sessions) { Live = true };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Setting> All => Declared;

    private static string? Authorities(X509Certificate2Collection? certificates) => certificates is null ? null : CertificateText.Fingerprint(certificates);
}
