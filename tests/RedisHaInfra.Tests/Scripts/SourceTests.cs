// The form of all sources: short lines, short files.

using System.Text.RegularExpressions;

namespace RedisHaInfra.Tests.Scripts;

public sealed partial class SourceTests
{
    private const int MaxColumns = 160;
    private const int MaxLines = 400;

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

    [Theory]
    [InlineData("proxy")]
    [InlineData("infra")]
    [InlineData("tests/RedisHaLab")]
    public void The_developers_page_says_of_each_room_what_is_changed_there(string project)
    {
        IEnumerable<string> rows = File.ReadLines(Path.Combine(Repository.Root, "docs/development.md"))
            .SkipWhile(line => !line.StartsWith($"| room of `{project}/` |", StringComparison.Ordinal)).Skip(2).TakeWhile(line => line.StartsWith('|'));
        IEnumerable<string> documented = rows.SelectMany(row => RoomNames().Matches(row.Split('|')[1]).Select(match => match.Groups[1].Value));
        IEnumerable<string> rooms = Directory.EnumerateDirectories(Path.Combine(Repository.Root, project)).Select(folder => Path.GetFileName(folder))
            .Where(name => name is not ("bin" or "obj"));

        Assert.Equal(rooms.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
        Assert.All(rows, row => Assert.Equal(3, row.Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Length));
    }

    private static string[] Sources()
    {
        string[] all = new[] { "infra", "proxy", "tests" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Repository.Root, file))
            .Where(file => !file.Split('/').Any(part => part is "bin" or "obj")).ToArray();
        Assert.True(all.Length > 400, $"{all.Length} sources");
        return all;
    }

    [GeneratedRegex("`(\\w+)`")]
    private static partial Regex RoomNames();

    [GeneratedRegex("\"\"\"+")]
    private static partial Regex RawQuotes();
}
