// What a proxy adds to the machine's work.

using System.Diagnostics;
using RedisHaBench.Traffic;

namespace RedisHaBench.Tests;

public sealed class AddedCostTests
{
    [Fact]
    public void The_machine_is_busy_but_for_idling_waiting_for_disks_and_what_its_host_does_meanwhile()
    {
        var before = MachineCost.Of(0, ["cpu  100 5 50 1000 20 3 7 15 9 9", "cpu0 1", "cpu1 1", "intr 1"]);
        var after = MachineCost.Of(2 * Stopwatch.Frequency, ["cpu  170 5 50 1100 30 3 7 25 9 9", "cpu0 1", "cpu1 1", "intr 1"]);
        Assert.Equal(TimeSpan.FromSeconds((2 * 2) - 1 - 0.1 - 0.1), after.BusySince(before));
    }

    [Fact]
    public void It_is_what_a_request_costs_less_what_it_costs_without_a_proxy_against_the_cheapest_HAProxy()
    {
        ContenderResult[] contenders =
        [
            new("direct", "", ContenderKind.Direct, false), new("dear", "", ContenderKind.HaProxy, false), new("cheap", "", ContenderKind.HaProxy, false),
            new("ours", "", ContenderKind.Ours, true), new("silent", "", ContenderKind.Ours, false),
        ];
        TrafficCase[] cases =
        [
            Of("direct", 10, 12, 11), Of("dear", 30, 32, 31), Of("cheap", 18, 22, 19), Of("ours", 11, 13, null), Of("silent", null, null, null),
        ];
        var added = Assert.Single(AddedCost.Of(contenders, cases));
        Assert.Equal(("ours", "c50", "cheap"), (added.Ours, added.Load, added.Against));
        Assert.Equal(((1.0 / 8) + (1.0 / 10)) / 2, added.Median, 6); // the third round has no figure of ours
        Assert.Equal(8, AddedCost.Median(contenders, cases, cases[2]));
        Assert.Empty(AddedCost.Of(contenders, cases[1..]));
    }

    private static TrafficCase Of(string contender, params double?[] machine) => new()
    {
        Load = "c50",
        Contender = contender,
        Samples = [.. machine.Select(m => new Sample(1, 1, 1, 1, 1, null) { Machine = m })],
    };
}
