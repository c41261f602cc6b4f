// What a proxy adds to the machine's work: what the machine does for a request through it, less what the same request costs without one.

namespace RedisHaBench.Traffic;

/// <summary>The added processor time of one of ours, against the best HAProxy's.</summary>
/// <param name="Ours">Which of ours.</param>
/// <param name="Load">The load.</param>
/// <param name="Against">The HAProxy that adds the least.</param>
/// <param name="Median">Median of the rounds' ratios; below 0 where the machine does less than without a proxy.</param>
internal sealed record AddedCost(string Ours, string Load, string Against, double Median)
{
    /// <summary>Of all loads that were measured with the direct way, an HAProxy and one of ours.</summary>
    public static IReadOnlyList<AddedCost> Of(IReadOnlyList<ContenderResult> contenders, IReadOnlyList<TrafficCase> cases)
    {
        var all = new List<AddedCost>();
        foreach (var load in cases.GroupBy(c => c.Load))
        {
            if (load.FirstOrDefault(c => KindOf(c) == ContenderKind.Direct) is not { } direct)
            {
                continue;
            }

            var yardstick = load.Where(c => KindOf(c) == ContenderKind.HaProxy && Added(c, direct).Length > 0)
                .MinBy(c => Statistics.Median([.. Added(c, direct).OfType<double>()]));
            if (yardstick is null)
            {
                continue;
            }

            foreach (var ours in load.Where(c => KindOf(c) == ContenderKind.Ours))
            {
                double[] ratios = [.. Added(ours, direct).Zip(Added(yardstick, direct), (mine, its) => mine / its).OfType<double>().Where(double.IsFinite)];
                if (ratios.Length > 0)
                {
                    all.Add(new(ours.Contender, load.Key, yardstick.Contender, Statistics.Median(ratios)));
                }
            }
        }

        return all;

        ContenderKind KindOf(TrafficCase c) => contenders.First(x => x.Name == c.Contender).Kind;
    }

    // By round; null where one of the two has no figure.
    private static double?[] Added(TrafficCase of, TrafficCase direct)
    {
        double?[] added = [.. of.Samples.Zip(direct.Samples, (sample, without) => sample?.Machine - without?.Machine)];
        return added.Any(a => a is not null) ? added : [];
    }
}
