// A router over real servers with a recording data plane, running until disposed.

using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

internal sealed class RunningRouter : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;
    private readonly ILoggerFactory _loggers;

    public RunningRouter(ProxyConfiguration configuration)
    {
        _loggers = LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Debug).AddProvider(Log));
        Router = new Router(configuration, Forwarder, TimeProvider.System, _loggers);
        _run = Router.RunAsync(_stop.Token);
    }

    public RecordingForwarder Forwarder { get; } = new();

    public LineLog Log { get; } = new();

    public Router Router { get; }

    /// <summary>A configuration of three nodes and three Sentinels that need not exist.</summary>
    public static ProxyConfiguration Configuration(int downAfterMilliseconds) => new()
    {
        Listen = [],
        Redis = new RedisConfiguration { Nodes = [.. Enumerable.Range(1, 3).Select(i => new RedisNode($"redis{i}", IPEndPoint.Parse($"172.31.0.{i}:6379")))] },
        Sentinel = new SentinelConfiguration
        {
            Master = "mymaster",
            Nodes = [.. Enumerable.Range(1, 3).Select(i => IPEndPoint.Parse($"172.31.0.{i}:26379"))],
            DownAfter = TimeSpan.FromMilliseconds(downAfterMilliseconds),
        },
    };

    /// <summary>The configuration of a proxy for a deployment.</summary>
    public static ProxyConfiguration ConfigurationFor(RedisDeployment deployment) => new()
    {
        Listen = [],
        Redis = new RedisConfiguration
        {
            Nodes = [.. deployment.Nodes.Select((n, i) => new RedisNode($"redis{i + 1}", n.EndPoint))],
            Credentials = deployment.Options.Password is { } password ? new RedisCredentials(null, password) : null,
        },
        Sentinel = deployment.Sentinels.Count == 0
            ? null
            : new SentinelConfiguration
            {
                Master = RedisDeployment.MasterName,
                Nodes = [.. deployment.Sentinels.Select(s => s.EndPoint)],
                Credentials = deployment.Options.Password is { } sentinelPassword ? new RedisCredentials(null, sentinelPassword) : null,
                DownAfter = TimeSpan.FromMilliseconds(deployment.Options.DownAfterMilliseconds),
            },
    };

    /// <summary>Waits until the gate is open to a node, and returns when that was.</summary>
    public async Task<long> OpensToAsync(RedisProcess node, long after = 0, TimeSpan? within = null)
    {
        await Eventually.HoldsAsync(
            () => Forwarder.Last is { Mode: GateMode.Open } order && order.Target!.EndPoint.Equals(node.EndPoint),
            () => $"the gate opens to {node.EndPoint}; its last order: {Forwarder.Last}\n{Log}",
            within);
        return Forwarder.FirstAfter(after, o => o.Mode == GateMode.Open && o.Target!.EndPoint.Equals(node.EndPoint))!.Value;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        Router.Dispose();
        _loggers.Dispose();
        _stop.Dispose();
    }
}

/// <summary>Log lines with the seconds since the start, for assertions and for the messages of failed tests.</summary>
internal sealed class LineLog : ILoggerProvider, ILogger
{
    private readonly List<string> _lines = [];
    private readonly long _start = Stopwatch.GetTimestamp();

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>Waits for a line with all these parts: what is logged may be here later than what else shows it.</summary>
    public Task HasAsync(params string[] parts) => Eventually.HoldsAsync(
        () => Lines.Any(line => parts.All(part => line.Contains(part, StringComparison.Ordinal))), () => $"{string.Join(" ... ", parts)}\n{this}");

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            _lines.Add($"{Stopwatch.GetElapsedTime(_start).TotalSeconds:0.000} {logLevel}: {formatter(state, exception)}");
        }
    }

    public void Dispose()
    {
    }

    public override string ToString() => string.Join('\n', Lines);
}
