// A flat package repository: a folder of packages and the index that apt reads first.

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using RedisHaLab.Host;

namespace RedisHaLab.Machines;

/// <summary>Makes package repositories.</summary>
internal static class PackageRepository
{
    /// <summary>Writes the index of the packages in a folder.</summary>
    public static async Task IndexAsync(string folder)
    {
        var index = new StringBuilder();
        foreach (var file in Directory.GetFiles(folder, "*.deb").Order(StringComparer.Ordinal))
        {
            var content = await File.ReadAllBytesAsync(file);
            var control = await HostCommand.RequireAsync(["dpkg-deb", "--field", file]);
            index.Append(control.TrimEnd()).Append('\n')
                .Append(CultureInfo.InvariantCulture,
                    $"Filename: ./{Path.GetFileName(file)}\nSize: {content.Length}\nSHA256: {Convert.ToHexStringLower(SHA256.HashData(content))}\n\n");
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "Packages"), index.ToString());
    }

    /// <summary>Fills another folder with the same packages, some of them under a higher version: the same programs, as a newer package brings them.</summary>
    /// <param name="from">The repository.</param>
    /// <param name="to">The other folder; what is there is replaced.</param>
    /// <param name="names">The packages that get another version. What they ask of each other follows it.</param>
    /// <param name="suffix">What their version ends with, such as +1.</param>
    public static async Task RaiseAsync(string from, string to, IReadOnlyCollection<string> names, string suffix)
    {
        var building = to + ".new";
        foreach (var old in new[] { building, to }.Where(Directory.Exists))
        {
            Directory.Delete(old, recursive: true);
        }

        Directory.CreateDirectory(building);
        var raised = Directory.GetFiles(from, "*.deb").ToLookup(file => names.Contains(Path.GetFileName(file).Split('_')[0]));
        foreach (var file in raised[false])
        {
            File.Copy(file, Path.Combine(building, Path.GetFileName(file)));
        }

        foreach (var file in raised[true])
        {
            var version = (await HostCommand.RequireAsync(["dpkg-deb", "--field", file, "Version"])).Trim();
            var tree = Path.Combine(building, "tree");
            await HostCommand.RequireAsync(["dpkg-deb", "--raw-extract", file, tree]);
            var control = Path.Combine(tree, "DEBIAN", "control");
            await File.WriteAllTextAsync(control, (await File.ReadAllTextAsync(control)).Replace(version, version + suffix, StringComparison.Ordinal));
            await HostCommand.RequireAsync(
                ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, Path.Combine(building, Path.GetFileName(file))]);
            Directory.Delete(tree, recursive: true);
        }

        await IndexAsync(building);
        Directory.Move(building, to);
    }
}
