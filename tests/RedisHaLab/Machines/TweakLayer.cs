// The layer between the base root and a machine's own disk: what makes a plain Debian or Ubuntu root behave like the
// cloud's image of it (its default user, its host firewall) and boot in a namespace without waiting for hardware.

using System.Security.Cryptography;
using System.Text;
using RedisHaLab.Host;
using RedisHaLab.Network;

namespace RedisHaLab.Machines;

/// <summary>The files of the layer, embedded from Machines/Tweaks.</summary>
internal static class TweakLayer
{
    private const string Prefix = "tweaks/";

    // Units that only cost time in a machine without hardware, mail or documentation.
    private static readonly string[] Masked =
    [
        "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer", "motd-news.timer",
        "man-db.timer", "console-getty.service", "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-udev-settle.service",
        "systemd-resolved.service", "systemd-timesyncd.service", "systemd-firstboot.service", "ldconfig.service", "cloud-init-hotplugd.socket",
    ];

    private static readonly (string Unit, string Target)[] Enabled =
    [
        ("systemd-networkd.service", "multi-user.target.wants"),
        ("systemd-networkd-wait-online.service", "network-online.target.wants"),
        ("netfilter-persistent.service", "multi-user.target.wants"),
    ];

    /// <summary>The layer's directory below <paramref name="directory"/>, written first when it does not exist for the present content.</summary>
    public static string Ensure(string directory)
    {
        var assembly = typeof(TweakLayer).Assembly;
        var files = assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => (Path: name[Prefix.Length..], Content: Fill(Read(assembly.GetManifestResourceStream(name)!))))
            .ToList();
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', files.Select(file => file.Path + '\0' + file.Content).Concat(Masked))));
        var layer = Path.Combine(directory, "tweaks-" + Convert.ToHexStringLower(hash)[..12]);
        if (Directory.Exists(layer))
        {
            return layer;
        }

        var building = $"{layer}.{Environment.ProcessId}";
        foreach (var (path, content) in files)
        {
            var file = Path.Combine(building, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, content);
            File.SetUnixFileMode(file, path.EndsWith(".sh", StringComparison.Ordinal) ? FileModes.Executable : FileModes.PublicFile);
        }

        var units = Path.Combine(building, "etc/systemd/system");
        foreach (var unit in Masked)
        {
            File.CreateSymbolicLink(Path.Combine(units, unit), "/dev/null");
        }

        foreach (var (unit, target) in Enabled.Append(("redis-ha-lab-kernel.service", "sysinit.target.wants")))
        {
            var wants = Directory.CreateDirectory(Path.Combine(units, target)).FullName;
            var source = unit.StartsWith("redis-ha-lab", StringComparison.Ordinal) ? "/etc/systemd/system/" : "/lib/systemd/system/";
            File.CreateSymbolicLink(Path.Combine(wants, unit), source + unit);
        }

        Directory.Move(building, layer);
        return layer;
    }

    private static string Read(Stream stream)
    {
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string Fill(string content) => content
        .Replace("@NAME_SERVER@", Addresses.LinkLocalService, StringComparison.Ordinal)
        .Replace("@PACKAGE_MIRROR@", Addresses.PackageMirrorName, StringComparison.Ordinal)
        .Replace("@MONITORING@", Addresses.MonitoringName, StringComparison.Ordinal);
}
