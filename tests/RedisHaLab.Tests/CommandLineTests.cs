// The command line, without a lab.

using RedisHaLab.Commands;
using RedisHaLab.Host;
using RedisHaProcesses;
using Xunit;
using Xunit.Abstractions;

namespace RedisHaLab.Tests;

public sealed class CommandLineTests
{
    private static readonly string Script = Path.Combine(Repository.Root, "scripts", "lab");

    private readonly LabProgram _lab;

    public CommandLineTests(ITestOutputHelper output) => _lab = new LabProgram("t-none", output);

    public static TheoryData<string> AllVerbs { get; } = [.. Verbs.All.Keys];

    [Theory]
    [MemberData(nameof(AllVerbs))]
    public async Task Every_command_has_help(string verb)
    {
        var help = await _lab.RunAsync(verb, "--help");
        Assert.Equal(0, help.ExitCode);
        Assert.Contains("--name", help.Output, StringComparison.Ordinal);
        Assert.Contains(Verbs.All[verb], string.Join(' ', help.Output.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_list_of_commands_is_the_same_in_the_program_the_script_and_the_document()
    {
        var commands = (await _lab.RunAsync("--help")).Output.Split("Commands:")[1].Split('\n')
            .Where(line => line.StartsWith("  ", StringComparison.Ordinal) && line[2] != ' ').Select(line => line.Trim().Split(' ')[0]);
        Assert.Equal(Verbs.All.Keys.Order(), commands.Order());
        var help = await Shell.RunAsync(Script, ["--help"]);
        Assert.Equal(0, help.ExitCode);
        var document = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "lab.md"));
        Assert.All(Verbs.All, verb =>
        {
            Assert.Contains($"  {verb.Key} ", help.Output, StringComparison.Ordinal);
            Assert.Contains(verb.Value, help.Output, StringComparison.Ordinal);
            Assert.Contains($"`{verb.Key}", document, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Marked_blocks_of_the_documents_are_found_and_use_the_scripts_of_the_repository()
    {
        var blocks = DocsCommand.Blocks(Repository.Root).ToList();

        Assert.Contains(blocks, block => block.File == "README.md" && block.Machine is null);
        Assert.Equal(["docs/operations.md", "docs/troubleshooting.md"],
            blocks.Where(block => block.Machine is not null).Select(block => block.File).Distinct());
        Assert.All(blocks, block =>
        {
            Assert.Equal(block.Text.Split('\n')[0], File.ReadLines(Path.Combine(Repository.Root, block.File)).ElementAt(block.Line - 1));
            Assert.All(block.Text.Split('\n'), line => Assert.Matches(
                block.Machine is null ? @"^(sudo )?\./scripts/\S+ " : @"^(sudo redis-ha-|sudo journalctl -u redis-|cat /|test -s /)", line));
        });
    }

    [Theory]
    [InlineData("lab", "--help")]
    [InlineData("lab", "kill", "--help")]
    [InlineData("lab", "help")]
    [InlineData("test", "--help")]
    [InlineData("bench", "--help")]
    [InlineData("failover-bench", "--help")]
    [InlineData("tunnel", "--help")]
    [InlineData("switchover", "--help")]
    public async Task Help_comes_without_a_build(string script, params string[] arguments)
    {
        var help = await Shell.RunAsync(Path.Combine(Repository.Root, "scripts", script), arguments, timeout: TimeSpan.FromSeconds(90));
        Assert.Equal((0, ""), (help.ExitCode, help.Error));
        Assert.NotEmpty(help.Output);
    }

    [Fact]
    public async Task A_mistyped_command_names_the_one_that_was_meant()
    {
        var program = await _lab.RunAsync("verfy");
        Assert.Equal(LabException.Unusable, program.ExitCode);
        Assert.Contains("verify", program.Error, StringComparison.Ordinal);
        var script = await Shell.RunAsync(Script, ["verfy"], timeout: TimeSpan.FromSeconds(90));
        Assert.Equal(LabException.Unusable, script.ExitCode);
        Assert.Contains("verify", script.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("building", script.Error, StringComparison.Ordinal);
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
        // The script says it before it builds anything.
        var script = await Shell.RunAsync(Script, ["status", "--name", "t-none"], timeout: TimeSpan.FromSeconds(90));
        Assert.Equal((result.ExitCode, result.Error), (script.ExitCode, script.Error));
    }
}
