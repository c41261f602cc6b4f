// A bar that cannot be missed is none: each is shown a run that misses it.

using RedisHaBench.Failover;

namespace RedisHaBench.Tests;

public sealed class BarsTests
{
    private static readonly KindMeasurements GoodKind = new() { Outage = 1000, OutageLasts = false, PromotionToAnswer = 20, WritableToAcknowledged = 10 };

    private static readonly Measurements Good = new()
    {
        Persistent = GoodKind,
        New = GoodKind,
        Acknowledged = 1000,
        Lost = 0,
        LostAfterPromotion = 0,
        LostLate = 0,
        ReadOnly = 0,
        ReadOnlyOnFreshConnection = 0,
        Failed = 0,
        TwoTargets = 0,
        WaitsEnded = 4,
        PromotionToWaitsEnded = 20,
        WaitsLeftBehind = 0,
        WaitsEndedForNothing = 0,
        PhaseOutage = new Dictionary<string, double> { ["all is well"] = 20 },
        Recovery = 100,
        HandOver = new(8, Left: 0),
    };

    public static TheoryData<string> Misses => [.. MissedBy.Keys];

    private static Dictionary<string, (string Scenario, Measurements Round)> MissedBy => new()
    {
        ["acknowledged writes lost"] = ("crash", Good with { Lost = 1 }),
        ["acknowledged writes lost, sent after the promotion"] = ("partition", Good with { Lost = 1, LostAfterPromotion = 1 }),
        ["READONLY on connections opened more than 100 ms after a demotion"] = ("crash", Good with { ReadOnlyOnFreshConnection = 1 }),
        ["time with two targets, ms"] = ("crash", Good with { TwoTargets = 51 }),
        ["blocked or subscribed clients left behind"] = ("crash", Good with { WaitsLeftBehind = 1 }),
        ["blocked or subscribed clients ended for nothing"] = ("crash", Good with { WaitsEndedForNothing = 1 }),
        ["promotion to first answer, persistent clients, ms: worst"] = ("sentinel-failover",
            Good with { Persistent = GoodKind with { PromotionToAnswer = 1501 } }),
        ["promotion to first answer, new clients, ms: worst"] = ("sentinel-failover", Good with { New = GoodKind with { PromotionToAnswer = null } }),
        ["writable to first acknowledged write, persistent clients, ms: median"] = ("failover-to",
            Good with { Persistent = GoodKind with { WritableToAcknowledged = 101 } }),
        ["promotion to the end of blocked and subscribed sessions on the old master, ms"] = ("crash", Good with { PromotionToWaitsEnded = 301 }),
        ["longest gap while all is well, ms"] = ("sentinels-down", Good with { PhaseOutage = new Dictionary<string, double> { ["all is well"] = 1001 } }),
        ["sessions that the proxy or its helper still has 20 s after the clients"] = ("crash", Good with { HandOver = new(8, Left: 1) }),
        ["recovered to every client served, ms"] = ("loading", Good with { Recovery = 301 }),
    };

    [Fact]
    public void A_good_round_passes_every_bar_of_every_scenario()
        => Assert.All(Scenarios.All, s => Assert.All(Bars.Check(s, [Good, Good, Good]), b => Assert.True(b.Passes, b.ToString())));

    [Theory]
    [MemberData(nameof(Misses))]
    public void A_bad_round_misses_its_bar_and_no_other(string bar)
    {
        var (scenario, bad) = MissedBy[bar];

        var missed = Bars.Check(Scenarios.All.Single(s => s.Name == scenario), [bad]).Where(b => !b.Passes).Select(b => b.Name);

        Assert.Equal([bar], missed);
    }

    [Fact]
    public void One_slow_round_of_three_misses_the_worst_but_not_the_median()
    {
        var slow = Good with { New = GoodKind with { PromotionToAnswer = 400 } };

        var missed = Bars.Check(Scenarios.All.Single(s => s.Name == "crash"), [Good, slow, Good]).Where(b => !b.Passes).Select(b => b.Name);

        Assert.Equal(["promotion to first answer, new clients, ms: worst"], missed);
    }
}
