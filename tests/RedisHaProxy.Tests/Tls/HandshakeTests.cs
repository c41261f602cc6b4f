// Who gets in over TLS and who does not: versions, certificates, stalls, limits, reload.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Tests.Forwarding;

namespace RedisHaProxy.Tests.Tls;

public sealed class HandshakeTests
{
    private const string TooMany = "-ERR max number of clients reached\r\n";

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Versions_from_1_2_on_are_spoken(SslProtocols version)
    {
        await using var scene = await OpenAsync();
        await using TlsPeer client = await scene.ConnectAsync(options => options.EnabledSslProtocols = version);
        await client.SendAsync("hello");
        Assert.Equal("hello", await client.ReadTextAsync(5));
        Assert.Equal(version, ((SslStream)client.Stream).SslProtocol);
    }

    [Fact]
    public async Task Version_1_1_is_refused()
    {
        await using var scene = await OpenAsync();
        using Socket client = await scene.ConnectSocketAsync();
        await client.SendAllAsync(ClientHello(0x0302));
        byte[] alert = await client.ReadBytesAsync(7);
        Assert.Equal((21, 2, 70), (alert[0], alert[5], alert[6])); // alert, fatal, protocol_version (RFC 5246, 7.2)
        await RefusedAsync(scene, 1);
    }

    [Fact]
    public async Task With_minimum_1_3_version_1_2_is_refused()
    {
        await using var scene = await OpenAsync(c => c with { Tls = c.Tls! with { Versions = SslProtocols.Tls13 } });
        await Assert.ThrowsAnyAsync<Exception>(() => scene.ConnectAsync(options => options.EnabledSslProtocols = SslProtocols.Tls12));
        await RefusedAsync(scene, 1);
        await using TlsPeer client = await scene.ConnectAsync();
        await client.SendAsync("hello");
        Assert.Equal("hello", await client.ReadTextAsync(5));
    }

    [Fact]
    public async Task A_plain_client_ends_without_reaching_the_node()
    {
        await using var scene = await OpenAsync();
        using Socket client = await scene.ConnectSocketAsync();
        await client.SendAllAsync("*1\r\n$4\r\nPING\r\n");
        await RefusedAsync(scene, 1);
        Assert.Equal(0, scene.Server.Accepted);
    }

    [Fact]
    public async Task Handshakes_that_stall_make_room_for_others()
    {
        await using var scene = await OpenAsync();
        var stalled = new List<Socket>();
        for (int i = 0; i < TlsAcceptor.MaxHandshakes; i++)
        {
            stalled.Add(await scene.ConnectSocketAsync());
        }

        // One that has begun, and then says no more.
        await stalled[0].SendAllAsync(ClientHello(0x0303).AsMemory(0, 20));
        await using (TlsPeer client = await scene.ConnectAsync())
        {
            await client.SendAsync("hello");
            Assert.Equal("hello", await client.ReadTextAsync(5));
        }

        // The others end by their own limit.
        await RefusedAsync(scene, TlsAcceptor.MaxHandshakes);
        await scene.Forwarder.NoSessionsAsync();
        stalled.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public async Task Limits_hold_from_the_accept_on()
    {
        await using var scene = await OpenAsync(c => c with { Limits = c.Limits with { PerSource = 2 } });
        using Socket first = await scene.ConnectSocketAsync();
        await Eventually.HoldsAsync(() => scene.Forwarder.Forwarder.Snapshot().Sessions == 1, () => "one handshake is counted");
        await using (TlsPeer second = await scene.ConnectAsync())
        {
            await second.SendAsync("hello");
            Assert.Equal("hello", await second.ReadTextAsync(5));
            await using (TlsPeer refused = await scene.ConnectAsync())
            {
                await refused.SendAsync("PING\r\n");
                Assert.Equal(TooMany, await refused.ReadToEndAsync());
            }

            // Who asks nothing is told nothing.
            await using (TlsPeer silent = await scene.ConnectAsync())
            {
                Assert.Equal("", await silent.ReadToEndAsync());
            }

            Assert.Equal(2, scene.Forwarder.Forwarder.Snapshot().Ends[(int)SessionEnd.Limit]);
        }

        await Eventually.HoldsAsync(() => scene.Forwarder.Forwarder.Snapshot().Sessions == 1, () => "the session is counted out");
        await using TlsPeer third = await scene.ConnectAsync();
        await third.SendAsync("hello");
        Assert.Equal("hello", await third.ReadTextAsync(5));
    }

    [Fact]
    public async Task Refused_clients_that_stall_take_no_places_of_others()
    {
        await using var scene = await OpenAsync(c => c with { Limits = c.Limits with { Connections = 1 } });
        await using TlsPeer served = await scene.ConnectAsync();
        await served.SendAsync("hello");
        Assert.Equal("hello", await served.ReadTextAsync(5));
        var stalled = new List<Socket>();
        for (int i = 0; i < TlsRefusals.Places + 4; i++)
        {
            stalled.Add(await scene.ConnectSocketAsync());
        }

        // Whoever finds no place to be told is closed at once, the others after a second; then there are places again.
        foreach (Socket socket in stalled)
        {
            Assert.Equal(0, await socket.ReceiveAsync(new byte[1]).WaitAsync(Bound.Wait));
            socket.Dispose();
        }

        await Eventually.HoldsAsync(
            async () =>
            {
                await using TlsPeer refused = await scene.ConnectAsync();
                await refused.SendAsync("PING\r\n");
                return await refused.ReadToEndAsync() == TooMany;
            },
            () => "one is told again");
        await served.SendAsync("still");
        Assert.Equal("still", await served.ReadTextAsync(5));
        Assert.Equal(1, scene.Forwarder.Forwarder.Snapshot().Sessions);
    }

    [Fact]
    public async Task Another_certificate_is_served_to_new_clients_and_old_sessions_go_on()
    {
        await using var scene = await OpenAsync();
        await using TlsPeer old = await scene.ConnectAsync();
        Assert.Equal("CN=proxy", old.Certificate.Subject);

        TlsConfiguration tls = scene.Forwarder.Configuration.Tls!;
        await scene.Forwarder.Forwarder.ReconfigureAsync(
            scene.Forwarder.Configuration with { Tls = tls with { Identity = scene.Authority.Identity("proxy of today") } });

        await using TlsPeer young = await scene.ConnectAsync();
        Assert.Equal("CN=proxy of today", young.Certificate.Subject);
        foreach (TlsPeer client in new[] { old, young })
        {
            await client.SendAsync("hello");
            Assert.Equal("hello", await client.ReadTextAsync(5));
        }
    }

    [Fact]
    public async Task Clients_must_have_a_certificate_where_their_authority_is_configured()
    {
        var clients = new TestAuthority("Clients");
        await using var scene = await OpenAsync(c => c with { Tls = c.Tls! with { ClientAuthorities = clients.Authorities } });
        await using (TlsPeer client = await scene.ConnectAsync(options => options.ClientCertificates = [clients.Issue("somebody", forClient: true)]))
        {
            await client.SendAsync("hello");
            Assert.Equal("hello", await client.ReadTextAsync(5));
        }

        await NotLetInAsync(scene, []);
        await NotLetInAsync(scene, [scene.Authority.Issue("stranger", forClient: true)]);
        await NotLetInAsync(scene, [clients.Issue("server")]);
        await NotLetInAsync(scene, [clients.Issue("late", fromDays: -20, untilDays: -10, forClient: true)]);
        await RefusedAsync(scene, 4);
        Assert.Equal(1, scene.Server.Accepted);
    }

    [Fact]
    public async Task A_balancers_header_comes_before_the_handshake_and_names_the_client()
    {
        await using var scene = await OpenAsync(c => c with
        {
            ProxyProtocol = new ProxyProtocolConfiguration { From = [IPNetwork.Parse("127.0.0.0/8")] },
            Limits = c.Limits with { PerSource = 1 },
        });
        byte[] header = ProxyHeaderBytes.Relayed(IPEndPoint.Parse("203.0.113.9:50123"), new byte[300]);
        using Socket socket = await scene.ConnectSocketAsync();
        foreach (byte[] piece in header.Chunk(100))
        {
            await socket.SendAllAsync(piece);
        }

        await using (TlsPeer client = await scene.AuthenticateAsync(socket))
        {
            await client.SendAsync("hello");
            Assert.Equal("hello", await client.ReadTextAsync(5));
            Assert.Equal("203.0.113.9:50123", (await scene.Forwarder.Forwarder.ListSessionsAsync()).Single().Client.ToString());

            // The limit of one source holds for the client that the header names.
            using Socket second = await scene.ConnectSocketAsync();
            await second.SendAllAsync(header);
            await using TlsPeer refused = await scene.AuthenticateAsync(second);
            await refused.SendAsync("PING\r\n");
            Assert.Equal(TooMany, await refused.ReadToEndAsync());
            Assert.Equal(1, scene.Forwarder.Forwarder.Snapshot().Ends[(int)SessionEnd.Limit]);
        }

        // Without a header nobody gets in from there.
        await Assert.ThrowsAnyAsync<Exception>(() => scene.ConnectAsync());
        await RefusedAsync(scene, 1);
        await scene.Forwarder.NoSessionsAsync();
    }

    [Fact]
    public async Task The_read_only_listener_leaves_the_addresses_to_the_other_forwarder()
    {
        await using var scene = await OpenAsync(c => c with { ReadOnly = new ReadOnlyConfiguration { Listen = [new IPEndPoint(IPAddress.Loopback, 0)] } });
        await using var reads = new LoopForwarder(scene.Forwarder.Configuration, NullLoggerFactory.Instance, TimeProvider.System, loops: 1, readOnly: true);
        reads.Start();
        Assert.Single(reads.ListenEndPoints);
        Assert.Empty(reads.TlsListenEndPoints);
    }

    [Fact]
    public async Task Clients_that_only_read_get_the_same_certificate_at_addresses_of_their_own()
    {
        IPEndPoint[] any = [new IPEndPoint(IPAddress.Loopback, 0)];
        await using var scene = await OpenAsync(c => c with { ReadOnly = new ReadOnlyConfiguration { Listen = [], TlsListen = any } });
        await using var reads = new LoopForwarder(scene.Forwarder.Configuration, NullLoggerFactory.Instance, TimeProvider.System, loops: 1, readOnly: true);
        reads.Start();
        Assert.Empty(reads.ListenEndPoints);
        await reads.ApplyAsync(new GateOrder(GateMode.Open, scene.Forwarder.Configuration.Redis.Nodes[0], 1));

        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(Assert.Single(reads.TlsListenEndPoints)).WaitAsync(Bound.Wait);
        await using TlsPeer client = await scene.AuthenticateAsync(socket);
        await client.SendAsync("hello");
        Assert.Equal("hello", await client.ReadTextAsync(5));
        Assert.Equal(0, scene.Forwarder.Forwarder.Snapshot().Sessions);
    }

    [Fact]
    public async Task Handshakes_under_way_become_sessions_after_the_listeners_have_closed()
    {
        await using var scene = await OpenAsync();
        Socket socket = await scene.ConnectSocketAsync();
        await Eventually.HoldsAsync(() => scene.Forwarder.Forwarder.Snapshot().Sessions == 1, () => "its handshake has begun");
        await scene.Forwarder.Forwarder.StopAcceptingAsync();
        await using TlsPeer client = await scene.AuthenticateAsync(socket);
        await client.SendAsync("hello");
        Assert.Equal("hello", await client.ReadTextAsync(5));
        await Assert.ThrowsAsync<SocketException>(() => scene.ConnectSocketAsync());
    }

    private static Task<TlsScene> OpenAsync(Func<ProxyConfiguration, ProxyConfiguration>? change = null) =>
        TlsScene.OpenAsync(TlsScene.EchoAsync, clients: true, redis: false, change: change);

    private static Task RefusedAsync(TlsScene scene, long count) =>
        Eventually.HoldsAsync(() => scene.Forwarder.Forwarder.Snapshot().Handshakes!.Value.Failed == count,
            () => $"{count} handshakes have failed: {scene.Forwarder.Forwarder.Snapshot().Handshakes}");

    // With TLS 1.3 a client learns of its refusal by its first read.
    private static async Task NotLetInAsync(TlsScene scene, X509CertificateCollection certificates) => await Assert.ThrowsAnyAsync<Exception>(async () =>
    {
        await using TlsPeer client = await scene.ConnectAsync(options => options.ClientCertificates = certificates);
        await client.SendAsync("hello");
        await client.ReadTextAsync(5);
    });

    // RFC 5246, 7.4.1.2: what a client of an old version sends first.
    private static byte[] ClientHello(ushort version) =>
    [
        22, 3, 1, 0, 47,
        1, 0, 0, 43, (byte)(version >> 8), (byte)version,
        .. Enumerable.Range(0, 32).Select(i => (byte)i),
        0,
        0, 4, 0xC0, 0x13, 0, 0x2F,
        1, 0,
    ];
}
