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

    /// <summary>
    /// Memory that processes and the children of each have: what is resident, and the maps of BPF programs that no process maps (a hash map, whose size
    /// in the kernel's own words is in /proc/PID/fdinfo), bytes.
    /// </summary>
    /// <exception cref="IOException">There is no such process.</exception>
    public static long MemoryBytes(IEnumerable<int> processIds)
    {
        int[] all = [.. processIds.SelectMany(id => (IEnumerable<int>)[id, .. ChildrenOf(id)])];
        return all.Sum(ResidentBytes) + all.SelectMany(HashMapsOf).DistinctBy(map => map.Id).Sum(map => map.Bytes);
    }

    // From the PPid of all processes: not every kernel has lists of children.
    private static IEnumerable<int> ChildrenOf(int processId) => Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) ? id : 0)
        .Where(id => id > 0 && LinesOf($"/proc/{Text(id)}/status").Contains($"PPid:\t{Text(processId)}"));

    private static IEnumerable<(long Id, long Bytes)> HashMapsOf(int processId)
    {
        const long Hash = 1; // BPF_MAP_TYPE_HASH
        foreach (var file in Directory.EnumerateFiles($"/proc/{Text(processId)}/fdinfo"))
        {
            var fields = LinesOf(file).Select(line => line.Split(':', 2)).Where(field => field.Length == 2)
                .GroupBy(field => field[0]).ToDictionary(field => field.Key, field => field.First()[1].Trim());
            if (fields.GetValueOrDefault("map_type") == Text(Hash) && fields.TryGetValue("memlock", out var bytes) && fields.TryGetValue("map_id", out var id))
            {
                yield return (long.Parse(id, CultureInfo.InvariantCulture), long.Parse(bytes, CultureInfo.InvariantCulture));
            }
        }
    }

    // What is described may be gone meanwhile.
    private static string[] LinesOf(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

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
