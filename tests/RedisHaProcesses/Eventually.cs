// Waiting for a condition of another process: bounded, and with an error that says what was last seen.

using System.Diagnostics;
using System.Net.Sockets;

namespace RedisHaProcesses;

/// <summary>Bounded waits for things that real processes do in their own time; never for a fixed time.</summary>
public static class Eventually
{
    /// <summary>The pause between two looks where the caller names none.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Asks <paramref name="condition"/> until it holds; false when it does not within <paramref name="patience"/>. Exceptions pass.</summary>
    /// <param name="condition">Returns true when satisfied.</param>
    /// <param name="patience">The bound.</param>
    /// <param name="every">The pause between two looks; 10 ms when null.</param>
    /// <param name="cancellationToken">Ends the wait early.</param>
    public static async Task<bool> HoldsWithinAsync(Func<Task<bool>> condition, TimeSpan patience, TimeSpan? every = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(condition);
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            // Looked at before the condition: a process that was stopped for the whole time still looks once more.
            var isLast = Stopwatch.GetElapsedTime(start) >= patience;
            if (await condition())
            {
                return true;
            }

            if (isLast)
            {
                return false;
            }

            await Task.Delay(every ?? Pause, cancellationToken);
        }
    }

    /// <summary>The same for a condition that needs no waiting itself.</summary>
    public static Task<bool> HoldsWithinAsync(Func<bool> condition, TimeSpan patience, TimeSpan? every = null, CancellationToken cancellationToken = default)
        => HoldsWithinAsync(() => Task.FromResult(condition()), patience, every, cancellationToken);

    /// <summary>Polls <paramref name="condition"/> until it holds.</summary>
    /// <param name="condition">Returns true when satisfied; an exception of the network or an error reply counts as "not yet".</param>
    /// <param name="what">What is waited for, for the error; may describe the last thing seen.</param>
    /// <param name="within">The bound; 60 s when null: only a failure reaches it.</param>
    /// <param name="every">The pause between two polls; 10 ms when null.</param>
    /// <param name="cancellationToken">Ends the wait early.</param>
    /// <exception cref="TimeoutException">The bound passed; carries the last exception.</exception>
    public static async Task HoldsAsync(
        Func<Task<bool>> condition, Func<string> what, TimeSpan? within = null, TimeSpan? every = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(what);
        var bound = within ?? TimeSpan.FromSeconds(60);
        Exception? last = null;
        if (!await HoldsWithinAsync(LookAsync, bound, every, cancellationToken))
        {
            throw new TimeoutException($"Not within {bound.TotalSeconds:0.#} s: {Describe(what)}{(last is null ? "" : $" ({last.Message})")}", last);
        }

        async Task<bool> LookAsync()
        {
            try
            {
                last = null;
                return await condition();
            }
            catch (Exception e) when (IsNotYet(e))
            {
                last = e;
                return false;
            }
        }
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
