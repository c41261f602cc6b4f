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
    int index, IPEndPoint endPoint, SentinelConfiguration configuration, NodeDirectory directory, IReportSink sink, SentinelHearing hearing,
        ReactorThread reactor,
    MonotonicClock clock, TlsClient? tls = null)
{
    /// <summary>What is subscribed to. (Redis sentinel.c; the names are the same in 6.2 to 7.4.)</summary>
    internal static readonly string[] Channels =
    [
        "+switch-master", "+promoted-slave", "+config-update-from", "+elected-leader", "+odown", "-odown", "+reboot", "+tilt", "-tilt",
        PromotionEvent.EpochChannel,
        .. PromotionEvent.Channels, PromotionEvent.VoteChannel,
    ];

    // Each channel by itself: a user that may not use some of them hears the others, and the refused ones are known.
    private static readonly byte[] Subscribe = [.. Channels.SelectMany(channel => RespSocket.Command("SUBSCRIBE", channel))];

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Between two attempts: an announcement must not be missed for long after a Sentinel has come back.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    /// <summary>Before the second attempt: the Sentinel's other connection may just be learning the same.</summary>
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);

    /// <summary>Between two attempts when a person must act first.</summary>
    private static readonly TimeSpan RefusedPause = TimeSpan.FromSeconds(3);

    /// <summary>How long a subscription is kept that lacks channels: then it is tried again whether the rights are there.</summary>
    private static readonly TimeSpan PartialLife = TimeSpan.FromSeconds(10);

    /// <summary>So many failures in a row that say nothing of their cause are a state: one or two may be a Sentinel's restart.</summary>
    private const int PassingFailures = 2;

    private int _failures;

    /// <summary>Waits for events until cancelled, and reports when there is, or cannot be, a subscription; never throws for a server's failure.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            Outcome outcome = await ListenAsync(stop);
            if (stop.IsCancellationRequested)
            {
                return;
            }

            if (outcome.Health == ServerHealth.Up)
            {
                continue; // a partial subscription is renewed
            }

            _failures++;
            ServerHealth health = outcome.Health.IsReason() || _failures > PassingFailures ? outcome.Health : ServerHealth.Disconnected;
            health = health == ServerHealth.Disconnected && _failures > PassingFailures ? ServerHealth.ClosesAtOnce : health;
            sink.Report(new SubscriptionReport { Sentinel = index, Health = health, Error = outcome.Error });
            try
            {
                await Task.Delay(_failures == 1 ? FirstPause : health.NeedsOperator() ? RefusedPause : RetryPause, clock.Time, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async ValueTask<Outcome> ListenAsync(CancellationToken stop)
    {
        RespSocket? connection = null;
        bool partial = false;
        try
        {
            using var limit = new CancellationTokenSource(ConnectTimeout, clock.Time);
            using CancellationTokenRegistration registration = stop.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), limit);
            connection = await RespSocket.ConnectAsync(reactor, endPoint, tls, limit.Token);
            connection.KeepAlive();
            (Outcome outcome, int heard) = await SubscribeAsync(connection, limit.Token);
            if (heard == 0)
            {
                return outcome;
            }

            sink.Report(new SubscriptionReport { Sentinel = index, Health = outcome.Health, Error = outcome.Error });
            _failures = 0;
            partial = heard < Channels.Length;
            if (!partial)
            {
                hearing.Begin(connection);
            }

            limit.CancelAfter(partial ? PartialLife : Timeout.InfiniteTimeSpan);
            while (true)
            {
                Take((await connection.ReceiveAsync(1, limit.Token)).Span);
            }
        }
        catch (OperationCanceledException)
        {
            return partial ? Outcome.Up : new Outcome(ServerHealth.ConnectTimeout, $"no subscription within {ConnectTimeout.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is SocketException or TlsException or RespException)
        {
            return await ProbeLoop.OutcomeOfAsync(e, connection);
        }
        finally
        {
            hearing.End();
            connection?.Dispose();
        }
    }

    private void Take(ReadOnlySpan<byte> message)
    {
        if (PromotionEvent.IsAnswer(message))
        {
            hearing.Answered();
            return;
        }

        if (PromotionEvent.TryRead(message, configuration.Master, directory, out int node, out string? address))
        {
            sink.Report(new PromotionNotice { Sentinel = index, At = clock.Now, Node = node, Address = address });
        }
        else if (PromotionEvent.TryReadVote(message, out long votedEpoch))
        {
            hearing.Voted(votedEpoch);
        }
        else if (PromotionEvent.TryReadEpoch(message, out long epoch))
        {
            sink.NewEpoch(index, epoch);
        }

        sink.Hint();
    }

    // How it went, and how many channels are subscribed to.
    private async ValueTask<(Outcome Outcome, int Heard)> SubscribeAsync(RespSocket connection, CancellationToken cancel)
    {
        if (configuration.Credentials is { } credentials)
        {
            await connection.SendAsync(NodeConversation.Authentication(credentials), cancel);
            if (Refusal((await connection.ReceiveAsync(1, cancel)).Span) is { } refusal)
            {
                return (refusal, 0);
            }
        }

        await connection.SendAsync(Subscribe, cancel);
        Outcome outcome = Outcome.Up;
        var refused = new List<string>();
        for (int channel = 0; channel < Channels.Length;)
        {
            ReadOnlyMemory<byte> reply = await connection.ReceiveAsync(1, cancel);
            if (IsEvent(reply.Span))
            {
                Take(reply.Span); // of a channel that is subscribed to already
                continue;
            }

            if (Refusal(reply.Span) is { } refusal)
            {
                outcome = refused.Count == 0 ? refusal : outcome;
                refused.Add(Channels[channel]);
            }

            channel++;
        }

        return refused.Count is 0 || refused.Count == Channels.Length
            ? (outcome, Channels.Length - refused.Count)
            : (outcome with { Error = $"{outcome.Error}; refused: {string.Join(' ', refused)}" }, Channels.Length - refused.Count);
    }

    // An error that a server which works would not give here counts as one all the same: there is no subscription.
    private static Outcome? Refusal(ReadOnlySpan<byte> reply)
    {
        var reader = new RespReader(reply);
        return reader.NextType != RespType.Error ? null
            : NodeConversation.ErrorOutcome(ref reader) is { Health: not ServerHealth.Up } outcome ? outcome
            : new Outcome(ServerHealth.ServerError, RespReader.Printable(reply[1..]));
    }

    private static bool IsEvent(ReadOnlySpan<byte> reply)
    {
        var reader = new RespReader(reply);
        return reader.NextType == RespType.Array && reader.ReadArray() == 3 && reader.NextType == RespType.BulkString
            && reader.ReadString().SequenceEqual("message"u8);
    }
}
