// The bars of the hand-over: each with its own yardstick, no proxy or the best HAProxy of all versions.

using RedisHaBench.Traffic;

namespace RedisHaBench.Tests;

public sealed class HandOverBarsTests
{
    private static readonly IReadOnlyList<Contender> Everybody =
        [.. Contenders.All("", ["epoll", "io_uring"], [new HaProxyVersion("/opt/haproxy", "3.0.11-1+deb13u4")]).Where(c => c.Family != "haproxy-splice")];

    [Fact]
    public void Good_figures_hold_all_bars()
    {
        var bars = Check(Good).ToDictionary(bar => bar.Name);

        Assert.All(bars.Values, bar => Assert.True(bar.Passes, bar.ToString()));
        Assert.Equal(1.6, bars["c1, throughput / haproxy-tuned-1@3.0.11"].Limit);
        Assert.Equal(1.2, bars["c50-p16, throughput / haproxy-tuned-1@3.0.11"].Limit);
        Assert.Equal(1.25, bars["c50-16k, throughput / haproxy-tuned-1@3.0.11"].Limit);
        Assert.Equal(1.1, bars["c20-1m, throughput / haproxy-tuned-1@3.0.11"].Limit);
        Assert.Equal(1.1, bars["c1000, throughput / haproxy-tuned-1@3.0.11"].Limit);
        Assert.Equal(0.95, bars["c50-new, throughput / haproxy-tuned-1@3.0.11"].Limit);
        Assert.Equal(0.95, bars["c1000, p99 / haproxy-tuned-1@3.0.11"].Limit);
        Assert.DoesNotContain("c50-new, throughput / direct", bars.Keys);
    }

    [Theory]
    [InlineData("c50, throughput / direct", "direct", 2400, 1, 100)]
    [InlineData("c50, throughput / haproxy-tuned-1@3.0.11", "ours-hand-over", 1190, 0.5, 110)]
    [InlineData("c50, p99 / haproxy-tuned-1@3.0.11", "ours-hand-over", 1900, 0.8, 110)]
    [InlineData("c50, added CPU of the machine / haproxy-tuned-1@3.0.11", "ours-hand-over", 1900, 0.5, 131)]
    public void A_bad_figure_misses_its_bar(string bar, string contender, double throughput, double p99, double machine)
    {
        var missed = Check((name, load) => name == contender && load == "c50" ? Of(throughput, p99, machine) : Good(name, load)).Where(b => !b.Passes);

        Assert.Contains(bar, missed.Select(b => b.Name));
    }

    [Fact]
    public void Sessions_that_the_kernel_did_not_take_over_and_an_engine_that_polls_too_long_miss_theirs()
    {
        var missed = Check((name, load) => Good(name, load) with
        {
            HandedOver = name == "ours-hand-over" && load != "c50-new" ? 0.5 : null,
            Cpu = name == "ours-io_uring" ? 13 : 10,
        }).Where(bar => !bar.Passes).ToArray();

        Assert.Equal(Loads.All.Count(load => !load.NewConnections) + 1, missed.Length);
        Assert.Contains(("ours-io_uring", 1.3), missed.Select(bar => (bar.Contender, Math.Round(bar.Actual, 6))));
    }

    private static Sample Good(string contender, string load) => contender switch
    {
        "direct" => Of(2000, 0.4, 100),
        "haproxy-tuned-1@3.0.11" => Of(1000, 1, 200),
        _ when contender.StartsWith("haproxy", StringComparison.Ordinal) => Of(900, 2, 220),
        _ => Of(1900, 0.5, 110) with { HandedOver = load == "c50-new" ? null : 1 },
    };

    private static Sample Of(double throughput, double p99, double machine) => TrafficBuilder.Sample(throughput, p99, 10) with { Machine = machine };

    private static IReadOnlyList<TrafficBar> Check(Func<string, string, Sample> samples)
    {
        ContenderResult[] contenders = [.. Everybody.Select(c => new ContenderResult(c.Name, c.Description, c.Kind, c.IsDefault, c.IsVariant))];
        TrafficCase[] cases =
        [
            .. Loads.All.SelectMany(load => Everybody.Where(c => c.Takes(load))
                .Select(c => TrafficBuilder.Case(load.Name, c.Name, samples(c.Name, load.Name), samples(c.Name, load.Name)))),
        ];
        return HandOverBars.Check(
            new TrafficResult
            {
                Begun = DateTimeOffset.UnixEpoch,
                Environment = new Dictionary<string, string>(),
                Contenders = contenders,
                Loads = Loads.All.ToDictionary(load => load.Name, load => load.Description),
                Cases = cases,
                Idle = [],
                Comparisons = Comparison.Of(contenders, cases),
                Added = AddedCost.Of(contenders, cases),
            },
            Everybody);
    }
}
