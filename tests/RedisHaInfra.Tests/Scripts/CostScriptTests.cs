// scripts/cost, with stand-ins for pulumi and dotnet: what it asks of them, and what it shows.

namespace RedisHaInfra.Tests.Scripts;

public sealed class CostScriptTests : IDisposable
{
    private readonly StandInStack _stack = new();

    public void Dispose() => _stack.Dispose();

    [SkippableFact]
    public async Task Help_asks_nobody_and_an_unknown_word_is_bad_usage()
    {
        ShellResult help = await _stack.RunAsync("cost", "--help");
        Assert.Equal((0, string.Empty), (help.ExitCode, help.Error));
        Assert.StartsWith("usage: scripts/cost ", help.Output, StringComparison.Ordinal);
        Assert.Equal(2, (await _stack.RunAsync("cost", "--colour")).ExitCode);
        Assert.Equal(2, (await _stack.RunAsync("cost", "--stack")).ExitCode);
        Assert.Equal(string.Empty, _stack.Calls);
    }

    [SkippableFact]
    public async Task What_was_built_comes_from_the_output_and_needs_no_sdk()
    {
        File.WriteAllText(Path.Combine(_stack.Folder, "outputs/cost"), "3 Redis nodes  42.00\n");

        ShellResult run = await _stack.RunAsync("cost", "--built", "--stack", "production");

        Assert.Equal((0, "3 Redis nodes  42.00\n"), (run.ExitCode, run.Output));
        Assert.Equal("pulumi stack output cost --stack production\n", _stack.Calls);
    }

    [SkippableFact]
    public async Task The_configuration_goes_to_the_program_with_its_secrets_hidden()
    {
        _stack.Program("pulumi", """echo "pulumi $*" >>"$WORK/calls"; echo '{"redis-ha:redisMemoryGb":{"value":"16"}}'""");
        _stack.Program("dotnet", """echo "dotnet $*" >>"$WORK/calls"; cat""");

        ShellResult run = await _stack.RunAsync("cost");

        Assert.Equal((0, """{"redis-ha:redisMemoryGb":{"value":"16"}}""" + "\n"), (run.ExitCode, run.Output));
        Assert.Equal("dotnet --version\npulumi config --json\ndotnet run --project infra --verbosity quiet -- cost\n", _stack.Calls);

        // What pulumi says is shown, with the way out, and nothing is estimated.
        _stack.Program("pulumi", "echo 'error: no stack named x found' >&2; exit 255");
        _stack.Program("dotnet", "echo asked");
        ShellResult failed = await _stack.RunAsync("cost", "--stack", "x");
        Assert.NotEqual(0, failed.ExitCode);
        Assert.StartsWith("error: no stack named x found\n", failed.Error);
        Assert.EndsWith("Its stacks: pulumi stack ls, then --stack NAME\n", failed.Error);
        Assert.Equal(string.Empty, failed.Output);
    }
}
