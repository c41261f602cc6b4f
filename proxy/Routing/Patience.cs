// How long new sessions of a listener wait while nobody can serve them: as long as any failover takes, and then as long as each of them may
// wait. After that an error is more useful than a wait, and they are refused at once.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Routing;

/// <summary>The patience of one listener. It begins when the process starts, and whenever nobody serves any more.</summary>
internal sealed class Patience(ProxyConfiguration configuration)
{
    private TimeSpan _limit = LimitOf(configuration);
    private TimeSpan _since;
    private bool _served;

    /// <summary>
    /// When it ends; <see cref="TimeSpan.MaxValue"/> while somebody serves, and where sessions do not wait at all (they are refused one by one).
    /// </summary>
    public TimeSpan EndsAt => _served || _limit == TimeSpan.MaxValue ? TimeSpan.MaxValue : _since + _limit;

    /// <summary>Takes the time-outs of another configuration.</summary>
    public void Reconfigure(ProxyConfiguration changed) => _limit = LimitOf(changed);

    /// <summary>Whether somebody serves now.</summary>
    public void Note(bool served, TimeSpan now)
    {
        _since = _served && !served ? now : _since;
        _served = served;
    }

    private static TimeSpan LimitOf(ProxyConfiguration configuration) =>
        configuration.Timeouts.Park == TimeSpan.Zero ? TimeSpan.MaxValue : (configuration.DownAfter * 2) + configuration.Timeouts.Park;
}
