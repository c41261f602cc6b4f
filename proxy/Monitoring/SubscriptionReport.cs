// How the subscription to a Sentinel's events goes. It is no evidence of the routing: it says whether announcements would be heard.

namespace RedisHaProxy.Monitoring;

/// <summary>The news of one Sentinel's subscription.</summary>
public readonly record struct SubscriptionReport
{
    /// <summary>Index of the Sentinel in the configuration.</summary>
    public required int Sentinel { get; init; }

    /// <summary>
    /// <see cref="ServerHealth.Up"/> when all channels are subscribed to; <see cref="ServerHealth.Disconnected"/> while that may pass by itself.
    /// </summary>
    public required ServerHealth Health { get; init; }

    /// <summary>What the server or the system said, with the channels that were refused where only some were.</summary>
    public string? Error { get; init; }
}
