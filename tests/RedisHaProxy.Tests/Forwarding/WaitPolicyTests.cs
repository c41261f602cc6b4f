// How a loop waits: polls while answers come soon, sleeps when they do not, gathers when rounds are large. Times are given.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public sealed class WaitPolicyTests
{
    private const long Poll = 100;

    [Fact]
    public void Waits_that_are_short_again_and_again_become_polls()
    {
        var waits = new WaitPolicy(Poll, 50);
        var chosen = new List<WaitKind>();
        for (int i = 0; i < 10; i++)
        {
            chosen.Add(waits.Choose(1, 1, isShort: true));
            waits.Slept(Poll);
        }

        Assert.Equal([.. Enumerable.Repeat(WaitKind.Sleep, 6), .. Enumerable.Repeat(WaitKind.Poll, 4)], chosen);
    }

    [Fact]
    public void A_large_round_ends_polling()
    {
        WaitPolicy waits = Polling();
        Assert.Equal(WaitKind.Poll, waits.Choose(1, 1, isShort: true));
        Assert.Equal(WaitKind.Gather, waits.Choose(WaitPolicy.Many, WaitPolicy.Many, isShort: true));
        Assert.Equal(WaitKind.Sleep, waits.Choose(1, 1, isShort: true));
    }

    [Fact]
    public void A_request_now_and_then_is_never_polled_for()
    {
        var waits = new WaitPolicy(Poll, 50);
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(WaitKind.Sleep, waits.Choose(1, 1, isShort: true));
            waits.Slept(i % 2 == 0 ? Poll / 2 : 10 * Poll); // the node's answer, the next request
        }
    }

    [Fact]
    public void Polls_for_nothing_end_soon_and_cost_little()
    {
        WaitPolicy waits = Polling();
        int misses = 0;
        while (waits.Choose(1, 1, isShort: true) == WaitKind.Poll)
        {
            waits.Polled(Poll, found: false);
            misses++;
        }

        Assert.InRange(misses, 1, 4);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Polls_that_find_something_half_of_the_time_at_most_become_sleep(int missesForEachHit)
    {
        WaitPolicy waits = Polling();
        int polls = 0;
        for (int i = 0; waits.Choose(1, 1, isShort: true) == WaitKind.Poll; i++)
        {
            waits.Polled(Poll, found: i % (missesForEachHit + 1) == 0);
            Assert.True(++polls < 100, "it polls for ever");
        }
    }

    [Fact]
    public void A_processor_that_is_taken_away_again_and_again_is_left_to_whoever_needs_it()
    {
        WaitPolicy waits = Polling();
        int polls = 0;
        while (waits.Choose(1, 1, isShort: true) == WaitKind.Poll)
        {
            waits.Polled((2 * Poll) + 1, found: true);
            polls++;
        }

        Assert.InRange(polls, 1, 2);
    }

    [Fact]
    public void Large_rounds_gather_and_small_ones_do_not()
    {
        for (int events = 0; events < 100; events++)
        {
            WaitPolicy waits = Polling();
            Assert.Equal(events >= WaitPolicy.Many ? WaitKind.Gather : WaitKind.Poll, waits.Choose(events, events, isShort: true));
        }
    }

    [Fact]
    public void Nobody_gathers_while_there_is_processor_time()
    {
        WaitPolicy waits = Polling();
        Assert.Equal(WaitKind.Sleep, waits.Choose(50, 50, isShort: false));
    }

    [Fact]
    public void Nobody_gathers_for_bulk()
    {
        WaitPolicy waits = Polling();
        Assert.Equal(WaitKind.Sleep, waits.Choose(50, messages: WaitPolicy.Many - 1, isShort: true));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(4, 2)]
    [InlineData(10, 5)]
    [InlineData(1000, WaitPolicy.MostToGather)]
    public void Half_of_the_active_sessions_are_enough(int active, int enough) => Assert.Equal((uint)enough, WaitPolicy.EnoughToGather(active));

    [Fact]
    public void Zero_switches_each_off()
    {
        WaitPolicy noPoll = Polling(new WaitPolicy(0, 50));
        WaitPolicy noGather = Polling(new WaitPolicy(Poll, 0));
        Assert.Equal(WaitKind.Sleep, noPoll.Choose(1, 1, isShort: true));
        Assert.Equal(WaitKind.Gather, noPoll.Choose(50, 50, isShort: true));
        Assert.Equal(WaitKind.Poll, noGather.Choose(1, 1, isShort: true));
        Assert.Equal(WaitKind.Sleep, noGather.Choose(50, 50, isShort: true));
    }

    [Fact]
    public void Only_who_is_told_to_polls_and_not_with_one_processor()
    {
        var byDefault = new ProxyConfiguration { Listen = [], Redis = new RedisConfiguration { Nodes = [] } };
        Assert.Equal(0, WaitPolicy.Of(byDefault, processors: 2).PollTicks);
        ProxyConfiguration polling = byDefault with { BusyPollMicroseconds = 100 };
        Assert.Equal(0, WaitPolicy.Of(polling, processors: 1).PollTicks);
        Assert.Equal(TimeSpan.FromMicroseconds(100), System.Diagnostics.Stopwatch.GetElapsedTime(0, WaitPolicy.Of(polling, processors: 2).PollTicks));
        Assert.Equal(100_000, WaitPolicy.Of(polling, processors: 1).GatherNanoseconds);
    }

    private static WaitPolicy Polling(WaitPolicy? of = null)
    {
        WaitPolicy waits = of ?? new WaitPolicy(Poll, 50);
        for (int i = 0; i < 100; i++)
        {
            waits.Slept(1);
        }

        return waits;
    }
}
