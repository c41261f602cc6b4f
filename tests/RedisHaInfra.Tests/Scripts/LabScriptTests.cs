// The scripts that work on a deployment, on labs: which one is meant, and what is said of one that is not there, has not come up, or is down.

namespace RedisHaInfra.Tests.Scripts;

public sealed class LabScriptTests : IDisposable
{
    private readonly StandInStack _stack = new();

    public LabScriptTests()
    {
        _stack.Program("id", "echo 0");
        _stack.Program("ip", "if [ \"$1 $2\" = 'netns list' ]; then echo 'redis-ha-lab.two.outside (id: 1)'; else echo \"ip $*\" >>\"$WORK/calls\"; fi");
    }

    public void Dispose() => _stack.Dispose();

    private string Lab(string name, bool hasComeUp = true)
    {
        string folder = Path.Combine(_stack.Folder, "labs", name);
        Directory.CreateDirectory(Path.Combine(folder, "ssh"));
        File.WriteAllText(Path.Combine(folder, "state.json"), """
            { "Endpoint": "172.31.235.188:6379", "StatsPage": "http://127.0.0.1:1936/stats" }
            """);
        if (hasComeUp)
        {
            File.WriteAllText(Path.Combine(folder, "ssh/config"), "Host bastion\n  HostName 203.0.113.1\nHost redis1\n  HostName 172.31.235.131\n"
                + "Host proxy1\n  HostName 172.31.235.141\n");
        }

        return folder;
    }

    [SkippableTheory]
    [InlineData(1, "there is no lab \"nosuch\"; on this machine there are: one, two. For example: sudo scripts/", "status", "--lab", "nosuch")]
    [InlineData(1, "there is no lab \"lab\"; on this machine there are: one, two. For example: sudo scripts/", "doctor", "--lab")]
    [InlineData(1, "there is no lab \"lab\"; on this machine there are: one, two. For example: sudo scripts/", "switchover", "--lab", "redis2")]
    [InlineData(1, "there is no lab \"nosuch\"; on this machine there are: one, two. For example: sudo scripts/", "reboot-roll", "--lab", "nosuch")]
    [InlineData(1, "there is no lab \"lab\"; on this machine there are: one, two. For example: sudo scripts/", "backup", "--lab", "list")]
    [InlineData(1, "there is no lab \"lab\"; on this machine there are: one, two. For example: sudo scripts/", "restore", "--lab", "latest")]
    [InlineData(1, "there is no lab \"lab\"; on this machine there are: one, two. For example: sudo scripts/", "tunnel", "--lab", "stats")]
    [InlineData(2, "\"../one\" cannot be the name of a lab: 1 to 12 lower-case letters, digits and hyphens, such as lab2; ", "status", "--lab", "../one")]
    [InlineData(2, "\"Two\" cannot be the name of a lab: ", "redis-cli", "--lab", "Two", "--", "PING")]
    [InlineData(1, "the lab \"half\" has not come up to its end: sudo scripts/lab up --name half\n", "status", "--lab", "half")]
    [InlineData(1, "the lab \"one\" is down, as after a reboot of this machine: sudo scripts/lab up --name one\n", "status", "--lab", "one")]
    [InlineData(2, "--stack and --lab exclude each other", "status", "--lab", "one", "--stack", "production")]
    public async Task A_lab_that_cannot_be_asked_gets_one_error(int code, string error, string script, params string[] arguments)
    {
        Lab("one");
        Lab("two");
        Lab("half", hasComeUp: false);

        ShellResult run = await _stack.RunAsync(script, arguments);

        Assert.Equal((code, ""), (run.ExitCode, run.Output));
        Assert.StartsWith($"{script}: {error}", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, run.Error.Count(c => c == '\n'));
        Assert.Equal("", _stack.Calls);
    }

    [SkippableTheory]
    [InlineData("--name", "nosuch-lab-0")]
    [InlineData("--name=nosuch-lab-0")]
    [InlineData("--name:nosuch-lab-0")]
    [Trait("Needs", "root")]
    public async Task The_lab_that_is_missing_is_named_however_its_name_is_given(params string[] arguments)
    {
        ShellResult run = await _stack.RunAsync("lab", ["status", .. arguments]);

        Assert.Equal((2, "lab: There is no lab \"nosuch-lab-0\" here; bring it up with `scripts/lab up --name nosuch-lab-0`.\n"), (run.ExitCode, run.Error));
    }

    [SkippableFact]
    public async Task Without_any_lab_the_way_to_one_is_named()
    {
        ShellResult run = await _stack.RunAsync("status", "--lab", "two");
        Assert.Equal((1, "status: there is no lab on this machine: sudo scripts/lab up --name two\n"), (run.ExitCode, run.Error));
    }

    [SkippableFact]
    public async Task A_tunnel_to_a_lab_listens_here_and_begins_where_operators_are()
    {
        string folder = Lab("two");

        ShellResult run = await _stack.RunAsync("tunnel", "redis", "--lab", "two", "--port", "16379", "--print");

        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.StartsWith($"ssh -F {folder}/ssh/config -o ProxyCommand", run.Output, StringComparison.Ordinal);
        Assert.Contains("ip\\ netns\\ exec\\ redis-ha-lab.two.outside", run.Output, StringComparison.Ordinal);
        Assert.EndsWith("-L 127.0.0.1:16379:172.31.235.188:6379 bastion\n", run.Output, StringComparison.Ordinal);
    }
}
