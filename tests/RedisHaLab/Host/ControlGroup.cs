// Control groups of the lab's processes, in whichever hierarchies the host has mounted: version 2, version 1 with
// systemd's own hierarchy, or both. A machine needs its own, or `systemctl stop` inside it fails with an I/O error.

using RedisHaProcesses;

namespace RedisHaLab.Host;

/// <summary>A group by its path below each hierarchy's root.</summary>
internal static class ControlGroup
{
    /// <summary>Mount points of the hierarchies that systemd inside a machine uses.</summary>
    public static IReadOnlyList<string> Hierarchies() => File.ReadLines("/proc/self/mounts")
        .Select(line => line.Split(' '))
        .Where(fields => fields[2] == "cgroup2" || (fields[2] == "cgroup" && fields[3].Split(',').Contains("name=systemd")))
        .Select(fields => fields[1])
        .Distinct()
        .ToList();

    /// <summary>Creates the group where it does not exist and returns its directories.</summary>
    public static IReadOnlyList<string> Create(string path) => Hierarchies()
        .Select(root => Directory.CreateDirectory(Path.Combine(root, path)).FullName)
        .ToList();

    /// <summary>Pids of the processes in the group and in the groups below it.</summary>
    public static IReadOnlyList<int> Processes(string path) => Directories(path)
        .SelectMany(directory => ReadLines(Path.Combine(directory, "cgroup.procs")))
        .Select(int.Parse)
        .Where(pid => pid > 0)
        .Distinct()
        .ToList();

    /// <summary>Removes the group and the groups below it, once no process is left in them; true when there was one.</summary>
    public static async Task<bool> RemoveAsync(string path)
    {
        var existed = false;
        foreach (var directory in Directories(path).OrderByDescending(directory => directory.Length))
        {
            existed = true;
            var removed = await Eventually.HoldsWithinAsync(() => TryRemove(directory), TimeSpan.FromSeconds(5), TimeSpan.FromMilliseconds(20));
            if (!removed)
            {
                throw new LabException($"The control group {directory} cannot be removed; processes in it: "
                    + $"{string.Join(' ', ReadLines(Path.Combine(directory, "cgroup.procs")))}.");
            }
        }

        return existed;
    }

    private static List<string> Directories(string path) => Hierarchies()
        .Select(root => Path.Combine(root, path))
        .Where(Directory.Exists)
        .SelectMany(directory => Directory.EnumerateDirectories(directory, "*", SearchOption.AllDirectories).Append(directory))
        .ToList();

    private static bool TryRemove(string directory)
    {
        try
        {
            // rmdir(2): a group's files vanish with it, so a recursive delete would be wrong.
            Directory.Delete(directory, recursive: false);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static string[] ReadLines(string file)
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
}
