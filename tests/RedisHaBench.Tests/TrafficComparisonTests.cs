// Ratios are taken round by round, against the HAProxy that is best in the figure at hand.

using RedisHaBench.Traffic;
using static RedisHaBench.Tests.TrafficBuilder;

namespace RedisHaBench.Tests;

public sealed class TrafficComparisonTests
{
    [Fact]
    public void Ratios_are_of_the_same_round()
    {
        var comparisons = Comparison.Of(TrafficBuilder.Contenders,
        [
            Case("c50", "haproxy-a", Sample(100, 1, 10), Sample(200, 1, 10), Sample(400, 1, 10)),
            Case("c50", "ours", Sample(120, 1, 10), Sample(220, 1, 10), Sample(520, 1, 10)),
        ]);

        var ratio = comparisons.Single(c => c.Metric == "throughput");
        Assert.Equal([1.2, 1.1, 1.3], ratio.Ratios.Select(r => Math.Round(r, 6)));
        Assert.Equal("1.20 (1.10-1.30)", ratio.ToString());
    }

    [Fact]
    public void The_best_yardstick_is_another_one_for_each_figure()
    {
        var comparisons = Comparison.Of(TrafficBuilder.Contenders,
        [
            Case("c50", "direct", Sample(9999, 0.1, null)),
            Case("c50", "haproxy-a", Sample(200, 5, 10)),
            Case("c50", "haproxy-b", Sample(100, 1, 20)),
            Case("c50", "ours", Sample(300, 2, 5)),
        ]);

        Assert.Equal(("haproxy-a", 1.5), Best("throughput"));
        Assert.Equal(("haproxy-b", 2.0), Best("p99"));
        Assert.Equal(("haproxy-a", 0.5), Best("CPU per request"));

        (string, double) Best(string metric) => comparisons.Single(c => c.Metric == metric && c.IsBest) is var c ? (c.Against, c.Median) : default;
    }

    [Fact]
    public void A_round_that_failed_for_one_counts_for_none_of_the_pair()
    {
        var comparisons = Comparison.Of(TrafficBuilder.Contenders,
        [
            Case("c50", "haproxy-a", Sample(100, 1, 10), null, Sample(100, 1, 10)),
            Case("c50", "ours", Sample(110, 1, 10), Sample(900, 1, 10), Sample(130, 1, 10)),
        ]);

        Assert.Equal(1.2, comparisons.Single(c => c.Metric == "throughput").Median, 6);
    }

    [Fact]
    public void Good_figures_hold_all_bars()
        => Assert.All(Ahead(1.2, 0.9, 0.45).Bars, b => Assert.True(b.Passes, b.ToString()));

    [Theory]
    [InlineData(1.04, 0.9, 0.45, 300, 40e6, "c50, throughput / haproxy-a", 11)] // each load, and the number of loads ahead
    [InlineData(1.1, 0.9, 0.45, 300, 40e6, "loads with throughput of at least 1.15", 1)]
    [InlineData(1.2, 0.96, 0.45, 300, 40e6, "c1, p99 / haproxy-a", 10)]
    [InlineData(1.2, 0.9, 0.6, 300, 40e6, "c20-1m, CPU per request / haproxy-a", 2)] // bulk only
    [InlineData(1.2, 0.9, 0.8, 300, 40e6, "fan-out, CPU per request / haproxy-a", 8)] // small ones too, but not 16 kB
    [InlineData(1.2, 0.9, 0.45, 501, 40e6, "resident memory of an idle connection, kB", 1)]
    [InlineData(1.2, 0.9, 0.45, 300, 45.1e6, "resident memory at 9000 idle connections / haproxy-a", 1)]
    public void A_bad_figure_misses_its_bar(double throughput, double p99, double cpu, double idle, double resident, string bar, int missed)
    {
        var all = Ahead(throughput, p99, cpu, idle, resident).Bars.Where(b => !b.Passes).ToArray();

        Assert.Contains(bar, all.Select(b => b.Name));
        Assert.Equal(missed, all.Length);
        Assert.All(all, b => Assert.Contains("missed by", b.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void Without_a_yardstick_there_is_no_bar()
    {
        var result = Ahead(1, 1, 1);

        Assert.Empty(TrafficBars.Check(result with { Comparisons = [], Idle = [] }));
    }
}
