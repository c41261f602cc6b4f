// A block volume: a sparse file behind a loop device, which is shown to one machine under the name that OCI's images give it. The file stays when
// the machine goes.

using System.Globalization;
using RedisHaLab.Host;
using RedisHaLab.State;

namespace RedisHaLab.Machines;

/// <summary>Makes, attaches and removes block volumes.</summary>
internal static class DataDisk
{
    private const string Name = "oraclevdb";

    // capabilities(7), linux/capability.h.
    private const int SystemResource = 24;

    /// <summary>Makes a volume, or grows it, also while it is in use.</summary>
    /// <exception cref="LabException">This host's kernel would not let the file system on it grow.</exception>
    public static async Task SizeAsync(LabPaths paths, string volume, long gigabytes)
    {
        Directory.CreateDirectory(paths.VolumesDirectory);
        var image = paths.VolumeImage(volume);
        if (File.Exists(image) && new FileInfo(image).Length < gigabytes << 30 && !HasCapability(SystemResource))
        {
            throw new LabException("a data volume cannot grow here: a file system in use grows only with the capability CAP_SYS_RESOURCE, which this host "
                + "does not have (a container, mostly). Nothing was changed; on another host, or in a virtual machine, it works.");
        }

        await HostCommand.RequireAsync(["truncate", "--size", $">{gigabytes.ToString(CultureInfo.InvariantCulture)}G", image]);
        if (await LoopAsync(image) is { } loop)
        {
            await HostCommand.RequireAsync(["losetup", "--set-capacity", loop]);
        }
    }

    /// <summary>Shows a volume to a machine, from now on and after each of its starts.</summary>
    public static async Task AttachAsync(LabPaths paths, string machine, string volume)
    {
        Directory.CreateDirectory(paths.MachineDevices(machine));
        await File.WriteAllTextAsync(Attached(paths, machine), volume);
        await EnsureAsync(paths, machine);
    }

    /// <summary>Makes the folder of a machine's devices, with the volume that it has; the host may have been restarted.</summary>
    public static async Task EnsureAsync(LabPaths paths, string machine)
    {
        var folder = paths.MachineDevices(machine);
        Directory.CreateDirectory(folder);
        Clear(folder);
        if (!File.Exists(Attached(paths, machine)))
        {
            return;
        }

        var image = paths.VolumeImage(await File.ReadAllTextAsync(Attached(paths, machine)));
        var loop = await LoopAsync(image) ?? (await HostCommand.RequireAsync(["losetup", "--find", "--show", image])).Trim();
        var number = (await HostCommand.RequireAsync(["lsblk", "--nodeps", "--noheadings", "--output", "MAJ:MIN", loop])).Trim().Split(':');
        var node = Path.GetFileName(loop);
        await HostCommand.RequireAsync(["mknod", "--mode=600", Path.Combine(folder, node), "b", .. number]);
        File.CreateSymbolicLink(Path.Combine(folder, Name), node);
    }

    /// <summary>Takes a machine's volume away.</summary>
    public static void Detach(LabPaths paths, string machine)
    {
        File.Delete(Attached(paths, machine));
        Clear(paths.MachineDevices(machine));
    }

    /// <summary>Removes a volume with all that is on it.</summary>
    public static async Task RemoveAsync(LabPaths paths, string volume)
    {
        var image = paths.VolumeImage(volume);
        await ReleaseAsync(image);
        File.Delete(image);
    }

    /// <summary>Gives back all loop devices of the lab's volumes.</summary>
    public static async Task ReleaseAllAsync(LabPaths paths)
    {
        if (Directory.Exists(paths.VolumesDirectory))
        {
            foreach (var image in Directory.EnumerateFiles(paths.VolumesDirectory))
            {
                await ReleaseAsync(image);
            }
        }
    }

    private static bool HasCapability(int number)
    {
        const string Effective = "CapEff:";
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(Effective, StringComparison.Ordinal));
        return (ulong.Parse(line[Effective.Length..].Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) >> number & 1) == 1;
    }

    private static async Task ReleaseAsync(string image)
    {
        if (await LoopAsync(image) is { } loop)
        {
            // It goes with the last process that has it open.
            await HostCommand.RequireAsync(["losetup", "--detach", loop]);
        }
    }

    private static string Attached(LabPaths paths, string machine) => Path.Combine(paths.StateDirectory, $"{machine}.volume");

    private static void Clear(string folder)
    {
        foreach (var file in Directory.Exists(folder) ? Directory.GetFileSystemEntries(folder) : [])
        {
            File.Delete(file);
        }
    }

    private static async Task<string?> LoopAsync(string image) => File.Exists(image)
        ? (await HostCommand.RequireAsync(["losetup", "--noheadings", "--output", "NAME", "--associated", image])).Split('\n')
            .Select(line => line.Trim()).FirstOrDefault(line => line.Length > 0)
        : null;
}
