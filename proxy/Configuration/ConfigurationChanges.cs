// What a reload finds: which keys have changed, which of them apply at once, and the settings that then hold.

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
        (Setting.ProxyProtocolFrom, c => c.ProxyProtocol is { } p ? string.Join(' ', p.From) : null),
        (Setting.ProxyProtocolTimeout, c => c.ProxyProtocol is { } p ? Durations.Format(p.Timeout) : null),
        (Setting.RedisNodes, c => string.Join(' ', c.Redis.Nodes)),
        (Setting.RedisUser, c => c.Redis.Credentials?.User),
        (Setting.RedisPasswordFile, c => c.Redis.Credentials?.Password),
        (Setting.RedisProbeInterval, c => Durations.Format(c.Redis.ProbeInterval)),
        (Setting.SentinelMaster, c => c.Sentinel?.Master),
        (Setting.SentinelNodes, c => c.Sentinel is { } s ? string.Join(' ', s.Nodes) : null),
        (Setting.SentinelUser, c => c.Sentinel?.Credentials?.User),
        (Setting.SentinelPasswordFile, c => c.Sentinel?.Credentials?.Password),
        (Setting.SentinelDownAfter, c => c.Sentinel is { } s ? Durations.Format(s.DownAfter) : null),
        (Setting.SentinelPollInterval, c => c.Sentinel is { } s ? Durations.Format(s.PollInterval) : null),
        (Setting.AdminListen, c => c.Admin?.Listen?.ToString()),
        (Setting.AdminUser, c => c.Admin?.User),
        (Setting.AdminPasswordFile, c => c.Admin?.Password),
        (Setting.AdminSocket, c => c.Admin?.Socket),
        (Setting.Engine, c => $"{c.Engine}"),
        (Setting.TimeoutsConnect, c => Durations.Format(c.Timeouts.Connect)),
        (Setting.TimeoutsPark, c => Durations.Format(c.Timeouts.Park)),
        (Setting.TimeoutsIdle, c => Durations.Format(c.Timeouts.Idle)),
        (Setting.TimeoutsDrainDelay, c => Durations.Format(c.Timeouts.DrainDelay)),
        (Setting.TimeoutsDrain, c => Durations.Format(c.Timeouts.Drain)),
        (Setting.LimitsConnections, c => $"{c.Limits.Connections}"),
        (Setting.LimitsPerSource, c => $"{c.Limits.PerSource}"),
        (Setting.LimitsParked, c => $"{c.Limits.Parked}"),
        (Setting.RecordingFile, c => c.Recording?.File),
        (Setting.RecordingMaxBytes, c => c.Recording is { } r ? $"{r.MaxBytes}" : null),
        (Setting.LogLevel, c => $"{c.Log.Level}"),
        (Setting.LogFormat, c => $"{c.Log.Format}"),
        (Setting.LogSessions, c => $"{c.Log.Sessions}"),
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
            Redis = read.Redis.IsSameAs(old.Redis) ? old.Redis : read.Redis,
            Sentinel = read.Sentinel is { } sentinel && old.Sentinel is { } before && sentinel.IsSameAs(before) ? before : read.Sentinel,
            Admin = old.Admin is null || read.Admin is null ? old.Admin : old.Admin with { User = read.Admin.User, Password = read.Admin.Password },
            Timeouts = read.Timeouts,
            Limits = connectionsFit ? read.Limits : read.Limits with { Connections = old.Limits.Connections },
            Log = old.Log with { Level = read.Log.Level, Sessions = read.Log.Sessions },
        };

        // The admin section, when it comes or goes as a whole, needs a restart, whatever its keys.
        bool adminStays = old.Admin is null == read.Admin is null;
        bool Applies(Setting key) => key.Live && (key.Parent != Setting.Admin.Path || adminStays) && (key != Setting.LimitsConnections || connectionsFit);
        return new ConfigurationChanges(
            inForce,
            [.. changed.Where(Applies).Select(key => key.Path)],
            [.. changed.Where(key => !Applies(key)).Select(key => key.Path)]);
    }
}
