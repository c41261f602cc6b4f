// What is kept of an operation that failed.

using RedisHaLab.DayTwo;
using Xunit;

namespace RedisHaLab.Tests.DayTwo;

public sealed class OperationTests
{
    [Fact]
    public void The_reason_is_what_the_node_said_without_the_consoles_that_follow()
    {
        string[] said =
        [
            "   3.6 s  the infra program runs; the lab is its cloud", "lab: redis4-accept: the command on 172.31.235.134 failed with exit code 1:",
            "redis-ha: FAILED to accept the passwords: no answer", "redis4: the passwords could not be changed: to accept the passwords: no answer", "",
            "redis3 is off.", "--- end of its console", "",
        ];

        Assert.Equal("lab: redis4-accept: the command on 172.31.235.134 failed with exit code 1: / redis-ha: FAILED to accept the passwords: no answer / "
            + "redis4: the passwords could not be changed: to accept the passwords: no answer", new Ended(1, TimeSpan.Zero, said).Reason);
    }

    [Fact]
    public void Of_other_commands_it_is_the_last_lines()
        => Assert.Equal("b / c / d / e / f", new Ended(1, TimeSpan.Zero, ["a", "b", "", " c", "d", "e", "f", ""]).Reason);
}
