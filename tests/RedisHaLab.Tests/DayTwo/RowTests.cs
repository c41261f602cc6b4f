// What is judged of a change, and how its row comes into the document.

using RedisHaLab.DayTwo;
using RedisHaLab.Load;
using Xunit;

namespace RedisHaLab.Tests.DayTwo;

public sealed class RowTests
{
    private static readonly Change Switchover = Changes.All.Single(change => change.Name == "switchover");
    private static readonly Change Resize = Changes.All.Single(change => change.Name == "resize");

    [Theory]
    [InlineData(0, 0, 0, 1200, 2, null)]
    [InlineData(1, 0, 0, 1200, 2, "1 acknowledged writes lost, 0 numbers given twice, 0 stale reads; 0 of each expected")]
    [InlineData(0, 1, 0, 1200, 2, "0 acknowledged writes lost, 1 numbers given twice, 0 stale reads; 0 of each expected")]
    [InlineData(0, 0, 2, 1200, 2, "2 commands failed even with one retry (2 reset); 0 expected")]
    [InlineData(0, 0, 0, 1201, 2, "no write was acknowledged for 1201 ms; at most 1200 ms expected")]
    [InlineData(0, 0, 0, 1200, 1, "only 1 nodes were in step for more than a second; at least 2 expected")]
    public void Each_bar_is_held(int lost, int twice, int failed, int gap, int inStep, string? broken)
        => Assert.Equal(broken is null ? [] : [broken], Of(Resize, Load(lost, twice, failed, gap), inStep).Broken);

    [Fact]
    public void A_planned_switchover_has_a_shorter_one()
    {
        Assert.Empty(Of(Switchover, Load(0, 0, 0, 300), 2).Broken);
        Assert.Equal(["no write was acknowledged for 301 ms; at most 300 ms expected"], Of(Switchover, Load(0, 0, 0, 301), 2).Broken);
    }

    [Fact]
    public void In_a_rewind_writes_may_be_refused_and_nothing_else_may_fail()
    {
        var rewind = Changes.All.Single(change => change.Name == "restore");
        var refused = Load(0, 0, 0, 30_000) with
        {
            FailedWithRetry = new Dictionary<string, int> { ["NOREPLICAS"] = 500 },
            LongestClientGapMilliseconds = 30_100,
        };
        Assert.Equal([], Of(rewind, refused, 2).Broken);
        Assert.Equal(500, Of(rewind, refused, 2).FailedTwice);
        Assert.Equal(["500 commands failed even with one retry (500 NOREPLICAS); 0 expected",
            "no write was acknowledged for 30000 ms; at most 1200 ms expected",
            "one client waited 30100 ms for an answer; at most 2000 ms expected"], Of(Resize, refused, 2).Broken);
        Assert.Equal(["2 commands failed even with one retry (2 reset); 0 expected"], Of(rewind, Load(0, 0, 2, 30_000), 2).Broken);
        Assert.Equal(["1 acknowledged writes lost, 0 numbers given twice, 0 stale reads; 0 of each expected"], Of(rewind, Load(1, 0, 0, 30_000), 2).Broken);
    }

    [Fact]
    public void A_row_of_a_busy_machine_says_so()
    {
        const string Empty = "<!-- day2 -->\n<!-- /day2 -->\n";
        Assert.Contains("| 12 s |", Table.Merge(Empty, [Of(Resize, Load(0, 0, 0, 500), 2) with { MachineLoad = 2 }]), StringComparison.Ordinal);
        Assert.Contains("| 12 s, busy machine (6) |", Table.Merge(Empty, [Of(Resize, Load(0, 0, 0, 500), 2) with { MachineLoad = 6.1 }]),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_takes_the_place_of_the_one_of_its_change_and_others_stay_in_their_order()
    {
        const string Empty = "before\n<!-- day2 -->\n<!-- /day2 -->\nafter\n";
        var resize = Table.Merge(Empty, [Of(Resize, Load(0, 0, 0, 500), 2)]);
        var both = Table.Merge(resize, [Of(Switchover, Load(0, 0, 0, 100), 3)]);
        Assert.Equal(
            "before\n<!-- day2 -->\n"
                + "| change | time | failed without retry | failed with one retry | lost writes | longest gap | one client's longest wait | fewest nodes in "
                    + "step |\n|---|---|---|---|---|---|---|---|\n"
                + $"| {Switchover.What} | 12 s | 3 of 1000 | 0 | 0 | 100 ms | 40 ms | 3 |\n| {Resize.What} | 12 s | 3 of 1000 | 0 | 0 | 500 ms | 40 ms | 2 "
                    + "|\n<!-- /day2 -->\nafter\n",
            both);
        Assert.Contains("| 700 ms |", Table.Merge(both, [Of(Resize, Load(0, 0, 0, 700), 2)]), StringComparison.Ordinal);
        Assert.DoesNotContain("| 500 ms |", Table.Merge(both, [Of(Resize, Load(0, 0, 0, 700), 2)]), StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => Table.Merge("no place\n", []));
    }

    [Fact]
    public void Rows_of_more_nodes_or_with_a_dead_one_have_tables_of_their_own()
    {
        Assert.Equal(["", "5 nodes", "one dead", "5 nodes one dead"],
            [Table.Section(3, false), Table.Section(5, false), Table.Section(3, true), Table.Section(5, true)]);
        const string Empty = "<!-- day2 -->\n<!-- /day2 -->\n<!-- day2 5 nodes -->\n<!-- /day2 -->\n<!-- day2 5 nodes one dead -->\n<!-- /day2 -->\n";
        var five = Table.Merge(Empty, [Of(Resize, Load(0, 0, 0, 500), 4)], "5 nodes");
        Assert.StartsWith("<!-- day2 -->\n<!-- /day2 -->\n<!-- day2 5 nodes -->\n| change |", five, StringComparison.Ordinal);

        var dead = Table.Merge(five, [Of(Resize, Load(0, 0, 0, 500), 3) with { Note = "refused after 20 s" }], "5 nodes one dead");
        Assert.Contains($"| {Resize.What}: refused after 20 s | 12 s |", dead, StringComparison.Ordinal);
        var again = Table.Merge(dead, [Of(Resize, Load(0, 0, 0, 600), 3) with { Note = "refused after 9 s" }], "5 nodes one dead");
        Assert.DoesNotContain("20 s", again, StringComparison.Ordinal);
        Assert.Contains($"| {Resize.What}: refused after 9 s | 12 s |", again, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => Table.Merge(Empty, [], "7 nodes"));
    }

    [Fact]
    public void Names_and_texts_tell_changes_apart()
    {
        Assert.Equal(Changes.All.Length, Changes.All.Select(change => change.Name).Distinct().Count());
        Assert.Equal(Changes.All.Length, Changes.All.Select(change => change.What).Distinct().Count());
        Assert.All(Changes.All, change => Assert.DoesNotContain("|", change.What, StringComparison.Ordinal));
    }

    private static Row Of(Change change, LoadReport load, int inStep) => Row.Of(change, change.What, 12.34, load, inStep, change.LeastInStep, []);

    private static LoadReport Load(int lost, int countedTwice, int failedTwice, int gap) => new()
    {
        Seconds = 15,
        Commands = 1000,
        AcknowledgedWrites = 700,
        Failed = new Dictionary<string, int> { ["reset"] = 3 },
        FailedWithRetry = failedTwice == 0 ? new Dictionary<string, int>() : new Dictionary<string, int> { ["reset"] = failedTwice },
        Interruptions = [],
        LongestGapMilliseconds = gap,
        LongestClientGapMilliseconds = 40,
        LostWrites = lost,
        Lost = [],
        CountedTwice = countedTwice,
        StaleReads = 0,
    };
}
