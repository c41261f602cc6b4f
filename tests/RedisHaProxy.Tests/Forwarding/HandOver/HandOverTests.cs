// Sessions that are handed over in the middle of their streams: real sockets in three network namespaces, or on a loopback, over good wires and bad ones.

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed partial class HandOverTests(Xunit.Abstractions.ITestOutputHelper output) : IAsyncLifetime, IAsyncDisposable
{
    private const int AtATime = 24;
    private const int MostBatches = 10;

    /// <summary>Sessions of a good wire; a third of them on a bad one. More of them with HANDOVER_SESSIONS=10000.</summary>
    private static readonly int Sessions = Number("HANDOVER_SESSIONS", 60);

    private readonly WorkDirectory _directory = new();
    private readonly List<IDisposable> _parts = [];
    private ThreeMachines _machines = null!;
    private NodeSide _nodeSide = null!;
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

    // A card without offloads sends and gets every segment by itself.
    [SkippableFact]
    public async Task The_same_without_segmentation_or_receive_offload()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        _machines.Network.SwitchOffloadsOff();
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, Serve(_machines.Node, ThreeMachines.NodeAddress), After);
        await RunAllAsync(proxy, _machines.Client, ThreeMachines.ProxyAddress, Sessions / 2);
    }

    [SkippableFact]
    public async Task The_same_on_interfaces_of_a_VLAN()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        _machines.Dispose();
        try
        {
            _machines = await ThreeMachines.CreateAsync(_directory, virtualNetwork: 5);
        }
        catch (InvalidOperationException e) when (e.Message.Contains("Unknown device type", StringComparison.Ordinal))
        {
            Skip.If(true, "this kernel has no VLANs (8021q)");
        }

        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, Serve(_machines.Node, ThreeMachines.NodeAddress), After);
        await RunAllAsync(proxy, _machines.Client, ThreeMachines.ProxyAddress, Sessions / 2);
    }

    // Both send a hundred megabytes to an end that does not read. Then one reads to the end of the stream, half-closed by then, and only then the other.
    [SkippableFact]
    public async Task A_hundred_megabytes_for_sleepers_at_both_ends_wait_at_their_senders_and_all_arrive()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        const int Each = 100 * 1024 * 1024;
        using Socket listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, _ => 1);
        await OpenAsync(proxy, listener, 1);
        int[] sent = [0, 0];
        Task[] sending = [.. Enumerable.Range(0, 2).Select(end => Task.Run(async () =>
        {
            while (sent[end] < Each)
            {
                sent[end] += await _ends[end].SendAsync(Content.At(end, sent[end], Math.Min(100_000, Each - sent[end])));
            }

            _ends[end].Shutdown(SocketShutdown.Send);
        }))];
        int same = 0;
        (int, int) last = default;
        await Eventually.HoldsAsync(
            () =>
            {
                (int, int) now = (Volatile.Read(ref sent[0]), Volatile.Read(ref sent[1]));
                same = now == last && now is ( > 0, > 0) ? same + 1 : 0;
                last = now;
                return same >= 40;
            },
            () => $"both senders are held back: {last}");
        Assert.True(sent[0] < Each && sent[1] < Each, $"nobody holds them back: {last}");
        byte[] buffer = new byte[1024 * 1024];
        foreach (int end in (int[])[1, 0])
        {
            int got = 0;
            for (int length; (length = await _ends[end].ReceiveAsync(buffer).WaitAsync(Bound.Wait)) > 0; got += length)
            {
                Content.AssertAt(end ^ 1, got, buffer.AsSpan(0, length));
            }

            Assert.Equal(Each, got);
        }

        await Task.WhenAll(sending).WaitAsync(Bound.Wait);
        await Eventually.HoldsAsync(() => !proxy.Ends.IsEmpty, () => "the session is over");
        Assert.Equal(HandOverEnd.ClientFinished, Assert.Single(proxy.Ends).Value);
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

    internal static int Number(string variable, int otherwise) =>
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
