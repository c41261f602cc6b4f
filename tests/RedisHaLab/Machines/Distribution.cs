// The host's own distribution, suite and package mirror: the machines are built from them, so the lab needs no mirror
// that the host does not already use.

using System.Globalization;
using RedisHaLab.Host;

namespace RedisHaLab.Machines;

/// <summary>One configured package source.</summary>
/// <param name="Uri">The repository.</param>
/// <param name="Suite">The suite, such as bookworm-updates.</param>
/// <param name="Component">The component, such as main.</param>
internal sealed record PackageSource(string Uri, string Suite, string Component);

/// <summary>What the machines are built from.</summary>
internal sealed record Distribution
{
    /// <summary>ID of os-release(5): debian or ubuntu.</summary>
    public required string Id { get; init; }

    /// <summary>The suite's code name.</summary>
    public required string CodeName { get; init; }

    /// <summary>The distribution's own repositories, as the host's apt has them.</summary>
    public required IReadOnlyList<PackageSource> Sources { get; init; }

    /// <summary>apt's settings for reaching them (proxies), as lines of apt.conf(5).</summary>
    public required IReadOnlyList<string> AptSettings { get; init; }

    /// <summary>The repository that has the suite itself.</summary>
    public string Mirror => Sources.First(source => source.Suite == CodeName).Uri;

    /// <summary>Its components.</summary>
    public IReadOnlyList<string> Components => Sources.Where(source => source.Suite == CodeName).Select(source => source.Component).Distinct().ToList();

    /// <summary>Reads the host's configuration.</summary>
    /// <exception cref="LabException">The host is no Debian or Ubuntu, or its apt knows no repository of its own suite.</exception>
    public static async Task<Distribution> OfHostAsync()
    {
        var release = File.ReadLines("/etc/os-release")
            .Select(line => line.Split('=', 2))
            .Where(pair => pair.Length == 2)
            .ToDictionary(pair => pair[0], pair => pair[1].Trim('"'));
        var id = release.GetValueOrDefault("ID", "?");
        if (id is not ("debian" or "ubuntu") || !release.TryGetValue("VERSION_CODENAME", out var codeName))
        {
            throw new LabException($"The lab builds its machines from the host's own distribution and knows Debian and Ubuntu; this is "
                + $"{release.GetValueOrDefault("PRETTY_NAME", id)}. Run it on one of those, or in a virtual machine with one.", LabException.Unusable);
        }

        var targets = await HostCommand.RequireAsync(["apt-get", "indextargets", "--format", "$(REPO_URI)|$(CODENAME)|$(RELEASE)|$(COMPONENT)",
            "Created-By: Packages"]);
        var sources = targets.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('|'))
            .Where(fields => fields.Length == 4 && (fields[2] == codeName || fields[2] == codeName + "-updates" || fields[2] == codeName + "-security"))
            .Select(fields => new PackageSource(fields[0], fields[2], fields[3]))
            .Distinct()
            .ToList();
        if (!sources.Any(source => source.Suite == codeName))
        {
            throw new LabException($"apt knows no repository of {codeName} (see `apt-get indextargets`). Configure the distribution's repository in "
                + $"/etc/apt/sources.list and run `apt-get update`.", LabException.Unusable);
        }

        var settings = await HostCommand.RequireAsync(["apt-config", "dump"]);
        return new Distribution
        {
            Id = id,
            CodeName = codeName,
            Sources = sources,
            AptSettings = settings.Split('\n')
                .Where(line => line.StartsWith("Acquire::http", StringComparison.Ordinal) && line.Contains("roxy", StringComparison.Ordinal))
                .ToList(),
        };
    }

    /// <summary>Another suite of the same distribution, from the same repositories.</summary>
    /// <param name="release">Its code name; null for the host's own.</param>
    public Distribution Of(string? release) => release is null || release == CodeName ? this : this with
    {
        CodeName = release,
        Sources = Sources.Select(source => source with { Suite = release + source.Suite[CodeName.Length..] }).ToList(),
        IsHosts = false,
    };

    /// <summary>Whether it is the host's own suite.</summary>
    public bool IsHosts { get; init; } = true;

    /// <summary>The sources as lines of sources.list(5).</summary>
    public string SourcesList() => string.Concat(Sources
        .GroupBy(source => (source.Uri, source.Suite))
        .Select(group => string.Create(CultureInfo.InvariantCulture,
            $"deb {group.Key.Uri} {group.Key.Suite} {string.Join(' ', group.Select(source => source.Component).Distinct())}\n")));

    /// <summary>Environment for programs that fetch by themselves, such as debootstrap.</summary>
    public IReadOnlyDictionary<string, string> FetchEnvironment()
    {
        var environment = new Dictionary<string, string> { ["LC_ALL"] = "C.UTF-8", ["DEBIAN_FRONTEND"] = "noninteractive" };
        foreach (var scheme in new[] { "http", "https" })
        {
            var prefix = $"Acquire::{scheme}::Proxy \"";
            if (AptSettings.FirstOrDefault(line => line.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) is { } line)
            {
                environment[scheme + "_proxy"] = line[prefix.Length..].TrimEnd('"', ';', ' ');
            }
        }

        return environment;
    }
}
