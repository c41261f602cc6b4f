// What a reload finds: which keys have changed, which of them apply at once, and the settings that then hold.

using System.Security.Cryptography.X509Certificates;

namespace RedisHaProxy.Configuration;

/// <summary>The difference between the settings in force and those of the file.</summary>
/// <param name="InForce">The old settings with the changes that apply at once.</param>
/// <param name="Applied">Keys that changed and apply at once.</param>
/// <param name="NeedRestart">Keys that changed and keep their old value until a restart.</param>
internal sealed record ConfigurationChanges(ProxyConfiguration InForce, IReadOnlyList<string> Applied, IReadOnlyList<string> NeedRestart)
{
    // The value of each key in a form that can be compared. Secrets are compared, and never leave this class.
    private static readonly (Setting Key, Func<ProxyConfiguration, string?> Value)[] Values =
    [
        (Setting.Listen, c => string.Join(' ', c.Listen)),
        (Setting.TlsListen, c => c.Tls is { } t ? string.Join(' ', t.Listen) : null),
        (Setting.TlsCertificateFile, c => c.Tls?.Identity.Fingerprint),
        (Setting.TlsKeyFile, c => c.Tls?.Identity.KeyFingerprint),
        (Setting.TlsClientCaFile, c => Authorities(c.Tls?.ClientAuthorities)),
        (Setting.TlsMinimumVersion, c => c.Tls is { } t ? $"{t.Versions}" : null),
        (Setting.ProxyProtocolFrom, c => c.ProxyProtocol is { } p ? string.Join(' ', p.From) : null),
        (Setting.ProxyProtocolTimeout, c => c.ProxyProtocol is { } p ? Durations.Format(p.Timeout) : null),
        (Setting.ReadOnlyListen, c => c.ReadOnly is { } r ? string.Join(' ', r.Listen) : null),
        (Setting.ReadOnlyMaxLag, c => c.ReadOnly is { } r ? Durations.Format(r.MaxLag) : null),
        (Setting.ReadOnlyMaster, c => c.ReadOnly is { } r ? $"{r.Master}" : null),
        (Setting.RedisNodes, c => string.Join(' ', c.Redis.Nodes)),
        (Setting.RedisUser, c => c.Redis.Credentials?.User),
        (Setting.RedisPasswordFile, c => c.Redis.Credentials?.Password),
        (Setting.RedisProbeInterval, c => Durations.Format(c.Redis.ProbeInterval)),
        (Setting.RedisTlsCaFile, c => Authorities(c.Redis.Tls?.Authorities)),
        (Setting.RedisTlsServerName, c => c.Redis.Tls?.ServerName),
        (Setting.RedisTlsCertificateFile, c => c.Redis.Tls?.Identity?.Fingerprint),
        (Setting.RedisTlsKeyFile, c => c.Redis.Tls?.Identity?.KeyFingerprint),
        (Setting.SentinelMaster, c => c.Sentinel?.Master),
        (Setting.SentinelNodes, c => c.Sentinel is { } s ? string.Join(' ', s.Nodes) : null),
        (Setting.SentinelUser, c => c.Sentinel?.Credentials?.User),
        (Setting.SentinelPasswordFile, c => c.Sentinel?.Credentials?.Password),
        (Setting.SentinelDownAfter, c => c.Sentinel is { } s ? Durations.Format(s.DownAfter) : null),
        (Setting.SentinelPollInterval, c => c.Sentinel is { } s ? Durations.Format(s.PollInterval) : null),
        (Setting.SentinelTlsCaFile, c => Authorities(c.Sentinel?.Tls?.Authorities)),
        (Setting.SentinelTlsServerName, c => c.Sentinel?.Tls?.ServerName),
        (Setting.SentinelTlsCertificateFile, c => c.Sentinel?.Tls?.Identity?.Fingerprint),
        (Setting.SentinelTlsKeyFile, c => c.Sentinel?.Tls?.Identity?.KeyFingerprint),
        (Setting.AdminListen, c => c.Admin?.Listen?.ToString()),
        (Setting.AdminUser, c => c.Admin?.User),
        (Setting.AdminPasswordFile, c => $"{c.Admin?.Password}\n{c.Admin?.FormerPassword}"),
        (Setting.AdminSocket, c => c.Admin?.Socket),
        (Setting.AdminTlsCertificateFile, c => c.Admin?.Tls?.Fingerprint),
        (Setting.AdminTlsKeyFile, c => c.Admin?.Tls?.KeyFingerprint),
        (Setting.Engine, c => $"{c.Engine}"),
        (Setting.BusyPollMicroseconds, c => $"{c.BusyPollMicroseconds}"),
        (Setting.CoalesceMicroseconds, c => $"{c.CoalesceMicroseconds}"),
        (Setting.TimeoutsConnect, c => Durations.Format(c.Timeouts.Connect)),
        (Setting.TimeoutsPark, c => Durations.Format(c.Timeouts.Park)),
        (Setting.TimeoutsIdle, c => Durations.Format(c.Timeouts.Idle)),
        (Setting.TimeoutsDrainDelay, c => Durations.Format(c.Timeouts.DrainDelay)),
        (Setting.TimeoutsDrain, c => Durations.Format(c.Timeouts.Drain)),
        (Setting.LimitsConnections, c => $"{c.Limits.Connections}"),
        (Setting.LimitsPerSource, c => $"{c.Limits.PerSource}"),
        (Setting.LimitsParked, c => $"{c.Limits.Parked}"),
        (Setting.LimitsRefusal, c => c.Limits.Refusal),
        (Setting.RecordingFile, c => c.Recording?.File),
        (Setting.RecordingMaxBytes, c => c.Recording is { } r ? $"{r.MaxBytes}" : null),
        (Setting.LogLevel, c => $"{c.Log.Level}"),
        (Setting.LogFormat, c => $"{c.Log.Format}"),
        (Setting.LogSessions, c => $"{c.Log.Sessions}"),
    ];

    private static readonly (Setting Key, Func<ProxyConfiguration, bool> Present)[] Sections =
    [
        (Setting.Tls, c => c.Tls is not null),
        (Setting.RedisTls, c => c.Redis.Tls is not null),
        (Setting.SentinelTls, c => c.Sentinel?.Tls is not null),
        (Setting.Admin, c => c.Admin is not null),
        (Setting.AdminTls, c => c.Admin?.Tls is not null),
    ];

    /// <summary>The keys that are compared; a test sees that none is missing.</summary>
    internal static IEnumerable<Setting> Compared => Values.Select(v => v.Key);

    /// <summary>Compares the settings in force with the file's.</summary>
    /// <param name="old">In force.</param>
    /// <param name="read">The file's.</param>
    /// <param name="mostConnections">The greatest limits.connections that can be set without a restart.</param>
    public static ConfigurationChanges Between(ProxyConfiguration old, ProxyConfiguration read, int mostConnections = int.MaxValue)
    {
        var changed = Values.Where(v => v.Value(old) != v.Value(read)).Select(v => v.Key).ToList();
        bool connectionsFit = read.Limits.Connections <= mostConnections;
        var inForce = old with
        {
            Tls = old.Tls is null || read.Tls is null ? old.Tls : read.Tls with { Listen = old.Tls.Listen },
            Redis = read.Redis.IsSameAs(old.Redis) ? old.Redis : read.Redis with { Tls = Kept(old.Redis.Tls, read.Redis.Tls) },
            Sentinel = read.Sentinel is { } sentinel && old.Sentinel is { } before
                ? sentinel.IsSameAs(before) ? before : sentinel with { Tls = Kept(before.Tls, sentinel.Tls) }
                : read.Sentinel,
            Admin = old.Admin is null || read.Admin is null ? old.Admin : old.Admin with
            {
                User = read.Admin.User,
                Password = read.Admin.Password,
                FormerPassword = read.Admin.FormerPassword,
                Tls = Kept(old.Admin.Tls, read.Admin.Tls),
            },
            Timeouts = read.Timeouts,
            Limits = read.Limits with { Connections = connectionsFit ? read.Limits.Connections : old.Limits.Connections, Refusal = old.Limits.Refusal },
            Log = old.Log with { Level = read.Log.Level, Sessions = read.Log.Sessions },
        };

        // A section of these, when it comes or goes as a whole, needs a restart, whatever its keys.
        bool Applies(Setting key) => key.Live && (key != Setting.LimitsConnections || connectionsFit)
            && Sections.All(section => !key.Path.StartsWith(section.Key.Path + ".", StringComparison.Ordinal) || section.Present(old) == section.Present(read));
        return new ConfigurationChanges(
            inForce,
            [.. changed.Where(Applies).Select(key => key.Path)],
            [.. changed.Where(key => !Applies(key)).Select(key => key.Path)]);
    }

    // Present stays present, and absent absent: whether there is TLS is decided at the start.
    private static T? Kept<T>(T? old, T? read)
        where T : class => old is null ? null : read ?? old;

    private static string? Authorities(X509Certificate2Collection? certificates) => certificates is null ? null : CertificateText.Fingerprint(certificates);
}
