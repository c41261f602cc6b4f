// Sessions without a master: parking in order of arrival, its end, and what the refused read.

using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public abstract class ParkingTests(ForwardingEngine engine)
{
    internal const string NoMaster = "-LOADING no Redis master is available yet, try again later\r\n";

    internal static readonly TimeoutConfiguration ShortPark = new() { Park = TimeSpan.FromMilliseconds(150) };

    [SkippableFact]
    public async Task Until_the_first_order_sessions_park_and_their_bytes_stay_unread()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint]);
        using Socket client = await forwarder.ConnectAndParkAsync();
        await client.SendAllAsync("early");
        Assert.Equal(GateMode.Park, forwarder.Forwarder.Snapshot().Order.Mode);
        Assert.Equal(0, server.Accepted);
        SessionInfo session = Assert.Single(await forwarder.Forwarder.ListSessionsAsync());
        Assert.Equal(SessionState.Parked, session.State);
        Assert.Equal(0, session.BytesIn);

        await forwarder.OrderAsync(GateMode.Open, 0);
        Assert.Equal("early", await client.ReadTextAsync(5));
        Assert.Equal(0, forwarder.Forwarder.Snapshot().Parked);
        Assert.Equal(1, forwarder.Forwarder.Snapshot().Order.Generation);
    }

    [SkippableFact]
    public async Task Parked_sessions_are_served_in_order_of_arrival()
    {
        int turns = 0;
        var served = new string[300];
        await using var server = new PlainServer(async socket =>
        {
            int turn = turns++; // handlers start in the order of accepts, on one thread at a time
            served[turn] = await socket.ReadTextAsync(3);
            await socket.SendAllAsync("ok");
        });
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint]);
        var clients = new List<Socket>();
        for (int i = 0; i < 300; i++)
        {
            // More than the window of connects under way, so that they are served in several goes.
            Socket client = await forwarder.ConnectAsync();
            await client.SendAllAsync($"{i:000}");
            clients.Add(client);
        }

        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Parked == 300, () => "all are parked");
        string[] addresses = [.. clients.Select(client => client.LocalEndPoint!.ToString()!)];
        await forwarder.OrderAsync(GateMode.Open, 0);
        foreach (Socket client in clients)
        {
            Assert.Equal("ok", await client.ReadToEndAsync());
            client.Dispose();
        }

        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"{i:000}"), served);
        IEnumerable<SessionRecord> byArrival = (await forwarder.RecordsAsync(300)).OrderBy(record => record.Id);
        Assert.Equal(addresses, byArrival.Select(record => record.Client.ToString()));
    }

    [SkippableFact]
    public async Task A_parked_session_whose_time_is_up_reads_an_error_and_an_orderly_end()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint], ShortPark);
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync("SET a 1\r\n"); // unread bytes must not turn the close into a reset
        Assert.Equal(NoMaster, await client.ReadToEndAsync());
        client.Dispose();
        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal(SessionEnd.ParkTimeout, record.End);
        Assert.Null(record.Node);
        Assert.InRange(record.EndedAfterMilliseconds, 140, 5000);
        Assert.Equal(0, server.Accepted);
    }

    [SkippableFact]
    public async Task The_record_of_a_refused_session_shows_nothing_of_an_earlier_one()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using (Socket served = await forwarder.ConnectAsync())
        {
            await served.SendAllAsync("bytes");
            await served.ReadTextAsync(5);
        }

        await forwarder.NoSessionsAsync();
        await forwarder.OrderAsync(GateMode.Closed);
        using (Socket refused = await forwarder.ConnectAsync())
        {
            await refused.AskAsync();
        }

        IReadOnlyList<SessionRecord> records = await forwarder.RecordsAsync(2);
        Assert.Equal((5L, 5L, "redis1"), (records[0].BytesIn, records[0].BytesOut, records[0].Node?.Name));
        Assert.Equal((0L, 0L, null), (records[1].BytesIn, records[1].BytesOut, records[1].Node?.Name));
        Assert.NotEqual(records[0].Id, records[1].Id);
    }

    [SkippableFact]
    public async Task A_refused_client_that_never_closes_is_closed()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint], ShortPark);
        using Socket client = await forwarder.ConnectAsync();
        Assert.Equal(NoMaster, await client.AskAsync());
        await forwarder.NoSessionsAsync();
    }

    [SkippableFact]
    public async Task A_client_that_asks_nothing_is_told_nothing()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint]);
        await forwarder.OrderAsync(GateMode.Closed);
        using (Socket silent = await forwarder.ConnectAsync())
        {
            Assert.Equal("", await silent.ReadToEndAsync());
        }

        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal(SessionEnd.NoMaster, record.End);
        Assert.InRange(record.EndedAfterMilliseconds, 900, 5000);

        // In pieces, in a pipeline, as half of a command: one answer, to the first bytes.
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync("*2\r\n$3\r\nG");
        Assert.Equal(NoMaster, await client.ReadTextAsync(NoMaster.Length));
        await client.SendAllAsync("ET\r\n$1\r\na\r\nPING\r\nPING\r\n");
        Assert.Equal("", await client.ReadToEndAsync());
    }

    [SkippableTheory]
    [InlineData("INCR a\r\n", NoMaster)]
    [InlineData("", "")]
    public async Task A_parked_client_that_closes_its_side_reads_an_orderly_end(string sent, string answer)
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint]);
        using Socket client = await forwarder.ConnectAndParkAsync();
        await client.SendAllAsync(sent);
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal(answer, await client.ReadToEndAsync());
        Assert.Equal(SessionEnd.ClientClosed, (await forwarder.RecordsAsync(1))[0].End);
        await forwarder.OrderAsync(GateMode.Open, 0);
        Assert.Equal((0, 0), (forwarder.Forwarder.Snapshot().Parked, server.Accepted)); // what it had sent is not executed later
    }

    [SkippableFact]
    public async Task Beyond_the_limit_of_parked_sessions_new_ones_are_refused_with_the_configured_text()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint], limits: new() { Parked = 2, Refusal = "TRYAGAIN no master" });
        using Socket first = await forwarder.ConnectAndParkAsync();
        using Socket second = await forwarder.ConnectAndParkAsync();
        using Socket third = await forwarder.ConnectAsync();
        Assert.Equal("-TRYAGAIN no master\r\n", await third.AskAsync());
        third.Dispose();
        Assert.Equal(SessionEnd.ParkTimeout, (await forwarder.RecordsAsync(1))[0].End);
        await forwarder.OrderAsync(GateMode.Open, 0);
        await second.SendAllAsync("x");
        Assert.Equal("x", await second.ReadTextAsync(1));
    }

    [SkippableFact]
    public async Task With_a_park_time_of_zero_nobody_waits_for_a_master_but_a_storm_waits_for_its_turn()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint], new TimeoutConfiguration { Park = TimeSpan.Zero }, new() { Parked = 0 });
        using (Socket refused = await forwarder.ConnectAsync())
        {
            Assert.Equal(NoMaster, await refused.AskAsync());
        }

        Assert.Equal(SessionEnd.ParkTimeout, (await forwarder.RecordsAsync(1))[0].End);
        await forwarder.OrderAsync(GateMode.Open, 0);
        Socket[] clients = await forwarder.ConnectAsync(400);
        foreach (Socket client in clients)
        {
            await client.SendAllAsync("x");
            Assert.Equal("x", await client.ReadTextAsync(1));
            client.Dispose();
        }
    }

    [SkippableFact]
    public async Task Those_that_wait_for_their_turn_wait_for_a_master_when_the_gate_shuts()
    {
        using UnansweringListener silent = new();
        await using var next = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [silent.EndPoint, next.EndPoint]);
        await forwarder.OrderAsync(GateMode.Open, 0);
        Socket[] clients = await forwarder.ConnectAsync(200);

        // Connects under way are limited; the others wait for their turn.
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Parked == 200 - 128, () => "some wait for their turn");
        await forwarder.OrderAsync(GateMode.Park);
        Assert.Equal(200, forwarder.Forwarder.Snapshot().Parked);
        await forwarder.OrderAsync(GateMode.Open, 1);
        foreach (Socket client in clients)
        {
            await client.SendAllAsync("x");
            Assert.Equal("x", await client.ReadTextAsync(1));
            client.Dispose();
        }
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_parked_client_that_gives_up_is_forgotten(bool reset)
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint]);
        Socket client = await forwarder.ConnectAndParkAsync();
        await client.SendAllAsync("INCR a\r\n");
        if (reset)
        {
            client.Reset();
        }
        else
        {
            client.Dispose();
        }

        Assert.Equal(SessionEnd.ClientClosed, (await forwarder.RecordsAsync(1))[0].End);
        await forwarder.OrderAsync(GateMode.Open, 0);
        Assert.Equal(0, forwarder.Forwarder.Snapshot().Parked);
        Assert.Equal(0, server.Accepted); // what it had sent is not executed behind its back
    }

    [SkippableFact]
    public async Task A_closed_gate_refuses_new_sessions_and_keeps_those_that_wait()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint]);
        using Socket waiting = await forwarder.ConnectAndParkAsync();
        await forwarder.OrderAsync(GateMode.Closed);
        using Socket refused = await forwarder.ConnectAsync();
        Assert.Equal(NoMaster, await refused.AskAsync());
        refused.Dispose();
        Assert.Equal(SessionEnd.NoMaster, (await forwarder.RecordsAsync(1))[0].End);
        await forwarder.OrderAsync(GateMode.Open, 0);
        await waiting.SendAllAsync("x");
        Assert.Equal("x", await waiting.ReadTextAsync(1));
    }
}

public sealed class EpollParkingTests() : ParkingTests(ForwardingEngine.Epoll);

public sealed class UringParkingTests() : ParkingTests(ForwardingEngine.IoUring);
