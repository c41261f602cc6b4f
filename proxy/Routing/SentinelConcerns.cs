// What a Sentinel says that no deployment of ours says by itself. Sentinels believe what arrives on the nodes' __sentinel__:hello channel: a
// message there can name a foreign master, other Sentinels, or an epoch after which no failover is possible. Nothing of it is evidence for
// the routing; somebody must look.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>The concerns about one Sentinel.</summary>
internal sealed class SentinelConcerns
{
    /// <summary>Each failover takes an epoch, each attempt without a majority too: so many at once are no failovers.</summary>
    private const long MaxStep = 1000;

    /// <summary>More failovers than one a second in 30,000 years.</summary>
    private const long Impossible = 1L << 40;

    private const string Which = $"(the rights {NeededRights.SentinelNames} let the proxy say which)";

    private long _epoch = -1;
    private string? _jump;

    /// <summary>What to do about any of them.</summary>
    public const string Remedy = "If you added servers, list them here and reload; removed ones are forgotten with SENTINEL RESET. If nobody did either, "
        + "somebody can write to the Sentinels' channel: docs/security.md has the way back.";

    /// <summary>Takes an epoch that it reports, of its configuration or its current one.</summary>
    public void TakeEpoch(long epoch)
    {
        _jump = epoch == long.MaxValue ? "has an epoch near 2^63 or above, after which no failover is possible"
            : epoch >= Impossible ? $"has epoch {epoch}, which no failovers led to"
            : _epoch >= 0 && epoch - _epoch > MaxStep ? $"went from epoch {_epoch} to {epoch} at once"
            : _jump;
        _epoch = Math.Max(_epoch, epoch);
    }

    /// <summary>The concerns now, each a part of a sentence that begins with the Sentinel; none on a normal day.</summary>
    /// <param name="answer">Its last answer; null for none.</param>
    /// <param name="nodes">Configured nodes.</param>
    /// <param name="sentinels">Configured Sentinels.</param>
    public IReadOnlyList<string> Of(SentinelReport? answer, int nodes, int sentinels)
    {
        if (answer is not { } said)
        {
            return _jump is null ? [] : [_jump];
        }

        var concerns = new List<string>();
        Add(said.Named < 0 ? $"names {said.NamedAddress} as the master, which is not in redis.nodes" : null);
        Add(said.UnknownSentinels is { } others ? $"knows Sentinels that are not in sentinel.nodes: {others}"
            : said.OtherSentinels >= sentinels ? $"knows {said.OtherSentinels} other Sentinels, and sentinel.nodes has {sentinels - 1} {Which}" : null);
        Add(said.UnknownReplicas is { } replicas ? $"knows replicas that are not in redis.nodes: {replicas}"
            : said.Named >= 0 && said.Replicas >= nodes ? $"knows {said.Replicas} replicas, and redis.nodes has {nodes - 1} beside the master {Which}" : null);
        Add(_jump);
        return concerns;

        void Add(string? concern)
        {
            if (concern is not null)
            {
                concerns.Add(concern);
            }
        }
    }
}
