// Wrong usage ends with one line for each mistake and exit code 2, before anything is started.

using System.Diagnostics;

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
    public async Task Wrong_usage_is_told(string message, params string[] arguments)
    {
        using var bench = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "redis-ha-bench"), ["failover", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = bench.StandardOutput.ReadToEndAsync();
        var error = await bench.StandardError.ReadToEndAsync();
        await bench.WaitForExitAsync();

        Assert.Equal(2, bench.ExitCode);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Equal("", (await output).Trim());
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
