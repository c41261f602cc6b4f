// A time that real processes need, held to a bound on a machine that others use as well.

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
}
