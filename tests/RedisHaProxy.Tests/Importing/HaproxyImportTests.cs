// haproxy.cfg becomes proxy.json: three forms of file that are in use, by a real process and its verb "check".

using System.Text.Json.Nodes;
using RedisHaProxy.Commands;
using RedisHaProxy.Tests.Configuration;
using RedisHaProxy.Tests.Hosting;
using ProxyProcess = RedisHaProxy.Tests.Hosting.ProxyProcess;

namespace RedisHaProxy.Tests.Importing;

public sealed class HaproxyImportTests : IDisposable
{
    private static readonly string Files = Path.Combine(Repository.Root, "tests/RedisHaProxy.Tests/Importing/Files");

    private static readonly string[] Announced =
        ["--address", "redis-ha-announce-0=10.96.0.10", "--address", "redis-ha-announce-1=10.96.0.11", "--address", "redis-ha-announce-2=10.96.0.12"];

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string[], string[], string, string> Examples => new()
    {
        {
            "reference.cfg", ["--sentinel", "172.31.235.131:26379", "--sentinel", "172.31.235.132:26379", "--sentinel", "172.31.235.133:26379"],
            ["page-secret", "node-secret"], "3 4 5 6 7 8 9 10 15 16 22 23 25 43 44 45",
            """
            { "listen": ["0.0.0.0:6379"],
              "redis": { "nodes": { "redis1": "172.31.235.131:6379", "redis2": "172.31.235.132:6379", "redis3": "172.31.235.133:6379" }, "passwordFile": "redis.password" },
              "sentinel": { "master": "mymaster", "nodes": ["172.31.235.131:26379", "172.31.235.132:26379", "172.31.235.133:26379"] },
              "admin": { "listen": "0.0.0.0:1936", "user": "admin", "passwordFile": "admin.password", "socket": "/run/redis-ha-proxy/control.sock" },
              "timeouts": { "connect": "3s" }, "limits": { "connections": 3000 } }
            """
        },
        {
            "chart.cfg", Announced, ["data-secret", "watch-secret"], "5 6 7 12 13 27 28 29 38 39 40 49 50 58 59 60 61 62 71 72 73 76 77",
            """
            { "listen": ["0.0.0.0:6379"], "readOnly": { "listen": ["0.0.0.0:6380"] },
              "redis": { "nodes": { "R0": "10.96.0.10:6379", "R1": "10.96.0.11:6379", "R2": "10.96.0.12:6379" }, "passwordFile": "redis.password" },
              "sentinel": { "master": "cache", "nodes": ["10.96.0.10:26379", "10.96.0.11:26379", "10.96.0.12:26379"], "passwordFile": "sentinel.password" },
              "admin": { "listen": "0.0.0.0:8888", "socket": "/run/redis-ha-proxy/control.sock" },
              "timeouts": { "connect": "4s" } }
            """
        },
        {
            "writes-and-reads.cfg", [], ["s3cret#1"], "4 5 6 7 10 11 12 16 17 23 24 25 32 38 39 40",
            """
            { "listen": ["10.0.0.100:6379"], "readOnly": { "listen": ["10.0.0.100:6380"] },
              "redis": { "nodes": { "redis1": "10.0.0.1:6379", "redis2": "10.0.0.2:6379", "redis3": "10.0.0.3:6379" }, "user": "monitor", "passwordFile": "redis.password" },
              "admin": { "listen": "127.0.0.1:8404", "socket": "/run/redis-ha-proxy/control.sock" },
              "timeouts": { "connect": "500ms" }, "limits": { "connections": 2000 } }
            """
        },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task A_file_becomes_a_configuration_that_passes_check_and_shows_no_password(
        string name, string[] arguments, string[] secrets, string withoutEquivalent, string expected)
    {
        string target = Path.Combine(_folder.Path, "proxy.json");

        var start = ProxyProcess.StartInfo(["import", Path.Combine(Files, name), "-o", target, .. arguments]);
        (start.Environment["AUTH"], start.Environment["SENTINELAUTH"]) = ("data-secret", "watch-secret");

        var import = await ProxyProcess.RunAsync(start);

        Assert.Equal((0, ""), (import.ExitCode, import.Output));
        Assert.Equal(withoutEquivalent, string.Join(' ', NamedLines(import.Error, name)));
        string written = File.ReadAllText(target);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(written)), written);
        var check = await ProxyProcess.RunAsync("check", target);
        Assert.Equal(0, check.ExitCode);
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, import.Error + written + check.Output, StringComparison.Ordinal));
        var files = Directory.GetFiles(_folder.Path, "*.password");
        Assert.Equal(secrets.Order(StringComparer.Ordinal), files.Select(file => File.ReadAllText(file).TrimEnd('\n')).Order(StringComparer.Ordinal));
        Assert.All(files, file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
    }

    [Theory]
    [InlineData("", "has no frontend for TCP with servers behind it")]
    [InlineData("{ \"listen\": 1 }", ":1: \"{\" does not begin a section")]
    [InlineData("frontend a\n bind *:6379\n default_backend b\n", ":3: the backend \"b\" is not in the file")]
    [InlineData("frontend a\n bind *:6379\n default_backend {{ .Values.b }}\n", ":3: is a line of a template")]
    [InlineData("listen a\n bind *:6379\n server r 10.0.0.1 check\n", ":3: \"10.0.0.1\" has no port from 1 to 65535; write ADDRESS:PORT")]
    [InlineData("listen a\n bind *:6379\n server r nowhere.invalid:6379\n", ":3: \"nowhere.invalid\" has no address that can be found here")]
    [InlineData("listen a\n bind /run/redis.sock\n server r 10.0.0.1:6379\n", ":2: \"/run/redis.sock\" is not an address of TCP")]
    [InlineData("listen a\n server r 10.0.0.1:6379\n", ":1: a has no bind")]
    [InlineData("listen a\n bind :1-5\n server r 10.0.0.1:6379\n", ":2: \":1-5\" has no port")]
    [InlineData("listen a\n bind :1\n server r 10.0.0.1:6379 ssl verify none\n", ":3: server r speaks TLS and is not verified")]
    [InlineData("listen a\n bind :1\n server r 10.0.0.1:6379\nlisten b\n bind :2\n server r 10.0.0.2:6379\n", "no backend looks for role:master, and there are "
        + "a, b; say which is")]
    [InlineData("listen a\n bind :1\n tcp-check send \"AUTH ${RHP_ABSENT}\\r\\n\"\n server r 10.0.0.1:6379\n", ":3: the environment variable RHP_ABSENT is not "
        + "set here")]
    [InlineData("listen a\n bind :1\n tcp-check send 'AUTH\n", ":3: a quote (') is not closed")]
    [InlineData("listen a\n bind :1\n timeout connect fast\n server r 10.0.0.1:6379\n", ":3: \"fast\" is not a time")]
    [InlineData("global\n maxconn lots\nlisten a\n bind :1\n server r 10.0.0.1:6379\n", ":2: maxconn \"lots\" is not accepted; 1 to 1000000 is")]
    [InlineData(".if defined(X)\n", ":1: .if chooses lines while HAProxy reads the file")]
    [InlineData("listen stats\n mode http\n bind :1\n stats auth admin\nlisten a\n bind :2\n server r 10.0.0.1:6379\n", ":4: stats auth needs USER:PASSWORD")]
    public async Task Bad_input_gets_one_error_that_names_the_line(string content, string expected)
    {
        string file = _folder.Write("haproxy.cfg", content);

        var import = await RunAsync(["import", file, "-o", Path.Combine(_folder.Path, "proxy.json")]);

        Assert.Equal((2, ""), (import.ExitCode, import.Output));
        Assert.Contains(expected, Assert.Single(import.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Equal([file], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public async Task Passwords_are_not_printed_and_nothing_that_exists_is_overwritten()
    {
        string reference = Path.Combine(Files, "reference.cfg");

        var printed = await RunAsync("import", reference);
        string former = _folder.Write("redis.password", "of another proxy");
        var twice = await RunAsync("import", reference, "-o", Path.Combine(_folder.Path, "proxy.json"));

        Assert.Equal((2, ""), (printed.ExitCode, printed.Output));
        Assert.Contains("passwords are never printed; name a folder", printed.Error, StringComparison.Ordinal);
        Assert.Equal((1, ""), (twice.ExitCode, twice.Output));
        Assert.Contains($"{former} exists already and is not overwritten", twice.Error, StringComparison.Ordinal);
        Assert.Equal("of another proxy", File.ReadAllText(Assert.Single(Directory.GetFiles(_folder.Path))));
    }

    private static async Task<ProcessResult> RunAsync(params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        int exitCode = await ProxyCommandLine.InvokeAsync(arguments, output, error);
        return new ProcessResult(exitCode, output.ToString(), error.ToString());
    }

    private static IEnumerable<int> NamedLines(string error, string name) =>
        error.Split('\n').Where(line => line.Contains($"/{name}:", StringComparison.Ordinal)).Select(line => line.Split($"/{name}:")[1].Split(": ")[0])
            .SelectMany(place => place.Split([' ', '(', ')', ','], StringSplitOptions.RemoveEmptyEntries).Where(word => word != "and"))
            .Where(word => word.All(char.IsAsciiDigit)).Select(int.Parse).Distinct().Order();
}
