// The command line, without a lab.

using RedisHaLab.Host;
using Xunit;
using Xunit.Abstractions;

namespace RedisHaLab.Tests;

public sealed class CommandLineTests
{
    private readonly LabProgram _lab;

    public CommandLineTests(ITestOutputHelper output) => _lab = new LabProgram("t-none", output);

    [Theory]
    [InlineData("up")]
    [InlineData("down")]
    [InlineData("status")]
    [InlineData("verify")]
    [InlineData("load")]
    [InlineData("exec")]
    [InlineData("client")]
    [InlineData("ssh")]
    [InlineData("stats")]
    [InlineData("operator")]
    [InlineData("kill")]
    [InlineData("start")]
    [InlineData("cut")]
    [InlineData("heal")]
    [InlineData("logs")]
    public async Task Every_command_has_help(string verb)
    {
        var help = await _lab.RunAsync(verb, "--help");
        Assert.Equal(0, help.ExitCode);
        Assert.Contains("--name", help.Output, StringComparison.Ordinal);
        Assert.Contains(verb, (await _lab.RunAsync("--help")).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("explode")]
    [InlineData("kill")]
    [InlineData("status", "--yaml")]
    public async Task A_mistake_ends_with_exit_code_2_and_says_where_help_is(params string[] arguments)
    {
        var result = await _lab.RunAsync(arguments);
        Assert.Equal(LabException.Unusable, result.ExitCode);
        Assert.Contains("--help", result.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    [Trait("Needs", "root")]
    public async Task Commands_on_a_lab_that_is_not_there_say_how_to_make_it()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root: without it the command refuses before");
        var result = await _lab.RunAsync("status");
        Assert.Equal(LabException.Unusable, result.ExitCode);
        Assert.Equal("lab: There is no lab \"t-none\" here; bring it up with `scripts/lab up --name t-none`.", result.Error.Trim());
    }
}
