// A caller of the admin server that speaks the other protocol: HTTP to the port that has HTTPS, or a TLS handshake to the one that has not.
// Either is a setting of a scraper or of a load balancer's health check, which would otherwise only see a connection that ends. Health checks
// themselves may come without TLS: they carry no password and bring back a yes or no, and a balancer may not know whose certificates to believe.

using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Admin;

/// <summary>Looks at the first bytes of each connection.</summary>
/// <param name="time">For the rate of log lines.</param>
/// <param name="log">Takes them.</param>
internal sealed partial class AdminProtocol(TimeProvider time, ILogger log)
{
    private readonly SampledLog _sample = new(1, TimeSpan.FromSeconds(30), time);

    /// <summary>Passes the connection on to what the port speaks; one without TLS, where the port has it, only for what needs none.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="http">Speaks HTTP over it.</param>
    /// <param name="tls">Speaks HTTP over it behind TLS; null where the port has no TLS.</param>
    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate http, ConnectionDelegate? tls)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        limit.CancelAfter(TlsServer.HandshakeLimit);
        PipeReader input = connection.Transport.Input;
        ReadResult first;
        try
        {
            first = await input.ReadAtLeastAsync(2, limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            return;
        }

        byte[] head = first.Buffer.Slice(0, Math.Min(2, first.Buffer.Length)).ToArray();
        input.AdvanceTo(first.Buffer.Start);
        if (head.Length < 2)
        {
            return; // a balancer that only connects
        }

        switch (SpokenProtocol.IsTls(head), tls)
        {
            case (true, { } secret):
                await secret(connection);
                break;
            case (false, null):
                await http(connection);
                break;
            case (false, _):
                connection.Features.Set(new WithoutTls(() => Other(connection,
                    "HTTP without TLS for more than a health check, and admin.tls is set: let it (a scraper, a browser) speak HTTPS, or remove admin.tls")));
                await http(connection);
                break;
            default:
                Other(connection, "TLS, and admin.tls is not set: let it (a load balancer's health check, a scraper) speak HTTP, or set admin.tls");
                break;
        }
    }

    private void Other(ConnectionContext connection, string what)
    {
        if (_sample.Lets(out long left))
        {
            LogOther(connection.RemoteEndPoint?.ToString() ?? "somebody", what, left);
        }
    }

    /// <summary>Tells of a TLS handshake that failed; the same number of lines.</summary>
    public void HandshakeFailed(ConnectionContext connection, string cause)
    {
        if (!connection.ConnectionClosed.IsCancellationRequested && _sample.Lets(out long left))
        {
            LogFailed(connection.RemoteEndPoint?.ToString() ?? "somebody", cause, left);
        }
    }

    [LoggerMessage(EventId = LogEvents.AdminHandshake, Level = LogLevel.Warning,
        Message = "Administration: the TLS handshake with {Client} failed: {Cause} ({Left} more before it)", EventName = nameof(LogEvents.AdminHandshake))]
    private partial void LogFailed(string client, string cause, long left);

    [LoggerMessage(EventId = LogEvents.AdminProtocol, Level = LogLevel.Warning, Message = "Administration: {Client} speaks {What} ({Left} more before it)",
        EventName = nameof(LogEvents.AdminProtocol))]
    private partial void LogOther(string client, string what, long left);
}

/// <summary>A connection without TLS to a port that has it: health checks are answered there, all else is refused.</summary>
/// <param name="Refused">Tells of a request that was refused.</param>
internal sealed record WithoutTls(Action Refused);
