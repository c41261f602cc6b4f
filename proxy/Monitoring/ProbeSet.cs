// All probes of one configuration: a conversation with every data node and Sentinel, and the Sentinels' events. A reload replaces
// the set as a whole: the new one is started and has been heard before the old one ends, so that evidence has no gap.

using RedisHaProxy.Configuration;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Monitoring;

/// <summary>The probes of one configuration.</summary>
internal sealed class ProbeSet : IDisposable
{
    private readonly ProbeLoop[] _loops;
    private readonly SentinelEvents[] _events;
    private readonly CancellationTokenSource _retired = new();

    /// <param name="configuration">Sections redis and sentinel.</param>
    /// <param name="directory">Which node is at an address.</param>
    /// <param name="sink">Takes the reports.</param>
    /// <param name="clock">Where all time comes from.</param>
    public ProbeSet(ProxyConfiguration configuration, NodeDirectory directory, IReportSink sink, MonotonicClock clock)
    {
        RedisConfiguration redis = configuration.Redis;
        TlsClient? redisTls = TlsClient.Of(redis.Tls);
        TlsClient? sentinelTls = TlsClient.Of(configuration.Sentinel?.Tls);
        IEnumerable<ProbeLoop> nodes = redis.Nodes.Select((node, i) => new ProbeLoop(
            node.EndPoint, new NodeConversation(i, redis.Credentials, directory, sink), redis.ProbeInterval, clock, redisTls));
        SentinelConfiguration? sentinel = configuration.Sentinel;
        IEnumerable<ProbeLoop> sentinels = sentinel is null ? [] : sentinel.Nodes.Select((endPoint, i) => new ProbeLoop(
            endPoint, new SentinelConversation(i, sentinel, directory, sink), sentinel.PollInterval, clock, sentinelTls));
        _loops = [.. nodes, .. sentinels];
        _events = sentinel is null ? [] : [.. sentinel.Nodes.Select((endPoint, i) => new SentinelEvents(i, endPoint, sentinel, directory, sink, clock, sentinelTls))];
    }

    /// <summary>Has every probe ask at once.</summary>
    public void AskEverybody()
    {
        foreach (ProbeLoop probe in _loops)
        {
            probe.Poke();
        }
    }

    /// <summary>Runs until cancelled or retired; never throws for a server's failure.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop, _retired.Token);
        await Task.WhenAll([.. _loops.Select(probe => probe.RunAsync(ended.Token)), .. _events.Select(events => events.RunAsync(ended.Token))]);
    }

    /// <summary>Lets the probes end; their connections close.</summary>
    public void Retire() => _retired.Cancel();

    /// <summary>Frees the timers; after the run.</summary>
    public void Dispose()
    {
        foreach (ProbeLoop probe in _loops)
        {
            probe.Dispose();
        }

        _retired.Dispose();
    }
}
