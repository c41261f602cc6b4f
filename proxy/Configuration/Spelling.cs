// The word that was probably meant. The infrastructure program compiles this file as well.

namespace RedisHaProxy.Configuration;

/// <summary>Finds the nearest of known words.</summary>
internal static class Spelling
{
    // A longer word than any of ours is not a mistyped one; this bounds the work on hostile input.
    private const int MaxLength = 64;

    /// <summary>
    /// The known word that <paramref name="word"/> was probably meant to be; null when none is near. A third of its letters may be wrong, and
    /// always one: with more, a guess would mislead.
    /// </summary>
    public static string? Nearest(string word, IEnumerable<string> known)
    {
        if (word.Length > MaxLength)
        {
            return null;
        }

        string? near = known.MinBy(each => Distance(word, each));
        return near is not null && Distance(word, near) <= Math.Max(1, near.Length / 3) ? near : null;
    }

    // Damerau-Levenshtein (optimal string alignment), letter case ignored: counts wrong, missing, extra and swapped letters.
    private static int Distance(string a, string b)
    {
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
