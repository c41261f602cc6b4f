// A forwarder with TLS on one side or on both, in front of a server whose connections a delegate handles.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Tests.Forwarding;

namespace RedisHaProxy.Tests.Tls;

internal sealed class TlsScene : IAsyncDisposable
{
    private readonly bool _clients;

    private TlsScene(PlainServer server, ForwarderUnderTest forwarder, TestAuthority authority, bool clients) =>
        (Server, Forwarder, Authority, _clients) = (server, forwarder, authority, clients);

    public PlainServer Server { get; }

    public ForwarderUnderTest Forwarder { get; }

    public TestAuthority Authority { get; }

    public IPEndPoint EndPoint => _clients ? Forwarder.Forwarder.TlsListenEndPoints[0] : Forwarder.Forwarder.ListenEndPoints[0];

    /// <param name="handler">Handles the node's connections, decrypted.</param>
    /// <param name="clients">TLS towards clients.</param>
    /// <param name="redis">TLS towards the node.</param>
    /// <param name="engine">The data plane's.</param>
    /// <param name="change">Changes the forwarder's settings.</param>
    /// <param name="nodeIdentity">The node's certificate; null makes a good one.</param>
    /// <param name="loggers">Takes the log.</param>
    public static async Task<TlsScene> OpenAsync(
        Func<Stream, Task> handler,
        bool clients,
        bool redis,
        ForwardingEngine engine = ForwardingEngine.Auto,
        Func<ProxyConfiguration, ProxyConfiguration>? change = null,
        X509Certificate2? nodeIdentity = null,
        ILoggerFactory? loggers = null)
    {
        var authority = new TestAuthority();
        X509Certificate2 node = nodeIdentity ?? authority.Issue("node");
        var server = new PlainServer(async socket =>
        {
            await using var network = new NetworkStream(socket, ownsSocket: false);
            if (!redis)
            {
                await handler(network);
                return;
            }

            await using var tls = new SslStream(network, leaveInnerStreamOpen: true);
            try
            {
                await tls.AuthenticateAsServerAsync(node);
                await handler(tls);
                await tls.ShutdownAsync();
            }
            catch (Exception e) when (e is AuthenticationException or IOException)
            {
                // The proxy has refused, or reset.
            }
        });
        var forwarder = new ForwarderUnderTest(engine, [server.EndPoint], loggerFactory: loggers, change: configuration =>
        {
            var with = configuration with
            {
                Tls = clients ? new TlsConfiguration { Listen = [new IPEndPoint(IPAddress.Loopback, 0)], Identity = authority.Identity("proxy") } : null,
                Redis = configuration.Redis with { Tls = redis ? new TlsPeerConfiguration { Authorities = authority.Authorities } : null },
            };
            return change?.Invoke(with) ?? with;
        });
        await forwarder.OrderAsync(GateMode.Open, 0);
        return new TlsScene(server, forwarder, authority, clients);
    }

    public static async Task EchoAsync(Stream stream)
    {
        var buffer = new byte[16 * 1024];
        for (int length; (length = await stream.ReadAsync(buffer)) > 0;)
        {
            await stream.WriteAsync(buffer.AsMemory(0, length));
        }
    }

    public async Task<Socket> ConnectSocketAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(EndPoint).WaitAsync(Bound.Wait);
        return socket;
    }

    /// <summary>A client's connection, with TLS where the scene has it.</summary>
    public async Task<TlsPeer> ConnectAsync(Action<SslClientAuthenticationOptions>? change = null)
    {
        Socket socket = await ConnectSocketAsync();
        return _clients ? await AuthenticateAsync(socket, change) : new TlsPeer(socket, new NetworkStream(socket, ownsSocket: true));
    }

    /// <summary>Does a client's part of the handshake.</summary>
    public async Task<TlsPeer> AuthenticateAsync(Socket socket, Action<SslClientAuthenticationOptions>? change = null)
    {
        var network = new NetworkStream(socket, ownsSocket: true);
        var tls = new SslStream(network);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = "127.0.0.1",
            CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck },
        };
        options.CertificateChainPolicy.CustomTrustStore.AddRange(Authority.Authorities);
        change?.Invoke(options);
        try
        {
            await tls.AuthenticateAsClientAsync(options).WaitAsync(Bound.Wait);
            return new TlsPeer(socket, tls);
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Forwarder.DisposeAsync();
        await Server.DisposeAsync();
    }
}

/// <summary>One side of a connection of a test, with or without TLS.</summary>
internal sealed class TlsPeer(Socket socket, Stream stream) : IAsyncDisposable
{
    public Socket Socket { get; } = socket;

    public Stream Stream { get; } = stream;

    public X509Certificate2 Certificate => (X509Certificate2)((SslStream)Stream).RemoteCertificate!;

    public Task SendAsync(ReadOnlyMemory<byte> bytes) => Stream.WriteAsync(bytes).AsTask().WaitAsync(Bound.Wait);

    public Task SendAsync(string text) => SendAsync(System.Text.Encoding.ASCII.GetBytes(text));

    public async Task<string> ReadTextAsync(int length)
    {
        var bytes = new byte[length];
        await Stream.ReadExactlyAsync(bytes).AsTask().WaitAsync(Bound.Wait);
        return System.Text.Encoding.ASCII.GetString(bytes);
    }

    public async Task<string> ReadToEndAsync()
    {
        var all = new MemoryStream();
        await Stream.CopyToAsync(all).WaitAsync(Bound.Wait);
        return System.Text.Encoding.ASCII.GetString(all.ToArray());
    }

    /// <summary>Ends our direction and keeps the other.</summary>
    public async Task ShutdownAsync()
    {
        if (Stream is SslStream tls)
        {
            await tls.ShutdownAsync();
        }

        Socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Asserts that the connection ends by a reset.</summary>
    public async Task AssertResetAsync()
    {
        var buffer = new byte[64 * 1024];
        var error = await Assert.ThrowsAsync<IOException>(async () =>
        {
            while (await Stream.ReadAsync(buffer).AsTask().WaitAsync(Bound.Wait) > 0)
            {
            }
        });
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(error.InnerException).SocketErrorCode);
    }

    public ValueTask DisposeAsync() => Stream.DisposeAsync();
}
