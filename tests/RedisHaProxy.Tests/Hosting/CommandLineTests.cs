// The command line as an operator types it: texts and exit codes of a real process.

using System.Net;
using System.Text.Json;
using RedisHaProxy.Admin;
using RedisHaProxy.Commands;
using RedisHaProxy.Tests.Configuration;

namespace RedisHaProxy.Tests.Hosting;

public sealed class CommandLineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Usage:", "--help")]
    [InlineData("check <FILE>", "check", "--help")]
    [InlineData("Usage:")]
    [InlineData("Usage:", "help")]
    [InlineData("check <FILE>", "help", "check")]
    [InlineData(".B check FILE", "man")]
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

        Assert.Equal((1, "", $"redis-ha-proxy: no proxy is running here: {socket} does not exist (--socket names the path of admin.socket)\n"),
            (result.ExitCode, result.Output, result.Error));
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
        string file = _folder.Write("proxy.json",
            "{ \"listen\": [\"127.0.0.1\"],\n  \"redis\": { \"nodes\": { \"a\": \"127.0.0.1:1\" }, \"passwordFile\": \"absent\" } }");

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

    [Fact]
    public void Sessions_are_filtered_by_node_source_and_idle_time_and_the_top_ones_have_the_most_bytes()
    {
        var all = JsonDocument.Parse("""
            [ { "id": 1, "client": "10.0.0.5:1111", "node": "redis1", "quietMs": 100, "bytesIn": 5, "bytesOut": 5 },
              { "id": 2, "client": "10.0.0.6:1111", "node": "redis1", "quietMs": 90000, "bytesIn": 500, "bytesOut": 1 },
              { "id": 3, "client": "[fd00::5]:1111", "node": null, "quietMs": 95000, "bytesIn": 0, "bytesOut": 0 },
              { "id": 4, "client": "10.0.0.5:2222", "node": "redis2", "quietMs": 5, "bytesIn": 7, "bytesOut": 70 } ]
            """).RootElement.EnumerateArray().ToList();
        string Ids(string? node = null, string? source = null, int? idleSeconds = null, int? top = null) => string.Join(' ', SessionsCommand.Filter(
            all, node, source is null ? null : IPAddress.Parse(source), idleSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
                top).Select(s => s.GetProperty("id")));

        Assert.Equal("1 2 3 4", Ids());
        Assert.Equal("1 2", Ids(node: "redis1"));
        Assert.Equal("1 4", Ids(source: "10.0.0.5"));
        Assert.Equal("3", Ids(source: "fd00::5"));
        Assert.Equal("2 3", Ids(idleSeconds: 90));
        Assert.Equal("2 4", Ids(top: 2));
        Assert.Equal("4", Ids(source: "10.0.0.5", top: 1));
    }

    [Theory]
    [InlineData("1000", "ubuntu", "ubuntu (1000)")]
    [InlineData("1000", null, "(1000)")]
    [InlineData(null, "ubuntu", null)]
    [InlineData("1000", "a\r\nX: y", "aX: y (1000)")]
    public void Behind_sudo_the_caller_is_named(string? id, string? user, string? named) =>
        Assert.Equal(named, ControlClient.Caller(name => name == "SUDO_UID" ? id : name == "SUDO_USER" ? user : null));
}
