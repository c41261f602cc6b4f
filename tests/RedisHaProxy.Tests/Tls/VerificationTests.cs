// What the proxy does not believe: nodes whose certificate is not good get no session and no vote, and the log says why.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Reactor;
using RedisHaProxy.Tests.Forwarding;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Tests.Tls;

public sealed class VerificationTests
{
    /// <summary>What is wrong with a server, and the words for it.</summary>
    public static TheoryData<string, string> Wrongs => new()
    {
        { "stranger", "is not signed by an authority of the CA file" },
        { "name", "its certificate is for redis.example, not for 127.0.0.1" },
        { "expired", "is not valid now" },
        { "client", "is not meant for a server" },
    };

    [Theory]
    [MemberData(nameof(Wrongs))]
    public async Task No_session_reaches_a_node_that_is_not_believed(string wrong, string words)
    {
        var authority = new TestAuthority();
        var log = new Lines();
        await using var scene = await TlsScene.OpenAsync(
            TlsScene.EchoAsync,
            clients: false,
            redis: true,
            change: c => c with
            {
                Redis = c.Redis with { Tls = new TlsPeerConfiguration { Authorities = authority.Authorities } },
                Timeouts = c.Timeouts with { Park = TimeSpan.FromMilliseconds(100) },
            },
            nodeIdentity: Certificate(authority, wrong),
            loggers: log);
        await using (TlsPeer client = await scene.ConnectAsync())
        {
            await client.SendAsync("PING\r\n");
            Assert.StartsWith("-LOADING ", await client.ReadToEndAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(SessionEnd.ConnectFailed, (await scene.Forwarder.RecordsAsync(1))[0].End);
        Assert.Contains(words, log.Text, StringComparison.Ordinal);
        Assert.Contains("Sessions cannot be connected to redis1 ", log.Text, StringComparison.Ordinal);

        // Another authority is taken for the next connections.
        if (wrong == "stranger")
        {
            ProxyConfiguration configuration = scene.Forwarder.Configuration;
            await scene.Forwarder.Forwarder.ReconfigureAsync(configuration with
            {
                Redis = configuration.Redis with { Tls = new TlsPeerConfiguration { Authorities = Stranger.Authorities } },
            });
            await using TlsPeer client = await scene.ConnectAsync();
            await client.SendAsync("hello");
            Assert.Equal("hello", await client.ReadTextAsync(5));
        }
    }

    [Theory]
    [MemberData(nameof(Wrongs))]
    public async Task A_probe_tells_what_is_wrong_with_a_certificate(string wrong, string words)
    {
        var authority = new TestAuthority();
        await using var server = TlsServer(Certificate(authority, wrong));
        Outcome outcome = await ProbeAsync(server.EndPoint, new TlsPeerConfiguration { Authorities = authority.Authorities });
        Assert.Equal(ServerHealth.CertificateRefused, outcome.Health);
        Assert.Contains(words, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_configured_name_counts_in_place_of_the_address()
    {
        var authority = new TestAuthority();
        await using var server = TlsServer(Certificate(authority, "name"));
        Outcome outcome = await ProbeAsync(server.EndPoint, new TlsPeerConfiguration { Authorities = authority.Authorities, ServerName = "redis.example" });
        Assert.Equal(ServerHealth.ProtocolError, outcome.Health); // this server says no RESP, but over TLS
    }

    [Fact]
    public async Task A_probe_of_a_server_without_TLS_says_so()
    {
        await using var server = new PlainServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[1]);
            await socket.SendAllAsync("-ERR Protocol error: unbalanced quotes in request\r\n");
        });
        Outcome outcome = await ProbeAsync(server.EndPoint, new TlsPeerConfiguration { Authorities = new TestAuthority().Authorities });
        Assert.Equal((ServerHealth.SpeaksPlain, "it answers PING without TLS"), (outcome.Health, outcome.Error));
    }

    [Fact]
    public async Task A_probe_of_a_server_that_keeps_silent_ends_in_time()
    {
        await using var server = PlainServer.Silent();
        Outcome outcome = await ProbeAsync(server.EndPoint, new TlsPeerConfiguration { Authorities = new TestAuthority().Authorities }, timeouts: true);
        Assert.Equal((ServerHealth.ConnectTimeout, "no connection with TLS within 1 s"), (outcome.Health, outcome.Error));
    }

    private static readonly TestAuthority Stranger = new("Stranger");

    private static X509Certificate2 Certificate(TestAuthority authority, string wrong) => wrong switch
    {
        "stranger" => Stranger.Issue("node"),
        "name" => authority.Issue("node", dnsName: "redis.example"),
        "expired" => authority.Issue("node", fromDays: -20, untilDays: -10),
        _ => authority.Issue("node", forClient: true),
    };

    private static PlainServer TlsServer(X509Certificate2 certificate) => new(async socket =>
    {
        await using var tls = new SslStream(new NetworkStream(socket));
        try
        {
            await tls.AuthenticateAsServerAsync(certificate);
            await tls.WriteAsync("no RESP\r\n"u8.ToArray());
            await tls.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            // The probe did not like it.
        }
    });

    // A busy machine may need more than the probe's second for a handshake; then it is tried again.
    private static async Task<Outcome> ProbeAsync(IPEndPoint endPoint, TlsPeerConfiguration tls, bool timeouts = false)
    {
        var conversation = new FailureOnly(timeouts);
        using var reactor = new ReactorThread("probe", TimeProvider.System);
        reactor.Start();
        using var probe = new ProbeLoop(endPoint, conversation, TimeSpan.FromSeconds(1), reactor, new MonotonicClock(reactor.Clock), new TlsClient(tls));
        using var stop = new CancellationTokenSource();
        Task running = reactor.InvokeAsync(() => probe.RunAsync(stop.Token));
        Outcome outcome = await conversation.Failure.Task.WaitAsync(Bound.Wait);
        await stop.CancelAsync();
        await running.WaitAsync(Bound.Wait);
        return outcome;
    }

    private sealed class FailureOnly(bool timeouts) : IConversation
    {
        public TaskCompletionSource<Outcome> Failure { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public (ReadOnlyMemory<byte> Bytes, int Replies) Greeting => (default, 0);

        public (ReadOnlyMemory<byte> Bytes, int Replies) Question { get; } = ("PING\r\n"u8.ToArray(), 1);

        public Outcome Greeted(ReadOnlySpan<byte> replies) => Outcome.Up;

        public Outcome Answered(ReadOnlySpan<byte> replies, TimeSpan sentAt, TimeSpan at) => Outcome.Up;

        public void Failed(Outcome outcome, TimeSpan sentAt, TimeSpan at)
        {
            if (timeouts || outcome.Health != ServerHealth.ConnectTimeout)
            {
                Failure.TrySetResult(outcome);
            }
        }
    }

    private sealed class Lines : ILoggerFactory, ILogger
    {
        private readonly System.Text.StringBuilder _text = new();

        public string Text
        {
            get
            {
                lock (_text)
                {
                    return _text.ToString();
                }
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_text)
            {
                _text.AppendLine(formatter(state, exception));
            }
        }

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }
    }
}
