// InputList<T>: a list of inputs, or an output of a list.

using System.Collections;
using System.Collections.Immutable;

namespace Pulumi;

public sealed class InputList<T> : Input<ImmutableArray<T>>, IEnumerable, IAsyncEnumerable<Input<T>>
{
    public InputList() : this(Output.Create(ImmutableArray<T>.Empty))
    {
    }

    private InputList(Output<ImmutableArray<T>> values) : base(values)
    {
    }

    private InputList(IEnumerable<Input<T>> values) : base(Output.All(values))
    {
    }

    public void Add(params Input<T>[] inputs) => AddRange(inputs);

    public void Add(InputList<T> inputs) => AddRange(inputs);

    public void AddRange(InputList<T> inputs) => Value = Concat(inputs).Value;

    public InputList<T> Concat(InputList<T> other) =>
        new(Output.Tuple(Value, other.Value).Apply(lists => lists.Item1.AddRange(lists.Item2)));

    public static implicit operator InputList<T>(T value) => new([value]);

    public static implicit operator InputList<T>(Output<T> value) => new([value]);

    public static implicit operator InputList<T>(Input<T> value) => new([value]);

    public static implicit operator InputList<T>(T[] values) => new(values.Select(v => (Input<T>)v));

    public static implicit operator InputList<T>(Output<T>[] values) => new(values.Select(v => (Input<T>)v));

    public static implicit operator InputList<T>(Input<T>[] values) => new(values);

    public static implicit operator InputList<T>(List<T> values) => new(values.Select(v => (Input<T>)v));

    public static implicit operator InputList<T>(List<Output<T>> values) => new(values.Select(v => (Input<T>)v));

    public static implicit operator InputList<T>(List<Input<T>> values) => new(values);

    public static implicit operator InputList<T>(ImmutableArray<T> values) => new(Output.Create(values));

    public static implicit operator InputList<T>(ImmutableArray<Output<T>> values) => new(values.Select(v => (Input<T>)v));

    public static implicit operator InputList<T>(ImmutableArray<Input<T>> values) => new(values);

    public static implicit operator InputList<T>(Output<T[]> values) => new(values.Apply(ImmutableArray.CreateRange));

    public static implicit operator InputList<T>(Output<List<T>> values) => new(values.Apply(ImmutableArray.CreateRange));

    public static implicit operator InputList<T>(Output<IEnumerable<T>> values) => new(values.Apply(ImmutableArray.CreateRange));

    public static implicit operator InputList<T>(Output<ImmutableArray<T>> values) => new(values);

    IEnumerator IEnumerable.GetEnumerator() => throw new NotSupportedException(
        $"A {GetType().FullName} cannot be synchronously enumerated. Use {nameof(GetAsyncEnumerator)} instead.");

    public async IAsyncEnumerator<Input<T>> GetAsyncEnumerator(CancellationToken cancellationToken)
    {
        OutputData<ImmutableArray<T>> data = await Value.Data;
        foreach (T value in data.IsKnown ? data.Value : [])
        {
            yield return value;
        }
    }
}
