// The form of all sources: short lines, short files.

using System.Text.RegularExpressions;

namespace RedisHaInfra.Tests.Scripts;

public sealed partial class SourceTests
{
    private const int MaxColumns = 160;
    private const int MaxLines = 440;

    // What another program reads, a configuration or a script in a raw text, keeps its lines.
    [Fact]
    public void No_line_of_a_source_is_too_long()
    {
        var found = new List<string>();
        foreach (string file in Sources())
        {
            bool raw = false;
            foreach ((int index, string line) in File.ReadLines(Path.Combine(Repository.Root, file)).Index())
            {
                int quotes = RawQuotes().Count(line);
                if (line.Length > MaxColumns && !raw && quotes == 0)
                {
                    found.Add($"{file}:{index + 1} has {line.Length} columns");
                }
                raw ^= quotes % 2 == 1;
            }
        }

        Assert.Empty(found);
    }

    [Fact]
    public void No_source_is_so_long_that_it_holds_two_things() =>
        Assert.Empty(Sources().Select(file => (file, lines: File.ReadLines(Path.Combine(Repository.Root, file)).Count()))
            .Where(source => source.lines > MaxLines).Select(source => $"{source.file} has {source.lines} lines"));

    private static string[] Sources()
    {
        string[] all = new[] { "infra", "proxy", "tests" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Repository.Root, file))
            .Where(file => !file.Split('/').Any(part => part is "bin" or "obj")).ToArray();
        Assert.True(all.Length > 400, $"{all.Length} sources");
        return all;
    }

    [GeneratedRegex("\"\"\"+")]
    private static partial Regex RawQuotes();
}
