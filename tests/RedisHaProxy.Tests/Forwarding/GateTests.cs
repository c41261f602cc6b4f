// What orders do to sessions that have a node: switches, and connects that fail or are overtaken.

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public abstract class GateTests(EngineUnderTest engine)
{
    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_switch_resets_both_sides_before_it_is_acknowledged(int loops)
    {
        int open = 0;
        await using var old = new PlainServer(async socket =>
        {
            Interlocked.Increment(ref open);
            try
            {
                await socket.SendAllAsync("old\n");
                await socket.ReadToEndAsync();
            }
            finally
            {
                Interlocked.Decrement(ref open);
            }
        });
        await using var next = PlainServer.Named("new");
        await using var forwarder = new ForwarderUnderTest(engine, [old.EndPoint, next.EndPoint], loops: loops);
        await forwarder.OrderAsync(GateMode.Open, 0);
        var clients = new List<Socket>();
        for (int i = 0; i < 40; i++)
        {
            clients.Add(await forwarder.ConnectAsync());
            Assert.Equal("old\n", await clients[i].ReadTextAsync(4));
        }

        await forwarder.OrderAsync(GateMode.Open, 1);
        ForwarderSnapshot snapshot = forwarder.Forwarder.Snapshot();
        Assert.Equal(40, snapshot.Ends[(int)SessionEnd.RoleLost]);
        Assert.Equal(0, snapshot.Sessions);
        Assert.Equal(0, snapshot.Nodes[0].Sessions);
        foreach (Socket client in clients)
        {
            await client.AssertResetAsync();
            client.Dispose();
        }

        await Eventually.HoldsAsync(() => Volatile.Read(ref open) == 0, () => "the old master has lost its sessions");
        using Socket after = await forwarder.ConnectAsync();
        Assert.Equal("new\n", await after.ReadTextAsync(4));
    }

    [SkippableFact]
    public async Task Parking_with_a_target_keeps_its_sessions_and_without_one_ends_them()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync("a");
        await client.ReadTextAsync(1);

        await forwarder.OrderAsync(GateMode.Park, 0);
        using Socket waiting = await forwarder.ConnectAndParkAsync();
        await client.SendAllAsync("b");
        Assert.Equal("b", await client.ReadTextAsync(1));

        await forwarder.OrderAsync(GateMode.Park);
        await client.AssertResetAsync();
        Assert.Equal(1, forwarder.Forwarder.Snapshot().Parked);
        Assert.Equal(SessionEnd.RoleLost, (await forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableFact]
    public async Task A_session_whose_node_has_just_died_waits_for_the_next_master()
    {
        await using var alive = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [Nobody(), alive.EndPoint]);
        await forwarder.OrderAsync(GateMode.Open, 0);
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync("hello");
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Nodes[0].ConnectFailures > 0, () => "the connect has failed");
        await forwarder.OrderAsync(GateMode.Open, 1);
        Assert.Equal("hello", await client.ReadTextAsync(5));
    }

    [SkippableFact]
    public async Task A_node_that_comes_back_is_tried_again_without_an_order()
    {
        IPEndPoint node = Nobody();
        await using var forwarder = new ForwarderUnderTest(engine, [node]);
        await forwarder.OrderAsync(GateMode.Open, 0);
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync("hello");
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Nodes[0].ConnectFailures > 0, () => "the connect has failed");
        await using var again = new PlainServer(socket => socket.SendAllAsync("back"), node.Port);
        Assert.Equal("back", await client.ReadTextAsync(4));
    }

    [SkippableFact]
    public async Task A_node_that_keeps_refusing_ends_the_wait_with_an_error()
    {
        await using var forwarder = new ForwarderUnderTest(engine, [Nobody()], ParkingTests.ShortPark);
        await forwarder.OrderAsync(GateMode.Open, 0);
        using Socket client = await forwarder.ConnectAsync();
        Assert.Equal(ParkingTests.NoMaster, await client.AskAsync());
        client.Dispose();
        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal(SessionEnd.ConnectFailed, record.End);
        Assert.Equal("redis1", record.Node!.Name);
        Assert.Null(record.ConnectedAfterMilliseconds);
    }

    [SkippableFact]
    public async Task A_connect_that_is_never_answered_times_out()
    {
        using UnansweringListener silent = new();
        var timeouts = new TimeoutConfiguration { Connect = TimeSpan.FromMilliseconds(100), Park = TimeSpan.FromMilliseconds(300) };
        await using var forwarder = new ForwarderUnderTest(engine, [silent.EndPoint], timeouts);
        await forwarder.OrderAsync(GateMode.Open, 0);
        using Socket client = await forwarder.ConnectAsync();
        Assert.Equal(ParkingTests.NoMaster, await client.AskAsync());
        client.Dispose();
        Assert.Equal(SessionEnd.ConnectFailed, (await forwarder.RecordsAsync(1))[0].End);
        Assert.InRange(forwarder.Forwarder.Snapshot().Nodes[0].ConnectFailures, 1, 5); // three, unless a pause of this process was as long as them
    }

    [SkippableFact]
    public async Task A_client_that_resets_while_its_session_is_being_connected_is_forgotten()
    {
        using UnansweringListener silent = new();
        await using var forwarder = new ForwarderUnderTest(engine, [silent.EndPoint]);
        await forwarder.OrderAsync(GateMode.Open, 0);
        using Socket client = await forwarder.ConnectAsync();
        await Eventually.HoldsAsync(
            async () => (await forwarder.Forwarder.ListSessionsAsync()).Any(session => session.State == SessionState.Connecting),
            () => "it is being connected");
        client.Reset();
        Assert.Equal(SessionEnd.ClientClosed, (await forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableFact]
    public async Task Sessions_being_connected_when_the_master_changes_go_to_the_new_one_in_their_order()
    {
        using UnansweringListener silent = new();
        await using var next = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [silent.EndPoint, next.EndPoint]);
        await forwarder.OrderAsync(GateMode.Open, 0);
        var clients = new List<Socket>();
        for (int i = 0; i < 10; i++)
        {
            clients.Add(await forwarder.ConnectAsync());
            await clients[i].SendAllAsync($"{i}");
        }

        await Eventually.HoldsAsync(
            async () => (await forwarder.Forwarder.ListSessionsAsync()).Count(session => session.State == SessionState.Connecting) == 10,
            () => "all are being connected");
        await forwarder.OrderAsync(GateMode.Park, 0); // the same node, but nothing new may be opened
        Assert.All(await forwarder.Forwarder.ListSessionsAsync(), session => Assert.Equal(SessionState.Parked, session.State));
        await forwarder.OrderAsync(GateMode.Open, 1);
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal($"{i}", await clients[i].ReadTextAsync(1));
            clients[i].Dispose();
        }

        Assert.Equal(0, forwarder.Forwarder.Snapshot().Ends[(int)SessionEnd.RoleLost]);
    }

    [SkippableFact]
    public async Task An_order_without_a_target_cannot_open_and_unknown_nodes_are_refused()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint]);
        await Assert.ThrowsAsync<ArgumentException>(async () => await forwarder.Forwarder.ApplyAsync(new GateOrder(GateMode.Open, null, 1)));
        var stranger = new RedisNode("stranger", new IPEndPoint(IPAddress.Loopback, 1));
        await Assert.ThrowsAsync<ArgumentException>(async () => await forwarder.Forwarder.ApplyAsync(new GateOrder(GateMode.Open, stranger, 1)));
        Assert.Equal(0, forwarder.Forwarder.Snapshot().Order.Generation);
    }

    [SkippableFact]
    public async Task After_StopAccepting_new_connections_are_refused_and_sessions_go_on()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        await forwarder.Forwarder.StopAcceptingAsync();
        var error = await Assert.ThrowsAsync<SocketException>(forwarder.ConnectAsync);
        Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
        await client.SendAllAsync("still here");
        Assert.Equal("still here", await client.ReadTextAsync(10));
    }

    [SkippableFact]
    public async Task Disposal_resets_what_is_left_and_orders_after_it_do_not_hang()
    {
        await using var server = PlainServer.Echo();
        var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync("x");
        await client.ReadTextAsync(1);
        await forwarder.DisposeAsync();
        await client.AssertResetAsync();
        Assert.Equal(SessionEnd.Operator, (await forwarder.RecordsAsync(1))[0].End);
        await forwarder.OrderAsync(GateMode.Closed);
        await forwarder.DisposeAsync();
    }

    // An address that refuses. Not that of a server that has ended: the kernel may give its port to the next socket of another test.
    private static IPEndPoint Nobody() => new(IPAddress.Loopback, FreePorts.Take());
}

public sealed class EpollGateTests() : GateTests(ForwardingEngine.Epoll);

public sealed class UringGateTests() : GateTests(ForwardingEngine.IoUring);

[Trait("Needs", "root")]
public sealed class HandedOverGateTests() : GateTests(EngineUnderTest.HandingOver);
