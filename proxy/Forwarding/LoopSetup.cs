// What an event loop is made of, whichever engine it has.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>The start of one loop.</summary>
internal sealed record LoopSetup
{
    /// <summary>Its number, from 0 to <see cref="Count"/> - 1.</summary>
    public required int Index { get; init; }

    /// <summary>The loops of both listeners.</summary>
    public required int Count { get; init; }

    /// <summary>Its sessions are those of the read-only listener.</summary>
    public required bool ReadOnly { get; init; }

    public required ProxyConfiguration Configuration { get; init; }

    public required NodeTarget[] Nodes { get; init; }

    /// <summary>Of all loops of the listener.</summary>
    public required SharedLimits Limits { get; init; }

    /// <summary>Takes the ends of its sessions.</summary>
    public required SessionRing Journal { get; init; }

    public required ILogger Logger { get; init; }

    public required TimeProvider Time { get; init; }
}
