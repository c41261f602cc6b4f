// Which process is which: one small file for each long-lived process, gone with the host's next boot like the process.

using System.Globalization;
using RedisHaLab.Host;

namespace RedisHaLab.State;

/// <summary>Files with a pid and a start time in the instance's run directory.</summary>
internal static class PidFile
{
    /// <summary>The process; null when none was recorded.</summary>
    public static ProcessIdentity? Read(LabPaths paths, string name)
    {
        try
        {
            var fields = File.ReadAllText(FileOf(paths, name)).Split(' ');
            return new ProcessIdentity(int.Parse(fields[0], CultureInfo.InvariantCulture), long.Parse(fields[1], CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or FormatException or IndexOutOfRangeException)
        {
            return null;
        }
    }

    /// <summary>Records a process.</summary>
    public static void Write(LabPaths paths, string name, ProcessIdentity process)
    {
        var file = FileOf(paths, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $"{process.Pid} {process.StartTicks}"));
    }

    /// <summary>Forgets a process.</summary>
    public static void Remove(LabPaths paths, string name) => File.Delete(FileOf(paths, name));

    /// <summary>The names of all recorded processes.</summary>
    public static IReadOnlyList<string> All(LabPaths paths) => Directory.Exists(DirectoryOf(paths))
        ? Directory.GetFiles(DirectoryOf(paths)).Select(file => Path.GetFileName(file)).ToList()
        : [];

    private static string DirectoryOf(LabPaths paths) => Path.Combine(paths.RunDirectory, "pids");

    private static string FileOf(LabPaths paths, string name) => Path.Combine(DirectoryOf(paths), name);
}
