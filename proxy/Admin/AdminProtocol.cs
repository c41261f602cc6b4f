// A caller of the admin server that speaks the other protocol: HTTP to the port that has HTTPS, or a TLS handshake to the one that has not.
// Either is a setting of a load balancer's health check or of a scraper, which would otherwise only see a connection that ends.

using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Admin;

/// <summary>Looks at the first bytes of each connection.</summary>
/// <param name="https">Whether the port speaks HTTPS.</param>
/// <param name="time">For the rate of log lines.</param>
/// <param name="log">Takes them.</param>
internal sealed partial class AdminProtocol(bool https, TimeProvider time, ILogger log)
{
    private const string Answer = "this port speaks HTTPS; let the health check or the scraper use it\n";

    private static readonly byte[] PlainAnswer = Encoding.ASCII.GetBytes(
        $"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {Answer.Length}\r\nConnection: close\r\n\r\n{Answer}");

    private readonly SampledLog _sample = new(1, TimeSpan.FromSeconds(30), time);

    /// <summary>Passes the connection on, unless it speaks the other protocol.</summary>
    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
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

        if (SpokenProtocol.IsTls(head) == https)
        {
            await next(connection);
            return;
        }

        if (_sample.Lets(out long left))
        {
            LogOther(
                connection.RemoteEndPoint?.ToString() ?? "somebody",
                https ? "HTTP without TLS, and admin.tls is set: let it (a load balancer's health check, a scraper) speak HTTPS, or remove admin.tls"
                    : "TLS, and admin.tls is not set: let it (a load balancer's health check, a scraper) speak HTTP, or set admin.tls",
                left);
        }

        if (https)
        {
            try
            {
                await connection.Transport.Output.WriteAsync(PlainAnswer, limit.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or IOException)
            {
                // It has gone.
            }
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
