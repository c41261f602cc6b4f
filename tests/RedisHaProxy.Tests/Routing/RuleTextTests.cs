// The routing table in words, in code and in docs/routing.md.

using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class RuleTextTests
{
    [Fact]
    public void The_words_have_the_rows_of_the_table_in_its_order()
    {
        string Claimed(Claimants claimants) =>
            claimants switch { Claimants.None => "none", Claimants.One => "m only", Claimants.Several => "several", _ => "any" };

        Assert.Equal(
            RoutingRule.Table.Select(row => (row.Id, Claimed(row.Claimants), row.Action)), RuleText.All.Select(row => (row.Rule, row.Claimants, row.Action)));
        Assert.All(Enum.GetValues<RuleId>(), rule => Assert.NotEmpty(RuleText.Of(rule).Meaning));
    }

    [Fact]
    public void The_page_has_the_same_words()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs/routing.md"));
        var documented = page.Split('\n').SkipWhile(line => !line.StartsWith("| rule | claimants", StringComparison.Ordinal)).Skip(2)
            .TakeWhile(line => line.StartsWith('|'));

        Assert.Equal(
            RuleText.All.Select(
                row => $"| {RoutingDecision.Name(row.Rule)} | {row.Claimants} | {row.Condition} | {row.Action.ToString().ToLowerInvariant()} | {row.When} |"),
            documented);
    }

    [Fact]
    public void The_operators_page_gives_every_row_that_shuts_the_gate_its_meaning()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs/operations.md"));
        IEnumerable<(string Rule, string Meaning)> documented = page.Split('\n')
            .SkipWhile(line => !line.StartsWith("| rule | meaning |", StringComparison.Ordinal)).Skip(2).TakeWhile(line => line.StartsWith('|'))
            .Select(line => line.Split(" | ")).Select(cells => (cells[0].TrimStart('|', ' '), cells[1]));

        Assert.Equal(
            RuleText.All.Where(row => row.Action != RoutingAction.Route).Select(row => (RoutingDecision.Name(row.Rule), row.Meaning)),
            documented);
    }
}
