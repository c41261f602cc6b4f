// What each verb is for, from verbs.txt: scripts/lab shows the same list before anything is built.

using System.Reflection;

namespace RedisHaLab.Commands;

/// <summary>The lab's verbs.</summary>
internal static class Verbs
{
    /// <summary>Verb and description, in the order of the help.</summary>
    public static IReadOnlyDictionary<string, string> All { get; } = Read();

    private static Dictionary<string, string> Read()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("verbs.txt")!;
        using var reader = new StreamReader(stream);
        // VERB, its arguments, what it does: separated by tabs.
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')).ToDictionary(parts => parts[0],
            parts => parts[2]);
    }
}
