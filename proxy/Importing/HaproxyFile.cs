// haproxy.cfg as sections of lines.

namespace RedisHaProxy.Importing;

/// <summary>Why a file cannot become a configuration.</summary>
/// <param name="line">Where, counted from 1; 0 for the file as a whole.</param>
/// <param name="cause">What is wrong and what helps, to follow the place.</param>
internal sealed class ImportException(int line, string cause) : Exception(HaproxyLine.Visible(cause))
{
    /// <summary>Where, counted from 1; 0 for the file as a whole.</summary>
    public int Line { get; } = line;
}

/// <summary>A section.</summary>
/// <param name="Head">The line that begins it: kind, name and so on.</param>
/// <param name="Lines">What follows, to the next head.</param>
/// <param name="Defaults">Of a proxy section: the lines of the defaults that it has; empty for other sections.</param>
internal sealed record HaproxySection(HaproxyLine Head, IReadOnlyList<HaproxyLine> Lines, IReadOnlyList<HaproxyLine> Defaults)
{
    private static readonly HashSet<string> Proxies = ["frontend", "backend", "listen"];

    /// <summary>global, defaults, frontend and so on.</summary>
    public string Kind => Head.Keyword;

    /// <summary>As the head has it; empty without one.</summary>
    public string Name => Head.Word(1);

    /// <summary>Whether it is a frontend, a backend or both.</summary>
    public bool IsProxy => Proxies.Contains(Kind);

    /// <summary>mode of a proxy section: its own, else that of its defaults, else HAProxy's.</summary>
    public string Mode => Own("mode").Concat(Defaults.Where(line => line.Keyword == "mode").Reverse()).Select(line => line.Word(1)).FirstOrDefault("tcp");

    /// <summary>Its lines with this keyword, and with this second word where one is given.</summary>
    public IEnumerable<HaproxyLine> Own(string keyword, string? second = null) =>
        Lines.Where(line => line.Keyword == keyword && (second is null || line.Word(1) == second));

    /// <summary>The same with those of the defaults behind them.</summary>
    public IEnumerable<HaproxyLine> All(string keyword, string? second = null) =>
        Own(keyword, second).Concat(Defaults.Where(line => line.Keyword == keyword && (second is null || line.Word(1) == second)));
}

/// <summary>A file.</summary>
internal static class HaproxyFile
{
    // Sections of HAProxy 2.6 and what came since.
    private static readonly HashSet<string> Kinds =
    [
        "global", "defaults", "frontend", "backend", "listen", "peers", "mailers", "resolvers", "userlist", "program", "cache", "http-errors", "ring",
        "log-forward", "fcgi-app", "crt-store", "traces", "log-profile", "acme",
    ];

    /// <summary>Reads the sections.</summary>
    /// <param name="text">The file.</param>
    /// <param name="environment">See <see cref="HaproxyLine.ReadAll"/>.</param>
    /// <exception cref="ImportException">The file is not HAProxy's, or a template of one.</exception>
    public static IReadOnlyList<HaproxySection> Read(string text, Func<string, string?> environment)
    {
        foreach (var (index, raw) in text.Split('\n').Index())
        {
            if (raw.Contains("{{", StringComparison.Ordinal) && raw.Contains("}}", StringComparison.Ordinal))
            {
                throw new ImportException(index + 1, "is a line of a template ({{...}}); import what it is rendered to, for example the file in the container");
            }
        }

        var sections = new List<HaproxySection>();
        List<HaproxyLine> lines = [];
        foreach (var line in HaproxyLine.ReadAll(text, environment))
        {
            if (Kinds.Contains(line.Keyword) && !(line.Keyword is "program" or "cache" or "ring" && line.Words.Count != 2))
            {
                sections.Add(new HaproxySection(line, lines = [], DefaultsOf(line, sections)));
            }
            else if (line.Keyword.StartsWith('.'))
            {
                throw new ImportException(line.Number, $"{line.Keyword} chooses lines while HAProxy reads the file; import a file without such lines");
            }
            else if (sections.Count == 0)
            {
                throw new ImportException(line.Number,
                    $"\"{Shown(line.Keyword)}\" does not begin a section (global, defaults, frontend, backend, listen); this is not a haproxy.cfg");
            }
            else
            {
                lines.Add(line);
            }
        }

        return sections;
    }

    private static string Shown(string word) =>
        string.Concat(word.Take(40).Select(c => char.IsControl(c) ? '?' : c)) + (word.Length > 40 ? "..." : "");

    // "defaults NAME" and "from NAME"; without a name the last defaults before it.
    private static IReadOnlyList<HaproxyLine> DefaultsOf(HaproxyLine head, List<HaproxySection> before)
    {
        var defaults = before.Where(section => section.Kind == "defaults");
        return (head.After("from") is { } name ? defaults.LastOrDefault(section => section.Name == name) : defaults.LastOrDefault())?.Lines ?? [];
    }
}
