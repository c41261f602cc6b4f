// Connects sessions to nodes over TLS. A session is open when the node's certificate is verified, not before: until then nothing
// of its client was read.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Forwarding;

/// <summary>Connects sessions to nodes in place of a loop.</summary>
internal sealed partial class TlsDialer(TlsClient client, ILogger<TlsDialer> log, TimeProvider time)
{
    private readonly SampledLog _sample = new(lines: 3, TimeSpan.FromSeconds(10), time);

    /// <summary>
    /// Begins to connect, and returns at once. The outcome is posted to the loop, as <see cref="SessionLoop.EdgeConnected"/> or
    /// <see cref="SessionLoop.EdgeFailed"/>.
    /// </summary>
    public TlsEdge Dial(SessionLoop loop, RedisNode node)
    {
        var edge = new TlsEdge(loop);
        ThreadPool.UnsafeQueueUserWorkItem(_ => _ = ConnectAsync(loop, node, edge), null);
        return edge;
    }

    private async Task ConnectAsync(SessionLoop loop, RedisNode node, TlsEdge edge)
    {
        // The loop bounds the time: it closes the edge at timeouts.connect, and when the session ends or must go elsewhere.
        using var limit = new CancellationTokenSource();
        _ = edge.Ended.ContinueWith(static (_, source) => CancelAsync((CancellationTokenSource)source!), limit, TaskScheduler.Default);
        var network = new Socket(node.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        SslStream? tls = null;
        try
        {
            Sockets.SetOptions((int)network.Handle);
            edge.Attach(network);
            await network.ConnectAsync(node.EndPoint, limit.Token);
            tls = await client.AuthenticateAsync(network, node.EndPoint, limit.Token);
            (int forLoop, Socket pair) = TlsEdge.CreatePair();
            ushort localPort = (ushort)((IPEndPoint)network.LocalEndPoint!).Port;
            loop.Post(each => each.EdgeConnected(edge, forLoop, localPort));
            await edge.PumpAsync(network, tls, pair);
            return;
        }
        catch (OperationCanceledException)
        {
            // The loop knows.
        }
        catch (SocketException e)
        {
            loop.Post(each => each.EdgeFailed(edge, e.NativeErrorCode));
        }
        catch (Exception e)
        {
            if (!edge.Ended.IsCompleted && _sample.Lets(out long left))
            {
                LogFailed(log, node.Name, node.EndPoint.ToString(), e is TlsException ? e.Message : TlsException.Cause(e), left);
            }

            loop.Post(each => each.EdgeFailed(edge, LibC.EPROTO));
        }

        network.Dispose();
    }

    private static void CancelAsync(CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The connection stands already.
        }
    }

    [LoggerMessage(LogEvents.NodeTlsFailed, LogLevel.Warning,
        "Sessions cannot be connected to {Node} ({Address}) over TLS: {Cause}. They wait, and are tried again. ({Left} more since the last such line)",
        EventName = nameof(LogEvents.NodeTlsFailed))]
    private static partial void LogFailed(ILogger log, string node, string address, string cause, long left);
}
