// What a lab could leave behind on the host: compared before and after.

using RedisHaLab.Host;

namespace RedisHaLab.Tests;

/// <summary>A picture of the host's namespaces, mounts, control groups, links, rules and processes of the lab.</summary>
internal static class HostTrace
{
    /// <summary>Everything that `up` makes and `down` must remove, as lines that can be compared.</summary>
    /// <param name="instance">The lab's name: only what carries it counts, because other labs may come and go meanwhile.</param>
    public static async Task<IReadOnlyList<string>> TakeAsync(string instance)
    {
        var lines = new List<string>();
        lines.AddRange(File.ReadLines("/proc/self/mounts").Where(line => line.Contains(instance, StringComparison.Ordinal)));
        lines.AddRange((await HostCommand.RequireAsync(["ip", "netns", "list"])).Split('\n').Where(line => line.Contains(instance, StringComparison.Ordinal)));
        lines.AddRange((await HostCommand.RequireAsync(["ip", "-o", "link"])).Split('\n').Select(line => line.Split(' ').ElementAtOrDefault(1) ?? ""));
        lines.AddRange((await HostCommand.RequireAsync(["ip", "route"])).Split('\n'));
        lines.AddRange((await HostCommand.RequireAsync(["nft", "list", "ruleset"])).Split('\n'));
        lines.AddRange(ControlGroup.Hierarchies().Select(root => Path.Combine(root, "redis-ha-lab", instance)).Where(Directory.Exists));
        lines.AddRange(new[] { "/var/lib/redis-ha-lab/", "/run/redis-ha-lab/" }.Select(root => root + instance).Where(Directory.Exists));
        lines.AddRange(Directory.EnumerateDirectories("/proc")
            .Select(directory => (directory, Text: Read(Path.Combine(directory, "cmdline")).Replace('\0', ' ')))
            .Where(process => process.Text.Contains("redis-ha-lab-" + instance, StringComparison.Ordinal)
                || process.Text.Contains("serve --name " + instance, StringComparison.Ordinal))
            .Select(process => process.Text));
        return lines;
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
