// Sessions that are handed over in the middle of their streams: real sockets in three network namespaces, or on a loopback.

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed class HandOverTests(Xunit.Abstractions.ITestOutputHelper output) : IAsyncLifetime, IAsyncDisposable
{
    private const int AtATime = 24;

    private static readonly int Sessions = int.TryParse(Environment.GetEnvironmentVariable("HANDOVER_SESSIONS"), out int count) ? count : 120;
    private static readonly IPAddress ClientAddress = IPAddress.Parse("10.91.1.2");
    private static readonly IPAddress ProxyAddress = IPAddress.Parse("10.91.2.2");
    private static readonly IPAddress NodeAddress = IPAddress.Parse("10.91.3.2");

    private readonly WorkDirectory _directory = new();
    private readonly List<IDisposable> _parts = [];
    private readonly List<Task> _nodeSide = [];
    private readonly string? _missing = HandOverRights.Missing ?? Installed.MissingForNamespaces();
    private RoutedNetwork? _network;
    private NetworkNamespace _clients = null!;
    private NetworkNamespace _proxies = null!;
    private NetworkNamespace _nodes = null!;

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task No_byte_is_wrong_or_missing_whenever_a_session_is_handed_over(int lossPercent)
    {
        Skip.If(_missing is not null, _missing);
        Skip.If(lossPercent > 0 && Environment.GetEnvironmentVariable("HANDOVER_SESSIONS") is null, "the end of a session may be missed: docs/hand-over.md");
        if (lossPercent > 0)
        {
            await _network!.LoseAsync(lossPercent);
        }

        using var proxy = new HandingProxy(_proxies, ProxyAddress, Serve(_nodes, NodeAddress), After);
        await RunAllAsync(proxy, _clients, ProxyAddress, lossPercent > 0 ? Sessions / 3 : Sessions, lossPercent);
    }

    [SkippableFact]
    public async Task The_same_on_a_loopback()
    {
        Skip.If(_missing is not null, _missing);
        using var proxy = new HandingProxy(_proxies, IPAddress.Loopback, Serve(_proxies, IPAddress.Loopback), After);
        await RunAllAsync(proxy, _proxies, IPAddress.Loopback, Sessions);
    }

    [SkippableFact]
    public async Task A_switch_resets_idle_sessions_at_both_ends_and_bytes_are_counted()
    {
        Skip.If(_missing is not null, _missing);
        const int Idle = 200;
        const int Bytes = 3000;
        using Socket listener = Open(_nodes);
        listener.Bind(new IPEndPoint(NodeAddress, 0));
        listener.Listen(Idle);
        using var proxy = new HandingProxy(_proxies, ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, _ => 1);
        var ends = new List<Socket>();
        try
        {
            for (int i = 0; i < Idle; i++)
            {
                Socket client = Open(_clients);
                ends.Add(client);
                await client.ConnectAsync(ProxyAddress, proxy.Port).WaitAsync(Bound.Wait);
                await client.SendAllAsync(new byte[1]);
                Socket node = await listener.AcceptAsync().WaitAsync(Bound.Wait);
                ends.Add(node);
                await ReadAsync(node, 1);
            }

            await Eventually.HoldsAsync(() => proxy.AskAsync(handOvers => handOvers.Count == Idle && !handOvers.IsBusy), () => "handed over and settled");
            for (int i = 0; i < Idle; i++)
            {
                await ends[2 * i].SendAllAsync(new byte[Bytes]);
                await ReadAsync(ends[(2 * i) + 1], Bytes);
                await ends[(2 * i) + 1].SendAllAsync(new byte[2 * Bytes]);
                await ReadAsync(ends[2 * i], 2 * Bytes);
            }

            (long, long)?[] counted = await proxy.AskAsync(handOvers => Enumerable.Range(1, Idle).Select(id => handOvers.Bytes(id)).ToArray());
            Assert.All(counted, bytes => Assert.Equal((Bytes, 2 * Bytes), bytes));

            Task<SocketError>[] ending = [.. ends.Select(EndAsync)];
            long began = Stopwatch.GetTimestamp();
            await proxy.AskAsync(handOvers =>
            {
                handOvers.ResetAll();
                return handOvers.Count;
            });
            SocketError[] errors = await Task.WhenAll(ending).WaitAsync(Bound.Wait);
            TimeSpan took = Stopwatch.GetElapsedTime(began);
            Assert.All(errors, error => Assert.Equal(SocketError.ConnectionReset, error));
            output.WriteLine($"{Idle} sessions were reset at both ends within {took.TotalMilliseconds:F1} ms");
            Assert.All(proxy.Ends, end => Assert.Equal(HandOverEnd.Ordered, end.Value));
        }
        finally
        {
            ends.ForEach(socket => socket.Dispose());
        }

        static async Task ReadAsync(Socket socket, int bytes)
        {
            for (byte[] buffer = new byte[bytes]; bytes > 0;)
            {
                int length = await socket.ReceiveAsync(buffer.AsMemory(0, bytes)).AsTask().WaitAsync(Bound.Wait);
                Assert.True(length > 0, "ended too early");
                bytes -= length;
            }
        }

        static async Task<SocketError> EndAsync(Socket socket)
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
    }

    private static int? After(int number) => number % 2 == 0 ? 0 : new Random(number).Next(0, 200_000);

    private async Task RunAllAsync(HandingProxy proxy, NetworkNamespace from, IPAddress to, int sessions, int lossPercent = 0)
    {
        int port = proxy.Port;
        await Parallel.ForEachAsync(Enumerable.Range(1, sessions), new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (seed, cancelled) =>
        {
            Exchange exchange = Exchange.Random(seed, resets: lossPercent == 0); // nobody sends a RST again that was lost
            using Socket socket = Open(from);
            await socket.ConnectAsync(to, port, cancelled).AsTask().WaitAsync(Bound.Wait, cancelled);
            try
            {
                await exchange.RunClientAsync(socket).WaitAsync(TimeSpan.FromSeconds(60), cancelled);
            }
            catch (Exception e)
            {
                int own = ((IPEndPoint)socket.LocalEndPoint!).Port;
                throw new InvalidOperationException($"{exchange} from port {own}: {await proxy.DescribeAsync(own)}", e);
            }
        });
        Task[] nodeSide;
        lock (_nodeSide)
        {
            nodeSide = [.. _nodeSide];
        }

        await Task.WhenAll(nodeSide).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(sessions, nodeSide.Length);
        Assert.DoesNotContain(proxy.Refused, refused => refused.Key != HandOverAnswer.NotOpen);
        Assert.True(proxy.Taken > 0, $"{proxy.Taken} of {sessions} were handed over; {string.Join(", ", proxy.Refused)}");
        string[] left = [];
        await Eventually.HoldsAsync(
            async () => (left = await proxy.AskAsync(
                handOvers => Enumerable.Range(1, sessions).Select(id => handOvers.Describe(id)).Where(text => text != "over").ToArray())).Length == 0,
            () => $"{left.Length} of {proxy.Taken} have not ended: {left.FirstOrDefault()}");
        Assert.Equal(proxy.Taken, proxy.Ends.Count);
        Assert.All(proxy.Ends, end => Assert.True(end.Value < HandOverEnd.ClientSilent, $"session {end.Key}: {end.Value}"));
    }

    private IPEndPoint Serve(NetworkNamespace network, IPAddress address)
    {
        Socket listener = Open(network);
        listener.Bind(new IPEndPoint(address, 0));
        listener.Listen(1024);
        _parts.Add(listener);
        _ = AcceptAsync(listener);
        return (IPEndPoint)listener.LocalEndPoint!;
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            lock (_nodeSide)
            {
                _nodeSide.Add(RunAsync(socket));
            }
        }

        async Task RunAsync(Socket socket)
        {
            using (socket)
            {
                await Exchange.RunNodeAsync(socket);
            }
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

    public ValueTask DisposeAsync()
    {
        _parts.ForEach(part => part.Dispose());
        _network?.Dispose();
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }
}
