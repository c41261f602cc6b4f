// Which of the machine's programs are there, so that a test can skip with a reason instead of failing.

namespace RedisHaProcesses;

/// <summary>Looks up programs and rights that the real processes need.</summary>
public static class Installed
{
    private static readonly string[] Directories =
        [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries), "/usr/local/sbin", "/usr/sbin", "/sbin",
            "/usr/bin", "/bin"];

    /// <summary>Full path of a program, or null when it is not installed. A name with a slash is taken as it is.</summary>
    public static string? Path(string program)
        => program.Contains('/', StringComparison.Ordinal)
            ? (File.Exists(program) ? program : null)
            : Directories.Select(d => System.IO.Path.Combine(d, program)).FirstOrDefault(File.Exists);

    /// <summary>Whether all of the named programs are installed.</summary>
    public static bool Has(params IEnumerable<string> programs) => programs.All(program => Path(program) is not null);

    /// <summary>Why the named programs cannot be run here, in one line that says what to install; null when all can.</summary>
    public static string? Missing(params IEnumerable<string> programs)
    {
        if (!OperatingSystem.IsLinux())
        {
            return "needs Linux";
        }

        var missing = programs.Append("setpriv").Where(p => Path(p) is null).ToArray();
        return missing.Length == 0 ? null : $"not installed: {string.Join(", ", missing)}";
    }

    /// <summary>Why network namespaces cannot be made here; null when they can.</summary>
    public static string? MissingForNamespaces()
        => Missing("unshare", "nsenter", "ip", "nft", "sysctl") ?? (Environment.IsPrivilegedProcess ? null : "needs root to make network namespaces");
}
