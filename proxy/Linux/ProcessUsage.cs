// What this process takes from the machine, for the metrics that every exporter has under the same names.

using System.ComponentModel;

namespace RedisHaProxy.Linux;

/// <summary>Resources of this process.</summary>
/// <param name="Processor">Processor time of all threads since the start.</param>
/// <param name="ResidentBytes">Memory that is in RAM.</param>
/// <param name="OpenFiles">Counts the descriptors: with many sessions that takes milliseconds, so only whoever asks pays for it.</param>
/// <param name="OpenFilesLimit">The most descriptors that it may have.</param>
internal sealed record ProcessUsage(TimeSpan Processor, long ResidentBytes, Func<int> OpenFiles, long OpenFilesLimit)
{
    /// <summary>Now.</summary>
    /// <exception cref="Win32Exception">The kernel does not tell the limit.</exception>
    public static unsafe ProcessUsage Read()
    {
        ulong* limit = stackalloc ulong[2];
        if (LibC.GetLimit(LibC.LimitOpenFiles, limit) < 0)
        {
            throw new Win32Exception(LibC.Errno);
        }

        // The descriptor by which the folder is read is one of those in it.
        return new ProcessUsage(Environment.CpuUsage.TotalTime, Environment.WorkingSet, () => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count() - 1,
            (long)Math.Min(limit[0], long.MaxValue));
    }
}
