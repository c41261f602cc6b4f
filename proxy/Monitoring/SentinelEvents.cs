// A Sentinel's published events, taken only as hints to ask everybody at once. They are never evidence: +switch-master comes
// about a second after the promotion and at another time from each Sentinel.

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Monitoring;

/// <summary>Subscribes to one Sentinel's events, on a connection of their own (a subscribed RESP2 connection cannot ask).</summary>
internal sealed class SentinelEvents(IPEndPoint endPoint, RedisCredentials? credentials, IReportSink sink, MonotonicClock clock)
{
    private static readonly byte[] Subscribe = RespSocket.Command(
        "SUBSCRIBE", "+switch-master", "+promoted-slave", "+config-update-from", "+elected-leader", "+odown", "-odown", "+reboot", "+tilt", "-tilt");

    private const int SubscribedChannels = 9;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Waits for events until cancelled. Failures are not reported: the Sentinel's other connection meets and reports the same
    /// ones, and without events the polls find everything at most one interval later.
    /// </summary>
    public async Task RunAsync(CancellationToken stop)
    {
        for (int failures = 0; !stop.IsCancellationRequested; failures = Math.Min(failures + 1, 4))
        {
            try
            {
                using var limit = new CancellationTokenSource(ConnectTimeout, clock.Time);
                using CancellationTokenRegistration registration = stop.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), limit);
                using RespSocket connection = await RespSocket.ConnectAsync(endPoint, limit.Token);
                connection.KeepAlive();
                if (await SubscribeAsync(connection, limit.Token))
                {
                    failures = 0;
                    limit.CancelAfter(Timeout.InfiniteTimeSpan);
                    while (true)
                    {
                        await connection.ReceiveAsync(1, limit.Token);
                        sink.Hint();
                    }
                }
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or RespException)
            {
                // Tried again below.
            }

            try
            {
                await Task.Delay(TimeSpan.FromSeconds(1 << failures), clock.Time, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async ValueTask<bool> SubscribeAsync(RespSocket connection, CancellationToken cancel)
    {
        if (credentials is not null)
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

        await connection.ReceiveAsync(SubscribedChannels - 1, cancel);
        return true;
    }

    private static bool IsError(ReadOnlySpan<byte> reply) => reply[0] == (byte)RespType.Error;
}
