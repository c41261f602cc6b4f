// Every key of proxy.json in one table: the reader takes defaults and ranges from it, the suggestion for a mistyped key
// looks in it, and a test compares docs/proxy-configuration.md with it.

namespace RedisHaProxy.Configuration;

/// <summary>The form of a key's value.</summary>
internal enum SettingKind
{
    /// <summary>An object of further keys.</summary>
    Section,

    /// <summary>An object whose keys are the operator's node names and whose values are ADDRESS:PORT.</summary>
    NamedAddresses,

    /// <summary>An array of ADDRESS:PORT.</summary>
    Addresses,

    /// <summary>One ADDRESS:PORT.</summary>
    Address,

    /// <summary>An array of ADDRESS/BITS.</summary>
    Networks,

    /// <summary>A text.</summary>
    Text,

    /// <summary>A path; relative ones count from the file's own folder.</summary>
    Path,

    /// <summary>A number with a unit: ms, s, m or h.</summary>
    Duration,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>true or false.</summary>
    Boolean,

    /// <summary>One of a few words.</summary>
    Word,
}

/// <summary>One key of proxy.json.</summary>
/// <param name="Path">The key with its sections, joined by dots.</param>
/// <param name="Kind">The form of the value.</param>
/// <param name="Default">The value when the key is absent, as it would be written; empty when there is none.</param>
/// <param name="Range">What is accepted, in words.</param>
/// <param name="Live">Whether a reload applies a change without a restart.</param>
internal sealed record Setting(string Path, SettingKind Kind, string Default, string Range, bool Live)
{
    /// <summary>The least duration other than zero, or the least number.</summary>
    public long Least { get; init; }

    /// <summary>The greatest duration in milliseconds, or the greatest number.</summary>
    public long Greatest { get; init; }

    /// <summary>Whether a duration of zero is accepted besides the range.</summary>
    public bool ZeroAllowed { get; init; }

    /// <summary>The accepted words.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>The part after the last dot.</summary>
    public string Name => Path[(Path.LastIndexOf('.') + 1)..];

    /// <summary>The part before the last dot; empty at the top.</summary>
    public string Parent => Path.LastIndexOf('.') is var dot and >= 0 ? Path[..dot] : "";

    private static Setting Plain(string path, SettingKind kind, string value, string range, bool live = false) => new(path, kind, value, range, live);

    private static Setting Duration(string path, string value, string least, string greatest, bool zero = false, bool live = false) =>
        new(path, SettingKind.Duration, value, (zero ? "0s, or " : "") + $"{least} to {greatest}", live)
        {
            Least = (long)Durations.Parse(least).TotalMilliseconds,
            Greatest = (long)Durations.Parse(greatest).TotalMilliseconds,
            ZeroAllowed = zero,
        };

    private static Setting Integer(string path, long value, long least, long greatest, bool live) =>
        new(path, SettingKind.Integer, Invariant(value), $"{Invariant(least)} to {Invariant(greatest)}", live) { Least = least, Greatest = greatest };

    private static Setting Word(string path, string value, bool live, params string[] words) =>
        new(path, SettingKind.Word, value, string.Join(", ", words), live) { Words = words };

    private static string Invariant(long number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    // The keys. ADDRESS is an IPv4 or a bracketed IPv6 literal: a name server must not be needed during a failover.
    public static readonly Setting Listen = Plain("listen", SettingKind.Addresses, "", "at least one, here or in tls.listen");
    public static readonly Setting ProxyProtocol = Plain("proxyProtocol", SettingKind.Section, "", "optional");
    public static readonly Setting ProxyProtocolFrom = Plain("proxyProtocol.from", SettingKind.Networks, "", "required; at least one");
    public static readonly Setting ProxyProtocolTimeout = Duration("proxyProtocol.timeout", "3s", "100ms", "1m");
    public static readonly Setting Tls = Plain("tls", SettingKind.Section, "", "optional");
    public static readonly Setting TlsListen = Plain("tls.listen", SettingKind.Addresses, "", "at least one; not addresses of listen");
    public static readonly Setting TlsCertificateFile = Plain("tls.certificateFile", SettingKind.Path, "", "required; a PEM file", live: true);
    public static readonly Setting TlsKeyFile = Plain("tls.keyFile", SettingKind.Path, "", "required; a PEM file", live: true);
    public static readonly Setting TlsClientCaFile = Plain("tls.clientCaFile", SettingKind.Path, "", "a PEM file", live: true);
    public static readonly Setting TlsMinimumVersion = Word("tls.minimumVersion", "1.2", live: true, "1.2", "1.3");
    public static readonly Setting ReadOnly = Plain("readOnly", SettingKind.Section, "", "optional");
    public static readonly Setting ReadOnlyListen = Plain("readOnly.listen", SettingKind.Addresses, "", "at least one, none of listen");
    public static readonly Setting ReadOnlyMaxLag = Duration("readOnly.maxLag", "10s", "1s", "1h");
    public static readonly Setting ReadOnlyMaster = Plain("readOnly.master", SettingKind.Boolean, "false", "true or false");
    public static readonly Setting Redis = Plain("redis", SettingKind.Section, "", "required");
    public static readonly Setting RedisNodes = Plain("redis.nodes", SettingKind.NamedAddresses, "", "at least one; names and addresses unique", live: true);
    public static readonly Setting RedisUser = Plain("redis.user", SettingKind.Text, "", "no blanks; needs passwordFile", live: true);
    public static readonly Setting RedisPasswordFile = Plain("redis.passwordFile", SettingKind.Path, "", "a file with one line", live: true);
    public static readonly Setting RedisProbeInterval = Duration("redis.probeInterval", "50ms", "10ms", "10s", live: true);
    public static readonly Setting RedisTls = Plain("redis.tls", SettingKind.Section, "", "optional");
    public static readonly Setting RedisTlsCaFile = Plain("redis.tls.caFile", SettingKind.Path, "", "required; a PEM file", live: true);
    public static readonly Setting RedisTlsServerName = Plain("redis.tls.serverName", SettingKind.Text, "", "no blanks", live: true);
    public static readonly Setting RedisTlsCertificateFile = Plain("redis.tls.certificateFile", SettingKind.Path, "", "a PEM file; needs keyFile", live: true);
    public static readonly Setting RedisTlsKeyFile = Plain("redis.tls.keyFile", SettingKind.Path, "", "a PEM file; needs certificateFile", live: true);
    public static readonly Setting Sentinel = Plain("sentinel", SettingKind.Section, "", "optional");
    public static readonly Setting SentinelMaster = Plain("sentinel.master", SettingKind.Text, "", "required; no blanks", live: true);
    public static readonly Setting SentinelNodes = Plain("sentinel.nodes", SettingKind.Addresses, "", "at least one", live: true);
    public static readonly Setting SentinelUser = Plain("sentinel.user", SettingKind.Text, "", "no blanks; needs passwordFile", live: true);
    public static readonly Setting SentinelPasswordFile = Plain("sentinel.passwordFile", SettingKind.Path, "", "a file with one line", live: true);
    public static readonly Setting SentinelDownAfter = Duration("sentinel.downAfter", "5s", "500ms", "10m", live: true);
    public static readonly Setting SentinelPollInterval = Duration("sentinel.pollInterval", "100ms", "20ms", "10s", live: true);
    public static readonly Setting SentinelTls = Plain("sentinel.tls", SettingKind.Section, "", "optional");
    public static readonly Setting SentinelTlsCaFile = Plain("sentinel.tls.caFile", SettingKind.Path, "", "required; a PEM file", live: true);
    public static readonly Setting SentinelTlsServerName = Plain("sentinel.tls.serverName", SettingKind.Text, "", "no blanks", live: true);
    public static readonly Setting SentinelTlsCertificateFile = Plain("sentinel.tls.certificateFile", SettingKind.Path, "", "a PEM file; needs keyFile", live: true);
    public static readonly Setting SentinelTlsKeyFile = Plain("sentinel.tls.keyFile", SettingKind.Path, "", "a PEM file; needs certificateFile", live: true);
    public static readonly Setting Admin = Plain("admin", SettingKind.Section, "", "optional");
    public static readonly Setting AdminListen = Plain("admin.listen", SettingKind.Address, "", "not an address of listen");
    public static readonly Setting AdminUser = Plain("admin.user", SettingKind.Text, "admin", "no blanks, no colon; needs passwordFile", live: true);
    public static readonly Setting AdminPasswordFile = Plain("admin.passwordFile", SettingKind.Path, "", "a file with one line, or two", live: true);
    public static readonly Setting AdminSocket = Plain("admin.socket", SettingKind.Path, "", "at most 107 bytes");
    public static readonly Setting AdminTls = Plain("admin.tls", SettingKind.Section, "", "optional; needs admin.listen");
    public static readonly Setting AdminTlsCertificateFile = Plain("admin.tls.certificateFile", SettingKind.Path, "", "required; a PEM file", live: true);
    public static readonly Setting AdminTlsKeyFile = Plain("admin.tls.keyFile", SettingKind.Path, "", "required; a PEM file", live: true);
    public static readonly Setting Engine = Word("engine", "auto", live: false, "auto", "epoll", "io_uring");
    public static readonly Setting BusyPollMicroseconds = Integer("busyPollMicroseconds", 100, 0, 1000, live: false);
    public static readonly Setting CoalesceMicroseconds = Integer("coalesceMicroseconds", 100, 0, 1000, live: false);
    public static readonly Setting Timeouts = Plain("timeouts", SettingKind.Section, "", "optional");
    public static readonly Setting TimeoutsConnect = Duration("timeouts.connect", "3s", "10ms", "10m", live: true);
    public static readonly Setting TimeoutsPark = Duration("timeouts.park", "10s", "10ms", "1h", zero: true, live: true);
    public static readonly Setting TimeoutsIdle = Duration("timeouts.idle", "0s", "1s", "168h", zero: true, live: true);
    public static readonly Setting TimeoutsDrainDelay = Duration("timeouts.drainDelay", "10s", "10ms", "10m", zero: true, live: true);
    public static readonly Setting TimeoutsDrain = Duration("timeouts.drain", "30s", "10ms", "24h", zero: true, live: true);
    public static readonly Setting Limits = Plain("limits", SettingKind.Section, "", "optional");
    public static readonly Setting LimitsConnections = Integer("limits.connections", 10_000, 1, 1_000_000, live: true);
    public static readonly Setting LimitsPerSource = Integer("limits.perSource", 0, 0, 1_000_000, live: true);
    public static readonly Setting LimitsParked = Integer("limits.parked", 10_000, 0, 1_000_000, live: true);
    public static readonly Setting LimitsRefusal = Plain(
        "limits.refusal", SettingKind.Text, new LimitConfiguration().Refusal, "an error code in capitals, then a text; at most 200 printable ASCII characters");
    public static readonly Setting Recording = Plain("recording", SettingKind.Section, "", "optional");
    public static readonly Setting RecordingFile = Plain("recording.file", SettingKind.Path, "", "required; in a folder that the proxy's user may write to");
    public static readonly Setting RecordingMaxBytes = Integer("recording.maxBytes", 64 * 1024 * 1024, 1_000_000, 10_000_000_000, live: false);
    public static readonly Setting Log = Plain("log", SettingKind.Section, "", "optional");
    public static readonly Setting LogLevel = Word("log.level", "info", live: true, "trace", "debug", "info", "warning", "error");
    public static readonly Setting LogFormat = Word("log.format", "auto", live: false, "auto", "text", "json", "journal");
    public static readonly Setting LogSessions = Plain("log.sessions", SettingKind.Boolean, "true", "true or false", live: true);

    /// <summary>All keys, in the order of the documentation.</summary>
    public static readonly IReadOnlyList<Setting> All =
    [
        Listen,
        Tls, TlsListen, TlsCertificateFile, TlsKeyFile, TlsClientCaFile, TlsMinimumVersion,
        ProxyProtocol, ProxyProtocolFrom, ProxyProtocolTimeout,
        ReadOnly, ReadOnlyListen, ReadOnlyMaxLag, ReadOnlyMaster,
        Redis, RedisNodes, RedisUser, RedisPasswordFile, RedisProbeInterval,
        RedisTls, RedisTlsCaFile, RedisTlsServerName, RedisTlsCertificateFile, RedisTlsKeyFile,
        Sentinel, SentinelMaster, SentinelNodes, SentinelUser, SentinelPasswordFile, SentinelDownAfter, SentinelPollInterval,
        SentinelTls, SentinelTlsCaFile, SentinelTlsServerName, SentinelTlsCertificateFile, SentinelTlsKeyFile,
        Admin, AdminListen, AdminUser, AdminPasswordFile, AdminSocket,
        AdminTls, AdminTlsCertificateFile, AdminTlsKeyFile,
        Engine, BusyPollMicroseconds, CoalesceMicroseconds,
        Timeouts, TimeoutsConnect, TimeoutsPark, TimeoutsIdle, TimeoutsDrainDelay, TimeoutsDrain,
        Limits, LimitsConnections, LimitsPerSource, LimitsParked, LimitsRefusal,
        Recording, RecordingFile, RecordingMaxBytes,
        Log, LogLevel, LogFormat, LogSessions,
    ];
}
