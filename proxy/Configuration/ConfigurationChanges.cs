// What a reload finds: which keys have changed, which of them apply at once, and the settings that then hold.

namespace RedisHaProxy.Configuration;

/// <summary>The difference between the settings in force and those of the file.</summary>
/// <param name="InForce">The old settings with the changes that apply at once.</param>
/// <param name="Applied">Keys that changed and apply at once.</param>
/// <param name="NeedRestart">Keys that changed and keep their old value until a restart.</param>
internal sealed record ConfigurationChanges(ProxyConfiguration InForce, IReadOnlyList<string> Applied, IReadOnlyList<string> NeedRestart)
{
    /// <summary>Compares the settings in force with the file's.</summary>
    /// <param name="old">In force.</param>
    /// <param name="read">The file's.</param>
    /// <param name="mostConnections">The greatest limits.connections that can be set without a restart.</param>
    public static ConfigurationChanges Between(ProxyConfiguration old, ProxyConfiguration read, int mostConnections = int.MaxValue)
    {
        var changed = Setting.All.Where(key => key.ValueOf(old) != key.ValueOf(read)).ToList();
        bool connectionsFit = read.Limits.Connections <= mostConnections;
        ProxyConfiguration inForce = old with
        {
            Tls = old.Tls is null || read.Tls is null ? old.Tls : read.Tls with { Listen = old.Tls.Listen },
            Redis = read.Redis.IsSameAs(old.Redis) ? old.Redis : read.Redis with { Tls = Kept(old.Redis.Tls, read.Redis.Tls) },
            Sentinel = read.Sentinel is { } sentinel && old.Sentinel is { } before
                ? sentinel.IsSameAs(before) ? before : sentinel with { Tls = Kept(before.Tls, sentinel.Tls) }
                : read.Sentinel,
            Admin = old.Admin is null || read.Admin is null ? old.Admin : old.Admin with
            {
                User = read.Admin.User,
                Peers = read.Admin.Peers,
                Password = read.Admin.Password,
                FormerPassword = read.Admin.FormerPassword,
                Metrics = read.Admin.Metrics,
                Tls = Kept(old.Admin.Tls, read.Admin.Tls),
            },
            Timeouts = read.Timeouts,
            Limits = read.Limits with { Connections = connectionsFit ? read.Limits.Connections : old.Limits.Connections, Refusal = old.Limits.Refusal },
            Log = old.Log with { Level = read.Log.Level, Sessions = read.Log.Sessions },
        };

        // A section of these, when it comes or goes as a whole, needs a restart, whatever its keys.
        bool Applies(Setting key) => key.Live && (key != Setting.LimitsConnections || connectionsFit)
            && Setting.All.OfType<SectionSetting>().All(section => section.Present is not { } present
                || !key.Path.StartsWith(section.Path + ".", StringComparison.Ordinal) || present(old) == present(read));
        return new ConfigurationChanges(
            inForce,
            [.. changed.Where(Applies).Select(key => key.Path)],
            [.. changed.Where(key => !Applies(key)).Select(key => key.Path)]);
    }

    // Present stays present, and absent absent: whether there is TLS is decided at the start.
    private static T? Kept<T>(T? old, T? read)
        where T : class => old is null ? null : read ?? old;
}
