// The machines' common root: the host's own distribution, built once by debootstrap and apt and kept by a hash of its
// recipe. Beside it lie the packages that machines install by themselves at boot, as a repository.

using System.Security.Cryptography;
using System.Text;
using RedisHaLab.Host;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Machines;

/// <summary>A finished root in the cache.</summary>
/// <param name="RootDirectory">The lower layer of every machine's disk.</param>
/// <param name="TweakDirectory">The layer above it, see <see cref="TweakLayer"/>.</param>
/// <param name="PackagesDirectory">A flat package repository.</param>
internal sealed record RootImage(string RootDirectory, string TweakDirectory, string PackagesDirectory)
{
    // What a cloud image of the distribution has and our payloads take for granted.
    private static readonly string[] Installed =
    [
        "systemd", "systemd-sysv", "dbus", "udev", "libpam-systemd", "cloud-init", "iproute2", "iptables", "iptables-persistent",
        "netfilter-persistent", "openssh-server", "sudo", "curl", "procps", "kmod", "iputils-ping", "less", "logrotate", "nftables",
    ];

    // What a machine may install at boot; the repository holds these with all that they depend on.
    private static readonly string[] Offered = ["redis-server", "redis-sentinel", "redis-tools", "chrony", "jq", "python3-apt"];

    // Newer suites have it besides.
    private static readonly string[] OfferedByNewer = ["valkey-server", "valkey-sentinel", "valkey-tools"];

    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(15);

    /// <summary>The cached root, built first when there is none for the recipe.</summary>
    /// <param name="progress">Says what is done.</param>
    /// <param name="release">Code name of another suite of the host's distribution; null for the host's own.</param>
    public static async Task<RootImage> EnsureAsync(Progress progress, string? release)
    {
        var distribution = (await Distribution.OfHostAsync()).Of(release);
        var recipe = $"5 {distribution.Id} {distribution.SourcesList()} {string.Join(' ', Installed)} | {string.Join(' ', OfferedBy(distribution))}";
        var key = $"{distribution.CodeName}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(recipe)))[..12]}";
        var root = Path.Combine(LabPaths.CacheDirectory, key, "root");
        var packages = Path.Combine(LabPaths.CacheDirectory, key, "packages");
        if (!IsBuilt(key))
        {
            await BuildAsync(distribution, key, progress);
        }

        return new RootImage(root, TweakLayer.Ensure(Path.Combine(LabPaths.CacheDirectory, key)), packages);
    }

    private static async Task BuildAsync(Distribution distribution, string key, Progress progress)
    {
        Directory.CreateDirectory(LabPaths.CacheDirectory);
        var building = Path.Combine(LabPaths.CacheDirectory, key + ".building");
        // One command builds, the others wait for its root; the next of them builds, should it fail.
        using var exclusive = await ExclusiveAsync(building + ".lock", progress);
        if (IsBuilt(key))
        {
            return;
        }

        if (Directory.Exists(building))
        {
            Directory.Delete(building, recursive: true);
        }

        var root = Path.Combine(building, "root");
        Directory.CreateDirectory(root);
        progress.Say($"building the machines' base root from {distribution.Id} {distribution.CodeName} (once; about a minute and 600 MB in "
            + $"{LabPaths.CacheDirectory})");
        await progress.StepAsync("base root 1/4: debootstrap", () => DebootstrapAsync(distribution, root));
        await progress.StepAsync("base root 2/4: security updates", () => UpgradeAsync(root));
        await progress.StepAsync($"base root 3/4: {Installed.Length} packages of a cloud image", () => InstallAsync(root, [], Installed));
        await progress.StepAsync("base root 4/4: packages for the machines' own installs",
            () => OfferAsync(root, OfferedBy(distribution), Path.Combine(building, "packages")));
        Finish(root);
        Directory.Move(building, Path.Combine(LabPaths.CacheDirectory, key));
        RemoveUnused(key);
    }

    // Roots of former recipes of the same suite that no lab's machines lie over.
    private static void RemoveUnused(string key)
    {
        var suite = key[..(key.IndexOf('-', StringComparison.Ordinal) + 1)];
        var layers = LabPaths.AllInstances()
            .Select(name => new LabPaths(name))
            .Where(StateStore.Exists)
            .SelectMany(paths => StateStore.Read(paths).Machines)
            .SelectMany(machine => machine.Layers)
            .ToList();
        foreach (var directory in Directory.EnumerateDirectories(LabPaths.CacheDirectory))
        {
            if (Path.GetFileName(directory) != key && Path.GetFileName(directory).StartsWith(suite, StringComparison.Ordinal)
                && !directory.EndsWith(".building", StringComparison.Ordinal)
                && !layers.Any(layer => layer.StartsWith(directory + "/", StringComparison.Ordinal)))
            {
                Directory.Delete(directory, recursive: true);
            }
        }
    }

    private static bool IsBuilt(string key) => Directory.Exists(Path.Combine(LabPaths.CacheDirectory, key));

    private static async Task<FileStream> ExclusiveAsync(string path, Progress progress)
    {
        if (TryLock(path) is { } free)
        {
            return free;
        }

        FileStream? held = null;
        await progress.StepAsync("another command is building the machines' base root; waiting for its end", async () =>
            await Eventually.HoldsWithinAsync(() => (held = TryLock(path)) is not null, BuildLimit, TimeSpan.FromMilliseconds(200)));
        return held ?? throw new LabException($"Another command has been building the base root for {BuildLimit.TotalMinutes:0} minutes. Wait for its end, "
            + $"then try again.", LabException.Failed);
    }

    private static FileStream? TryLock(string path)
    {
        try
        {
            // The file stays: a lock on a name that was removed meanwhile would exclude nobody.
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static async Task DebootstrapAsync(Distribution distribution, string root)
    {
        // In a mount namespace of its own, so that nothing stays mounted when it is interrupted.
        await HostCommand.RequireAsync(
            ["unshare", "--mount", "--propagation", "private", "debootstrap", "--variant=minbase", "--include=ca-certificates",
                "--components=" + string.Join(',', distribution.Components), distribution.CodeName, root, distribution.Mirror],
            timeout: BuildLimit,
            environment: distribution.FetchEnvironment());
        await File.WriteAllTextAsync(Path.Combine(root, "etc/apt/sources.list"), distribution.SourcesList());
        foreach (var file in Directory.EnumerateFiles(Path.Combine(root, "etc/apt/sources.list.d")))
        {
            File.Delete(file);
        }

        await File.WriteAllLinesAsync(Path.Combine(root, "etc/apt/apt.conf.d/80-build"),
            distribution.AptSettings.Concat(["APT::Install-Recommends \"false\";", "Acquire::Languages \"none\";", "Dpkg::Options:: \"--force-unsafe-io\";"]));
        File.Copy("/etc/resolv.conf", Path.Combine(root, "etc/resolv.conf"), overwrite: true);
        foreach (var file in Directory.Exists("/usr/local/share/ca-certificates") ? Directory.GetFiles("/usr/local/share/ca-certificates", "*.crt") : [])
        {
            // A mirror behind a company's own certificate authority.
            File.Copy(file, Path.Combine(root, "usr/local/share/ca-certificates", Path.GetFileName(file)), overwrite: true);
        }

        await InRootAsync(root, ["update-ca-certificates"]);
        // invoke-rc.d asks: no service starts while the root is built.
        var policy = Path.Combine(root, "usr/sbin/policy-rc.d");
        await File.WriteAllTextAsync(policy, "#!/bin/sh\nexit 101\n");
        File.SetUnixFileMode(policy, FileModes.Executable);
    }

    private static async Task UpgradeAsync(string root)
    {
        await InRootAsync(root, ["apt-get", "-q", "update"]);
        await InRootAsync(root, ["apt-get", "-qy", "dist-upgrade"]);
        await InRootAsync(root, ["apt-get", "clean"]);
    }

    private static Task<string> InstallAsync(string root, string[] options, string[] packages) =>
        InRootAsync(root, ["apt-get", "-qy", .. options, "install", .. packages]);

    private static string[] OfferedBy(Distribution distribution) => distribution.IsHosts ? Offered : [.. Offered, .. OfferedByNewer];

    private static async Task OfferAsync(string root, string[] packages, string repository)
    {
        await InRootAsync(root, ["apt-get", "clean"]);
        await InstallAsync(root, ["--download-only"], packages);
        Directory.CreateDirectory(repository);
        foreach (var file in Directory.GetFiles(Path.Combine(root, "var/cache/apt/archives"), "*.deb"))
        {
            // A name without apt's escapes: it becomes part of an address.
            File.Copy(file, Path.Combine(repository, Path.GetFileName(file).Replace("%3a", "_", StringComparison.Ordinal)));
        }

        await PackageRepository.IndexAsync(repository);
        await InRootAsync(root, ["apt-get", "clean"]);
    }

    private static Task<string> InRootAsync(string root, string[] command) => HostCommand.RequireAsync(
        ["unshare", "--mount", "--propagation", "private", "chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", .. command],
        timeout: BuildLimit);

    private static void Finish(string root)
    {
        foreach (var file in new[] { "etc/apt/apt.conf.d/80-build", "usr/sbin/policy-rc.d", "etc/apt/sources.list", "etc/hostname" })
        {
            File.Delete(Path.Combine(root, file));
        }

        foreach (var list in Directory.GetFiles(Path.Combine(root, "var/lib/apt/lists")))
        {
            File.Delete(list);
        }

        // Each machine gets an id and host keys of its own.
        File.WriteAllText(Path.Combine(root, "etc/machine-id"), "");
        var busId = Path.Combine(root, "var/lib/dbus/machine-id");
        File.Delete(busId);
        File.CreateSymbolicLink(busId, "/etc/machine-id");
        foreach (var key in Directory.GetFiles(Path.Combine(root, "etc/ssh"), "ssh_host_*"))
        {
            File.Delete(key);
        }
    }
}
