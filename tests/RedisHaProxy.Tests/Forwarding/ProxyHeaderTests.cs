// Sessions that begin with a PROXY protocol header: whose they are, which bytes are the node's, and what a wrong header costs.

using System.Net;
using System.Net.Sockets;
using CsCheck;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public abstract class ProxyHeaderTests(ForwardingEngine engine)
{
    private const string TooMany = "-ERR max number of clients reached\r\n";

    private static readonly IPEndPoint Client = IPEndPoint.Parse("203.0.113.9:50123");

    public static TheoryData<byte[]> WrongHeaders => new()
    {
        "PING\r\n"u8.ToArray(),
        "*1\r\n$4\r\nPING\r\n"u8.ToArray(),
        "PROXY TCP4 203.0.113.9 10.9.8.7 50123 6379\r\nPING\r\n"u8.ToArray(),
        ProxyHeaderBytes.Any(0x11, 0x11, new byte[12]), // version 1 in binary
        ProxyHeaderBytes.Any(0x22, 0x11, new byte[12]), // no such command
        ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, 0x11, new byte[11]), // too short for its addresses
        ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, 0x41, new byte[12]), // no such family
        ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, 0x11, new byte[5000]), // too long
        ((byte[])[.. ProxyHeaderBytes.Relayed(Client).AsSpan(0, 11), 0x0B]), // the signature's last byte
    };

    [SkippableTheory]
    [InlineData("203.0.113.9:50123")]
    [InlineData("[2001:db8::17]:50123")]
    public async Task The_header_names_the_client_and_the_node_gets_what_follows(string client)
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, ProxyHeaderBytes.Relayed(IPEndPoint.Parse(client), new byte[100]));
        using Socket socket = await forwarder.ConnectAsync();
        await socket.SendAllAsync("hello");
        Assert.Equal("hello", await socket.ReadTextAsync(5));
        SessionInfo session = Assert.Single(await forwarder.Forwarder.ListSessionsAsync());
        Assert.Equal((client, 5L, 5L), (session.Client.ToString(), session.BytesIn, session.BytesOut));
        Assert.Equal(1, await forwarder.Forwarder.EndSessionsAsync(new SessionFilter { Source = IPEndPoint.Parse(client).Address }));
        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal((client, SessionEnd.Operator, false), (record.Client.ToString(), record.End, record.IsHealthCheck));
    }

    [SkippableFact]
    public async Task A_header_in_any_pieces_is_taken_to_its_last_byte_and_not_one_further()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, []);
        Gen<byte[]> header = Gen.Select(Gen.Byte.Array[4], Gen.UShort, Gen.Byte.Array[0, 200])
            .Select((address, port, further) => ProxyHeaderBytes.Relayed(new IPEndPoint(new IPAddress(address), port), further));

        // Up to five cuts; after each the sender pauses, so that the pieces arrive one by one.
        await Gen.Select(header, Gen.Byte.Array[1, 100], Gen.Int[1, 350].Array[0, 5]).SampleAsync(
            async (bytes, payload, cuts) =>
            {
                using Socket client = await forwarder.ConnectAsync();
                byte[] all = [.. bytes, .. payload];
                int[] ends = [.. cuts.Where(cut => cut < all.Length).Distinct().Order(), all.Length];
                for (int i = 0, start = 0; i < ends.Length; start = ends[i++])
                {
                    await client.SendAllAsync(all.AsMemory(start, ends[i] - start));
                    await Task.Delay(i < ends.Length - 1 ? 2 : 0);
                }

                client.Shutdown(SocketShutdown.Send);
                Assert.Equal(payload, await client.ReadBytesAsync(payload.Length));
                Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(Bound.Wait));
            },
            iter: 150,
            threads: 4);
        await forwarder.NoSessionsAsync();
        Assert.Equal(150, forwarder.Forwarder.Snapshot().Ends[(int)SessionEnd.ClientClosed]);
    }

    [SkippableTheory]
    [MemberData(nameof(WrongHeaders))]
    public async Task A_wrong_header_costs_the_connection_and_brings_no_reply(byte[] header)
    {
        ArgumentNullException.ThrowIfNull(header);
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, header);
        using Socket client = await forwarder.ConnectAsync();
        await client.AssertResetAsync(replyAllowed: false);
        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal((SessionEnd.ProxyHeader, client.LocalEndPoint!.ToString(), null), (record.End, record.Client.ToString(), record.Node));
        Assert.Equal(0, server.Accepted);
        await forwarder.NoSessionsAsync(); // the record comes a moment before
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(20)]
    public async Task A_late_header_ends_the_session_at_its_time(int sent)
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, [.. ProxyHeaderBytes.Relayed(Client).AsSpan(0, sent)], timeout: 300);
        using Socket client = await forwarder.ConnectAsync();
        await client.AssertResetAsync(replyAllowed: false);
        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal(SessionEnd.ProxyHeader, record.End);
        Assert.InRange(record.EndedAfterMilliseconds, 300, 5000);
    }

    [SkippableTheory]
    [InlineData(0, false, true)]
    [InlineData(0, true, true)]
    [InlineData(1, false, false)]
    [InlineData(27, false, false)]
    [InlineData(27, true, false)]
    public async Task A_client_that_closes_before_its_header_is_whole_has_closed(int sent, bool reset, bool isHealthCheck)
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, [.. ProxyHeaderBytes.Relayed(Client).AsSpan(0, sent)]);
        Socket client = await forwarder.ConnectAsync();
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().SessionsTotal == 1, () => "it is accepted");
        Assert.Equal(SessionState.Header, Assert.Single(await forwarder.Forwarder.ListSessionsAsync()).State);
        if (reset)
        {
            client.Reset();
        }

        client.Dispose();
        SessionRecord record = (await forwarder.RecordsAsync(1))[0];

        // Of a reset the kernel may say nothing but "closed" before the bytes are read: also then it was no check.
        Assert.Equal((SessionEnd.ClientClosed, isHealthCheck), (record.End, record.IsHealthCheck));
        await forwarder.NoSessionsAsync();
        Assert.Equal(1, forwarder.Forwarder.Snapshot().Ends[(int)SessionEnd.ClientClosed]);
        Assert.Equal(0, server.Accepted);
    }

    [SkippableTheory]
    [InlineData(ProxyHeaderBytes.Local, 0x00, 0)]
    [InlineData(ProxyHeaderBytes.Local, 0x11, 12)]
    [InlineData(ProxyHeaderBytes.Proxy, 0x00, 0)]
    [InlineData(ProxyHeaderBytes.Proxy, 0x31, 216)]
    public async Task A_header_without_a_TCP_address_keeps_the_connections_own(byte command, byte family, int length)
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, ProxyHeaderBytes.Any(command, family, new byte[length]));
        using (Socket client = await forwarder.ConnectAsync())
        {
            await client.SendAllAsync("x");
            Assert.Equal("x", await client.ReadTextAsync(1));
            Assert.Equal(client.LocalEndPoint!.ToString(), Assert.Single(await forwarder.Forwarder.ListSessionsAsync()).Client.ToString());
        }

        (await forwarder.ConnectAsync()).Dispose();
        IReadOnlyList<SessionRecord> records = await forwarder.RecordsAsync(2);
        // Which of the two ends first is the server's doing.
        Assert.False(Assert.Single(records, record => record.BytesIn > 0).IsHealthCheck);
        Assert.Equal(command == ProxyHeaderBytes.Local, Assert.Single(records, record => record.BytesIn == 0).IsHealthCheck);
        Assert.All(records, record => Assert.Equal(SessionEnd.ClientClosed, record.End));
    }

    [SkippableFact]
    public async Task Others_are_plain_and_a_header_of_theirs_is_data()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, []);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Bind(IPEndPoint.Parse("127.0.0.2:0"));
        await client.ConnectAsync(forwarder.Forwarder.ListenEndPoints[0]);
        byte[] header = ProxyHeaderBytes.Relayed(Client);
        await client.SendAllAsync(header);
        Assert.Equal(header, await client.ReadBytesAsync(header.Length));
        Assert.Equal(client.LocalEndPoint!.ToString(), Assert.Single(await forwarder.Forwarder.ListSessionsAsync()).Client.ToString());
    }

    [SkippableFact]
    public async Task The_limit_of_a_source_counts_the_clients_that_headers_name()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, [], new LimitConfiguration { PerSource = 2 });
        using Socket first = await ConnectForAsync("203.0.113.9:1");
        using Socket second = await ConnectForAsync("203.0.113.9:2");
        using (Socket third = await ConnectForAsync("203.0.113.9:3"))
        {
            Assert.Equal(TooMany, await third.AskAsync());
        }

        SessionRecord refused = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal((SessionEnd.Limit, "203.0.113.9:3"), (refused.End, refused.Client.ToString()));
        for (int i = 0; i < 5; i++)
        {
            // Those that never get as far are counted for nobody.
            using Socket silent = await forwarder.ConnectAsync();
            using Socket other = await ConnectForAsync($"203.0.113.1{i}:1");
            await EchoAsync(other);
        }

        await EchoAsync(first);
        await EchoAsync(second);
        first.Dispose();
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Sessions == 1, () => "only the second is left");
        using Socket fourth = await ConnectForAsync("203.0.113.9:4");
        await EchoAsync(fourth);

        async Task<Socket> ConnectForAsync(string address)
        {
            Socket socket = await forwarder.ConnectAsync();
            await socket.SendAllAsync(ProxyHeaderBytes.Relayed(IPEndPoint.Parse(address)));
            return socket;
        }
    }

    [SkippableFact]
    public async Task Those_whose_header_is_awaited_count_among_the_connections()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, [], new LimitConfiguration { Connections = 2 }, timeout: 30_000);
        using Socket first = await forwarder.ConnectAsync();
        using Socket second = await forwarder.ConnectAsync();
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Sessions == 2, () => "both are there");
        using Socket third = await forwarder.ConnectAsync();
        Assert.Equal(TooMany, await third.AskAsync());
        Assert.Equal(2, await forwarder.Forwarder.EndSessionsAsync(new SessionFilter { Source = IPAddress.Loopback }));
        await first.AssertResetAsync();
    }

    [SkippableFact]
    public async Task Sessions_wait_for_a_master_and_are_refused_as_others_once_their_header_is_read()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, ProxyHeaderBytes.Relayed(Client));
        await forwarder.OrderAsync(GateMode.Park);
        using Socket client = await forwarder.ConnectAndParkAsync();
        await client.SendAllAsync("early");
        Assert.Equal((SessionState.Parked, Client.ToString()), Assert.Single(await forwarder.Forwarder.ListSessionsAsync()) is var session
            ? (session.State, session.Client.ToString()) : default);
        await forwarder.OrderAsync(GateMode.Open, 0);
        Assert.Equal("early", await client.ReadTextAsync(5));
        await forwarder.OrderAsync(GateMode.Closed);
        using Socket refused = await forwarder.ConnectAsync();
        Assert.StartsWith("-LOADING", await refused.AskAsync(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Noise_from_a_listed_source_harms_nobody()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await OpenAsync(server, []);
        byte[] good = ProxyHeaderBytes.Relayed(Client, new byte[20]);
        Gen<byte[]> noise = Gen.OneOf(
            Gen.Byte.Array[0, 100],
            Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Array[1, 3].Select(changes =>
            {
                byte[] bytes = [.. good, .. "PING"u8];
                foreach ((int at, byte value) in changes)
                {
                    bytes[at] = value;
                }

                return bytes;
            }));
        int count = 0;
        await noise.SampleAsync(
            async bytes =>
            {
                using Socket client = await forwarder.ConnectAsync();
                Interlocked.Increment(ref count);
                try
                {
                    await client.SendAllAsync(bytes);
                    client.Shutdown(SocketShutdown.Send);
                    await client.ReadToEndAsync();
                }
                catch (SocketException)
                {
                    // Cut off.
                }
            },
            iter: 300,
            threads: 4);
        await forwarder.NoSessionsAsync();
        ForwarderSnapshot snapshot = forwarder.Forwarder.Snapshot();
        Assert.Equal(
            count, snapshot.Ends[(int)SessionEnd.ClientClosed] + snapshot.Ends[(int)SessionEnd.ProxyHeader] + snapshot.Ends[(int)SessionEnd.ServerClosed]);
        using Socket sound = await forwarder.ConnectAsync();
        await sound.SendAllAsync(good);
        await EchoAsync(sound);
    }

    private async Task<ForwarderUnderTest> OpenAsync(PlainServer server, byte[] header, LimitConfiguration? limits = null, int timeout = 3000)
    {
        var forwarder = new ForwarderUnderTest(
            engine,
            [server.EndPoint],
            limits: limits,
            proxyProtocol: new ProxyProtocolConfiguration { From = [IPNetwork.Parse("127.0.0.1/32")], Timeout = TimeSpan.FromMilliseconds(timeout) })
        {
            Header = header,
        };
        await forwarder.OrderAsync(GateMode.Open, 0);
        return forwarder;
    }

    private static async Task EchoAsync(Socket socket)
    {
        await socket.SendAllAsync("x");
        Assert.Equal("x", await socket.ReadTextAsync(1));
    }
}

public sealed class EpollProxyHeaderTests() : ProxyHeaderTests(ForwardingEngine.Epoll);

public sealed class UringProxyHeaderTests() : ProxyHeaderTests(ForwardingEngine.IoUring);
