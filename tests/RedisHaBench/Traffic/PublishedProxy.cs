// The proxy as it ships: published as the infrastructure publishes it, into artifacts/bench.

using System.Runtime.InteropServices;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>Publishes the proxy of this checkout.</summary>
internal static class PublishedProxy
{
    private const string Project = "proxy/RedisHaProxy.csproj";

    /// <summary>Top folder of the checkout that this program was built in.</summary>
    /// <exception cref="InvalidOperationException">It was moved out of it.</exception>
    public static string Root()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, Project)))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no folder above {AppContext.BaseDirectory} has {Project}: give a published proxy with --proxy");
    }

    /// <summary>Publishes for this machine.</summary>
    /// <param name="name">Name of the form: a folder of its own.</param>
    /// <param name="properties">Properties that differ from what ships.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <returns>Path of the program.</returns>
    /// <exception cref="InvalidOperationException">The publish failed; the message has its first error.</exception>
    public static async Task<string> PublishAsync(string name, IReadOnlyList<string> properties, CancellationToken cancellationToken)
    {
        var root = Root();
        var output = Path.Combine(root, "artifacts", "bench", name);
        var log = Path.Combine(root, "artifacts", "bench", $"{name}.publish.log");
        if (Directory.Exists(output))
        {
            Directory.Delete(output, recursive: true);
        }

        Directory.CreateDirectory(output);
        File.Delete(log);
        var runtime = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";
        using var publish = ChildProcess.Start(
            "dotnet publish", "dotnet",
            [
                "publish", Path.Combine(root, Project), "--configuration", "Release", "--runtime", runtime, "--output", output,
                "--artifacts-path", Path.Combine(root, "artifacts", "bench", "build", name), "--nologo", "--verbosity", "quiet", "-p:DebugType=none",
                .. properties.Select(p => $"-p:{p}"),
            ],
            log);
        await Eventually.HoldsAsync(() => publish.HasExited, () => "dotnet publish ends", TimeSpan.FromMinutes(10), TimeSpan.FromMilliseconds(100),
            cancellationToken);
        var program = Path.Combine(output, "redis-ha-proxy");
        if (publish.ExitCode == 0 && File.Exists(program))
        {
            return program;
        }

        var error = (await File.ReadAllLinesAsync(log, cancellationToken)).FirstOrDefault(l => l.Contains("error", StringComparison.Ordinal))?.Trim();
        throw new InvalidOperationException($"dotnet publish failed: {error ?? publish.LogTail(2)} (all of it: {log})");
    }
}
