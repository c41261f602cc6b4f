// The command line as an operator types it: texts and exit codes of a real process.

using RedisHaProxy.Tests.Configuration;

namespace RedisHaProxy.Tests.Hosting;

public sealed class CommandLineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Required command was not provided.")]
    [InlineData("'chek'", "chek")]
    [InlineData("Required argument missing", "check")]
    [InlineData("exclude each other", "sessions", "--end", "1", "--source", "127.0.0.1")]
    [InlineData("'nowhere' is not a valid address", "sessions", "--source", "nowhere")]
    [InlineData("'--colour'", "check", "x.json", "--colour")]
    public async Task A_wrong_command_line_ends_with_exit_code_2_and_says_where_help_is(string expected, params string[] arguments)
    {
        var result = await ProxyProcess.RunAsync(arguments);

        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Matches("Try 'redis-ha-proxy ([a-z]+ )?--help'", result.Error);
    }

    [Theory]
    [InlineData("Usage:", "--help")]
    [InlineData("check <FILE>", "check", "--help")]
    [InlineData("redis-ha-proxy version [options]", "version", "--help")]
    [InlineData("complete -o default", "completion", "bash")]
    [InlineData("sessions", "[suggest:17]", "redis-ha-proxy se")]
    [InlineData("redis-ha-proxy 0.1.0 (.NET 10.", "version")]
    public async Task Help_and_version_go_to_standard_output(string expected, params string[] arguments)
    {
        var result = await ProxyProcess.RunAsync(arguments);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains(expected, result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("explain", "--json")]
    [InlineData("drain")]
    public async Task Verbs_say_that_no_proxy_is_running_here(params string[] verb)
    {
        string socket = Path.Combine(_folder.Path, "absent.sock");

        var result = await ProxyProcess.RunAsync([.. verb, "--socket", socket]);

        Assert.Equal((1, "", $"redis-ha-proxy: no proxy is running here: {socket} does not exist (--socket names the path of admin.socket)\n"), (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public async Task Replay_refuses_what_is_no_recording()
    {
        var result = await ProxyProcess.RunAsync("replay", _folder.Write("x", "{}\n"));

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains("/x: line 1", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_lists_every_problem_on_its_own_line_and_ends_with_exit_code_2()
    {
        string file = _folder.Write("proxy.json", "{ \"listen\": [\"127.0.0.1\"],\n  \"redis\": { \"nodes\": { \"a\": \"127.0.0.1:1\" }, \"passwordFile\": \"absent\" } }");

        var result = await ProxyProcess.RunAsync("check", file);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Equal(
            $"redis-ha-proxy: {file}:1:14: listen[0]: \"127.0.0.1\" has no port; write ADDRESS:PORT, such as 172.31.235.131:6379\n"
            + $"redis-ha-proxy: {file}:2:63: redis.passwordFile: {_folder.Path}/absent does not exist\n",
            result.Error);
    }

    [Fact]
    public async Task Check_shows_what_a_good_file_means_and_no_secret()
    {
        _folder.Write("secret", "hunter2hunter2");
        string file = _folder.Write("proxy.json", """{ "listen": ["127.0.0.1:6379"], "redis": { "nodes": { "a": "127.0.0.2:6379" }, "user": "u", "passwordFile": "secret" } }""");

        var result = await ProxyProcess.RunAsync("check", file);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.StartsWith($"{file} is valid.\n  clients    127.0.0.1:6379\n  nodes      a 127.0.0.2:6379\n", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", result.Output, StringComparison.Ordinal);
    }
}
