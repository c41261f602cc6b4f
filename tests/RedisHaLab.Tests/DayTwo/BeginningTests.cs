// A run that goes on with a lab that exists: options that ask for another one are refused.

using RedisHaLab.DayTwo;
using Xunit;

namespace RedisHaLab.Tests.DayTwo;

public sealed class BeginningTests
{
    private static readonly Beginning Three = new(3, ["engine=valkey", "redisSave=60 1"], null);

    [Fact]
    public void What_was_not_asked_for_or_is_the_same_contradicts_nothing()
    {
        Assert.Null(Three.Contradiction(null, [], null));
        Assert.Null(Three.Contradiction(3, ["redisSave=60 1", "engine=valkey"], null));
        Assert.Null((Three with { Release = "trixie" }).Contradiction(3, [], "trixie"));
    }

    [Fact]
    public void What_is_otherwise_is_named_with_what_the_lab_has()
    {
        Assert.Equal("--nodes 5: it was made with 3 nodes", Three.Contradiction(5, [], null));
        Assert.Equal("--set engine=redis: it was made with --set engine=valkey --set redisSave=60 1", Three.Contradiction(3, ["engine=redis"], null));
        Assert.Equal("--set engine=redis: it was made with no further setting", new Beginning(5, [], null).Contradiction(null, ["engine=redis"], null));
        Assert.Equal("--release trixie: it was made with this machine's own suite", Three.Contradiction(null, [], "trixie"));
    }
}
