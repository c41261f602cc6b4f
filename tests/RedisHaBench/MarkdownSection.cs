// A place in a document that a bench fills: the text between <!-- name --> and <!-- /name -->.

namespace RedisHaBench;

/// <summary>Puts tables into documents.</summary>
internal static class MarkdownSection
{
    /// <summary>Whether a file has the two lines between which the text goes.</summary>
    public static bool IsIn(string file, string section) => File.Exists(file) && Find(File.ReadAllText(file), section) is not null;

    /// <summary>Replaces what is between the two lines of a file.</summary>
    /// <exception cref="InvalidOperationException">The file does not have them.</exception>
    public static void Replace(string file, string section, string markdown)
    {
        var text = File.ReadAllText(file);
        var (begin, end) = Find(text, section) ?? throw new InvalidOperationException($"{file} has no section {section}");
        File.WriteAllText(file, $"{text[..begin]}\n{markdown}{text[end..]}");
    }

    private static (int Begin, int End)? Find(string text, string section)
    {
        var mark = $"<!-- {section} -->";
        var begin = text.IndexOf(mark, StringComparison.Ordinal);
        var end = begin < 0 ? -1 : text.IndexOf($"<!-- /{section} -->", begin, StringComparison.Ordinal);
        return end < 0 ? null : (begin + mark.Length, end);
    }
}
