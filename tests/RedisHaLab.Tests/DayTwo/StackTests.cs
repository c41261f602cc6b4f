// What a run begins with when an earlier one was interrupted: its options bind from the first machine on.

using RedisHaLab.DayTwo;
using RedisHaLab.Host;
using RedisHaLab.State;
using Xunit;

namespace RedisHaLab.Tests.DayTwo;

public sealed class StackTests
{
    private static readonly MachineSpec Machine = new()
    {
        Name = "redis1",
        InstanceId = "ocid1.instance.1",
        Address = "172.31.235.131",
        PrefixLength = 25,
        Gateway = "172.31.235.129",
        Metadata = new Dictionary<string, string>(),
    };

    [SkippableFact]
    [Trait("Needs", "root")]
    public void A_lab_is_ours_from_its_first_machine_on_although_its_first_up_was_interrupted()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root: the state lies below /var/lib");
        var paths = new LabPaths("t-day2");
        try
        {
            var five = Open(paths, 5);
            five.Keep(five.Settings);
            Assert.False(Stack.IsBegun(paths));
            // Nothing was made yet, so another choice is free.
            Assert.Equal(3, Open(paths, 3).Redis.Count);

            StateStore.Open(paths).Update(state => state with { Machines = [Machine] });
            Assert.True(Stack.IsBegun(paths));
            Assert.Equal(5, Stack.BeginningOf(paths)!.Nodes);
            Assert.Equal(5, Open(paths, 3).Redis.Count);
        }
        finally
        {
            Directory.Delete(paths.StateDirectory, recursive: true);
        }
    }

    private static Stack Open(LabPaths paths, int nodes) => new(paths, new Progress(TextWriter.Null), new Beginning(nodes, [], null));
}
