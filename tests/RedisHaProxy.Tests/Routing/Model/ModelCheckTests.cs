// Proof 2: all interleavings up to a depth, with the shipped rule and the shipped memory of observations.

using RedisHaProxy.Routing;
using Xunit.Abstractions;

namespace RedisHaProxy.Tests.Routing.Model;

public sealed class ModelCheckTests(ITestOutputHelper output)
{
    public static TheoryData<string, int, int> Searches
    {
        get
        {
            var searches = new TheoryData<string, int, int> { { "healthy", 12, 2 } };
            foreach ((string name, _) in Scenarios.All.Skip(1))
            {
                searches.Add(name, 12, name == Scenarios.EachMissesOne ? 0 : 1);
                if (name != Scenarios.EachMissesOne)
                {
                    searches.Add(name, 6, 2);
                }
            }

            return searches;
        }
    }

    [Theory]
    [MemberData(nameof(Searches))]
    public void No_interleaving_breaks_an_invariant(string scenario, int depth, int faults)
    {
        var explorer = new ModelExplorer(RoutingRule.Table, Scenarios.All.Single(s => s.Name == scenario).Prologue, depth, faults);
        string? broken = explorer.Run();
        output.WriteLine(explorer.ToString());
        Assert.True(broken is null, broken);
    }

    [Fact]
    public void With_each_proxy_blind_for_one_claimant_and_a_dead_Sentinel_on_top_they_disagree_no_longer_than_documented()
    {
        var explorer = new ModelExplorer(RoutingRule.Table, Scenarios.All.Single(s => s.Name == Scenarios.EachMissesOne).Prologue, depth: 12, faults: 1, Invariants.AsymmetricBound);
        string? broken = explorer.Run();
        output.WriteLine(explorer.ToString());
        Assert.True(broken is null, broken);
        Assert.InRange(explorer.LongestOverlap, 1, Invariants.AsymmetricBound);
    }

    [Fact]
    public void No_long_walk_breaks_an_invariant()
    {
        var explorer = new ModelExplorer(RoutingRule.Table, [], depth: 80, faults: 10);
        string? broken = explorer.Wander(walks: 4000, seed: 20_000);
        output.WriteLine(explorer.ToString());
        Assert.True(broken is null, broken);
    }
}
