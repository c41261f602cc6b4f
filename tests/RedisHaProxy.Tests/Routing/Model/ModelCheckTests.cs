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
                searches.Add(name, 12, Math.Min(1, Scenarios.MostFaults(name)));
                if (Scenarios.MostFaults(name) >= 2)
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

    /// <summary>More machines, and strangers. MODEL_CHECK=long explores one fault more.</summary>
    public static TheoryData<int, int, int> Deployments => new() { { 3, 2, 1 }, { 5, 2, 0 }, { 5, 3, 0 }, { 5, 3, 1 }, { 7, 2, 0 }, { 7, 4, 0 } };

    [Theory]
    [MemberData(nameof(Deployments))]
    public void No_interleaving_breaks_an_invariant_with_more_machines_or_strangers(int machines, int quorum, int strangers)
    {
        bool isLong = Environment.GetEnvironmentVariable("MODEL_CHECK") == "long";
        var deployment = new Deployment(machines, quorum, strangers);
        (int Depth, int Faults)[] searches = (machines, isLong) switch
        {
            (3, false) => [(12, 1), (5, 2)],
            (3, true) => [(12, 2)],
            (5, false) => [(11, 0), (4, 1)],
            (5, true) => [(12, 1), (5, 2)],
            (_, false) => [(11, 0), (3, 1)],
            (_, true) => [(12, 1), (4, 2)],
        };
        output.WriteLine($"{deployment}");
        foreach ((string name, Move[] prologue) in Scenarios.Of(deployment))
        {
            foreach ((int depth, int faults) in searches)
            {
                var explorer = new ModelExplorer(RoutingRule.Table, prologue, depth, faults, deployment: deployment);
                string? broken = explorer.Run();
                output.WriteLine(explorer.ToString());
                Assert.True(broken is null, $"{deployment}: {name}: {broken}");
            }
        }

        var walk = new ModelExplorer(RoutingRule.Table, [], depth: 60, faults: 8, deployment: deployment);
        string? brokenWalk = walk.Wander(walks: isLong ? 10_000 : 150, seed: machines);
        output.WriteLine(walk.ToString());
        Assert.True(brokenWalk is null, $"{deployment}: {brokenWalk}");
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
