// The floors of a project: its folders are rooms, and a room uses only rooms on floors below its own.

using System.Text.RegularExpressions;

namespace RedisHaProcesses;

/// <summary>Reads which rooms a project's files use, and finds what points upwards.</summary>
public static partial class Floors
{
    /// <summary>
    /// The uses that break the order, one line each; empty when there are none. What counts is a using directive, a name that begins with
    /// the project's namespace, and a room's name before one of its types. A file whose namespace is not its room's, or that imports for
    /// all files, hides such a use, and is one itself. Files outside of rooms (Program.cs) may use all of them.
    /// </summary>
    /// <param name="project">The project's folder; its name is not used.</param>
    /// <param name="rootNamespace">The namespace of the project; a room's is this, a dot and the folder's name.</param>
    /// <param name="floors">The rooms of each floor, from the ground up. Rooms of one floor do not use each other.</param>
    public static IReadOnlyList<string> Violations(string project, string rootNamespace, params IReadOnlyList<string[]> floors)
    {
        var rooms = Directory.EnumerateDirectories(project).Select(folder => Path.GetFileName(folder))
            .Where(name => name is not ("bin" or "obj") && Sources(project, name).Count > 0).ToHashSet(StringComparer.Ordinal);
        var level = floors.Index().SelectMany(floor => floor.Item.Select(room => (room, floor.Index))).ToDictionary(pair => pair.room, pair => pair.Index,
            StringComparer.Ordinal);
        var found = rooms.Where(room => !level.ContainsKey(room)).Select(room => $"{room}/ stands on no floor")
            .Concat(level.Keys.Where(room => !rooms.Contains(room)).Select(room => $"{room}/ does not exist")).ToList();
        if (found.Count > 0)
        {
            return found;
        }

        var types = rooms.ToDictionary(room => room, room => Sources(project, room).SelectMany(file => TypeDeclaration().Matches(file.Code))
            .Select(match => match.Groups[1].Value).ToHashSet(StringComparer.Ordinal));
        foreach (var room in rooms.Order(StringComparer.Ordinal))
        {
            foreach (var (name, code) in Sources(project, room))
            {
                var used = rooms.Where(other => other != room && level[other] >= level[room] && Uses(code, rootNamespace, other, types[other]));
                found.AddRange(used.Select(other => $"{room}/{name} uses {other}, which is not below {room}"));
                if (Namespace().Match(code) is { Success: true } match
                    && !$"{match.Groups[1].Value}.".StartsWith($"{rootNamespace}.{room}.", StringComparison.Ordinal))
                {
                    found.Add($"{room}/{name} is in the namespace {match.Groups[1].Value}");
                }

                if (GlobalUsing().IsMatch(code))
                {
                    found.Add($"{room}/{name} has a global using");
                }
            }
        }

        return found;
    }

    private static bool Uses(string code, string rootNamespace, string room, HashSet<string> types)
        => Regex.IsMatch(code, $@"\b{Regex.Escape(rootNamespace)}\.{room}\b")
            || Regex.Matches(code, $@"(?<![\w.]){room}\.(\w+)").Any(match => types.Contains(match.Groups[1].Value));

    // Comments do not count; a room's own namespace line names no other room.
    private static List<(string Name, string Code)> Sources(string project, string room)
        => [.. Directory.EnumerateFiles(Path.Combine(project, room), "*.cs", SearchOption.AllDirectories)
            .Select(file => (Path.GetFileName(file), Comment().Replace(File.ReadAllText(file), "")))];

    [GeneratedRegex(@"^\s*namespace\s+([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^\s*global\s+using\b", RegexOptions.Multiline)]
    private static partial Regex GlobalUsing();

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^(?:internal|public)\s+(?:[a-z]+\s+)*(?:class|struct|record|enum|interface)\s+(\w+)", RegexOptions.Multiline)]
    private static partial Regex TypeDeclaration();
}
