// Durations survive being written and read.

using CsCheck;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Configuration;

public sealed class DurationsTests
{
    [Fact]
    public void What_is_written_is_read_back() =>
        Gen.Long[0, 7 * 24 * 3600 * 1000L].Sample(ms =>
        {
            var duration = TimeSpan.FromMilliseconds(ms);
            Assert.Equal(duration, Durations.Parse(Durations.Format(duration)));
        });

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(250, "250ms")]
    [InlineData(5000, "5s")]
    [InlineData(60_000, "1m")]
    [InlineData(90_000, "90s")]
    [InlineData(7_200_000, "2h")]
    public void The_largest_unit_that_divides_is_used(long milliseconds, string text) =>
        Assert.Equal(text, Durations.Format(TimeSpan.FromMilliseconds(milliseconds)));
}
