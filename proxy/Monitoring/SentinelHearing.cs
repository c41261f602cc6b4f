// What a Sentinel's subscription proves: that everything it has published up to a moment has been heard. Without that, silence is no news.

using System.Net.Sockets;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Monitoring;

/// <summary>
/// Subscribes once more to the channel of votes, once per poll interval, together with all other questions: it changes nothing, takes no further
/// rights, and its answer comes behind all events that were published before. One per Sentinel, on the reactor's thread; it outlives its connections.
/// </summary>
internal sealed class SentinelHearing : IDisposable
{
    private static readonly byte[] Question = RespSocket.Command("SUBSCRIBE", PromotionEvent.VoteChannel);

    private readonly TimeSpan _interval;
    private readonly MonotonicClock _clock;
    private readonly ITimer _timer;
    private RespSocket? _connection;
    private TimeSpan? _askedAt;
    private TimeSpan _subscribedAt;

    /// <param name="interval">sentinel.pollInterval.</param>
    /// <param name="clock">The time of the reports.</param>
    public SentinelHearing(TimeSpan interval, MonotonicClock clock)
    {
        _interval = interval;
        _clock = clock;
        _timer = clock.Time.CreateTimer(static hearing => ((SentinelHearing)hearing!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>As <see cref="SentinelReport.HeardSince"/>.</summary>
    public TimeSpan? Since { get; private set; }

    /// <summary>As <see cref="SentinelReport.HeardAt"/>.</summary>
    public TimeSpan At { get; private set; }

    /// <summary>As <see cref="SentinelReport.VotedAt"/>.</summary>
    public TimeSpan? VotedAt { get; private set; }

    /// <summary>As <see cref="SentinelReport.VotedEpoch"/>.</summary>
    public long VotedEpoch { get; private set; }

    /// <summary>The subscription on this connection stands.</summary>
    public void Begin(RespSocket connection)
    {
        _connection = connection;
        _askedAt = null;
        _subscribedAt = _clock.Now;
        Tick();
    }

    /// <summary>The connection has ended, if there was one.</summary>
    public void End()
    {
        _connection = null;
        Since = null;
        _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A vote came.</summary>
    public void Voted(long epoch)
    {
        VotedAt = _clock.Now;
        VotedEpoch = epoch;
    }

    /// <summary>The answer to the last question came.</summary>
    public void Answered()
    {
        if (_askedAt is { } askedAt)
        {
            Since ??= _subscribedAt;
            At = askedAt;
            _askedAt = null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    // At the multiples of the interval at which the polls are due, so that all go out in one wake-up. One question at a time: a Sentinel
    // that does not answer it gets no second.
    private void Tick()
    {
        if (_connection is not { } connection)
        {
            return;
        }

        if (_askedAt is null)
        {
            _askedAt = _clock.Now;
            _ = AskAsync(connection);
        }

        _timer.Change(_interval - TimeSpan.FromTicks(_clock.Now.Ticks % _interval.Ticks), Timeout.InfiniteTimeSpan);
    }

    private static async Task AskAsync(RespSocket connection)
    {
        try
        {
            await connection.SendAsync(Question, CancellationToken.None);
        }
        catch (Exception e) when (e is SocketException or TlsException or ObjectDisposedException)
        {
            // Whoever reads from the connection meets the same.
        }
    }
}
