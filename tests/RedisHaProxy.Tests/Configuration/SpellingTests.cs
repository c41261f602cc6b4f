// The word that was probably meant.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Configuration;

public sealed class SpellingTests
{
    [Theory]
    [InlineData("conect", "connect")]
    [InlineData("connnect", "connect")]
    [InlineData("ocnnect", "connect")]
    [InlineData("CONNECT", "connect")]
    [InlineData("prak", "park")]
    [InlineData("conncet", "connect")]
    [InlineData("cnonetc", "connect")]
    [InlineData("rpka", null)]
    [InlineData("", null)]
    [InlineData("something else", null)]
    public void The_nearest_word_is_meant_while_two_thirds_of_it_are_right(string written, string? meant) =>
        Assert.Equal(meant, Spelling.Nearest(written, ["park", "idle", "connect"]));

    [Fact]
    public void A_word_of_any_length_costs_little_and_nothing_known_means_nothing()
    {
        Assert.Null(Spelling.Nearest(new string('x', 10_000_000), [new string('x', 64)]));
        Assert.Null(Spelling.Nearest("connect", []));
    }
}
