// Sessions that are handed over in the middle of their streams: real sockets in three network namespaces, or on a loopback, over good wires and bad ones.

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed class HandOverTests(Xunit.Abstractions.ITestOutputHelper output) : IAsyncLifetime, IAsyncDisposable
{
    private const int AtATime = 24;
    private const int MostBatches = 10;

    /// <summary>Sessions of a good wire; a third of them on a bad one. More of them with HANDOVER_SESSIONS=10000.</summary>
    private static readonly int Sessions = Number("HANDOVER_SESSIONS", 60);

    private readonly WorkDirectory _directory = new();
    private readonly List<IDisposable> _parts = [];
    private readonly List<Task> _nodeSide = [];
    private ThreeMachines _machines = null!;
    private int _ran;

    [SkippableTheory]
    [InlineData(0, 0, 0)]
    [InlineData(5, 0, 0)]
    [InlineData(0, 10, 0)]
    [InlineData(0, 0, 10)]
    [InlineData(1, 3, 5)]
    public async Task No_byte_is_wrong_or_missing_whenever_a_session_is_handed_over(int lossPercent, int duplicatePercent, int reorderPercent)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        var faults = new WireFaults(lossPercent, duplicatePercent, reorderPercent);
        bool good = faults == default;
        Skip.If(!good && Environment.GetEnvironmentVariable("HANDOVER_SESSIONS") is null, "bad wires run with HANDOVER_SESSIONS only (docs/hand-over.md)");
        BadWire? wire = good ? null : await SpoilAsync(faults);
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, Serve(_machines.Node, ThreeMachines.NodeAddress), After);
        await RunAllAsync(proxy, _machines.Client, ThreeMachines.ProxyAddress, good ? Sessions : Sessions / 3, good);
        Assert.True(good || wire!.Faulty > wire.Packets / 200, $"{wire?.Faulty} of {wire?.Packets} packets had a fault");
    }

    [SkippableFact]
    public async Task The_same_on_a_loopback()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        using var proxy = new HandingProxy(_machines.Proxy, IPAddress.Loopback, Serve(_machines.Proxy, IPAddress.Loopback), After);
        await RunAllAsync(proxy, _machines.Proxy, IPAddress.Loopback, Sessions);
    }

    [SkippableFact]
    public async Task The_same_with_windows_of_a_few_kilobytes_at_both_ends()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        using var proxy = new HandingProxy(
            _machines.Proxy, ThreeMachines.ProxyAddress, Serve(_machines.Node, ThreeMachines.NodeAddress, window: 4096), After);
        await RunAllAsync(proxy, _machines.Client, ThreeMachines.ProxyAddress, Sessions / 4, window: 4096);
    }

    // The first rule is that of all images: what belongs to a connection passes. A packet that conntrack does not understand is dropped here, too.
    [SkippableFact]
    public async Task The_same_behind_a_firewall_that_follows_connections()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, Serve(_machines.Node, ThreeMachines.NodeAddress), After);
        string rules = $$"""
            table inet host {
              chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                ct state invalid counter drop
                iif lo accept
                tcp dport {{proxy.Port}} ct state new accept
                reject with icmpx type admin-prohibited
              }
              chain output {
                type filter hook output priority 0; policy accept;
                ct state invalid counter
              }
            }
            """;
        await Shell.RunInAsync(_machines.Proxy, ["nft", "-f", "-"], rules);
        await RunAllAsync(proxy, _machines.Client, ThreeMachines.ProxyAddress, Sessions / 2);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sides_with_other_segment_sizes_stay_with_the_proxy(bool node)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        await _machines.Network.SetPacketSizeAsync(node ? _machines.Node : _machines.Client, 1300);
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, Serve(_machines.Node, ThreeMachines.NodeAddress), _ => 1);
        await RunAllAsync(proxy, _machines.Client, ThreeMachines.ProxyAddress, AtATime, refused: HandOverAnswer.SegmentSize);
    }

    // Both sides say the same, and a router between them takes less: the session that meets it is reset, and the next ones are the proxy's.
    [SkippableFact]
    public async Task A_way_that_is_narrower_than_its_ends_say_is_left_to_the_proxy()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        const int Bytes = 100_000;
        await _machines.Network.NarrowAsync(_machines.Client, ThreeMachines.ClientAddress, 1300);
        using Socket listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, _ => 1);
        await OpenAsync(proxy, listener, 1);
        Task<SocketError>[] ends = [.. _ends.Select(ThreeMachines.EndAsync)];
        Task lost = _ends[1].SendAllAsync(new byte[Bytes]);
        await Task.WhenAll(ends).WaitAsync(Bound.Wait); // the node's error may have gone to what it sends
        Assert.Equal(SocketError.ConnectionReset, await ends[0]);
        await Eventually.HoldsAsync(() => !proxy.Ends.IsEmpty, () => "the proxy has heard of the end");
        Assert.Equal(HandOverEnd.Failed, Assert.Single(proxy.Ends).Value);
        await Task.WhenAny(lost); // with an error, if the reset came before its end

        Socket client = ThreeMachines.Open(_machines.Client);
        _ends.Add(client);
        await client.ConnectAsync(ThreeMachines.ProxyAddress, proxy.Port).WaitAsync(Bound.Wait);
        await client.SendAllAsync(new byte[1]);
        using Socket node = await listener.AcceptAsync().WaitAsync(Bound.Wait);
        await ThreeMachines.ReadAsync(node, 1);
        Task sending = node.SendAllAsync(new byte[Bytes]);
        await ThreeMachines.ReadAsync(client, Bytes);
        await sending;
        Assert.Equal(HandOverAnswer.SegmentSize, Assert.Single(proxy.Refused).Key);
    }

    [SkippableFact]
    public async Task Sides_that_differ_in_what_they_can_stay_with_the_proxy()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        await Shell.RunInAsync(_machines.Node, ["sysctl", "-qw", "net.ipv4.tcp_timestamps=0"]);
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, Serve(_machines.Node, ThreeMachines.NodeAddress), _ => 1);
        await RunAllAsync(proxy, _machines.Client, ThreeMachines.ProxyAddress, AtATime, refused: HandOverAnswer.Options);
    }

    [SkippableFact]
    public async Task One_side_on_the_loopback_alone_stays_with_the_proxy()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, Serve(_machines.Proxy, IPAddress.Loopback), _ => 1);
        await RunAllAsync(proxy, _machines.Client, ThreeMachines.ProxyAddress, AtATime, refused: HandOverAnswer.Interface);
    }

    [SkippableFact]
    public async Task A_switch_resets_idle_sessions_at_both_ends_and_bytes_are_counted()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        const int Bytes = 3000;
        int idle = Number("HANDOVER_IDLE", 200);
        using Socket listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, _ => 1);
        await OpenAsync(proxy, listener, idle);
        for (int i = 0; i < idle; i++)
        {
            await _ends[2 * i].SendAllAsync(new byte[Bytes]);
            await ThreeMachines.ReadAsync(_ends[(2 * i) + 1], Bytes);
            await _ends[(2 * i) + 1].SendAllAsync(new byte[2 * Bytes]);
            await ThreeMachines.ReadAsync(_ends[2 * i], 2 * Bytes);
        }

        (long, long)?[] counted = await proxy.AskAsync(handOvers => Enumerable.Range(1, idle).Select(id => handOvers.Bytes(id)).ToArray());
        Assert.All(counted, bytes => Assert.Equal((Bytes, 2 * Bytes), bytes));

        Task<SocketError>[] ending = [.. _ends.Select(ThreeMachines.EndAsync)];
        long began = Stopwatch.GetTimestamp();
        TimeSpan sent = await proxy.AskAsync(handOvers =>
        {
            long asked = Stopwatch.GetTimestamp();
            handOvers.ResetAll();
            return Stopwatch.GetElapsedTime(asked);
        });
        SocketError[] errors = await Task.WhenAll(ending).WaitAsync(Bound.Wait);
        TimeSpan took = Stopwatch.GetElapsedTime(began);
        Assert.All(errors, error => Assert.Equal(SocketError.ConnectionReset, error));
        output.WriteLine($"{idle} sessions were reset at both ends within {took.TotalMilliseconds:F1} ms; their resets took {sent.TotalMilliseconds:F1} ms");
        Assert.All(proxy.Ends, end => Assert.Equal(HandOverEnd.Ordered, end.Value));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_end_that_vanishes_is_found_and_one_that_is_only_silent_is_not(bool client)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        const int Idle = 4;
        var second = TimeSpan.FromSeconds(1);
        using Socket listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        using var proxy = new HandingProxy(
            _machines.Proxy, ThreeMachines.ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, _ => 1,
            new HandOverTimes { Silent = second, Probe = second });
        await OpenAsync(proxy, listener, Idle);
        await Eventually.HoldsAsync(() => proxy.AskAsync(handOvers => handOvers.Probes >= 3 * 2 * Idle), () => "all ends were asked three times");
        Assert.Empty(proxy.Ends);

        await _machines.Network.CutAsync(client ? ThreeMachines.ClientAddress : ThreeMachines.NodeAddress);
        Task<SocketError>[] ending = [.. Enumerable.Range(0, Idle).Select(i => ThreeMachines.EndAsync(_ends[(2 * i) + (client ? 1 : 0)]))];
        Assert.All(await Task.WhenAll(ending).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        Assert.Equal(Idle, proxy.Ends.Count);
        Assert.All(proxy.Ends, end => Assert.Equal(client ? HandOverEnd.ClientSilent : HandOverEnd.NodeSilent, end.Value));
    }

    private readonly List<Socket> _ends = [];

    /// <summary>Sessions of which one byte has passed, handed over and settled: clients at even places, nodes at odd ones.</summary>
    private async Task OpenAsync(HandingProxy proxy, Socket listener, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Socket client = ThreeMachines.Open(_machines.Client);
            _ends.Add(client);
            await client.ConnectAsync(ThreeMachines.ProxyAddress, proxy.Port).WaitAsync(Bound.Wait);
            await client.SendAllAsync(new byte[1]);
            Socket node = await listener.AcceptAsync().WaitAsync(Bound.Wait);
            _ends.Add(node);
            await ThreeMachines.ReadAsync(node, 1);
        }

        await Eventually.HoldsAsync(() => proxy.AskAsync(handOvers => handOvers.Count == count && !handOvers.IsBusy), () => "handed over and settled");
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), out int number) ? number : otherwise;

    private static int? After(int number) => number % 2 == 0 ? 0 : new Random(number).Next(0, 200_000);

    private async Task<BadWire> SpoilAsync(WireFaults faults)
    {
        try
        {
            BadWire wire = await _machines.Network.SpoilAsync(faults, seed: 1);
            _parts.Add(wire);
            return wire;
        }
        catch (InvalidOperationException e)
        {
            Skip.If(true, e.Message);
            throw;
        }
    }

    /// <summary>Runs sessions to their ends.</summary>
    /// <param name="proxy">What they go through.</param>
    /// <param name="from">Where the clients are.</param>
    /// <param name="to">The proxy's address.</param>
    /// <param name="sessions">How many.</param>
    /// <param name="resets">Whether some end by RST: not where packets are lost, as nobody sends a RST again.</param>
    /// <param name="window">Bytes of the clients' receive buffers; 0 leaves it to the kernel.</param>
    /// <param name="refused">Why none of them is handed over; null when they are.</param>
    private async Task RunAllAsync(
        HandingProxy proxy, NetworkNamespace from, IPAddress to, int sessions, bool resets = true, int window = 0, HandOverAnswer? refused = null)
    {
        await RunAsync(proxy, from, to, 1, sessions, resets, window);
        for (int batch = 1; refused is null && proxy.Taken == 0 && batch < MostBatches; batch++)
        {
            await RunAsync(proxy, from, to, (batch * sessions) + 1, sessions, resets, window); // on a bad wire a few may all end untaken
        }

        sessions = _ran;
        Task[] nodeSide;
        lock (_nodeSide)
        {
            nodeSide = [.. _nodeSide];
        }

        try
        {
            await Task.WhenAll(nodeSide).WaitAsync(Bound.Exchange);
        }
        catch (TimeoutException)
        {
            string[] open = await proxy.AskAsync(
                handOvers => Enumerable.Range(1, sessions).Select(id => $"{id}: {handOvers.Describe(id)}").Where(text => !text.EndsWith("over")).ToArray());
            int waiting = nodeSide.Count(side => !side.IsCompleted);
            Assert.Fail($"{waiting} node sides have not ended; {proxy.Copied} sessions are copied; {string.Join("; ", open)}");
        }

        Assert.Equal(sessions, nodeSide.Length);
        Assert.DoesNotContain(proxy.Refused, each => each.Key != HandOverAnswer.NotOpen && each.Key != refused);
        if (refused is { } reason)
        {
            Assert.Equal(0, proxy.Taken);
            Assert.True(proxy.Refused.GetValueOrDefault(reason) > sessions / 3, string.Join(", ", proxy.Refused));
            return;
        }

        Assert.True(proxy.Taken > 0, $"{proxy.Taken} of {sessions} were handed over; {string.Join(", ", proxy.Refused)}");
        string[] left = [];
        await Eventually.HoldsAsync(
            async () => (left = await proxy.AskAsync(
                handOvers => Enumerable.Range(1, sessions).Where(id => handOvers.Bytes(id) is not null).Select(id => handOvers.Describe(id)).ToArray())).Length
                == 0,
            () => $"{left.Length} of {proxy.Taken} have not ended: {left.FirstOrDefault()}");
        output.WriteLine($"{proxy.Taken} of {sessions} sessions were handed over");
        Assert.Equal(proxy.Taken, proxy.Ends.Count);
        Assert.All(proxy.Ends, end => Assert.True(end.Value < HandOverEnd.ClientSilent, $"session {end.Key}: {end.Value}"));
    }

    private async Task RunAsync(HandingProxy proxy, NetworkNamespace from, IPAddress to, int first, int sessions, bool resets, int window)
    {
        int port = proxy.Port;
        await Parallel.ForEachAsync(Enumerable.Range(first, sessions), new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (seed, cancelled) =>
        {
            // Some rest in the middle, where they can be taken however bad the wire is.
            Exchange exchange = Exchange.Random(seed, resets) with { RestMilliseconds = seed % 3 == 0 ? 250 : 0 };
            using Socket socket = ThreeMachines.Open(from);
            if (window > 0)
            {
                socket.ReceiveBufferSize = window;
            }

            await socket.ConnectAsync(to, port, cancelled).AsTask().WaitAsync(Bound.Wait, cancelled);
            try
            {
                await exchange.RunClientAsync(socket).WaitAsync(Bound.Exchange, cancelled);
            }
            catch (Exception e)
            {
                int own = ((IPEndPoint)socket.LocalEndPoint!).Port;
                throw new InvalidOperationException($"{exchange} from port {own}: {await proxy.DescribeAsync(own)}", e);
            }
        });
        _ran += sessions;
    }

    private IPEndPoint Serve(NetworkNamespace network, IPAddress address, int window = 0)
    {
        Socket listener = ThreeMachines.Open(network);
        if (window > 0)
        {
            listener.ReceiveBufferSize = window; // its connections inherit it
        }

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

    public async Task InitializeAsync()
    {
        if (ThreeMachines.Missing is null)
        {
            _machines = await ThreeMachines.CreateAsync(_directory);
        }
    }

    async Task IAsyncLifetime.DisposeAsync() => await DisposeAsync();

    public ValueTask DisposeAsync()
    {
        _ends.ForEach(socket => socket.Dispose());
        _parts.ForEach(part => part.Dispose());
        _machines?.Dispose();
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }
}
