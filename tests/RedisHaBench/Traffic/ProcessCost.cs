// What a process costs: processor time to the nanosecond, and resident memory.

using System.Globalization;
using System.Runtime.InteropServices;

namespace RedisHaBench.Traffic;

/// <summary>Reads the kernel's accounts of a process.</summary>
internal static partial class ProcessCost
{
    /// <summary>
    /// Processor time of all threads of a process, ended ones included: its CPU-time clock (clock_getcpuclockid(3)), whose
    /// number on Linux is made from the process id as in the kernel's include/linux/posix-timers_types.h. /proc/PID/stat says
    /// the same in steps of 10 ms.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no such process.</exception>
    public static TimeSpan CpuTime(int processId)
    {
        const int PerProcessScheduled = 2;
        Span<long> time = stackalloc long[2]; // struct timespec: seconds and nanoseconds
        return clock_gettime((~processId << 3) | PerProcessScheduled, ref MemoryMarshal.GetReference(time)) == 0
            ? TimeSpan.FromSeconds(time[0]) + TimeSpan.FromTicks(time[1] / 100)
            : throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"process {processId} is gone"));
    }

    /// <summary>Resident memory (VmRSS in /proc/PID/status), bytes.</summary>
    /// <exception cref="IOException">There is no such process.</exception>
    public static long ResidentBytes(int processId)
    {
        foreach (var line in File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/status")))
        {
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
            {
                return 1024 * long.Parse(line.AsSpan(6).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture);
            }
        }

        throw new IOException(string.Create(CultureInfo.InvariantCulture, $"process {processId} has no memory"));
    }

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, ref long time);
}
