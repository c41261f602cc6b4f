// Servers that end the connection: their reason is found, kept, and asked for ever more rarely.

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Reactor;
using RedisHaProxy.Tests.Configuration;
using RedisHaProxy.Tests.Forwarding;
using RedisHaProxy.Tests.Routing;
using RedisHaProxy.Tests.Tls;

namespace RedisHaProxy.Tests.Monitoring;

public sealed class ProbeReasonTests
{
    // Redis 7.0's words (networking.c, acceptCommonHandler), shortened.
    private const string Denied =
        "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user.\r\n";

    /// <summary>How a server may end a connection after its words: by a reset before or after our question came, or by an end.</summary>
    public static TheoryData<string> Ends => ["reset", "end", "reset after the question"];

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task The_reason_before_a_reset_is_the_state_the_advice_and_one_line(string end)
    {
        await using var server = new PlainServer(async socket =>
        {
            if (end == "reset after the question")
            {
                await socket.ReceiveAsync(new byte[1]); // what is left unread makes a reset of the end
            }

            await socket.SendAllAsync(Denied);
            if (end == "reset")
            {
                socket.Close(0);
            }
        });
        var configuration = new ProxyConfiguration
        {
            Listen = [],
            Redis = new RedisConfiguration { Nodes = [new RedisNode("redis1", server.EndPoint)], Credentials = new RedisCredentials("rp-health", "x") },
        };
        await using var router = new RunningRouter(configuration);
        await Eventually.HoldsAsync(
            () => router.Router.Snapshot().Nodes[0] is { Health: ServerHealth.ProtectedMode, Error: { } error }
                && error.StartsWith("DENIED Redis is running in protected mode", StringComparison.Ordinal),
            () => $"protected mode\n{router.Log}");

        // Pauses of 250, 500 and 1000 ms; an end without a reason would make 20 connections a second. Counted first and timed then: what stalls
        // between these makes the time longer, and no connection more.
        int before = server.Accepted;
        TimeSpan from = router.Router.Snapshot().At;
        int more = 0;
        await Eventually.HoldsAsync(
            () =>
            {
                more = server.Accepted - before;
                return more > 0 && router.Router.Snapshot().At - from > TimeSpan.FromSeconds(1.2);
            },
            () => $"another connection\n{router.Log}");
        Assert.InRange(more, 1, 6);
        await router.Log.HasAsync("redis1 is ProtectedMode");
        string line = Assert.Single(router.Log.Lines, l => l.Contains("redis1 is ProtectedMode", StringComparison.Ordinal));
        Assert.Contains("Redis' own ways out", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_reason_is_found_when_the_reset_comes_before_the_connection_is_noticed()
    {
        var ended = new TaskCompletionSource();
        await using var server = new PlainServer(async socket =>
        {
            await socket.SendAllAsync(Denied);
            socket.Close(0);
            ended.SetResult();
        });
        using var reactor = new ReactorThread("test", TimeProvider.System);
        reactor.Start();
        await reactor.InvokeAsync(async () =>
        {
            var connecting = RespSocket.ConnectAsync(reactor, server.EndPoint, null, CancellationToken.None);
            Assert.True(ended.Task.Wait(Bound.Wait)); // this is the thread that would notice it
            using RespSocket connection = await connecting;
            var reset = await Assert.ThrowsAsync<SocketException>(async () => await connection.SendAsync("PING\r\n"u8.ToArray(), CancellationToken.None));
            Assert.Equal(SocketError.ConnectionReset, reset.SocketErrorCode);
            Assert.Equal(ServerHealth.ProtectedMode, (await ProbeLoop.OutcomeOfAsync(reset, connection)).Health);
        });
    }

    [Fact]
    public async Task A_server_that_ends_every_connection_is_a_state_and_is_asked_more_and_more_rarely()
    {
        await using var server = new PlainServer(socket =>
        {
            socket.Close(0);
            return Task.CompletedTask;
        });
        await using var router = new RunningRouter(Configuration(server.EndPoint, null));
        await Eventually.HoldsAsync(
            () => router.Router.Snapshot().Nodes[0].Health == ServerHealth.ClosesAtOnce, () => $"{router.Router.Snapshot().Nodes[0].Health}\n{router.Log}");
        TimeSpan from = router.Router.Snapshot().At;
        await Eventually.HoldsAsync(() => router.Router.Snapshot().At - from > TimeSpan.FromSeconds(4), () => "time passes");

        // Every 500 ms, and now and then the question for the other protocol: 6 in 2 s. Without a back-off, 40. A busy machine may add a connection
        // that is not noticed in time; then the pauses begin with the short ones again.
        int before = server.Accepted;
        from = router.Router.Snapshot().At;
        int more = 0;
        await Eventually.HoldsAsync(
            () =>
            {
                more = server.Accepted - before;
                return more > 0 && router.Router.Snapshot().At - from > TimeSpan.FromSeconds(2);
            },
            () => "time passes");
        Assert.InRange(more, 1, 16);
        Assert.InRange(router.Log.Lines.Count(l => l.Contains("redis1 is", StringComparison.Ordinal)), 1, 4);
    }

    [Fact]
    public async Task A_master_that_goes_back_and_forth_fills_no_log()
    {
        const string Up = "+PONG\r\n*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n$14\r\nrole:master\r\nx\r\n";
        const string Loading = "-LOADING Redis is loading the dataset in memory\r\n*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n$14\r\nrole:master\r\nx\r\n";
        int answers = 0;
        await using var server = new PlainServer(async socket =>
        {
            byte[] buffer = new byte[4096];
            for (int n; (n = await socket.ReceiveAsync(buffer)) > 0;)
            {
                bool asksRole = buffer.AsSpan(0, n).IndexOf("ROLE"u8) >= 0;
                string state = buffer.AsSpan(0, n).IndexOf("memory"u8) >= 0 ? "$2\r\nx\n\r\n$2\r\nx\n\r\n$2\r\nx\n\r\n" : "";
                await socket.SendAllAsync(!asksRole ? "$14\r\nrun_id:abcdef\n\r\n" : (Interlocked.Increment(ref answers) % 2 == 0 ? Loading : Up) + state);
                if (asksRole && answers % 2 == 0)
                {
                    socket.Close(0); // what loads on a connection that broke has been started anew
                    return;
                }
            }
        });
        await using var router = new RunningRouter(Configuration(server.EndPoint, null));
        await Eventually.HoldsAsync(() => Volatile.Read(ref answers) >= 80, () => $"40 rounds; {answers}\n{router.Log}", TimeSpan.FromSeconds(60));
        Assert.InRange(router.Log.Lines.Count(l => l.Contains("redis1 is", StringComparison.Ordinal)), 1, 4); // a busy machine adds silence
        Assert.InRange(router.Log.Lines.Count(l => l.Contains("redis1 answers", StringComparison.Ordinal)), 1, 5);
        Assert.InRange(router.Log.Lines.Count(l => l.Contains("Rule ", StringComparison.Ordinal) && !l.Contains("Debug", StringComparison.Ordinal)), 1, 25);
        Assert.InRange(router.Log.Lines.Count(l => l.Contains("Gate ", StringComparison.Ordinal)), 1, 25);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_port_of_the_other_kind_is_named_for_nodes_and_Sentinels(bool configuredTls)
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        using var files = new TemporaryFolder();
        var authority = new TestAuthority();
        (string[] settings, IPEndPoint nodeTls) = TlsSettings(files, authority, clients: false);
        await using RedisProcess node = await RedisProcess.StartServerAsync(settings);
        (settings, IPEndPoint sentinelTls) = TlsSettings(files, authority, clients: false);
        await using RedisProcess sentinel = await RedisProcess.StartSentinelAsync([.. settings, "sentinel monitor mymaster 127.0.0.1 1 1"]);
        var peer = configuredTls ? new TlsPeerConfiguration { Authorities = authority.Authorities } : null;
        var configuration = new ProxyConfiguration
        {
            Listen = [],
            Redis = new RedisConfiguration { Nodes = [new RedisNode("redis1", configuredTls ? node.EndPoint : nodeTls)], Tls = peer },
            Sentinel = new SentinelConfiguration { Master = "mymaster", Nodes = [configuredTls ? sentinel.EndPoint : sentinelTls], Tls = peer },
        };
        await using var router = new RunningRouter(configuration);
        ServerHealth expected = configuredTls ? ServerHealth.SpeaksPlain : ServerHealth.SpeaksTls;
        await Eventually.HoldsAsync(
            () => router.Router.Snapshot() is var s && s.Nodes[0].Health == expected && s.Sentinels[0].Health == expected,
            () => $"{router.Router.Snapshot().Nodes[0].Health}, {router.Router.Snapshot().Sentinels[0].Health}\n{router.Log}");
        await router.Log.HasAsync($"redis1 is {expected}", "redis.tls");
        await router.Log.HasAsync($" is {expected}", "sentinel.tls");
    }

    [SkippableFact]
    public async Task A_server_that_wants_a_clients_certificate_says_so_by_its_alert()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        using var files = new TemporaryFolder();
        var authority = new TestAuthority();
        (string[] settings, IPEndPoint port) = TlsSettings(files, authority, clients: true);
        await using RedisProcess node = await RedisProcess.StartServerAsync(settings);
        await using var router = new RunningRouter(Configuration(port, new TlsPeerConfiguration { Authorities = authority.Authorities }));
        for (int attempts = 0; attempts < 5; attempts++)
        {
            TimeSpan from = router.Router.Snapshot().At;
            await Eventually.HoldsAsync(() => router.Router.Snapshot().At - from > TimeSpan.FromMilliseconds(400), () => "time passes");
            await Eventually.HoldsAsync(
                () => router.Router.Snapshot().Nodes[0] is { Health: ServerHealth.TlsFailed, Error: { } error }
                    && error.Contains("certificate required", StringComparison.Ordinal),
                () => $"{router.Router.Snapshot().Nodes[0].Health} ({router.Router.Snapshot().Nodes[0].Error})\n{router.Log}");
        }

        await router.Log.HasAsync("redis1 is TlsFailed"); // a busy machine may add silence
        string line = Assert.Single(router.Log.Lines, l => l.Contains("redis1 is TlsFailed", StringComparison.Ordinal));
        Assert.Contains("redis.tls.certificateFile", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_of_TLS_is_recognised_and_a_reply_is_none()
    {
        Assert.True(SpokenProtocol.IsTls([0x15, 0x03, 0x03, 0x00, 0x02]));
        Assert.True(SpokenProtocol.IsTls([0x16, 0x03, 0x01]));
        Assert.False(SpokenProtocol.IsTls("-ERR"u8));
        Assert.False(SpokenProtocol.IsTls([0x16]));
        Assert.False(SpokenProtocol.IsTls([]));
    }

    private static ProxyConfiguration Configuration(IPEndPoint node, TlsPeerConfiguration? tls) =>
        new() { Listen = [], Redis = new RedisConfiguration { Nodes = [new RedisNode("redis1", node)], Tls = tls } };

    private static (string[] Settings, IPEndPoint EndPoint) TlsSettings(TemporaryFolder files, TestAuthority authority, bool clients)
    {
        const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var certificate = authority.Issue("node");
        string ca = files.Write("ca.crt", authority.Pem);
        string crt = files.Write("node.crt", certificate.ExportCertificatePem());
        string key = files.Write("node.key", TestAuthority.KeyPem(certificate), Own);
        int port = RedisProcess.FreePort();
        string[] settings =
        [
            $"tls-ca-cert-file {ca}", $"tls-cert-file {crt}", $"tls-key-file {key}", $"tls-auth-clients {(clients ? "yes" : "no")}",
            string.Create(CultureInfo.InvariantCulture, $"tls-port {port}"),
        ];
        return (settings, new IPEndPoint(IPAddress.Loopback, port));
    }
}
