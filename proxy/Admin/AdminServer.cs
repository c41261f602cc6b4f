// The HTTP server of the operator: Kestrel without a host around it, on a TCP address and on the control socket.
// It runs on the thread pool and only reads snapshots; the data plane has threads of its own and never waits for it.

using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RedisHaProxy.Configuration;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Admin;

/// <summary>Listens for the operator, the load balancer's health checks and the metrics scraper.</summary>
internal sealed class AdminServer : IAsyncDisposable
{
    // Small limits keep a hostile caller from costing memory, short ones from holding a place.
    private const int MaxRequestBody = 4096;
    private static readonly TimeSpan HeadersLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan QuietLimit = TimeSpan.FromSeconds(10);

    private readonly AdminConfiguration _configuration;
    private readonly RequestDelegate _handler;
    private readonly KestrelServer _server;
    private readonly TlsServer? _tls;
    private bool _started;

    /// <param name="configuration">Where to listen.</param>
    /// <param name="handler">Answers every request.</param>
    /// <param name="time">For the rate of log lines.</param>
    /// <param name="loggers">For the server's own warnings.</param>
    public AdminServer(AdminConfiguration configuration, RequestDelegate handler, TimeProvider time, ILoggerFactory loggers)
    {
        _configuration = configuration;
        _handler = handler;
        var options = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false };
        options.Limits.MaxConcurrentConnections = null; // AdminConnections bounds those over TCP, rights those of the control socket
        options.Limits.MaxConcurrentUpgradedConnections = 0;
        options.Limits.MaxRequestBodySize = MaxRequestBody;
        options.Limits.MaxRequestBufferSize = 16 * 1024;
        options.Limits.MaxRequestLineSize = 2048;
        options.Limits.MaxRequestHeadersTotalSize = 8 * 1024;
        options.Limits.MaxRequestHeaderCount = 50;
        options.Limits.RequestHeadersTimeout = HeadersLimit;
        options.Limits.KeepAliveTimeout = QuietLimit; // also before the first request
        if (configuration.Listen is { } address)
        {
            _tls = configuration.Tls is { } identity ? new TlsServer(identity) : null;
            var connections = new AdminConnections(time, loggers.CreateLogger<AdminConnections>());
            options.Listen(address, listener =>
            {
                listener.Protocols = HttpProtocols.Http1;
                listener.Use(next => connection => connections.RunAsync(connection, next));
                var protocol = new AdminProtocol(time, loggers.CreateLogger<AdminProtocol>());
                listener.Use(next => connection => protocol.RunAsync(connection, next,
                    _tls is null ? null : secret => TlsHttpConnection.RunAsync(secret, _tls, next, protocol.HandshakeFailed)));
            });
        }

        if (configuration.Socket is { } socket)
        {
            options.ListenUnixSocket(socket, listener =>
            {
                listener.Protocols = HttpProtocols.Http1;
                listener.Use(next => connection =>
                {
                    connection.Features.Set(ControlPeer.Of(connection));
                    return next(connection);
                });
            });
        }

        _server = new KestrelServer(
            Options.Create(options),
            new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers),
            loggers);
    }

    /// <summary>Takes another certificate for the connections to come.</summary>
    public void Use(AdminConfiguration configuration)
    {
        if (configuration.Tls is { } identity)
        {
            _tls?.Use(identity);
        }
    }

    /// <summary>Binds and starts to answer.</summary>
    /// <exception cref="IOException">An address or the socket's path cannot be used; the message names it.</exception>
    public async Task StartAsync()
    {
        if (_configuration.Socket is { } path)
        {
            await RemoveStaleSocketAsync(path);
        }

        try
        {
            await _server.StartAsync(new Application(_handler), CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or SocketException or AddressInUseException or UnauthorizedAccessException)
        {
            SocketException? socketError = e as SocketException ?? e.InnerException as SocketException ?? e.InnerException?.InnerException as SocketException;
            string where = string.Join(" and ", new[] { _configuration.Listen?.ToString(), _configuration.Socket }.OfType<string>());
            throw new IOException($"cannot listen for administration on {where}: {(socketError ?? e).Message}", e);
        }

        _started = true;
        if (_configuration.Socket is { } bound)
        {
            // Whoever may connect may drain: the proxy's own user and group. Until here the process's umask kept others out.
            File.SetUnixFileMode(bound, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        }
    }

    /// <summary>Closes the listeners, ends running requests after a moment, and removes the control socket.</summary>
    public async ValueTask DisposeAsync()
    {
        using (var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1)))
        {
            await _server.StopAsync(limit.Token);
        }

        _server.Dispose();
        // Not when the start failed: the socket may be another process's.
        if (_started && _configuration.Socket is { } socket)
        {
            File.Delete(socket);
        }
    }

    // A killed process leaves its socket behind; one that answers belongs to a running process.
    private static async Task RemoveStaleSocketAsync(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await probe.ConnectAsync(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            if (IsSocket(path))
            {
                File.Delete(path);
                return;
            }

            throw new IOException($"cannot listen for administration on {path}: it exists and is not a socket", e);
        }
        catch (SocketException e)
        {
            throw new IOException($"cannot listen for administration on {path}: {e.Message}", e);
        }

        throw new IOException($"cannot listen for administration on {path}: another redis-ha-proxy answers there");
    }

    // connect(2) refuses a regular file in the same way as a socket nobody listens on; a socket cannot be opened as a file.
    private static bool IsSocket(string path)
    {
        try
        {
            using FileStream file = File.Open(path, FileMode.Open, FileAccess.Read);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private sealed class Application(RequestDelegate handler) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) =>
            context.Features.Get<AdminConnection>() is { } connection ? connection.AnswerAsync(() => handler(context)) : handler(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
        }
    }
}

/// <summary>The process at the other end of the control socket (SO_PEERCRED, unix(7)).</summary>
/// <param name="ProcessId">Its process id.</param>
/// <param name="UserId">Its effective user id.</param>
internal sealed record ControlPeer(int ProcessId, int UserId)
{
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    /// <summary>Asks the kernel.</summary>
    public static ControlPeer Of(ConnectionContext connection)
    {
        Span<byte> credentials = stackalloc byte[12];
        connection.Features.Get<IConnectionSocketFeature>()!.Socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials);
        return new ControlPeer(BitConverter.ToInt32(credentials), BitConverter.ToInt32(credentials[4..]));
    }
}
