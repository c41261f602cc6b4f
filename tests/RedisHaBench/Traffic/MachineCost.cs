// What the whole machine has done, whoever it was for.

using System.Diagnostics;
using System.Globalization;

namespace RedisHaBench.Traffic;

/// <summary>A moment in the kernel's account of all processors (/proc/stat, proc_stat(5)).</summary>
/// <param name="At">When, as of Stopwatch.</param>
/// <param name="Processors">How many there are.</param>
/// <param name="Idle">Time of all of them, since the machine started, in which they idled, waited for a disk, or were the host's for something else.</param>
internal readonly record struct MachineCost(long At, int Processors, TimeSpan Idle)
{
    private const int TicksPerSecond = 100; // USER_HZ of x64 and arm64

    /// <summary>This moment.</summary>
    public static MachineCost Now() => Of(Stopwatch.GetTimestamp(), File.ReadAllLines("/proc/stat"));

    /// <summary>
    /// Time of all processors, interrupts included, in which they did something. It is taken from the time in which they did nothing, which the kernel
    /// measures; what they do it counts by looking at them a hundred times a second or so.
    /// </summary>
    public TimeSpan BusySince() => Now().BusySince(this);

    internal TimeSpan BusySince(MachineCost before) => (Stopwatch.GetElapsedTime(before.At, At) * Processors) - (Idle - before.Idle);

    internal static MachineCost Of(long at, IReadOnlyList<string> lines)
    {
        // First all together, then a line for each. cpu  user nice system idle iowait irq softirq steal guest guest_nice
        var ticks = lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..9].Select(word => long.Parse(word, CultureInfo.InvariantCulture)).ToArray();
        return new(at, lines.Count(line => line.StartsWith("cpu", StringComparison.Ordinal)) - 1,
            TimeSpan.FromSeconds((double)(ticks[3] + ticks[4] + ticks[7]) / TicksPerSecond));
    }
}
