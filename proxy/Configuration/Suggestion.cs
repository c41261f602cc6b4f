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
        if (Nearest(name, siblings) is { } near)
        {
            return $"; did you mean \"{near}\"?";
        }

        if (Setting.All.FirstOrDefault(s => string.Equals(s.Name, name, StringComparison.OrdinalIgnoreCase)) is { } elsewhere)
        {
            return $"; did you mean \"{elsewhere.Name}\" {(elsewhere.Parent.Length == 0 ? "at the top" : $"in section \"{elsewhere.Parent}\"")}?";
        }

        return $"; {string.Join(", ", siblings)} are known here";
    }

    /// <summary>The word that was probably meant; null when none is near: a third of the letters wrong is still the same word.</summary>
    public static string? Nearest(string word, IEnumerable<string> words) =>
        words.OrderBy(known => Distance(word, known)).FirstOrDefault() is { } near && Distance(word, near) <= Math.Max(1, near.Length / 3) ? near : null;

    // Damerau-Levenshtein (optimal string alignment), letter case ignored: counts wrong, missing, extra and swapped letters.
    private static int Distance(string a, string b)
    {
        // A key longer than any of ours is not a mistyped one; this bounds the work on hostile input.
        if (a.Length > 64)
        {
            return a.Length;
        }

        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    d[i, j] = i + j;
                    continue;
                }

                bool same = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]);
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 2])
                    && char.ToLowerInvariant(a[i - 2]) == char.ToLowerInvariant(b[j - 1]))
                {
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
                }
            }
        }

        return d[a.Length, b.Length];
    }
}
