// Waiting for a condition of another process: bounded, and with an error that says what was last seen.

using System.Diagnostics;
using System.Net.Sockets;

namespace RedisHaProcesses;

/// <summary>Bounded waits for things that real processes do in their own time.</summary>
public static class Eventually
{
    /// <summary>Polls <paramref name="condition"/> until it holds.</summary>
    /// <param name="condition">Returns true when satisfied; an exception of the network or an error reply counts as "not yet".</param>
    /// <param name="what">What is waited for, for the error; may describe the last thing seen.</param>
    /// <param name="within">The bound; 20 s when null.</param>
    /// <param name="every">The pause between two polls; 10 ms when null.</param>
    /// <param name="cancellationToken">Ends the wait early.</param>
    /// <exception cref="TimeoutException">The bound passed; carries the last exception.</exception>
    public static async Task HoldsAsync(
        Func<Task<bool>> condition, Func<string> what, TimeSpan? within = null, TimeSpan? every = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentNullException.ThrowIfNull(what);
        var bound = within ?? TimeSpan.FromSeconds(20);
        var start = Stopwatch.GetTimestamp();
        Exception? last;
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
            catch (Exception e) when (IsNotYet(e))
            {
                last = e;
            }

            await Task.Delay(every ?? TimeSpan.FromMilliseconds(10), cancellationToken);
        }
        while (Stopwatch.GetElapsedTime(start) < bound);
        throw new TimeoutException($"Not within {bound.TotalSeconds:0.#} s: {Describe(what)}{(last is null ? "" : $" ({last.Message})")}", last);
    }

    /// <summary>The same for a condition that needs no waiting itself.</summary>
    public static Task HoldsAsync(
        Func<bool> condition, Func<string> what, TimeSpan? within = null, TimeSpan? every = null, CancellationToken cancellationToken = default)
        => HoldsAsync(() => Task.FromResult(condition()), what, within, every, cancellationToken);

    private static bool IsNotYet(Exception e) => e is IOException or SocketException or TimeoutException or RespErrorException;

    private static string Describe(Func<string> what)
    {
        try
        {
            return what();
        }
        catch (Exception e) when (IsNotYet(e))
        {
            return $"(no description: {e.Message})";
        }
    }
}
