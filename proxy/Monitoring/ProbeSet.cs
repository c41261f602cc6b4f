// All probes of one configuration: a conversation with every data node and Sentinel, and the Sentinels' events. A reload replaces
// the set as a whole: the new one is started and has been heard before the old one ends, so that evidence has no gap.

using RedisHaProxy.Configuration;
using RedisHaProxy.Reactor;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Monitoring;

/// <summary>The probes of one configuration.</summary>
internal sealed class ProbeSet : IDisposable
{
    private readonly ProbeLoop[] _loops;
    private readonly SentinelHearing[] _hearings;
    private readonly SentinelEvents[] _events;
    private readonly CancellationTokenSource _retired = new();

    /// <param name="configuration">Sections redis and sentinel.</param>
    /// <param name="directory">Which node is at an address.</param>
    /// <param name="sink">Takes the reports.</param>
    /// <param name="reactor">The thread on which it runs.</param>
    /// <param name="clock">Its time.</param>
    public ProbeSet(ProxyConfiguration configuration, NodeDirectory directory, IReportSink sink, ReactorThread reactor, MonotonicClock clock)
    {
        RedisConfiguration redis = configuration.Redis;
        var redisTls = TlsClient.Of(redis.Tls);
        var sentinelTls = TlsClient.Of(configuration.Sentinel?.Tls);
        IEnumerable<ProbeLoop> nodes = redis.Nodes.Select((node, i) => new ProbeLoop(
            node.EndPoint, new NodeConversation(i, redis.Credentials, directory, sink), redis.ProbeInterval, reactor, clock, redisTls));
        SentinelConfiguration? sentinel = configuration.Sentinel;
        _hearings = sentinel is null ? [] : [.. sentinel.Nodes.Select(_ => new SentinelHearing(sentinel.PollInterval, clock))];
        IEnumerable<ProbeLoop> sentinels = sentinel is null ? [] : sentinel.Nodes.Select((endPoint, i) => new ProbeLoop(
            endPoint, new SentinelConversation(i, sentinel, directory, sink, _hearings[i]), sentinel.PollInterval, reactor, clock, sentinelTls));
        _loops = [.. nodes, .. sentinels];
        _events = sentinel is null ? [] :
            [.. sentinel.Nodes.Select((endPoint, i) => new SentinelEvents(i, endPoint, sentinel, directory, sink, _hearings[i], reactor, clock, sentinelTls))];
    }

    /// <summary>Has every probe ask at once. From any thread.</summary>
    public void AskEverybody()
    {
        foreach (ProbeLoop probe in _loops)
        {
            probe.Poke();
        }
    }

    /// <summary>Runs until cancelled or retired, on the reactor's thread; never throws for a server's failure. A defect of one ends all.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop, _retired.Token);
        Task[] all = [.. _loops.Select(probe => probe.RunAsync(ended.Token)), .. _events.Select(events => events.RunAsync(ended.Token))];
        await Task.WhenAny(all);
        await ended.CancelAsync();
        await Task.WhenAll(all);
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

        foreach (SentinelHearing hearing in _hearings)
        {
            hearing.Dispose();
        }

        _retired.Dispose();
    }
}
