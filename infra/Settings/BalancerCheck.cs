// The load balancer's health check of the proxies, and what follows from its pace.

namespace RedisHaInfra.Settings;

/// <summary>The check: /healthz of each proxy at its admin port.</summary>
internal static class BalancerCheck
{
    /// <summary>From one check to the next. OCI's default is 10 s.</summary>
    public const int IntervalMilliseconds = 2_000;

    /// <summary>Until a check without an answer has failed.</summary>
    public const int TimeoutMilliseconds = 1_500;

    /// <summary>Checks with the same result until the balancer believes it.</summary>
    public const int Retries = 2;

    // A check has just been made when the answer changes, and the last one that counts may take its whole timeout.
    private const int BelievedWithinMilliseconds = (Retries + 1) * IntervalMilliseconds + TimeoutMilliseconds;

    /// <summary>A proxy that has answered for so long gets sessions.</summary>
    public const int SteadySeconds = (BelievedWithinMilliseconds + 999) / 1000;

    /// <summary>A proxy whose /healthz has failed for so long gets no new sessions: with a third more for the balancer to act on it.</summary>
    public const int DrainedWithinMilliseconds = BelievedWithinMilliseconds * 4 / 3;
}
