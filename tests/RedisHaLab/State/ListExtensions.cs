// Immutable list edits by key, for the state's records.

namespace RedisHaLab.State;

/// <summary>Edits of immutable lists.</summary>
internal static class ListExtensions
{
    /// <summary>The list with <paramref name="item"/> in the place of the one with its key, or at the end.</summary>
    public static IReadOnlyList<T> With<T, TKey>(this IReadOnlyList<T> list, T item, Func<T, TKey> key)
    {
        var position = list.ToList().FindIndex(other => EqualityComparer<TKey>.Default.Equals(key(other), key(item)));
        var result = list.ToList();
        if (position < 0)
        {
            result.Add(item);
        }
        else
        {
            result[position] = item;
        }

        return result;
    }

    /// <summary>The list without the items that match.</summary>
    public static IReadOnlyList<T> Without<T>(this IReadOnlyList<T> list, Func<T, bool> match) => list.Where(item => !match(item)).ToList();
}
