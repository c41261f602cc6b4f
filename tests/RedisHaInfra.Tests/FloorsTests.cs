// The rooms of the program and their order. What breaks the order is tested with the lab's.

namespace RedisHaInfra.Tests;

public sealed class FloorsTests
{
    [Fact]
    public void Each_room_of_the_program_uses_only_rooms_below() =>
        Assert.Empty(Floors.Violations(Path.Combine(Repository.Root, "infra"), "RedisHaInfra", ["Settings"], ["Nodes"], ["Components"]));
}
