// Reaching into an output of a list.

using System.Collections.Immutable;

namespace Pulumi;

public static class OutputExtensions
{
    public static Output<T> GetAt<T>(this Output<ImmutableArray<T>> array, Input<int> index) =>
        Output.Tuple(array, index.ToOutput()).Apply(t => t.Item1[t.Item2]);

    public static Output<T> First<T>(this Output<ImmutableArray<T>> array) => array.GetAt(0);

    public static Output<int> Length<T>(this Output<ImmutableArray<T>> array) => array.Apply(values => values.Length);
}
