// Bounded waiting on a condition, the only way in which these tests wait.

using System.Diagnostics;

namespace RedisHaProxy.Tests.Forwarding;

internal static class Eventually
{
    /// <summary>Generous, because it is only reached by a failure.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Waits until the condition holds; throws, naming it, when it does not within the limit.</summary>
    public static async Task True(Func<bool> condition, string what, TimeSpan? limit = null)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            if (watch.Elapsed > (limit ?? Limit))
            {
                throw new TimeoutException($"not within {limit ?? Limit}: {what}");
            }

            await Task.Delay(2);
        }
    }
}
