// The proxy's sessions with a real helper: its own process with the rights, in the proxy's network namespace.

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed class HandOverSessionTests(Xunit.Abstractions.ITestOutputHelper output) : IAsyncLifetime, IAsyncDisposable
{
    private const int AtATime = 24;
    private const int Sessions = 96;

    private static readonly IPAddress ClientAddress = IPAddress.Parse("10.92.1.2");
    private static readonly IPAddress ProxyAddress = IPAddress.Parse("10.92.2.2");
    private static readonly IPAddress NodeAddress = IPAddress.Parse("10.92.3.2");

    private readonly WorkDirectory _directory = new();
    private readonly string? _missing = HandOverRights.Missing ?? Installed.MissingForNamespaces();
    private readonly List<SessionRecord> _records = [];
    private readonly List<Task> _nodeSide = [];
    private RoutedNetwork _network = null!;
    private NetworkNamespace _clients = null!;
    private NetworkNamespace _proxies = null!;
    private NetworkNamespace _nodes = null!;
    private Socket _listener = null!;
    private RedisNode _node = null!;
    private ChildProcess? _helper;
    private DataPlane? _plane;
    private long _generation;

    public static TheoryData<ForwardingEngine> Engines => [ForwardingEngine.Epoll, ForwardingEngine.IoUring];

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task No_byte_is_wrong_or_missing_when_sessions_are_handed_over(ForwardingEngine engine)
    {
        await StartAsync(engine);
        _ = AcceptAsync(async socket => await Exchange.RunNodeAsync(socket));
        await Parallel.ForEachAsync(Enumerable.Range(1, Sessions), new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (seed, cancelled) =>
        {
            Exchange exchange = Exchange.Random(seed, resets: seed % 3 != 0) with { RestMilliseconds = seed % 3 == 0 ? 0 : 250 };
            using Socket client = await ConnectAsync();
            await exchange.RunClientAsync(client).WaitAsync(TimeSpan.FromSeconds(60), cancelled);
        });
        await Task.WhenAll(NodeSide()).WaitAsync(Bound.Wait);
        await RecordsAsync(Sessions);
        Assert.Equal(Sessions, _records.Count);
        Assert.All(_records, record => Assert.True(record.End is SessionEnd.ClientClosed or SessionEnd.ServerClosed, $"{record.End}"));
        ForwarderSnapshot snapshot = _plane!.Snapshot();
        Assert.True(snapshot.HandOver!.Value.Taken > Sessions / 12, $"of {Sessions} sessions: {snapshot.HandOver}");
        Assert.Equal(0, snapshot.Sessions);
    }

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task An_order_resets_handed_over_sessions_at_both_ends_and_their_bytes_are_counted(ForwardingEngine engine)
    {
        const int Before = 1000, After = 5000, Answer = 20_000;
        await StartAsync(engine);
        (Socket Client, Socket Node)[] sessions = await OpenSessionsAsync(50);
        await SendAsync(sessions, Before, Answer);
        await HandedOverAsync(sessions.Length);
        await SendAsync(sessions, After, Answer);
        await Eventually.HoldsAsync(
            async () => (await _plane!.ListSessionsAsync()).All(session =>
                session is { State: SessionState.HandedOver, BytesIn: Before + After, BytesOut: 2 * Answer, LocalPort: > 0 } && session.Node == _node),
            () => "bytes are counted while the sessions live");

        Task<SocketError>[] ends = [.. sessions.SelectMany(pair => new[] { pair.Client, pair.Node }).Select(EndAsync)];
        long began = Stopwatch.GetTimestamp();
        await _plane!.ApplyAsync(new GateOrder(GateMode.Park, null, ++_generation));
        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        output.WriteLine($"{sessions.Length} sessions were reset at both ends within {Stopwatch.GetElapsedTime(began).TotalMilliseconds:F1} ms");
        await RecordsAsync(sessions.Length);
        Assert.All(_records, record => Assert.Equal((SessionEnd.RoleLost, (long)Before + After, 2L * Answer), (record.End, record.BytesIn, record.BytesOut)));
        Close(sessions);
    }

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task Sessions_of_a_helper_that_is_killed_are_reset_and_new_ones_are_forwarded_without_it(ForwardingEngine engine)
    {
        await StartAsync(engine);
        (Socket Client, Socket Node)[] quiet = await OpenSessionsAsync(10);
        await SendAsync(quiet, 1, 1);
        await HandedOverAsync(quiet.Length);
        (Socket Client, Socket Node)[] used = await OpenSessionsAsync(10);
        await SendAsync(used, 1, 1);
        await HandedOverAsync(quiet.Length + used.Length);
        await SendAsync(used, 100, 100_000);

        Task<SocketError>[] ends = [.. quiet.Concat(used).SelectMany(pair => new[] { pair.Client, pair.Node }).Select(EndAsync)];
        long began = Stopwatch.GetTimestamp();
        _helper!.Send(Signal.Kill);
        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        output.WriteLine($"reset within {Stopwatch.GetElapsedTime(began).TotalMilliseconds:F1} ms of the kill");
        await RecordsAsync(quiet.Length + used.Length);
        Assert.All(_records, record => Assert.Equal(SessionEnd.Error, record.End));

        (Socket Client, Socket Node)[] next = await OpenSessionsAsync(3);
        await SendAsync(next, 1000, 1000);
        Assert.All(await _plane!.ListSessionsAsync(), session => Assert.Equal(SessionState.Open, session.State));
        Close(quiet, used, next);
    }

    [SkippableFact]
    public async Task A_proxy_that_ends_leaves_nothing_forwarding()
    {
        await StartAsync(ForwardingEngine.Epoll);
        (Socket Client, Socket Node)[] sessions = await OpenSessionsAsync(10);
        await SendAsync(sessions, 1, 1);
        await HandedOverAsync(sessions.Length);
        await SendAsync(sessions, 100, 100_000);
        Task<SocketError>[] ends = [.. sessions.SelectMany(pair => new[] { pair.Client, pair.Node }).Select(EndAsync)];
        await _plane!.DisposeAsync();
        _plane = null;
        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        Close(sessions);
    }

    private async Task StartAsync(ForwardingEngine engine)
    {
        Skip.If(_missing is not null, _missing);
        string path = Path.Combine(_directory.Path, "helper");
        _helper = ChildProcess.Start(
            "helper", Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy"), ["hand-over", "--socket", path], Path.Combine(_directory.Path, "helper.log"),
            _proxies);
        await Eventually.HoldsAsync(() => File.Exists(path), () => "the helper listens: " + File.ReadAllText(_helper.LogFile));
        _listener = Open(_nodes);
        _listener.Bind(new IPEndPoint(NodeAddress, 0));
        _listener.Listen(1024);
        _node = new RedisNode("redis1", (IPEndPoint)_listener.LocalEndPoint!);
        var configuration = new ProxyConfiguration
        {
            Listen = [new IPEndPoint(ProxyAddress, 0)],
            Redis = new RedisConfiguration { Nodes = [_node] },
            Engine = engine,
            HandOver = new HandOverConfiguration(path),
        };
        using (_proxies.Enter())
        {
            try
            {
                _plane = new DataPlane(configuration, NullLoggerFactory.Instance, TimeProvider.System, loops: 1);
            }
            catch (EngineUnavailableException e)
            {
                Skip.If(true, e.Message);
            }

            _plane!.Start();
        }

        await _plane.ApplyAsync(new GateOrder(GateMode.Open, _node, ++_generation));
    }

    private async Task<(Socket Client, Socket Node)[]> OpenSessionsAsync(int count)
    {
        var sessions = new List<(Socket, Socket)>();
        while (sessions.Count < count)
        {
            Socket client = await ConnectAsync();
            sessions.Add((client, await _listener.AcceptAsync().WaitAsync(Bound.Wait)));
        }

        return [.. sessions];
    }

    private static async Task SendAsync((Socket Client, Socket Node)[] sessions, int fromClient, int fromNode)
    {
        foreach ((Socket client, Socket node) in sessions)
        {
            await client.SendAllAsync(new byte[fromClient]);
            await ReadAsync(node, fromClient);
            await node.SendAllAsync(new byte[fromNode]);
            await ReadAsync(client, fromNode);
        }
    }

    private static async Task ReadAsync(Socket socket, int bytes)
    {
        for (byte[] buffer = new byte[bytes]; bytes > 0;)
        {
            int length = await socket.ReceiveAsync(buffer.AsMemory(0, bytes)).AsTask().WaitAsync(Bound.Wait);
            Assert.True(length > 0, "ended too early");
            bytes -= length;
        }
    }

    private static async Task<SocketError> EndAsync(Socket socket)
    {
        try
        {
            await socket.ReceiveAsync(new byte[1]);
            return SocketError.Success;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode;
        }
    }

    private Task HandedOverAsync(int count) => Eventually.HoldsAsync(
        () => _plane!.Snapshot().HandOver!.Value.Taken == count,
        () => $"{count} sessions are handed over: {_plane!.Snapshot().HandOver}; {File.ReadAllText(_helper!.LogFile)}");

    private async Task<Socket> ConnectAsync()
    {
        Socket client = Open(_clients);
        await client.ConnectAsync(_plane!.ListenEndPoints[0]).WaitAsync(Bound.Wait);
        return client;
    }

    private async Task AcceptAsync(Func<Socket, Task> serve)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            lock (_nodeSide)
            {
                _nodeSide.Add(ServeAsync(socket));
            }
        }

        async Task ServeAsync(Socket socket)
        {
            using (socket)
            {
                await serve(socket);
            }
        }
    }

    private Task[] NodeSide()
    {
        lock (_nodeSide)
        {
            return [.. _nodeSide];
        }
    }

    private Task RecordsAsync(int count) => Eventually.HoldsAsync(
        () =>
        {
            while (_plane!.Journal.TryRead(out SessionRecord record))
            {
                _records.Add(record);
            }

            return _records.Count >= count;
        },
        () => $"{count} sessions have ended, {_records.Count} did");

    private static void Close(params (Socket Client, Socket Node)[][] sessions)
    {
        foreach ((Socket client, Socket node) in sessions.SelectMany(pairs => pairs))
        {
            client.Dispose();
            node.Dispose();
        }
    }

    private static Socket Open(NetworkNamespace network)
    {
        using IDisposable inside = network.Enter();
        return new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    }

    public async Task InitializeAsync()
    {
        if (_missing is null)
        {
            _network = await RoutedNetwork.CreateAsync(_directory);
            _clients = await _network.AddAsync("client", ClientAddress);
            _proxies = await _network.AddAsync("proxy", ProxyAddress);
            _nodes = await _network.AddAsync("node", NodeAddress);
        }
    }

    async Task IAsyncLifetime.DisposeAsync() => await DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        if (_plane is not null)
        {
            await _plane.DisposeAsync();
        }

        _helper?.Dispose();
        _listener?.Dispose();
        _network?.Dispose();
        _directory.Dispose();
    }
}
