// What the counters do per second: sampled once a second, with the most there was.

using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

/// <summary>Rates of the last whole second.</summary>
/// <param name="SessionsPerSecond">New sessions.</param>
/// <param name="SessionsPerSecondMax">The most in any second since start.</param>
/// <param name="BytesInPerSecond">From clients.</param>
/// <param name="BytesOutPerSecond">To clients.</param>
internal sealed record Rates(double SessionsPerSecond, double SessionsPerSecondMax, double BytesInPerSecond, double BytesOutPerSecond);

/// <summary>Samples the data plane.</summary>
internal sealed class TrafficRates(IForwarder forwarder, TimeProvider timeProvider)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private Rates _current = new(0, 0, 0, 0);

    /// <summary>The newest sample.</summary>
    public Rates Current => Volatile.Read(ref _current);

    /// <summary>Samples until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        ForwarderSnapshot last = forwarder.Snapshot();
        long lastAt = timeProvider.GetTimestamp();
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, timeProvider, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            double seconds = timeProvider.GetElapsedTime(lastAt).TotalSeconds;
            if (seconds <= 0)
            {
                continue;
            }

            ForwarderSnapshot now = forwarder.Snapshot();
            double sessions = (now.SessionsTotal - last.SessionsTotal) / seconds;
            Volatile.Write(ref _current, new Rates(
                sessions,
                Math.Max(sessions, _current.SessionsPerSecondMax),
                (now.BytesIn - last.BytesIn) / seconds,
                (now.BytesOut - last.BytesOut) / seconds));
            (last, lastAt) = (now, timeProvider.GetTimestamp());
        }
    }
}
