// A single machine goes around a place that has no capacity, and no other machine moves for it.

using Pulumi;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class MachinePlaceTests(DefaultDeployment deployment)
{
    private static readonly string[] Machines = ["bastion", "redis1", "redis2", "redis3", "proxy1", "proxy2"];

    [Fact]
    public async Task A_named_machine_goes_where_it_is_told_and_the_others_where_they_would()
    {
        StackRun run = await StackRun.Of(new() { ["machinePlaces"] = """["redis2=3/1","proxy1=2"]""" });

        foreach (string machine in Machines)
        {
            (string, string) expected = machine switch
            {
                "redis2" => ("lab:AD-3", "FAULT-DOMAIN-1"),
                "proxy1" => ("lab:AD-2", Place(deployment.Run, machine).Item2),
                _ => Place(deployment.Run, machine),
            };
            Assert.Equal(expected, Place(run, machine));
        }
    }

    [Fact]
    public async Task A_machine_that_exists_moves_alone_and_only_when_it_is_told_to()
    {
        StackRun moved = await deployment.Run.Again(new() { ["machinePlaces"] = """["redis2=3"]""" });
        Assert.Equal(["redis2: Replace"], moved.Cloud.Plan.Where(step => Machines.Any(machine => step.StartsWith($"{machine}:", StringComparison.Ordinal))));

        StackRun again = await moved.Again(new() { ["machinePlaces"] = """["redis2=3"]""" });
        Assert.DoesNotContain(again.Cloud.Plan, step => Machines.Any(machine => step.StartsWith($"{machine}:", StringComparison.Ordinal)));

        // The place where it is already, said by name.
        StackRun same = await deployment.Run.Again(new() { ["machinePlaces"] = """["redis2=2/2"]""" });
        Assert.Empty(same.Cloud.Plan);
    }

    [Fact]
    public async Task A_region_without_that_domain_is_told_before_anything_is_made()
    {
        var cloud = new RecordedCloud { AvailabilityDomains = ["lab:AD-1"] };

        RunException error = await Assert.ThrowsAnyAsync<RunException>(() => StackRun.Run(new() { ["machinePlaces"] = """["redis2=3"]""" }, cloud));

        Assert.Contains("machinePlaces puts redis2 into number 3", error.Message, StringComparison.Ordinal);
        Assert.Empty(cloud.Resources);
    }

    [Theory]
    [InlineData("redis2")]
    [InlineData("redis2=4")]
    [InlineData("redis2=1/0")]
    [InlineData("redis9=1")]
    [InlineData("redis2=1\",\"redis2=2")]
    public void What_is_no_place_of_a_machine_of_the_stack_is_refused(string item) =>
        Assert.Equal(["machinePlaces"], GoodSettings.Problems(("machinePlaces", $"[\"{item}\"]")).Select(problem => problem.Key));

    private static (string, string) Place(StackRun run, string machine) =>
        (run.Cloud.One(Types.Instance, machine).Text("availabilityDomain"), run.Cloud.One(Types.Instance, machine).Text("faultDomain"));
}
