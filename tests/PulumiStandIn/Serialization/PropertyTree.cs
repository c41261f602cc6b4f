// Plain values out of inputs, and back: what the real SDK does by way of protocol messages.
//
// A tree consists of null, bool, double, string, assets, resources, ImmutableArray<object?> and
// ImmutableDictionary<string, object?>, and of the two marks below.

using System.Collections;
using System.Collections.Immutable;
using System.Reflection;

namespace Pulumi.Serialization;

/// <summary>Marks a value that is not known in a preview.</summary>
internal sealed class Unknown
{
    public static readonly Unknown Value = new();

    private Unknown()
    {
    }
}

/// <summary>Marks a secret value.</summary>
internal sealed record Secret(object? Value);

/// <summary>Makes trees of values, waiting for the outputs in them.</summary>
internal sealed class PropertyTree
{
    /// <summary>The resources that the values came from.</summary>
    public HashSet<Resource> Origins { get; } = [];

    /// <summary>The tree of <paramref name="value"/>.</summary>
    /// <exception cref="InvalidOperationException">A value has a type that no provider could take; the message names it and its place.</exception>
    public async Task<object?> BuildAsync(string place, object? value)
    {
        switch (value)
        {
            case null or bool or double or string or AssetOrArchive:
                return value;
            case int number:
                return (double)number;
            case InputArgs args:
                return await BuildMapAsync(place, args.ToDictionary());
            case Task:
                throw new InvalidOperationException(
                    $"Tasks are not allowed inside ResourceArgs. Please wrap your Task in an Output:\n\t{place}");
            case IInput input:
                return await BuildAsync(place, input.ToOutput());
            case IOutput output:
                OutputData<object?> data = await output.ResolveAsync();
                Origins.UnionWith(data.Resources);
                object? known = data.IsKnown ? await BuildAsync(place, data.Value) : Unknown.Value;
                return data is { IsKnown: true, IsSecret: true } ? new Secret(known) : known;
            case Resource resource:
                Origins.Add(resource);
                await resource.Urn.Data;
                return resource;
            case IDictionary map:
                return await BuildMapAsync(place, map);
            case IList list:
                return await BuildListAsync(place, list);
            case Enum member:
                return (double)Convert.ToInt32(member, System.Globalization.CultureInfo.InvariantCulture);
            case ValueTuple:
                return null;
            default:
                return await BuildOtherAsync(place, value);
        }
    }

    private async Task<object?> BuildOtherAsync(string place, object value)
    {
        Type type = value.GetType();
        if (type.IsDefined(typeof(EnumTypeAttribute)))
        {
            return value.ToString();
        }

        if (type.IsDefined(typeof(OutputTypeAttribute)))
        {
            return await BuildMapAsync(place, type.GetFields(BindingFlags.Public | BindingFlags.Instance).ToDictionary(
                field => char.ToLowerInvariant(field.Name[0]) + field.Name[1..], field => field.GetValue(value)));
        }

        throw new InvalidOperationException($"{type.FullName} is not a supported argument type.\n\t{place}");
    }

    private async Task<object?> BuildMapAsync(string place, IDictionary map)
    {
        ImmutableDictionary<string, object?>.Builder tree = ImmutableDictionary.CreateBuilder<string, object?>();
        foreach (DictionaryEntry entry in map)
        {
            if (entry.Key is not string key)
            {
                throw new InvalidOperationException($"Dictionaries are only supported with string keys:\n\t{place}");
            }

            // A key without a value is as good as absent.
            if (await BuildAsync($"{place}.{key}", entry.Value) is { } value)
            {
                tree.Add(key, value);
            }
        }

        return tree.ToImmutable();
    }

    private async Task<object?> BuildListAsync(string place, IList list)
    {
        ImmutableArray<object?>.Builder tree = ImmutableArray.CreateBuilder<object?>();
        for (int i = 0; !IsDefault(list) && i < list.Count; i++)
        {
            tree.Add(await BuildAsync($"{place}[{i}]", list[i]));
        }

        return tree.ToImmutable();
    }

    /// <summary>Whether the list is default(ImmutableArray&lt;T&gt;), which cannot even be counted.</summary>
    private static bool IsDefault(IList list) =>
        list.GetType() is { IsValueType: true } type && type.GetProperty(nameof(ImmutableArray<int>.IsDefault))?.GetValue(list) is true;

    /// <summary>The plain value of a tree, with the marks taken out: an unknown makes the whole unknown, a secret the whole secret.</summary>
    public static OutputData<object?> Read(object? tree)
    {
        var whole = new OutputData<object?>(null);
        switch (tree)
        {
            case Unknown:
                return whole with { IsKnown = false };
            case Secret secret:
                return Read(secret.Value) with { IsSecret = true };
            case ImmutableArray<object?> list:
                ImmutableArray<object?>.Builder values = ImmutableArray.CreateBuilder<object?>(list.Length);
                foreach (object? item in list)
                {
                    OutputData<object?> data = Read(item);
                    values.Add(data.Value);
                    whole = whole.Then(data);
                }

                return whole with { Value = values.ToImmutable() };
            case ImmutableDictionary<string, object?> map:
                ImmutableDictionary<string, object?>.Builder entries = ImmutableDictionary.CreateBuilder<string, object?>();
                foreach ((string key, object? item) in map)
                {
                    // The engine's own keys begin so.
                    if (!key.StartsWith("__", StringComparison.Ordinal))
                    {
                        OutputData<object?> data = Read(item);
                        entries.Add(key, data.Value);
                        whole = whole.Then(data);
                    }
                }

                return whole with { Value = entries.ToImmutable() };
            default:
                return whole with { Value = tree };
        }
    }
}
