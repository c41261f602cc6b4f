// A time that real processes need, held to a bound on a machine that others use as well.

using System.Diagnostics;

namespace RedisHaProcesses;

/// <summary>What must be right must be right at once; a time that a busy machine made long has a second chance.</summary>
public static class SecondChance
{
    /// <summary>Measures, and measures once more from nothing when it took too long.</summary>
    /// <param name="most">The bound, itself allowed.</param>
    /// <param name="measure">The whole run: it asserts by itself what is no time, and returns the time that it took.</param>
    /// <exception cref="TimeoutException">Both runs took longer.</exception>
    public static async Task WithinAsync(TimeSpan most, Func<Task<TimeSpan>> measure)
    {
        ArgumentNullException.ThrowIfNull(measure);
        var first = await measure();
        if (first > most && await measure() is var second && second > most)
        {
            throw new TimeoutException($"took {first.TotalMilliseconds:0} and {second.TotalMilliseconds:0} ms; at most {most.TotalMilliseconds:0} ms expected");
        }
    }

    /// <summary>
    /// For what holds only while this process runs, such as that somebody does something at least every second. A run that fails says nothing when the
    /// process, or its thread pool, was held up in it: it is repeated then, up to two times. One that fails without that fails at once.
    /// </summary>
    /// <param name="least">From which length on a pause counts.</param>
    /// <param name="run">The whole run, from nothing.</param>
    public static async Task UnlessHeldUpAsync(TimeSpan least, Func<Task> run)
    {
        ArgumentNullException.ThrowIfNull(run);
        for (var repeats = 2; ; repeats--)
        {
            using var ends = new CancellationTokenSource();
            var pool = LongestPauseAsync(ends.Token);
            var process = Task.Factory.StartNew(() => LongestPause(ends.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            try
            {
                await run();
                await ends.CancelAsync();
                return;
            }
            catch (Exception) when (repeats > 0 && !ends.IsCancellationRequested)
            {
                await ends.CancelAsync();
                if (await pool < least && await process < least)
                {
                    throw;
                }
            }
        }
    }

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

    private static TimeSpan LongestPause(CancellationToken ends)
    {
        var longest = TimeSpan.Zero;
        while (!ends.IsCancellationRequested)
        {
            var from = Stopwatch.GetTimestamp();
            Thread.Sleep(Step);
            longest = Later(longest, Stopwatch.GetElapsedTime(from));
        }

        return longest;
    }

    private static async Task<TimeSpan> LongestPauseAsync(CancellationToken ends)
    {
        var longest = TimeSpan.Zero;
        while (!ends.IsCancellationRequested)
        {
            var from = Stopwatch.GetTimestamp();
            await Task.Delay(Step, CancellationToken.None);
            longest = Later(longest, Stopwatch.GetElapsedTime(from));
        }

        return longest;
    }

    private static TimeSpan Later(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
