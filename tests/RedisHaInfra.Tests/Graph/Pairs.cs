// Combinations in which every two values of every two factors meet: far fewer than all combinations, and enough for a fault that two of them
// make together. Greedy, and the same at every run.

using System.Collections.Immutable;

namespace RedisHaInfra.Tests.Graph;

/// <summary>Makes them.</summary>
public static class Pairs
{
    /// <summary>Rows: the number of each factor's value. The first has all factors at 0.</summary>
    /// <param name="counts">How many values each factor has.</param>
    /// <param name="excluded">Whether two values (factor, value, factor, value; the lower factor first) may not meet. 0 and 0 may always.</param>
    public static ImmutableArray<ImmutableArray<int>> Of(IReadOnlyList<int> counts, Func<int, int, int, int, bool>? excluded = null)
    {
        bool May(int factor, int value, int other, int otherValue) =>
            excluded is null || !(factor < other ? excluded(factor, value, other, otherValue) : excluded(other, otherValue, factor, value));
        var open = new HashSet<(int Factor, int Value, int Other, int OtherValue)>(
            from factor in Enumerable.Range(0, counts.Count)
            from other in Enumerable.Range(factor + 1, counts.Count - factor - 1)
            from value in Enumerable.Range(0, counts[factor])
            from otherValue in Enumerable.Range(0, counts[other])
            where May(factor, value, other, otherValue)
            select (factor, value, other, otherValue));
        ImmutableArray<ImmutableArray<int>>.Builder rows = ImmutableArray.CreateBuilder<ImmutableArray<int>>();
        Add([.. counts.Select(_ => 0)]);
        while (open.Count > 0)
        {
            (int first, int firstValue, int second, int secondValue) = open.Min();
            int[] row = [.. counts.Select(_ => -1)];
            row[first] = firstValue;
            row[second] = secondValue;
            foreach (int factor in Enumerable.Range(0, counts.Count).Where(factor => row[factor] < 0))
            {
                int[] set = [.. Enumerable.Range(0, counts.Count).Where(other => row[other] >= 0)];
                row[factor] = Enumerable.Range(0, counts[factor]).Where(value => set.All(other => May(factor, value, other, row[other])))
                    .DefaultIfEmpty(0).MaxBy(value => set.Count(other => open.Contains(Ordered(factor, value, other, row[other]))));
            }
            if (!Add([.. row]))
            {
                throw new InvalidOperationException($"no row has factor {first} at {firstValue} and factor {second} at {secondValue}");
            }
        }
        return rows.ToImmutable();

        bool Add(ImmutableArray<int> row)
        {
            rows.Add(row);
            return open.RemoveWhere(pair => row[pair.Factor] == pair.Value && row[pair.Other] == pair.OtherValue) > 0;
        }

        static (int, int, int, int) Ordered(int factor, int value, int other, int otherValue) =>
            factor < other ? (factor, value, other, otherValue) : (other, otherValue, factor, value);
    }
}
