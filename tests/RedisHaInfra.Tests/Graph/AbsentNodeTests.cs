// Changes while a node is dead: with five nodes the others can go on without it, and it gets the change when it is back.

using Pulumi.Utilities;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class AbsentNodeTests
{
    private static readonly Dictionary<string, string?> Five = new()
    {
        ["redisAddresses"] = """["172.31.235.150","172.31.235.151","172.31.235.152","172.31.235.153","172.31.235.154"]""",
    };

    [Fact]
    public async Task Of_five_nodes_four_are_changed_and_the_fifth_when_it_is_back()
    {
        StackRun five = await StackRun.Of(Five);

        Dictionary<string, string?> change = With(("redisOverrides", """["slowlog-max-len 512"]"""), ("absentNodes", """["redis1"]"""));
        StackRun without = await five.Again(change);

        string[] sent = [.. without.Cloud.All(Types.Command).Select(command => command.Name)];
        Assert.DoesNotContain(sent, name => name.StartsWith("redis1-", StringComparison.Ordinal) || name.StartsWith("membership", StringComparison.Ordinal));
        foreach (int number in Enumerable.Range(2, 4))
        {
            Assert.Contains($"redis{number}-ready: InPlace", without.Cloud.Plan);
            Assert.EndsWith(" 'all' 'redis1'", FirstLine(without, $"redis{number}-complete"), StringComparison.Ordinal);
        }
        Assert.Equal(string.Empty, await OutputUtilities.GetValueAsync(five.Stack.Absent));
        Assert.Equal("redis1", await OutputUtilities.GetValueAsync(without.Stack.Absent));
        // Nothing of the machine itself.
        Assert.Contains("redis1", without.Cloud.All(Types.Instance).Select(machine => machine.Name));
        Assert.DoesNotContain(without.Cloud.Plan, step => step.StartsWith("redis1:", StringComparison.Ordinal));

        StackRun back = await without.Again(With(("redisOverrides", """["slowlog-max-len 512"]""")));

        Assert.Contains("redis1-ready: create", back.Cloud.Plan);
        Assert.Contains("membership-after: create", back.Cloud.Plan);
        Assert.EndsWith(" 'all'", FirstLine(back, "redis2-complete"), StringComparison.Ordinal);
        Assert.Empty((await back.Again(With(("redisOverrides", """["slowlog-max-len 512"]""")))).Cloud.Plan);
    }

    [Theory]
    [InlineData("redisMemoryGb", "10", "another size, place or address of a machine")]
    [InlineData("passwordVersions", "[1,2]", "other passwords")]
    [InlineData("redisAddresses", """["172.31.235.150","172.31.235.151","172.31.235.152","172.31.235.153","172.31.235.154","172.31.235.155"]""",
        "another list of nodes")]
    public async Task What_needs_all_nodes_is_refused_at_once(string key, string value, string expected)
    {
        StackRun five = await StackRun.Of(Five);
        RecordedCloud next = await five.Next();

        Exception error = await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(With(("absentNodes", """["redis5"]"""), (key, value)), next));

        Assert.Contains($"{expected} needs all nodes, and redis5 is left out", error.ToString(), StringComparison.Ordinal);
        Assert.Empty(next.Resources);
    }

    [Theory]
    [InlineData("redis4", "'redis4' is not one of them")]
    [InlineData("redis3", "at most 0 of 3 nodes: while one more restarts, the others must be a majority")]
    public void Of_three_nodes_none_can_be_left_out(string name, string expected)
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("absentNodes", $"[\"{name}\"]")));

        Assert.Contains(expected, problem.ToString(), StringComparison.Ordinal);
        Assert.Equal("pulumi config rm redis-ha:absentNodes", problem.Example);
    }

    // Nothing is dead that was never built.
    [Fact]
    public async Task A_new_stack_has_all_its_nodes()
    {
        StackRun run = await StackRun.Of(With(("absentNodes", """["redis5"]""")));

        Assert.Contains("redis5-complete", run.Cloud.All(Types.Command).Select(command => command.Name));
    }

    private static Dictionary<string, string?> With(params (string Key, string Value)[] more)
    {
        var settings = new Dictionary<string, string?>(Five);
        foreach ((string key, string value) in more)
        {
            settings[key] = value;
        }
        return settings;
    }

    private static string FirstLine(StackRun run, string command) => run.Cloud.One(Types.Command, command).Text("stdin").Split('\n')[0];
}
