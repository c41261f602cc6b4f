// How many Sentinels a failover takes, and who of them takes part.

using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class FailoverChanceTests
{
    [Theory]
    [InlineData(3, 2, 2, 2, true)] // the usual
    [InlineData(3, 1, 2, 2, false)]
    [InlineData(5, 3, 3, 3, true)]
    [InlineData(5, 3, 4, 4, false)] // a quorum above the majority
    [InlineData(5, 3, 2, 3, true)] // one below: a majority is needed all the same
    [InlineData(2, 1, 1, 2, false)]
    [InlineData(1, 1, 1, 1, true)]
    [InlineData(3, 0, 2, 2, false)] // nobody says anything
    public void It_takes_the_majority_and_the_quorum(int listed, int able, int quorum, int needed, bool possible)
    {
        var chance = FailoverChance.Of(listed, i => i < able, _ => Said(listed - 1, quorum));
        Assert.Equal((listed, able, needed, possible), (chance.All, chance.Able, chance.Needed, chance.IsPossible));
    }

    [Fact]
    public void Sentinels_that_are_not_listed_count_in_the_majority()
    {
        var chance = FailoverChance.Of(3, i => i < 2, i => i == 0 ? Said(4, 2) : Said(2, 2));
        Assert.Equal((5, 2, 3, false), (chance.All, chance.Able, chance.Needed, chance.IsPossible));
        Assert.Equal(
            "No failover will come: 3 of 5 Sentinels do not answer (2 of them not in sentinel.nodes), and a failover takes 3. "
            + "Start it there: systemctl start redis-sentinel on redis3.",
            chance.Describe(hasMaster: false, ["172.31.0.3:26379"], 0, RunningRouter.Configuration(5000).Redis.Nodes));
    }

    [Fact]
    public void Without_Sentinels_nobody_waits() => Assert.True(FailoverChance.Of(0, _ => false, _ => null).IsPossible);

    [Theory]
    [InlineData(ServerHealth.Up, true, true)]
    [InlineData(ServerHealth.WrongPassword, false, true)] // it serves, only not us
    [InlineData(ServerHealth.NotPermitted, false, true)]
    [InlineData(ServerHealth.Up, false, false)] // in TILT
    [InlineData(ServerHealth.UnknownMaster, false, false)]
    [InlineData(ServerHealth.Refused, false, false)]
    public void One_that_only_refuses_the_proxy_takes_part(ServerHealth health, bool fresh, bool able) =>
        Assert.Equal(able, FailoverChance.IsAble(health, new SentinelVote(0, fresh, false)));

    private static SentinelReport? Said(int others, int quorum) =>
        new SentinelReport { Sentinel = 0, SentAt = default, At = default, Health = ServerHealth.Up, OtherSentinels = others, Quorum = quorum };
}
