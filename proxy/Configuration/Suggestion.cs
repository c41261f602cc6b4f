// "Did you mean ...?" for a mistyped key.

namespace RedisHaProxy.Configuration;

/// <summary>Finds the key that was probably meant.</summary>
internal static class Suggestion
{
    /// <summary>
    /// The nearest key of the same section, else a key of that name in another section, else the keys there are;
    /// as the end of a sentence.
    /// </summary>
    public static string For(string name, string section)
    {
        var siblings = Setting.All.Where(s => s.Parent == section).Select(s => s.Name).ToList();
        if (Spelling.Nearest(name, siblings) is { } near)
        {
            return $"; did you mean \"{near}\"?";
        }

        if (Setting.All.FirstOrDefault(s => string.Equals(s.Name, name, StringComparison.OrdinalIgnoreCase)) is { } elsewhere)
        {
            return $"; did you mean \"{elsewhere.Name}\" {(elsewhere.Parent.Length == 0 ? "at the top" : $"in section \"{elsewhere.Parent}\"")}?";
        }

        return $"; {string.Join(", ", siblings)} are known here";
    }
}
