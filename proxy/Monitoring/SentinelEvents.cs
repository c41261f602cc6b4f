// A Sentinel's published events. All of them are hints to ask everybody at once: +switch-master comes about a second after the
// promotion and at another time from each Sentinel, so none is evidence of who is master. Those that announce a promotion are also
// reported as such: they come before it, and the routing shuts the gate on their word (rule H).

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Reactor;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Monitoring;

/// <summary>Subscribes to one Sentinel's events, on a connection of their own (a subscribed RESP2 connection cannot ask).</summary>
internal sealed class SentinelEvents(
    int index, IPEndPoint endPoint, SentinelConfiguration configuration, NodeDirectory directory, IReportSink sink, ReactorThread reactor, MonotonicClock clock,
    TlsClient? tls = null)
{
    /// <summary>What is subscribed to. (Redis sentinel.c; the names are the same in 6.2 to 7.4.)</summary>
    internal static readonly string[] Channels =
    [
        "+switch-master", "+promoted-slave", "+config-update-from", "+elected-leader", "+odown", "-odown", "+reboot", "+tilt", "-tilt",
        .. PromotionEvent.Channels,
    ];

    private static readonly byte[] Subscribe = RespSocket.Command(["SUBSCRIBE", .. Channels]);

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Between two attempts: an announcement must not be missed for long after a Sentinel has come back.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Waits for events until cancelled. Failures are not reported: the Sentinel's other connection meets and reports the same
    /// ones, and without events the polls find everything at most one interval later.
    /// </summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var limit = new CancellationTokenSource(ConnectTimeout, clock.Time);
                using CancellationTokenRegistration registration = stop.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), limit);
                using RespSocket connection = await RespSocket.ConnectAsync(reactor, endPoint, tls, limit.Token);
                connection.KeepAlive();
                if (await SubscribeAsync(connection, limit.Token))
                {
                    limit.CancelAfter(Timeout.InfiniteTimeSpan);
                    while (true)
                    {
                        Take((await connection.ReceiveAsync(1, limit.Token)).Span);
                    }
                }
            }
            catch (Exception e) when (e is SocketException or TlsException or OperationCanceledException or RespException)
            {
                // Tried again below.
            }

            try
            {
                await Task.Delay(RetryPause, clock.Time, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private void Take(ReadOnlySpan<byte> message)
    {
        if (PromotionEvent.TryRead(message, configuration.Master, directory, out int node))
        {
            sink.Report(new PromotionNotice { Sentinel = index, At = clock.Now, Node = node });
        }

        sink.Hint();
    }

    private async ValueTask<bool> SubscribeAsync(RespSocket connection, CancellationToken cancel)
    {
        if (configuration.Credentials is { } credentials)
        {
            await connection.SendAsync(NodeConversation.Authentication(credentials), cancel);
            if (IsError((await connection.ReceiveAsync(1, cancel)).Span))
            {
                return false;
            }
        }

        await connection.SendAsync(Subscribe, cancel);
        if (IsError((await connection.ReceiveAsync(1, cancel)).Span))
        {
            return false;
        }

        await connection.ReceiveAsync(Channels.Length - 1, cancel);
        return true;
    }

    private static bool IsError(ReadOnlySpan<byte> reply) => reply[0] == (byte)RespType.Error;
}
