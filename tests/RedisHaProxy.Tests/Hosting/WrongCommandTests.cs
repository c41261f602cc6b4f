// What a person types in the night and gets wrong: exit code 2, one clear line, and nothing of the libraries within.

using RedisHaProxy.Commands;
using RedisHaProxy.Tests.Configuration;

namespace RedisHaProxy.Tests.Hosting;

public sealed class WrongCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("there is no verb 'chek'; did you mean 'check'?", "chek")]
    [InlineData("there is no verb 'statsu'; did you mean 'status'?", "statsu")]
    [InlineData("there is no verb 'explian'; did you mean 'explain'?", "explian")]
    [InlineData("there is no verb 'frobnicate'", "frobnicate")]
    [InlineData("there is no option '--verison'; did you mean '--version'?", "--verison")]
    [InlineData("'check' needs FILE", "check")]
    [InlineData("'check' has no option '--conect'; did you mean '--connect'?", "check", "x.json", "--conect")]
    [InlineData("'check' has no argument 'y.json'", "check", "x.json", "y.json")]
    [InlineData("'check' has no option '-c'; it takes FILE (see", "check", "-c", "x.json")]
    [InlineData("'check' has no option '--conect'; did you mean '--connect'?", "check", "--conect", "x.json")]
    [InlineData("'run' needs --config FILE", "run")]
    [InlineData("'--config' needs a value: FILE", "run", "--config")]
    [InlineData("'abc' is not the number of a session", "sessions", "--end", "abc")]
    [InlineData("'-1' is not the number of a session", "sessions", "--end=-1")]
    [InlineData("'99999999999999999999' is not the number of a session", "sessions", "--end", "99999999999999999999")]
    [InlineData("--end ends one session", "sessions", "--end", "1", "--source", "127.0.0.1")]
    [InlineData("--end-all needs --source", "sessions", "--end-all")]
    [InlineData("'nowhere' is not a valid address", "sessions", "--source", "nowhere")]
    [InlineData("'5' is not a time; write 90s, 5m or 1h", "sessions", "--idle", "5")]
    [InlineData("'0' is not a number of sessions", "sessions", "--top", "0")]
    [InlineData("'many' is not a number of sessions", "sessions", "--top", "many")]
    [InlineData("'sessions' has no option '--nod'; did you mean '--node'?", "sessions", "--nod", "redis1")]
    [InlineData("'yaml' is not one of json, wide (see", "status", "-o", "yaml")]
    [InlineData("'status' has no argument 'redis1'", "status", "redis1")]
    [InlineData("'maybe'", "status", "--json=maybe")]
    [InlineData("'maintenance' needs NODE", "maintenance")]
    [InlineData("'maintenance' has no option '--forse'; did you mean '--force'?", "maintenance", "redis1", "--forse")]
    [InlineData("'drain' has no argument 'proxy1'", "drain", "proxy1")]
    [InlineData("'tcsh' is not one of bash, zsh, fish (see", "completion", "tcsh")]
    [InlineData("'replay' needs FILE", "replay")]
    [InlineData("there is no verb 'foo'", "help", "foo")]
    [InlineData("there is no verb 'statsu'; did you mean 'status'?", "help", "statsu")]
    [InlineData("'-s' needs a value: PATH", "status", "-s")]
    [InlineData("/absent/x: does not exist", "replay", "/absent/x")]
    [InlineData("/tmp: is a folder", "replay", "/tmp")]
    [InlineData("/absent/proxy.json: does not exist", "check", "/absent/proxy.json")]
    [InlineData("/tmp: is a directory", "run", "--config", "/tmp")]
    public Task A_wrong_command_is_answered_in_one_line(string expected, params string[] arguments) => RefusesAsync(expected, arguments);

    [Theory]
    [InlineData("line 1 is not the head of a recording", "")]
    [InlineData("line 1 is not the head of a recording", "{}\n")]
    [InlineData("line 1 is not the head of a recording", "{ \"listen\": [] }\n")]
    [InlineData("line 1 is not the head of a recording", "\u007fELF\u0001\u0002")]
    [InlineData("line 1 is not the head of a recording", "{\"recording\":1,\"nod")]
    [InlineData("line 1 says version 7 of a recording", "{\"recording\":7}\n")]
    public Task A_file_that_is_no_recording_is_refused_in_one_line(string expected, string content) => RefusesAsync(expected, "replay",
        _folder.Write("x", content));

    [Theory]
    [InlineData("listen: 0.0.0.0:16379 is also a (127.0.0.1:16379): the proxy would connect to itself", "0.0.0.0:16379", "control.sock")]
    [InlineData("admin.socket: the folder /absent/folder does not exist; create it", "127.0.0.1:26380", "/absent/folder/control.sock")]
    public Task A_file_that_does_not_fit_the_machine_is_refused_in_one_line(string expected, string listen, string socket) => RefusesAsync(
        expected, "check",
        _folder.Write("proxy.json", $$"""{ "listen": ["{{listen}}"], "redis": { "nodes": { "a": "127.0.0.1:16379" } }, "admin": { "socket": "{{socket}}" } }"""));

    private static async Task RefusesAsync(string expected, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();

        int code = await ProxyCommandLine.InvokeAsync(arguments, output, error);

        string line = error.ToString();
        Assert.Equal((2, ""), (code, output.ToString()));
        Assert.StartsWith("redis-ha-proxy: ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.Equal(1, line.Count(c => c == '\n'));
        Assert.DoesNotMatch(@"System\.|Exception|JSON value|BytePosition|`\d|Nullable|Path: \$", line);
    }
}
