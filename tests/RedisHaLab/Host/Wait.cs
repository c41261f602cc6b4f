// Bounded waiting on a condition.

using System.Diagnostics;

namespace RedisHaLab.Host;

/// <summary>Waits on conditions, never for a fixed time.</summary>
internal static class Wait
{
    /// <summary>Asks <paramref name="condition"/> every <paramref name="interval"/> until it holds; false when it does not within <paramref name="patience"/>.</summary>
    public static Task<bool> UntilAsync(Func<bool> condition, TimeSpan patience, TimeSpan interval, CancellationToken cancellation = default) =>
        UntilAsync(() => Task.FromResult(condition()), patience, interval, cancellation);

    /// <inheritdoc cref="UntilAsync(Func{bool}, TimeSpan, TimeSpan, CancellationToken)"/>
    public static async Task<bool> UntilAsync(Func<Task<bool>> condition, TimeSpan patience, TimeSpan interval, CancellationToken cancellation = default)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed >= patience)
            {
                return false;
            }

            await Task.Delay(interval, cancellation);
        }

        return true;
    }
}
