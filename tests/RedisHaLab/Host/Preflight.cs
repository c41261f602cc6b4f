// Whether this machine can run the lab at all: one line that says what is missing and what to do.

using System.Reflection;
using System.Runtime.InteropServices;
using RedisHaProcesses;

namespace RedisHaLab.Host;

/// <summary>Checks the machine before anything is made.</summary>
internal static class Preflight
{
    // Each program that the lab runs, with the package that has it: packages.txt, which scripts/lab reads as well.
    private static readonly (string Program, string Package)[] Programs = ReadPrograms();

    /// <summary>The packages that the host must have for the lab.</summary>
    public static IReadOnlyList<string> Packages => Programs.Select(program => program.Package).Distinct().ToList();

    /// <summary>Linux and root: what every command needs.</summary>
    /// <exception cref="LabException">One is missing.</exception>
    public static void RequireRoot()
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new LabException($"The lab needs Linux (this is {RuntimeInformation.OSDescription}): run it on a Linux machine or in a virtual machine.",
                LabException.Unusable);
        }

        if (!Environment.IsPrivilegedProcess)
        {
            throw new LabException("The lab makes namespaces and mounts, which needs root: run it with sudo.", LabException.Unusable);
        }
    }

    /// <summary>Programs and kernel features that `up` needs.</summary>
    /// <exception cref="LabException">One is missing.</exception>
    public static async Task RequireKernelAsync()
    {
        var missing = Programs.Where(program => Installed.Path(program.Program) is null).Select(program => program.Package).Distinct().ToList();
        if (missing.Count > 0)
        {
            throw new LabException($"Packages are missing: run `apt-get install {string.Join(' ', missing)}` (scripts/lab does it by itself unless "
                + $"told not to).", LabException.Unusable);
        }

        if (ControlGroup.Hierarchies().Count == 0)
        {
            throw new LabException("No control group hierarchy is mounted, neither version 2 nor systemd's of version 1; mount one: `mount -t cgroup2 none "
                + "/sys/fs/cgroup`.", LabException.Unusable);
        }

        await TryOverlayAsync();
        await TryNetworkAsync();
    }

    private static (string Program, string Package)[] ReadPrograms()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("packages.txt")!;
        using var reader = new StreamReader(stream);
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).Select(pair => (pair[0], pair[1]))];
    }

    private static async Task TryOverlayAsync()
    {
        var place = Path.Combine("/var/lib/redis-ha-lab", ".try-" + Environment.ProcessId);
        var root = Path.Combine(place, "root");
        try
        {
            foreach (var part in new[] { "lower", "upper", "work", "root" })
            {
                Directory.CreateDirectory(Path.Combine(place, part));
            }

            var mount = await HostCommand.RunAsync(["unshare", "--mount", "--propagation", "private", "mount", "-t", "overlay", "overlay",
                "-o", $"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work", root]);
            if (mount.ExitCode != 0)
            {
                throw new LabException($"overlayfs does not work over /var/lib ({HostCommand.Tail(mount.Error, 1)}): load the kernel module `overlay`, or "
                    + $"give /var/lib/redis-ha-lab a file system of its own that is not an overlay.", LabException.Unusable);
            }
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    private static async Task TryNetworkAsync()
    {
        var name = $"redis-ha-lab.try-{Environment.ProcessId}";
        await RequireAsync("network namespaces (CONFIG_NET_NS)", ["ip", "netns", "add", name]);
        try
        {
            await RequireAsync("veth links (module veth)", ["ip", "-n", name, "link", "add", "name", "try0", "type", "veth", "peer", "name", "try1"]);
            await RequireAsync("nftables with connection tracking and address translation (modules nf_tables, nft_ct, nft_nat, nft_hash)",
                ["nsenter", "--net=/run/netns/" + name, "--", "nft", "-f", "-"],
                """
                table ip try {
                  chain try {
                    type nat hook prerouting priority dstnat
                    jhash ip saddr . tcp sport mod 2 seed 1 vmap { 0 : accept, 1 : accept }
                    ct state new dnat to 192.0.2.1
                  }
                }

                """);
        }
        finally
        {
            await HostCommand.RunAsync(["ip", "netns", "delete", name]);
        }
    }

    private static async Task RequireAsync(string feature, string[] command, string? input = null)
    {
        var result = await HostCommand.RunAsync(command, input);
        if (result.ExitCode != 0)
        {
            throw new LabException($"The kernel does not offer {feature} ({result.Error.Trim().Split('\n')[0]}): load or enable it; in a container, run the "
                + $"lab on its host or in a virtual machine.", LabException.Unusable);
        }
    }
}
