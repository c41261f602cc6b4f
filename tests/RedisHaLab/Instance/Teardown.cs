// Removes an instance with everything it left in the kernel. It looks at what exists, not only at what the state says,
// so that it also works after a crash half-way, or without a readable state.

using RedisHaLab.Host;
using RedisHaLab.Machines;
using RedisHaLab.Network;
using RedisHaLab.State;

namespace RedisHaLab.Instance;

/// <summary>Takes an instance away.</summary>
internal static class Teardown
{
    /// <summary>Removes everything and returns what it removed, one line each.</summary>
    /// <param name="paths">The instance.</param>
    /// <param name="keepsBuckets">Whether what backups have written stays.</param>
    public static async Task<IReadOnlyList<string>> RunAsync(LabPaths paths, bool keepsBuckets = false)
    {
        var removed = new List<string>();
        await EndProcessesAsync(paths, removed);
        foreach (var root in MountsBelow(paths.RunDirectory))
        {
            var name = Path.GetFileName(root);
            await Disk.UnmountAsync(paths, name);
            removed.Add("mount " + root);
        }

        using (var network = new VcnNetwork(paths))
        {
            // The network's namespace last: with it go all links, routes and rules.
            foreach (var name in network.Existing().OrderBy(name => name == paths.Namespace(VcnNetwork.NetworkRole)))
            {
                await VcnNetwork.DeleteNamespaceAsync(name);
                removed.Add("namespace " + name);
            }
        }

        if (await ControlGroup.RemoveAsync(paths.ControlGroup))
        {
            removed.Add("control group " + paths.ControlGroup);
        }

        await RemoveEmptyRootAsync();
        await DataDisk.ReleaseAllAsync(paths);
        var state = keepsBuckets && Directory.Exists(paths.UploadsDirectory)
            ? Directory.GetFileSystemEntries(paths.StateDirectory).Where(entry => entry != paths.UploadsDirectory).ToArray() : [paths.StateDirectory];
        foreach (var entry in state.Prepend(paths.RunDirectory))
        {
            if (Directory.Exists(entry))
            {
                Directory.Delete(entry, recursive: true);
                removed.Add("directory " + entry);
            }
            else if (File.Exists(entry))
            {
                File.Delete(entry);
                removed.Add("file " + entry);
            }
        }

        // The last instance takes the common directory along.
        RemoveIfEmpty(Path.GetDirectoryName(paths.StateDirectory)!);
        return removed;
    }

    /// <summary>Removes a directory that nothing is in, unless it is a mount point.</summary>
    public static void RemoveIfEmpty(string directory)
    {
        try
        {
            if (Directory.Exists(directory) && !Directory.EnumerateFileSystemEntries(directory).Any())
            {
                Directory.Delete(directory);
            }
        }
        catch (IOException)
        {
            // Somebody gave it a file system of its own.
        }
    }

    private static async Task EndProcessesAsync(LabPaths paths, List<string> removed)
    {
        // Leaders of machines first: their supervisors then end by themselves.
        var names = PidFile.All(paths).OrderByDescending(name => name.EndsWith(".leader", StringComparison.Ordinal)).ToList();
        foreach (var name in names.Where(name => name.EndsWith(".leader", StringComparison.Ordinal)))
        {
            if (PidFile.Read(paths, name) is { IsAlive: true } leader)
            {
                leader.Signal(9);
                removed.Add($"machine {name[..^".leader".Length]} (pid {leader.Pid})");
            }
        }

        foreach (var name in names.Where(name => !name.EndsWith(".leader", StringComparison.Ordinal)))
        {
            if (PidFile.Read(paths, name) is { IsAlive: true } process)
            {
                var isMachine = names.Contains(name + ".leader");
                if (!isMachine || !await process.WaitForEndAsync(TimeSpan.FromSeconds(5)))
                {
                    await process.EndAsync(TimeSpan.FromSeconds(3));
                    removed.Add($"process {name} (pid {process.Pid})");
                }
            }
        }

        // What a crash kept from being recorded is still in the control group, or in a unit.
        foreach (var process in ControlGroup.Processes(paths.ControlGroup).Select(ProcessIdentity.Of).OfType<ProcessIdentity>())
        {
            await process.KillAsync(TimeSpan.FromSeconds(10));
            removed.Add($"process {process.Pid}");
        }

        if (ServiceProcess.HostHasSystemd)
        {
            await HostCommand.RunAsync(["systemctl", "stop", paths.HostName("*") + ".service"]);
        }
    }

    private static List<string> MountsBelow(string directory) => File.ReadLines("/proc/self/mounts")
        .Select(line => line.Split(' ')[1])
        .Where(mount => mount.StartsWith(directory + "/", StringComparison.Ordinal))
        .OrderByDescending(mount => mount.Length)
        .ToList();

    private static async Task RemoveEmptyRootAsync()
    {
        foreach (var root in ControlGroup.Hierarchies().Select(hierarchy => Path.Combine(hierarchy, LabPaths.ControlGroupRoot)).Where(Directory.Exists))
        {
            if (Directory.EnumerateDirectories(root).Any())
            {
                continue;
            }

            await ControlGroup.RemoveAsync(LabPaths.ControlGroupRoot);
            return;
        }
    }
}
