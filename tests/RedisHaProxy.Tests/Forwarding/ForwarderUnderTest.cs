// A LoopForwarder on a free loopback port in front of plain servers.

using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

internal sealed class ForwarderUnderTest : IAsyncDisposable
{
    private readonly List<SessionRecord> _records = [];
    private readonly HandOver.HandingOver? _handOver;
    private long _generation;

    /// <summary>With the engine that a proxy would choose.</summary>
    public ForwarderUnderTest(
        IEnumerable<System.Net.IPEndPoint> nodes,
        TimeoutConfiguration? timeouts = null,
        LimitConfiguration? limits = null,
        int loops = 1,
        ILoggerFactory? loggerFactory = null,
        ProxyProtocolConfiguration? proxyProtocol = null,
        Func<ProxyConfiguration, ProxyConfiguration>? change = null)
        : this(ForwardingEngine.Auto, nodes, timeouts, limits, loops, loggerFactory, proxyProtocol, change)
    {
    }

    /// <summary>With this engine; skips the test where the kernel does not have it.</summary>
    public ForwarderUnderTest(
        EngineUnderTest engine,
        IEnumerable<System.Net.IPEndPoint> nodes,
        TimeoutConfiguration? timeouts = null,
        LimitConfiguration? limits = null,
        int loops = 1,
        ILoggerFactory? loggerFactory = null,
        ProxyProtocolConfiguration? proxyProtocol = null,
        Func<ProxyConfiguration, ProxyConfiguration>? change = null,
        int handOverMilliseconds = 0)
    {
        Skip.If(engine.HandsOver && HandOver.HandOverRights.Missing is not null, HandOver.HandOverRights.Missing);
        Nodes = [.. nodes.Select((endPoint, i) => new RedisNode($"redis{i + 1}", endPoint))];
        var configuration = new ProxyConfiguration
        {
            Listen = [new(System.Net.IPAddress.Loopback, 0)],
            ProxyProtocol = proxyProtocol,
            Redis = new RedisConfiguration { Nodes = Nodes },
            Timeouts = timeouts ?? new TimeoutConfiguration(),
            Limits = limits ?? new LimitConfiguration(),
            Engine = engine.Engine,
        };
        Configuration = change?.Invoke(configuration) ?? configuration;
        try
        {
            Forwarder = new LoopForwarder(Configuration, loggerFactory ?? NullLoggerFactory.Instance, TimeProvider.System, loops);
        }
        catch (EngineUnavailableException e)
        {
            Skip.If(true, e.Message);
            throw;
        }

        _handOver = engine.HandsOver ? new HandOver.HandingOver(Forwarder, handOverMilliseconds) : null;
        Forwarder.Start();
    }

    public IReadOnlyList<RedisNode> Nodes { get; }

    public ProxyConfiguration Configuration { get; }

    public LoopForwarder Forwarder { get; }

    /// <summary>What clients send first, as a balancer in between would.</summary>
    public byte[] Header { get; init; } = [];

    public static Task<ForwarderUnderTest> OpenAsync(
        PlainServer server, TimeoutConfiguration? timeouts = null, LimitConfiguration? limits = null, int loops = 1) =>
        OpenAsync(ForwardingEngine.Auto, server, timeouts, limits, loops);

    public static async Task<ForwarderUnderTest> OpenAsync(
        EngineUnderTest engine, PlainServer server, TimeoutConfiguration? timeouts = null, LimitConfiguration? limits = null, int loops = 1)
    {
        var forwarder = new ForwarderUnderTest(engine, [server.EndPoint], timeouts, limits, loops);
        await forwarder.OrderAsync(GateMode.Open, 0);
        return forwarder;
    }

    /// <summary>Gives the next order; a null node means no target.</summary>
    public Task OrderAsync(GateMode mode, int? node = null) => Order(mode, node).WaitAsync(Bound.Wait);

    /// <summary>The same, without waiting for it.</summary>
    public Task Order(GateMode mode, int? node = null) => Forwarder.Apply(new GateOrder(mode, node is { } index ? Nodes[index] : null, ++_generation));

    /// <summary>A client's connection. It waits for no thread of the pool, because some clients must ask within a second of their connection.</summary>
    public async Task<Socket> ConnectAsync()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.Connect(Forwarder.ListenEndPoints[0]);
        await client.SendAllAsync(Header);
        return client;
    }

    /// <summary>Many, all at the same time.</summary>
    public Task<Socket[]> ConnectAsync(int clients) => Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(Forwarder.ListenEndPoints[0]).WaitAsync(Bound.Wait);
        await client.SendAllAsync(Header);
        return client;
    }));

    /// <summary>A client that the forwarder has parked.</summary>
    public async Task<Socket> ConnectAndParkAsync()
    {
        int parked = Forwarder.Snapshot().Parked;
        Socket client = await ConnectAsync();
        await Eventually.HoldsAsync(() => Forwarder.Snapshot().Parked == parked + 1, () => "the session is parked");
        return client;
    }

    /// <summary>Waits until no session is left.</summary>
    public Task NoSessionsAsync() => Eventually.HoldsAsync(() => Forwarder.Snapshot().Sessions == 0, () => "all sessions have ended");

    /// <summary>Waits until so many sessions have ended, and gives their records in the order of their ends.</summary>
    public async Task<IReadOnlyList<SessionRecord>> RecordsAsync(int count)
    {
        await Eventually.HoldsAsync(
            () =>
            {
                while (Forwarder.Journal.TryRead(out SessionRecord record))
                {
                    _records.Add(record);
                }

                return _records.Count >= count;
            },
            () => $"{count} sessions have ended");
        return _records;
    }

    /// <summary>Has a loop's thread compute something.</summary>
    public Task<T> AskLoopAsync<T>(int loop, Func<SessionLoop, T> question) => AskLoop(loop, question).WaitAsync(Bound.Wait);

    /// <summary>The same, without waiting for it.</summary>
    public Task<T> AskLoop<T>(int loop, Func<SessionLoop, T> question)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Forwarder.Loops[loop].Post(each => answer.SetResult(question(each)));
        return answer.Task;
    }

    public async ValueTask DisposeAsync()
    {
        await Forwarder.DisposeAsync();
        _handOver?.Dispose();
    }
}
