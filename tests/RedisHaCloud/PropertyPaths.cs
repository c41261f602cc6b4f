// Inputs as trees of plain values: what changed between two of them, and one with some of the other's values.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace RedisHaCloud;

/// <summary>A property whose value is not what it was.</summary>
/// <param name="Path">Its path, such as shapeConfig.ocpus or backends[0].isDrain.</param>
/// <param name="Old">The old value; null when it was not set.</param>
/// <param name="New">The new value; null when it is not set.</param>
public sealed record Change(string Path, object? Old, object? New);

/// <summary>Compares and combines inputs: text, numbers, truth values, lists and maps, by Pulumi's wire names.</summary>
public static partial class PropertyPaths
{
    private static readonly ImmutableDictionary<string, object> Nothing = ImmutableDictionary<string, object>.Empty;

    /// <summary>All changed leaves, in the order of their paths.</summary>
    public static ImmutableArray<Change> Changes(IReadOnlyDictionary<string, object> old, IReadOnlyDictionary<string, object> now) =>
        [.. CompareMaps("", old, now).OrderBy(change => change.Path, StringComparer.Ordinal)];

    /// <summary>
    /// The new inputs with the old values at the ignored paths, as the engine gives them to the provider's check
    /// (pulumi, pkg/resource/deploy/step_generator.go, processIgnoreChanges): a path that was not set is taken away.
    /// </summary>
    /// <param name="old">Inputs of the last run.</param>
    /// <param name="now">Inputs of this run.</param>
    /// <param name="ignored">Paths as in a resource's options, such as sourceDetails.sourceId.</param>
    public static ImmutableDictionary<string, object> Restore(
        IReadOnlyDictionary<string, object> old, ImmutableDictionary<string, object> now, IEnumerable<string> ignored) =>
        ignored.Aggregate(now, (inputs, path) =>
            (ImmutableDictionary<string, object>)Set(inputs, Steps().Matches(path).Select(step => step.Value).ToArray(), Find(old, path))!);

    /// <summary>The value at a path; null when there is none.</summary>
    public static object? Find(object? tree, string path) =>
        Steps().Matches(path).Select(step => step.Value).Aggregate(tree, (value, step) => (value, step) switch
        {
            (IReadOnlyDictionary<string, object> map, _) => map.GetValueOrDefault(step),
            (ImmutableArray<object> list, _) when Index(step) is { } index && index < list.Length => list[index],
            _ => null,
        });

    private static IEnumerable<Change> Compare(string path, object? old, object? now) => (old, now) switch
    {
        (null, null) => [],
        (IReadOnlyDictionary<string, object> or null, IReadOnlyDictionary<string, object> or null) =>
            CompareMaps(path, (IReadOnlyDictionary<string, object>?)old ?? Nothing, (IReadOnlyDictionary<string, object>?)now ?? Nothing),
        (ImmutableArray<object> or null, ImmutableArray<object> or null) =>
            CompareLists(path, (ImmutableArray<object>?)old ?? [], (ImmutableArray<object>?)now ?? []),
        _ => Equals(old, now) ? [] : [new Change(path, old, now)],
    };

    private static IEnumerable<Change> CompareMaps(string path, IReadOnlyDictionary<string, object> old, IReadOnlyDictionary<string, object> now) =>
        old.Keys.Union(now.Keys).SelectMany(key => Compare(path.Length == 0 ? key : $"{path}.{key}", old.GetValueOrDefault(key), now.GetValueOrDefault(key)));

    private static IEnumerable<Change> CompareLists(string path, ImmutableArray<object> old, ImmutableArray<object> now) =>
        Enumerable.Range(0, Math.Max(old.Length, now.Length)).SelectMany(index =>
            Compare(string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]"), old.ElementAtOrDefault(index), now.ElementAtOrDefault(index)));

    private static object? Set(object? tree, ReadOnlySpan<string> steps, object? value)
    {
        if (steps.IsEmpty)
        {
            return value;
        }
        if (tree is ImmutableArray<object> list)
        {
            return Index(steps[0]) is { } index && index < list.Length && Set(list[index], steps[1..], value) is { } item ? list.SetItem(index, item) : tree;
        }
        var map = tree as ImmutableDictionary<string, object>;
        if (map is null && value is null)
        {
            return tree;
        }
        map ??= ImmutableDictionary<string, object>.Empty;
        object? inner = Set(map.GetValueOrDefault(steps[0]), steps[1..], value);
        return inner is null ? map.Remove(steps[0]) : map.SetItem(steps[0], inner);
    }

    private static int? Index(string step) => int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? index : null;

    // A key with a period in it is quoted: definedTags["Oracle-Tags.CreatedBy"].
    [GeneratedRegex("""(?<=\[")[^"]+(?="])|[^.\[\]"]+""")]
    private static partial Regex Steps();
}
