// A machine's disk: an overlay of its own over the shared root. Written once with what the cloud puts there before the
// first boot: the seed of cloud-init, the resolver's search list. Host keys are cloud-init's, from the user data.

using System.Globalization;
using RedisHaLab.Host;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Machines;

/// <summary>Makes, mounts and removes machines' disks.</summary>
internal static class Disk
{
    /// <summary>Whether the machine's disk was made completely.</summary>
    public static bool Exists(LabPaths paths, MachineSpec machine) => File.Exists(CompleteFile(paths, machine));

    /// <summary>Makes the disk where it does not exist, and mounts it where it is not mounted.</summary>
    public static async Task EnsureMountedAsync(LabPaths paths, MachineSpec machine)
    {
        var disk = paths.MachineDisk(machine.Name);
        var root = paths.MachineRoot(machine.Name);
        var missing = machine.Layers.FirstOrDefault(layer => !Directory.Exists(layer));
        if (missing is not null)
        {
            throw new LabException($"The disk of {machine.Name} lies over {missing}, which is gone from the cache. Run `scripts/lab down`, then "
                + $"`scripts/lab up`.");
        }

        if (!Exists(paths, machine))
        {
            await UnmountAsync(paths, machine.Name);
            if (Directory.Exists(disk))
            {
                Directory.Delete(disk, recursive: true);
            }

            Directory.CreateDirectory(Path.Combine(disk, "upper/etc"));
            Directory.CreateDirectory(Path.Combine(disk, "work"));
            await SeedAsync(paths, machine);
        }

        if (!IsMounted(root))
        {
            Directory.CreateDirectory(root);
            await HostCommand.RequireAsync(["mount", "-t", "overlay", "overlay",
                "-o", $"lowerdir={string.Join(':', machine.Layers)},upperdir={disk}/upper,workdir={disk}/work", root]);
        }
    }

    /// <summary>Unmounts the disk; true when it was mounted.</summary>
    public static async Task<bool> UnmountAsync(LabPaths paths, string machine)
    {
        var root = paths.MachineRoot(machine);
        if (!IsMounted(root))
        {
            return false;
        }

        // The last process of the machine may still be going; its mounts go with it.
        var unmounted = await Eventually.HoldsWithinAsync(
            async () => (await HostCommand.RunAsync(["umount", root])).ExitCode == 0, TimeSpan.FromSeconds(5), TimeSpan.FromMilliseconds(50));
        if (!unmounted)
        {
            throw new LabException($"{root} cannot be unmounted; see which processes use it: `fuser -vm {root}`.");
        }

        Directory.Delete(root);
        return true;
    }

    /// <summary>Whether something is mounted at a directory.</summary>
    public static bool IsMounted(string directory) =>
        File.ReadLines("/proc/self/mounts").Any(line => line.Split(' ')[1] == directory);

    // Beside the disk, not on it: the machine can do what it likes with its own files.
    private static string CompleteFile(LabPaths paths, MachineSpec machine) => Path.Combine(paths.MachineDisk(machine.Name), "complete");

    private static async Task SeedAsync(LabPaths paths, MachineSpec machine)
    {
        var upper = Path.Combine(paths.MachineDisk(machine.Name), "upper");
        var seed = Directory.CreateDirectory(Path.Combine(upper, "var/lib/cloud/seed/nocloud")).FullName;
        var userData = machine.Metadata.GetValueOrDefault("user_data") ?? "";
        await File.WriteAllBytesAsync(Path.Combine(seed, "user-data"), Convert.FromBase64String(userData));
        File.SetUnixFileMode(Path.Combine(seed, "user-data"), FileModes.SecretFile);
        var keys = (machine.Metadata.GetValueOrDefault("ssh_authorized_keys") ?? "").Split('\n',
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var fullName = machine.Domain is null ? machine.Name : $"{machine.Name}.{machine.Domain}";
        await File.WriteAllTextAsync(Path.Combine(seed, "meta-data"), string.Create(CultureInfo.InvariantCulture, $"""
            instance-id: {machine.InstanceId}
            local-hostname: {fullName}
            public-keys: [{string.Join(", ", keys.Select(key => "\"" + key.Replace("\"", "\\\"", StringComparison.Ordinal) + "\""))}]

            """));
        await File.WriteAllTextAsync(Path.Combine(seed, "network-config"), string.Create(CultureInfo.InvariantCulture, $"""
            version: 2
            ethernets:
              eth0:
                addresses: [{machine.Address}/{machine.PrefixLength}]
                routes: [{"{"}to: 0.0.0.0/0, via: {machine.Gateway}{"}"}]

            """));
        if (machine.Domain is { } domain)
        {
            var parent = domain[(domain.IndexOf('.', StringComparison.Ordinal) + 1)..];
            var resolver = await File.ReadAllTextAsync(Path.Combine(machine.Layers[0], "etc/resolv.conf"));
            await File.WriteAllTextAsync(Path.Combine(upper, "etc/resolv.conf"), $"{resolver}search {parent} {domain}\n");
        }

        await File.WriteAllTextAsync(CompleteFile(paths, machine), "");
    }
}
