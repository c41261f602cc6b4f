// The read-only listener's sessions: to which node they go, when they end, and that they and those of the gate never mix.

using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public sealed class ReadOnlyTests : IAsyncLifetime, IAsyncDisposable
{
    private const string NoReplica = "-LOADING no Redis replica is available yet, try again later\r\n";

    private readonly PlainServer[] _servers = [PlainServer.Named("0"), PlainServer.Named("1"), PlainServer.Named("2")];
    private readonly List<Socket> _clients = [];
    private readonly RedisNode[] _nodes;
    private readonly DataPlane _plane;
    private long _generation;

    public ReadOnlyTests()
    {
        _nodes = [.. _servers.Select((server, i) => new RedisNode($"redis{i}", server.EndPoint)),
            new RedisNode("dead", new IPEndPoint(IPAddress.Loopback, FreePorts.Take()))];
        _plane = NewPlane(TimeSpan.FromSeconds(15), parked: 100);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    async Task IAsyncLifetime.DisposeAsync() => await DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        await _plane.DisposeAsync();
        foreach (PlainServer server in _servers)
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task New_sessions_go_to_the_replica_with_the_fewest()
    {
        await GateAsync(GateMode.Open, 0);
        await ReadsAsync([1, 2]);
        var clients = new Dictionary<string, List<Socket>> { ["1"] = [], ["2"] = [] };
        for (int i = 0; i < 10; i++)
        {
            (Socket client, string node) = await ReadAsync();
            clients[node].Add(client);
        }

        Assert.Equal((5, 5), (clients["1"].Count, clients["2"].Count));
        for (int i = 0; i < 3; i++)
        {
            clients["2"][i].Dispose();
        }

        await Eventually.HoldsAsync(() => Sessions(2) == 2, () => "three have left");
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal("2", (await ReadAsync()).Node);
        }

        ForwarderSnapshot snapshot = _plane.Snapshot();
        Assert.Equal((0, 10, 13L), (snapshot.Sessions, snapshot.ReadOnly!.Sessions, snapshot.ReadOnly.SessionsTotal));
        Assert.Equal(10, snapshot.AllSessions);
    }

    [Fact]
    public async Task A_storm_is_spread_before_any_of_it_is_connected()
    {
        await ReadsAsync([], mode: GateMode.Park);
        Socket[] clients = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => ConnectAsync(_plane.ReadOnlyListenEndPoints[0])));
        await Eventually.HoldsAsync(() => _plane.Snapshot().ReadOnly!.Parked == 60, () => "all wait");
        await ReadsAsync([0, 1, 2]);
        string[] nodes = await Task.WhenAll(clients.Select(client => client.ReadTextAsync(2)));
        Assert.All((string[])["0\n", "1\n", "2\n"], name => Assert.Equal(20, nodes.Count(node => node == name)));
    }

    [Fact]
    public async Task Sessions_on_a_node_that_keeps_live_on_and_on_one_that_is_dropped_end()
    {
        await ReadsAsync([1]);
        (Socket first, _) = await ReadAsync();
        await ReadsAsync([2], keep: [1]);
        (Socket second, string node) = await ReadAsync();
        Assert.Equal("2", node);
        await EchoAsync(first);
        await ReadsAsync([2]);
        await first.AssertResetAsync();
        await EchoAsync(second);
        Assert.Equal(1, _plane.Snapshot().ReadOnly!.Ends[(int)SessionEnd.RoleLost]);
        Assert.True(_plane.ReadOnlyJournal!.TryRead(out SessionRecord record));
        Assert.Equal((SessionEnd.RoleLost, "redis1"), (record.End, record.Node?.Name));
    }

    [Fact]
    public async Task A_replica_that_refuses_costs_its_session_nothing_but_another_connect()
    {
        // Also where nobody may wait for a replica.
        await using DataPlane plane = NewPlane(TimeSpan.Zero, parked: 0);
        await plane.ApplyReadOnlyAsync(new GateOrder(GateMode.Open, [_nodes[3], _nodes[2]], [], 1));
        for (int i = 0; i < 6; i++)
        {
            Socket client = await ConnectAsync(plane.ReadOnlyListenEndPoints[0]);
            Assert.Equal("2\n", await client.ReadTextAsync(2));
        }

        Assert.True(plane.Snapshot().ReadOnly!.Nodes[3].ConnectFailures > 0);

        // With no other there is nothing to wait for.
        await plane.ApplyReadOnlyAsync(new GateOrder(GateMode.Open, [_nodes[3]], [], 2));
        Socket refused = await ConnectAsync(plane.ReadOnlyListenEndPoints[0]);
        Assert.Equal(NoReplica, await refused.AskAsync());
    }

    [Fact]
    public async Task Without_a_replica_sessions_wait_and_with_none_expected_they_are_refused()
    {
        await GateAsync(GateMode.Open, 0);
        await ReadsAsync([], mode: GateMode.Park);
        Socket waiting = await ConnectAsync(_plane.ReadOnlyListenEndPoints[0]);
        await Eventually.HoldsAsync(() => _plane.Snapshot().ReadOnly!.Parked == 1, () => "it waits");
        Assert.Equal(0, _plane.Snapshot().Parked);
        await ReadsAsync([], mode: GateMode.Closed);
        Socket refused = await ConnectAsync(_plane.ReadOnlyListenEndPoints[0]);
        Assert.Equal(NoReplica, await refused.AskAsync());
        await ReadsAsync([1]);
        Assert.Equal("1\n", await waiting.ReadTextAsync(2));
        Assert.Equal(0, _servers[0].Accepted);
    }

    [Fact]
    public async Task Sessions_of_the_gate_go_to_its_target_whatever_the_read_orders_say()
    {
        await GateAsync(GateMode.Open, 0);
        await ReadsAsync([1, 2]);
        for (int i = 0; i < 20; i++)
        {
            Socket client = await ConnectAsync(_plane.ListenEndPoints[0]);
            Assert.Equal("0\n", await client.ReadTextAsync(2));
            await ReadAsync();
        }

        await ReadsAsync([2]);
        Assert.Equal(
            (20, 20, 10), (_plane.Snapshot().Sessions, Sessions(1) + Sessions(2) + _plane.Snapshot().ReadOnly!.Ends[(int)SessionEnd.RoleLost], Sessions(2)));
        IReadOnlyList<SessionInfo> sessions = await _plane.ListSessionsAsync();
        Assert.Equal(30, sessions.Count);
        Assert.Equal(30, sessions.Select(session => session.Id).Distinct().Count());
        Assert.Equal(1, await _plane.EndSessionsAsync(new SessionFilter { Id = sessions[^1].Id }));
    }

    [Fact]
    public async Task The_last_resort_is_the_gates_own_master_and_its_sessions_are_gone_before_the_gate_opens_to_another()
    {
        // Before the gate is open to it, the master is no last resort.
        await ReadsAsync([], master: 0);
        Socket waiting = await ConnectAsync(_plane.ReadOnlyListenEndPoints[0]);
        await Eventually.HoldsAsync(() => _plane.Snapshot().ReadOnly!.Parked == 1, () => "it waits");
        await GateAsync(GateMode.Open, 0);
        Assert.Equal("0\n", await waiting.ReadTextAsync(2));

        // With a replica it keeps its sessions, and gets no more.
        await ReadsAsync([2], master: 0);
        Assert.Equal("2", (await ReadAsync()).Node);
        await EchoAsync(waiting);

        // The gate's master is silent: sessions live, new ones do not come.
        await ReadsAsync([], master: 0);
        await GateAsync(GateMode.Park, 0);
        await EchoAsync(waiting);
        Socket next = await ConnectAsync(_plane.ReadOnlyListenEndPoints[0]);
        await Eventually.HoldsAsync(() => _plane.Snapshot().ReadOnly!.Parked == 1, () => "it waits");

        // When the gate's order is acknowledged nothing of the listener is on the old master, although no new read order came.
        await GateAsync(GateMode.Park, null);
        Assert.Equal(0, Sessions(0));
        await waiting.AssertResetAsync();
        await GateAsync(GateMode.Open, 1);
        Assert.Equal(0, Sessions(0));

        // The stale order named the old master: its last resort is nobody's now.
        Assert.Equal(1, _plane.Snapshot().ReadOnly!.Parked);
        await ReadsAsync([], master: 1);
        Assert.Equal("1\n", await next.ReadTextAsync(2));
    }

    [Fact]
    public void Whatever_both_orders_say_the_gates_node_has_read_only_sessions_as_last_resort_only()
    {
        RedisNode?[] targets = [null, .. _nodes[..3]];
        int count = 0;
        foreach (GateMode mode in Enum.GetValues<GateMode>())
        {
            foreach (RedisNode? target in targets.Where(target => mode != GateMode.Open || target is not null))
            {
                foreach (RedisNode? master in targets)
                {
                    foreach (GateMode readMode in Enum.GetValues<GateMode>())
                    {
                        for (int sets = 0; sets < 27; sets++)
                        {
                            // For each node: taken, kept, or neither.
                            RedisNode[] take = [.. _nodes[..3].Where((_, i) => Digit(sets, i) == 1)];
                            RedisNode[] keep = [.. _nodes[..3].Where((_, i) => Digit(sets, i) == 2)];
                            GateOrder effective = DataPlane.Effective(
                                new GateOrder(readMode, take, keep, 1) { LastResort = master }, new GateOrder(mode, target, 1));
                            count++;
                            Assert.True(effective.Mode != GateMode.Open || effective.Take.Count > 0);
                            Assert.True(target is null || target == master || !effective.Take.Concat(effective.Keep).Contains(target));
                            Assert.True(target is null || !effective.Take.Contains(target) || (mode == GateMode.Open && take.All(node => node == target)));
                            Assert.All(
                                effective.Take.Concat(effective.Keep), node => Assert.True(take.Contains(node) || keep.Contains(node) || node == target));
                        }
                    }
                }
            }
        }

        Assert.Equal(11 * 4 * 3 * 27, count);

        static int Digit(int number, int place) => number / (place == 0 ? 1 : place == 1 ? 3 : 9) % 3;
    }

    private DataPlane NewPlane(TimeSpan park, int parked)
    {
        var plane = new DataPlane(
            new ProxyConfiguration
            {
                Listen = [new(IPAddress.Loopback, 0)],
                ReadOnly = new ReadOnlyConfiguration { Listen = [new(IPAddress.Loopback, 0)] },
                Redis = new RedisConfiguration { Nodes = _nodes },
                Timeouts = new TimeoutConfiguration { Park = park },
                Limits = new LimitConfiguration { Parked = parked },
            },
            NullLoggerFactory.Instance,
            TimeProvider.System);
        plane.Start();
        return plane;
    }

    private static async Task EchoAsync(Socket socket)
    {
        await socket.SendAllAsync("x");
        Assert.Equal("x", await socket.ReadTextAsync(1));
    }

    private int Sessions(int node) => _plane.Snapshot().ReadOnly!.Nodes[node].Sessions;

    private Task GateAsync(GateMode mode, int? node) =>
        _plane.ApplyAsync(new GateOrder(mode, node is { } index ? _nodes[index] : null, ++_generation));

    private Task ReadsAsync(int[] take, int[]? keep = null, int? master = null, GateMode mode = GateMode.Open) =>
        _plane.ApplyReadOnlyAsync(new GateOrder(mode, [.. take.Select(i => _nodes[i])], [.. (keep ?? []).Select(i => _nodes[i])],
            ++_generation)
        { LastResort = master is { } index ? _nodes[index] : null });

    private async Task<(Socket Client, string Node)> ReadAsync()
    {
        Socket client = await ConnectAsync(_plane.ReadOnlyListenEndPoints[0]);
        return (client, (await client.ReadTextAsync(2)).TrimEnd());
    }

    private async Task<Socket> ConnectAsync(IPEndPoint to)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(to).WaitAsync(Bound.Wait);
        _clients.Add(client);
        return client;
    }
}
