// Whether this proxy is shut out where the others are not (Blindness.cs says when), for health checks, pages and the log.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

internal sealed partial class Router
{
    private void NoteBlindness(TimeSpan now)
    {
        int node = Blindness.NodeOf(_decision.Situation, _decision, ShownHealth, i => _maintenance.Has(_watch.Names.Node(i)));
        _blindness.Take(node, now);
        bool isBlind = _blindness.Lasts(now) > Blindness.Limit(_watch.Timing.DownAfter);
        if (isBlind == _isBlind)
        {
            return;
        }

        _isBlind = isBlind;
        if (isBlind)
        {
            ServerHealth health = ShownHealth(node);
            LogBlind(_watch.Names.Node(node), _blindness.Lasts(now).TotalSeconds, health.Text(), health.Advice("redis"));
        }
        else
        {
            LogBlindNoMore();
        }
    }

    private ServerHealth ShownHealth(int node) => _watch.NodeHealth[node].Shown(_watch.State.Node(node).Health, null).Health;

    private BlindStatus? BlindAt(TimeSpan now, DateTimeOffset time) => _blindness.Node < 0 ? null : new BlindStatus
    {
        Node = _watch.Names.Node(_blindness.Node),
        Health = ShownHealth(_blindness.Node),
        Since = time - _blindness.Lasts(now),
        Lasts = _blindness.Lasts(now),
        DownAfter = _watch.Timing.DownAfter,
    };
}

/// <summary>A node that most Sentinels see as healthy and this proxy cannot use.</summary>
internal sealed record BlindStatus
{
    public required string Node { get; init; }

    public required ServerHealth Health { get; init; }

    /// <summary>Since when, by the wall clock.</summary>
    public required DateTimeOffset Since { get; init; }

    public required TimeSpan Lasts { get; init; }

    /// <summary>down-after: up to that it may be a failover that has not begun.</summary>
    public required TimeSpan DownAfter { get; init; }
}
