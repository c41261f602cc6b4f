// Waiting for a condition of another process: bounded, and with an error that says what was last seen.

using System.Diagnostics;

namespace RedisHaProxy.Tests.Real;

/// <summary>Bounded waits for things that real processes do in their own time.</summary>
public static class Eventually
{
    /// <summary>Polls <paramref name="condition"/> until it holds.</summary>
    /// <param name="condition">Returns true when satisfied; an exception of the network counts as "not yet".</param>
    /// <param name="within">The bound; 20 s when null.</param>
    /// <param name="what">What is waited for, for the error; may describe the last thing seen.</param>
    /// <exception cref="TimeoutException">The bound passed; carries the last exception.</exception>
    public static async Task HoldsAsync(Func<Task<bool>> condition, Func<string> what, TimeSpan? within = null)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentNullException.ThrowIfNull(what);
        TimeSpan bound = within ?? TimeSpan.FromSeconds(20);
        long start = Stopwatch.GetTimestamp();
        Exception? last = null;
        do
        {
            try
            {
                if (await condition())
                {
                    return;
                }

                last = null;
            }
            catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or TimeoutException or RespErrorException)
            {
                last = e;
            }

            await Task.Delay(10);
        }
        while (Stopwatch.GetElapsedTime(start) < bound);
        throw new TimeoutException($"Not within {bound.TotalSeconds:0.#} s: {what()}", last);
    }

    /// <summary>The same for a condition that needs no waiting itself.</summary>
    public static Task HoldsAsync(Func<bool> condition, Func<string> what, TimeSpan? within = null) =>
        HoldsAsync(() => Task.FromResult(condition()), what, within);
}
