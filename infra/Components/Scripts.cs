// The shell scripts and the bastion's cloud-config, carried inside the assembly.

namespace RedisHaInfra.Components;

/// <summary>Texts of the folder Scripts.</summary>
internal static class Scripts
{
    /// <summary>The text of a file, with line ends as on Linux.</summary>
    public static string Read(string file)
    {
        using Stream stream = typeof(Scripts).Assembly.GetManifestResourceStream("Components/Scripts/" + file)
            ?? throw new InvalidOperationException($"The assembly carries no Components/Scripts/{file}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
