// What the whole machine has done, whoever it was for.

using System.Globalization;

namespace RedisHaBench.Traffic;

/// <summary>Reads the kernel's account of all processors.</summary>
internal static class MachineCost
{
    private const int TicksPerSecond = 100; // USER_HZ of x64 and arm64

    /// <summary>Time of all processors in which they were not idle, to 10 ms (/proc/stat, proc_stat(5)); interrupts and stolen time count.</summary>
    public static TimeSpan Busy() => Busy(File.ReadLines("/proc/stat").First());

    internal static TimeSpan Busy(string line)
    {
        // cpu  user nice system idle iowait irq softirq steal guest guest_nice; guests are in user and nice already.
        var ticks = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..9].Select(word => long.Parse(word, CultureInfo.InvariantCulture)).ToArray();
        return TimeSpan.FromSeconds((double)(ticks.Sum() - ticks[3] - ticks[4]) / TicksPerSecond);
    }
}
