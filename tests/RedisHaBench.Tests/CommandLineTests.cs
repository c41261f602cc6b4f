// Wrong usage ends with one line for each mistake and exit code 2, before anything is started.

namespace RedisHaBench.Tests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--rounds must be from 1 to 100", "--rounds", "0")]
    [InlineData("'x' for option '--rounds'", "--rounds", "x")]
    [InlineData("--down-after must be from 1500 to 60000 milliseconds", "--down-after", "100")]
    [InlineData("--min-replicas must be 0 or 1", "--min-replicas", "2")]
    [InlineData("--scenario: there is no 'nothing'", "--scenario", "nothing")]
    [InlineData("--contender: there is no 'nginx'", "--contender", "nginx")]
    [InlineData("--proxy: there is no file /nowhere/redis-ha-proxy", "--proxy", "/nowhere/redis-ha-proxy")]
    [InlineData("--document: /nowhere.md is not a file with the lines <!-- results -->", "--document", "/nowhere.md")]
    [InlineData("--bogus", "--bogus")]
    public Task Wrong_usage_is_told(string message, params string[] arguments) => BenchProgram.RefusesAsync(message, ["failover", .. arguments]);

    [Theory]
    [InlineData("--rounds must be from 1 to 100", "--rounds", "101")]
    [InlineData("--parallel-syncs must be from 1 to 4", "--parallel-syncs", "1", "5")]
    [InlineData("--megabytes must be from 0 to 2000", "--megabytes", "3000")]
    [InlineData("--down-after must be from 1500 to 60000 milliseconds", "--down-after", "1")]
    public Task Wrong_usage_of_followers_is_told(string message, params string[] arguments) =>
        BenchProgram.RefusesAsync(message, ["followers", .. arguments]);
}
