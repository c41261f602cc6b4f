// What is shown and logged of a server that goes back and forth, with time injected.

using CsCheck;
using Microsoft.Extensions.Time.Testing;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class HealthMemoryTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    [Fact]
    public void A_reason_outlives_the_bare_ends_that_follow_it_but_not_for_ever()
    {
        var memory = new HealthMemory();
        Assert.True(memory.BecomesDown(ServerHealth.ProtectedMode, "DENIED", _time));
        for (int i = 0; i < 29; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.False(memory.BecomesDown(i % 2 == 0 ? ServerHealth.Disconnected : ServerHealth.ClosesAtOnce, "Connection reset by peer", _time));
            Assert.Equal((ServerHealth.ProtectedMode, "DENIED"), memory.Shown(ServerHealth.Disconnected, "Connection reset by peer"));
        }

        // Said again, it lives on; another reason, or another fact, replaces it at once.
        Assert.False(memory.BecomesDown(ServerHealth.ProtectedMode, "DENIED", _time));
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(memory.BecomesDown(ServerHealth.Disconnected, "reset", _time));
        Assert.True(memory.BecomesDown(ServerHealth.WrongPassword, "WRONGPASS", _time));
        Assert.True(memory.BecomesDown(ServerHealth.Refused, "refused", _time));
        Assert.True(memory.BecomesDown(ServerHealth.WrongPassword, "WRONGPASS", _time));
        _time.Advance(HealthMemory.ReasonLife);
        Assert.True(memory.BecomesDown(ServerHealth.ClosesAtOnce, "reset", _time));
        Assert.Equal((ServerHealth.ClosesAtOnce, "reset"), memory.Shown(ServerHealth.ClosesAtOnce, "reset"));
    }

    [Fact]
    public void A_lost_connection_alone_is_no_change_and_silence_gives_way_to_its_cause()
    {
        var memory = new HealthMemory();
        Assert.True(memory.BecomesUp(_time, out _));
        Assert.False(memory.BecomesDown(ServerHealth.Disconnected, "reset", _time));
        Assert.False(memory.BecomesDown(ServerHealth.ServerError, "ERR max number of clients reached", _time));
        Assert.True(memory.BecomesSilent(_time));
        Assert.False(memory.BecomesDown(ServerHealth.Disconnected, "no answer within 2 s", _time));
        Assert.Equal(ServerHealth.Silent, memory.Shown(ServerHealth.Disconnected, "no answer within 2 s").Health);
        Assert.True(memory.BecomesDown(ServerHealth.ServerError, "ERR max number of clients reached", _time));
        Assert.Equal((ServerHealth.ServerError, "ERR max number of clients reached"), memory.Shown(ServerHealth.Disconnected, "reset"));
        Assert.Equal(1, memory.Falls);
    }

    [Fact]
    public void A_clock_that_is_set_back_makes_no_time_negative()
    {
        var memory = new HealthMemory { Since = _time.GetUtcNow().AddHours(1) };
        Assert.True(memory.BecomesUp(_time, out TimeSpan downFor));
        Assert.Equal(TimeSpan.Zero, downFor);
    }

    [Fact]
    public void The_first_line_of_a_kind_is_written_and_repeated_ones_twice_a_minute_with_a_count()
    {
        var lines = new RepeatedLines();
        Assert.True(lines.Lets(3, TimeSpan.Zero, out int left));
        Assert.True(lines.Lets(1, TimeSpan.FromSeconds(1), out left));
        Assert.Equal(0, left);
        for (int i = 0; i < 100; i++)
        {
            Assert.False(lines.Lets(i % 2 == 0 ? 3 : 1, TimeSpan.FromSeconds(2), out _));
        }

        Assert.False(lines.IsDue(3, TimeSpan.FromSeconds(60)));
        Assert.True(lines.IsDue(3, TimeSpan.FromSeconds(61)));
        Assert.True(lines.Lets(3, TimeSpan.FromSeconds(61), out left));
        Assert.Equal(" (100 changes before it are not in the log)", RepeatedLines.Describe(left));
        Assert.False(lines.IsDue(3, TimeSpan.FromHours(1)));
        Assert.True(lines.Lets(7, TimeSpan.FromSeconds(62), out _)); // another kind is news
    }

    [Fact]
    public void The_end_of_what_was_told_is_told_at_once_and_once()
    {
        var lines = new RepeatedLines(end: 1);
        Assert.True(lines.Lets(1, TimeSpan.Zero, out _)); // the first time that all is well
        for (int minute = 1; minute < 4; minute++)
        {
            TimeSpan now = TimeSpan.FromMinutes(minute);
            Assert.True(lines.Lets(3, now, out int left));
            Assert.Equal(minute == 1 ? 0 : 19, left);
            Assert.True(lines.Lets(1, now, out _));
            for (int i = 0; i < 9; i++)
            {
                Assert.False(lines.Lets(3, now, out _));
                Assert.False(lines.Lets(1, now, out _));
            }

            Assert.False(lines.Lets(3, now, out _));
        }
    }

    // Whatever a server does: at most the first line of each kind, and two a minute; and what was held back last is due in time.
    [Fact]
    public void No_sequence_of_changes_writes_more_than_two_lines_a_minute_beside_the_first_of_each_kind() =>
        Gen.Select(Gen.Int[0, 4], Gen.Int[0, 20_000]).Array[1, 300].Sample(
            changes =>
            {
                var lines = new RepeatedLines();
                var written = new List<(int Kind, TimeSpan At)>();
                TimeSpan now = TimeSpan.Zero;
                foreach ((int kind, int pause) in changes)
                {
                    now += TimeSpan.FromMilliseconds(pause);
                    if (lines.Lets(kind, now, out _))
                    {
                        written.Add((kind, now));
                    }
                }

                if (lines.HeldBack > 0)
                {
                    Assert.True(lines.IsDue(0, written[^1].At + RepeatedLines.Spacing));
                }

                var repeated = written.Where((line, i) => written.Take(i).Any(w => w.Kind == line.Kind && line.At - w.At < RepeatedLines.Memory)).ToList();
                Assert.All(repeated.Skip(1).Zip(repeated), pair => Assert.True(pair.First.At - pair.Second.At >= RepeatedLines.Spacing));
            },
            iter: 2000);

    [Fact]
    public void A_burst_of_events_is_written_and_refills_slowly()
    {
        var lines = new RepeatedLines(burst: 3);
        Assert.Equal([true, true, true, false, false], Enumerable.Range(0, 5).Select(_ => lines.Lets(0, TimeSpan.Zero, out int _)));
        Assert.True(lines.Lets(0, TimeSpan.FromSeconds(60), out int left));
        Assert.Equal(2, left);
        Assert.False(lines.Lets(0, TimeSpan.FromSeconds(119), out _));
        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => lines.Lets(0, TimeSpan.FromSeconds(400), out int _)));
    }
}
