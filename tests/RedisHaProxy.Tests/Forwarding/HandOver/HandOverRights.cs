// Whether this machine lets a test hand sessions over, and the rights that a helper has where it is a service.

using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

internal static class HandOverRights
{
    /// <summary>Why not; null when it does.</summary>
    public static string? Missing { get; } = Find();

    /// <summary>A helper with the rights that its unit gives it, and no others although it is root's; it does not listen yet.</summary>
    /// <param name="path">Of its socket.</param>
    /// <param name="directory">Gets its log.</param>
    /// <param name="network">Where it runs.</param>
    /// <param name="environment">NAME=VALUE, beside its own.</param>
    public static ChildProcess StartHelper(string path, WorkDirectory directory, NetworkNamespace network, params string[] environment) =>
        Start("helper", ["--socket", path], directory, network, environment: environment);

    /// <summary>The verb hand-over with such rights.</summary>
    /// <param name="name">Of its log.</param>
    /// <param name="arguments">Of the verb.</param>
    /// <param name="directory">Gets its log.</param>
    /// <param name="network">Where it runs; where the test does when null.</param>
    /// <param name="names">Other rights than the unit's: names of capabilities.</param>
    /// <param name="environment">NAME=VALUE, beside its own.</param>
    public static ChildProcess Start(
        string name, string[] arguments, WorkDirectory directory, NetworkNamespace? network, string[]? names = null, string[]? environment = null)
    {
        const string Key = "AmbientCapabilities=";
        string unit = Path.Combine(Repository.Root, "infra", "Nodes", "Files", "proxy", "redis-ha-hand-over.service");
        names ??= Assert.Single(File.ReadAllLines(unit), line => line.StartsWith(Key, StringComparison.Ordinal))[Key.Length..].Split(' ');
        string rights = string.Join(',', names.Select(one => "+" + one["CAP_".Length..].ToLowerInvariant()).Prepend("-all"));
        return ChildProcess.Start(
            name, "setpriv",
            [
                "--securebits", "+noroot", "--bounding-set", rights, "--inh-caps", rights, "--ambient-caps", rights,
                "env", .. environment ?? [], Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy"), "hand-over", .. arguments,
            ],
            Path.Combine(directory.Path, name + ".log"), network);
    }

    private static string? Find()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "needs root for bpf(2)";
        }

        try
        {
            using var translation = new Translation(1);
            return null;
        }
        catch (BpfException e) when (e.Errno is 1 or 38)
        {
            return e.Message; // a container without the right, or a kernel without bpf(2); what the verifier says is no reason to skip
        }
    }
}
