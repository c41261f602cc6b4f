// InputMap<T>: a map of inputs, or an output of a map.

using System.Collections;
using System.Collections.Immutable;

namespace Pulumi;

public sealed class InputMap<TValue> : Input<ImmutableDictionary<string, TValue>>, IEnumerable, IAsyncEnumerable<Input<KeyValuePair<string, TValue>>>
{
    public InputMap() : this(Output.Create(ImmutableDictionary<string, TValue>.Empty))
    {
    }

    private InputMap(Output<ImmutableDictionary<string, TValue>> values) : base(values)
    {
    }

    /// <summary>Adds the entry; a key may come twice with the same value.</summary>
    public Input<TValue> this[string key]
    {
        set => Add(key, value);
    }

    public void Add(string key, Input<TValue> value) =>
        AddRange(new(value.Apply(v => ImmutableDictionary<string, TValue>.Empty.Add(key, v))));

    public void Add(InputMap<TValue> values) => AddRange(values);

    public void AddRange(InputMap<TValue> values) => Value = Combine(this, values, AddAll);

    public static InputMap<TValue> Merge(InputMap<TValue> first, InputMap<TValue> second) =>
        new(Combine(first, second, (a, b) => a.SetItems(b)));

    public static implicit operator InputMap<TValue>(Dictionary<string, TValue> values) => new(Output.Create(values.ToImmutableDictionary()));

    public static implicit operator InputMap<TValue>(ImmutableDictionary<string, TValue> values) => new(Output.Create(values));

    public static implicit operator InputMap<TValue>(Output<Dictionary<string, TValue>> values) => new(values.Apply(ImmutableDictionary.CreateRange));

    public static implicit operator InputMap<TValue>(Output<IDictionary<string, TValue>> values) => new(values.Apply(ImmutableDictionary.CreateRange));

    public static implicit operator InputMap<TValue>(Output<ImmutableDictionary<string, TValue>> values) => new(values);

    IEnumerator IEnumerable.GetEnumerator() => throw new NotSupportedException(
        $"A {GetType().FullName} cannot be synchronously enumerated. Use {nameof(GetAsyncEnumerator)} instead.");

    public async IAsyncEnumerator<Input<KeyValuePair<string, TValue>>> GetAsyncEnumerator(CancellationToken cancellationToken)
    {
        OutputData<ImmutableDictionary<string, TValue>> data = await Value.Data;
        foreach (KeyValuePair<string, TValue> entry in data.IsKnown ? data.Value : [])
        {
            yield return entry;
        }
    }

    private static Output<ImmutableDictionary<string, TValue>> Combine(
        InputMap<TValue> first,
        InputMap<TValue> second,
        Func<ImmutableDictionary<string, TValue>, ImmutableDictionary<string, TValue>, ImmutableDictionary<string, TValue>> combine) =>
        Output.Tuple(first.Value, second.Value)
            .Apply(maps => combine(maps.Item1, maps.Item2));

    private static ImmutableDictionary<string, TValue> AddAll(
        ImmutableDictionary<string, TValue> map, ImmutableDictionary<string, TValue> more)
    {
        foreach ((string key, TValue value) in more)
        {
            if (map.TryGetValue(key, out TValue? present) && !EqualityComparer<TValue>.Default.Equals(present, value))
            {
                throw new ArgumentException($"Key '{key}' already exists in the map with a different value.");
            }

            map = map.SetItem(key, value);
        }

        return map;
    }
}
