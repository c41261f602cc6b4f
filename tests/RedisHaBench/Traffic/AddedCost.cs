// What a proxy adds to the machine's work: what the machine does for a request through it, less what the same request costs without one.

namespace RedisHaBench.Traffic;

/// <summary>The added processor time of the whole machine.</summary>
internal static class AddedCost
{
    /// <summary>The figure's name.</summary>
    public const string Name = "added CPU of the machine";

    /// <summary>
    /// That of each of ours against the HAProxy that adds the least, of all loads that were measured with the direct way as well, round by round. Below 0
    /// where the machine does less than without a proxy. A round in which that HAProxy added nothing counts for none.
    /// </summary>
    public static IReadOnlyList<Comparison> Of(IReadOnlyList<ContenderResult> contenders, IReadOnlyList<TrafficCase> cases)
    {
        var all = new List<Comparison>();
        foreach (var load in cases.GroupBy(c => c.Load))
        {
            var yardstick = load.Where(c => KindOf(c) == ContenderKind.HaProxy && Median(contenders, load, c) is not null)
                .MinBy(c => Median(contenders, load, c));
            if (yardstick is null)
            {
                continue;
            }

            var least = ByRound(contenders, load, yardstick);
            foreach (var ours in load.Where(c => KindOf(c) == ContenderKind.Ours))
            {
                double[] ratios = [.. ByRound(contenders, load, ours).Zip(least, (mine, its) => its > 0 ? mine / its : null).OfType<double>()];
                if (ratios.Length > 0)
                {
                    all.Add(new()
                    {
                        Ours = ours.Contender,
                        Against = yardstick.Contender,
                        Load = load.Key,
                        Metric = Name,
                        IsBest = true,
                        Ratios = ratios,
                    });
                }
            }
        }

        return all;

        ContenderKind KindOf(TrafficCase c) => contenders.First(x => x.Name == c.Contender).Kind;
    }

    /// <summary>Microseconds that a contender adds to a request, the median of the rounds; null where it or the direct way was not measured.</summary>
    public static double? Median(IReadOnlyList<ContenderResult> contenders, IEnumerable<TrafficCase> load, TrafficCase of)
        => ByRound(contenders, load, of).OfType<double>().ToArray() is { Length: > 0 } values ? Statistics.Median(values) : null;

    // Null where one of the two has no figure.
    private static IEnumerable<double?> ByRound(IReadOnlyList<ContenderResult> contenders, IEnumerable<TrafficCase> load, TrafficCase of)
        => load.FirstOrDefault(c => contenders.First(x => x.Name == c.Contender).Kind == ContenderKind.Direct) is { } direct
            ? of.Samples.Zip(direct.Samples, (sample, without) => sample?.Machine - without?.Machine)
            : [];
}
