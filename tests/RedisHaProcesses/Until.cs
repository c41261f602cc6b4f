// Waiting on a condition, always bounded, with a message that says what did not happen.

using System.Diagnostics;

namespace RedisHaProcesses;

/// <summary>Bounded waits.</summary>
public static class Until
{
    /// <summary>Polls until the condition holds.</summary>
    /// <param name="what">Ends the sentence "waited N s for ...".</param>
    /// <param name="timeout">How long at most.</param>
    /// <param name="condition">Polled every <paramref name="every"/>; an <see cref="IOException"/> or a Redis error counts as "not yet" and is told at the end.</param>
    /// <param name="every">10 ms when not given.</param>
    /// <param name="state">Describes what is there instead, for the message.</param>
    /// <param name="cancellationToken">Ends the wait early.</param>
    /// <exception cref="TimeoutException">It did not happen.</exception>
    public static async Task TrueAsync(
        string what, TimeSpan timeout, Func<bool> condition, TimeSpan? every = null, Func<string>? state = null, CancellationToken cancellationToken = default)
    {
        var start = Stopwatch.GetTimestamp();
        Exception? last = null;
        while (true)
        {
            try
            {
                if (condition())
                {
                    return;
                }

                last = null;
            }
            catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or RedisErrorException)
            {
                last = e;
            }

            if (Stopwatch.GetElapsedTime(start) > timeout)
            {
                string found;
                try
                {
                    found = state?.Invoke() ?? "";
                }
                catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or RedisErrorException)
                {
                    found = e.Message;
                }

                throw new TimeoutException($"waited {timeout.TotalSeconds:0.#} s for {what}; {last?.Message} {found}".TrimEnd(' ', ';'), last);
            }

            await Task.Delay(every ?? TimeSpan.FromMilliseconds(10), cancellationToken);
        }
    }
}
