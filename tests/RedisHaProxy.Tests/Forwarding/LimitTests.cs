// Limits, idle time, the operator's commands, the journal, and the watch over stalled loops.

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Tests.Forwarding;

public abstract class LimitTests(ForwardingEngine engine)
{
    private const string TooMany = "-ERR max number of clients reached\r\n";

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Beyond_the_limit_of_connections_clients_read_what_Redis_would_say(int loops)
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server, limits: new() { Connections = 3 }, loops: loops);
        var clients = new List<Socket>();
        for (int i = 0; i < 3; i++)
        {
            clients.Add(await forwarder.ConnectAsync());
            await clients[i].SendAllAsync("x");
            await clients[i].ReadTextAsync(1);
        }

        using (Socket refused = await forwarder.ConnectAsync())
        {
            Assert.Equal(TooMany, await refused.AskAsync());
        }

        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal(SessionEnd.Limit, record.End);
        Assert.Equal(3, forwarder.Forwarder.Snapshot().Sessions);
        Assert.Equal(3, forwarder.Forwarder.Snapshot().SessionsMax);
        Assert.Equal(4, forwarder.Forwarder.Snapshot().SessionsTotal);

        clients[0].Dispose();
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Sessions == 2, () => "a place is free");
        using Socket next = await forwarder.ConnectAsync();
        await next.SendAllAsync("y");
        Assert.Equal("y", await next.ReadTextAsync(1));
        clients.ForEach(client => client.Dispose());
    }

    [SkippableFact]
    public async Task A_crowd_beyond_the_limit_is_told_one_after_the_other_where_there_are_few_places()
    {
        const int Crowd = 400;
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server, limits: new() { Connections = 1 });
        await forwarder.AskLoopAsync(0, loop => loop.Limits.RefusalsPerLoop = 16);
        using Socket only = await forwarder.ConnectAsync();
        await only.SendAllAsync("x");
        await only.ReadTextAsync(1);
        var crowd = new List<Socket>();
        for (int i = 0; i < Crowd; i++)
        {
            Socket client = await forwarder.ConnectAsync();
            crowd.Add(client);
            Assert.Equal(TooMany, await client.AskAsync()); // and stays
            Assert.InRange((await forwarder.Forwarder.ListSessionsAsync()).Count, 1, 17);
        }

        crowd.ForEach(client => client.Dispose());
        await Eventually.HoldsAsync(
            () => forwarder.Forwarder.Snapshot().Ends[(int)SessionEnd.Limit] == Crowd, () => "all refusals are counted");
        await only.SendAllAsync("y");
        Assert.Equal("y", await only.ReadTextAsync(1));
    }

    [SkippableFact]
    public async Task Silent_clients_beyond_the_limit_lose_their_place_to_the_next_and_never_take_one_of_a_session()
    {
        const int Silent = 100;
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server, limits: new() { Connections = 2 });
        await forwarder.AskLoopAsync(0, loop => loop.Limits.RefusalsPerLoop = 4);
        using Socket first = await forwarder.ConnectAsync();
        using Socket second = await forwarder.ConnectAsync();
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Sessions == 2, () => "both are there");
        Socket[] silent = await forwarder.ConnectAsync(Silent);
        using Socket asking = await forwarder.ConnectAsync();
        Assert.Equal(TooMany, await asking.AskAsync());
        Assert.InRange((await forwarder.Forwarder.ListSessionsAsync()).Count, 2, 6);

        second.Dispose();
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Sessions == 1, () => "a place is free");
        using Socket third = await forwarder.ConnectAsync();
        await third.SendAllAsync("y");
        Assert.Equal("y", await third.ReadTextAsync(1));
        Array.ForEach(silent, client => client.Dispose());
        await Eventually.HoldsAsync(
            () => forwarder.Forwarder.Snapshot().Ends[(int)SessionEnd.Limit] == Silent + 1, () => "all refusals are counted");
    }

    [SkippableFact]
    public async Task One_source_cannot_take_more_than_its_share()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server, limits: new() { PerSource = 2 });
        using Socket first = await ConnectFromAsync("127.0.0.1");
        using Socket second = await ConnectFromAsync("127.0.0.1");
        using (Socket third = await ConnectFromAsync("127.0.0.1"))
        {
            Assert.Equal(TooMany, await third.AskAsync());
        }

        using Socket other = await ConnectFromAsync("127.0.0.2");
        await other.SendAllAsync("x");
        Assert.Equal("x", await other.ReadTextAsync(1));
        first.Dispose();
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Sessions == 2, () => "the first has left");
        using Socket fourth = await ConnectFromAsync("127.0.0.1");
        await fourth.SendAllAsync("y");
        Assert.Equal("y", await fourth.ReadTextAsync(1));

        async Task<Socket> ConnectFromAsync(string address)
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            client.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
            await client.ConnectAsync(forwarder.Forwarder.ListenEndPoints[0]);
            return client;
        }
    }

    [SkippableFact]
    public async Task A_limit_that_the_open_files_do_not_allow_is_lowered()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server, limits: new() { Connections = int.MaxValue / 2 });
        Assert.Equal(FileDescriptorLimit.ConnectionsFor(FileDescriptorLimit.RaiseToHardLimit()), forwarder.Forwarder.Snapshot().SessionsLimit);
    }

    [SkippableFact]
    public async Task A_client_that_reads_nothing_for_too_long_ends_with_a_code_of_its_own()
    {
        await using var server = new PlainServer(async socket =>
        {
            try
            {
                while (true)
                {
                    await socket.SendAllAsync(new byte[65536]);
                }
            }
            catch (SocketException)
            {
                // The session has ended.
            }
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        await Eventually.HoldsAsync(() => client.Available > 0, () => "bytes arrive, and nobody reads them");
        LibC.SetOption(OtherEndOf(client), LibC.LevelTcp, LibC.TcpUserTimeout, 300); // a minute, outside of a test

        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal(SessionEnd.ClientTimeout, record.End);
    }

    [SkippableFact]
    public async Task A_node_that_is_gone_is_looked_for_once_its_session_is_no_longer_a_short_one()
    {
        var accepted = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new PlainServer(async socket =>
        {
            accepted.TrySetResult(socket);
            await socket.ReadToEndAsync();
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        using var handle = new SafeSocketHandle(OtherEndOf(await accepted.Task.WaitAsync(Bound.Wait)), ownsHandle: false);
        using var connection = new Socket(handle);
        Assert.True(connection.NoDelay);
        await Eventually.HoldsAsync(connection.WatchesPeer, () => "the kernel looks for the node");
    }

    [SkippableFact]
    public async Task A_session_is_found_by_the_port_that_its_node_sees()
    {
        var seen = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new PlainServer(async socket =>
        {
            seen.TrySetResult(((IPEndPoint)socket.RemoteEndPoint!).Port);
            await socket.ReadToEndAsync();
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using (Socket client = await forwarder.ConnectAsync())
        {
            await client.SendAllAsync("x");
            int port = await seen.Task.WaitAsync(Bound.Wait);
            SessionInfo session = Assert.Single(await forwarder.Forwarder.ListSessionsAsync());
            Assert.Equal((port, client.LocalEndPoint!.ToString()), (session.LocalPort, session.Client.ToString()));
        }

        Assert.Equal(await seen.Task, (await forwarder.RecordsAsync(1))[0].LocalPort);
    }

    [SkippableFact]
    public Task Silence_ends_a_session_and_bytes_keep_it() => SecondChance.UnlessHeldUpAsync(TimeSpan.FromSeconds(1), async () =>
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server, new TimeoutConfiguration { Idle = TimeSpan.FromSeconds(2) });
        using Socket silent = await forwarder.ConnectAsync();
        using Socket busy = await forwarder.ConnectAsync();
        Task<string> end = silent.ReadToEndAsync();
        while (!end.IsCompleted)
        {
            await busy.SendAllAsync("x");
            await busy.ReadTextAsync(1);
            await Task.WhenAny(end, Task.Delay(50));
        }

        Assert.Equal("", await end);
        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal(SessionEnd.Idle, record.End);
        Assert.Equal(silent.LocalEndPoint!.ToString(), record.Client.ToString());
        Assert.InRange(record.EndedAfterMilliseconds, 2000, 10_000);
        await busy.SendAllAsync("y");
        Assert.Equal("y", await busy.ReadTextAsync(1));
    });

    [SkippableFact]
    public async Task The_operator_ends_sessions_by_id_by_source_by_node_or_all()
    {
        await using var server = PlainServer.Named("a");
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        var clients = new List<Socket>();
        for (int i = 0; i < 4; i++)
        {
            clients.Add(await forwarder.ConnectAsync());
            await clients[i].ReadTextAsync(2);
        }

        IReadOnlyList<SessionInfo> sessions = await forwarder.Forwarder.ListSessionsAsync();
        Assert.Equal(clients.Select(client => client.LocalEndPoint!.ToString()), sessions.Select(session => session.Client.ToString()));
        Assert.All(
            sessions, session => Assert.Equal((SessionState.Open, "redis1", 2L, 0L), (session.State, session.Node!.Name, session.BytesOut, session.BytesIn)));

        Assert.Equal(1, await forwarder.Forwarder.EndSessionsAsync(new SessionFilter { Id = sessions[1].Id }));
        await clients[1].AssertResetAsync();
        Assert.Equal(0, await forwarder.Forwarder.EndSessionsAsync(new SessionFilter { Source = IPAddress.Parse("10.0.0.1") }));
        Assert.Equal(0, await forwarder.Forwarder.EndSessionsAsync(new SessionFilter { Id = sessions[0].Id, Source = IPAddress.IPv6Loopback }));
        Assert.Equal(3, (await forwarder.Forwarder.ListSessionsAsync()).Count);
        Assert.Equal(3, await forwarder.Forwarder.EndSessionsAsync(new SessionFilter { Source = IPAddress.Loopback, Node = forwarder.Nodes[0] }));
        await clients[0].AssertResetAsync();
        Assert.Equal(0, await forwarder.Forwarder.EndSessionsAsync(default));
        Assert.All(await forwarder.RecordsAsync(4), record => Assert.Equal(SessionEnd.Operator, record.End));
        clients.ForEach(client => client.Dispose());
    }

    [SkippableFact]
    public async Task A_journal_that_nobody_reads_drops_and_counts()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint]);
        await forwarder.OrderAsync(GateMode.Closed);
        int sessions = SessionJournal.Capacity + 100;
        for (int i = 0; i < sessions; i++)
        {
            using Socket client = await forwarder.ConnectAsync();
        }

        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Ends.Sum() == sessions, () => "all sessions have ended");
        Assert.Equal(100, forwarder.Forwarder.Snapshot().RecordsDropped);
        Assert.Equal(SessionJournal.Capacity, (await forwarder.RecordsAsync(SessionJournal.Capacity)).Count);
        Assert.False(forwarder.Forwarder.Journal.TryRead(out _));
    }

    [SkippableFact]
    public async Task A_stalled_loop_shows()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server, loops: 2);
        using var release = new ManualResetEventSlim();
        Task<bool> stall = forwarder.AskLoopAsync(1, _ => release.Wait(Bound.Wait));
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().StalledMilliseconds > 1500, () => "the stall shows");
        release.Set();
        Assert.True(await stall);
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().StalledMilliseconds < 1000, () => "the stall is over");
    }

    [SkippableFact]
    public async Task An_address_in_use_is_named_and_nothing_listens_then()
    {
        await using var taken = PlainServer.Echo();
        var forwarder = new LoopForwarder(
            new ProxyConfiguration
            {
                Engine = engine,
                Listen = [new(IPAddress.Loopback, 0), taken.EndPoint],
                Redis = new RedisConfiguration { Nodes = [new RedisNode("a", new(IPAddress.Loopback, 1))] },
            },
            Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance,
            TimeProvider.System,
            loops: 2);
        var error = Assert.Throws<SocketException>(forwarder.Start);
        Assert.Equal(SocketError.AddressAlreadyInUse, error.SocketErrorCode);
        Assert.Contains($"cannot listen on {taken.EndPoint}", error.Message, StringComparison.Ordinal);
        Assert.Empty(forwarder.ListenEndPoints);
        await forwarder.DisposeAsync();
    }

    [SkippableFact]
    public async Task IPv6_clients_are_served_and_shown()
    {
        await using var server = PlainServer.Echo();
        var node = new RedisNode("a", server.EndPoint);
        await using var forwarder = new LoopForwarder(
            new ProxyConfiguration
            {
                Engine = engine,
                Listen = [new(IPAddress.IPv6Loopback, 0)],
                Redis = new RedisConfiguration { Nodes = [node] },
            },
            Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance,
            TimeProvider.System);
        forwarder.Start();
        await forwarder.ApplyAsync(new GateOrder(GateMode.Open, node, 1));
        using var client = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(forwarder.ListenEndPoints[0]);
        await client.SendAllAsync("six");
        Assert.Equal("six", await client.ReadTextAsync(3));
        Assert.Equal(client.LocalEndPoint!.ToString(), (await forwarder.ListSessionsAsync())[0].Client.ToString());
        Assert.Equal(1, await forwarder.EndSessionsAsync(new SessionFilter { Source = IPAddress.IPv6Loopback }));
    }

    // The proxy is in this process: its descriptor of the client's connection.
    private static int OtherEndOf(Socket client)
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
        {
            int descriptor = int.Parse(Path.GetFileName(entry), System.Globalization.CultureInfo.InvariantCulture);
            try
            {
                if (new FileInfo(entry).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true)
                {
                    using var handle = new SafeSocketHandle(descriptor, ownsHandle: false);
                    using var socket = new Socket(handle);
                    if (Equals(socket.RemoteEndPoint, client.LocalEndPoint))
                    {
                        return descriptor;
                    }
                }
            }
            catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
            {
                // Not connected, or of another test, and gone.
            }
        }

        throw new InvalidOperationException("no descriptor of this process is the other end");
    }
}
