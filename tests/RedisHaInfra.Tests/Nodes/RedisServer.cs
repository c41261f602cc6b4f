// One redis-server on a loopback address of its own, with the users of a rendered payload.

using System.Globalization;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

internal sealed class RedisServer : IAsyncDisposable
{
    private readonly WorkDirectory _work = new();
    private ChildProcess? _process;

    private RedisServer(string program, int version, bool isValkey)
    {
        Program = program;
        Version = version;
        IsValkey = isValkey;
    }

    /// <summary>Servers to test with: that of PATH, and those that the variable REDIS_HA_REDIS_SERVERS names, separated by colons.</summary>
    public static IReadOnlyList<string> Programs { get; } =
    [
        "redis-server", .. (Environment.GetEnvironmentVariable("REDIS_HA_REDIS_SERVERS") ?? string.Empty).Split(':', StringSplitOptions.RemoveEmptyEntries),
    ];

    public string Program { get; }

    /// <summary>602, 700, 702, 800 and so on.</summary>
    public int Version { get; }

    /// <summary>Whether it is Valkey, whose versions count on from Redis 7.2.</summary>
    public bool IsValkey { get; }

    /// <summary>Commands that the settings know for this server, containers among them.</summary>
    public IEnumerable<string> Known => RedisCommands.Of70
        .Concat(Version >= 702 ? RedisCommands.AddedBy72 : [])
        .Concat(Version >= 800 && !IsValkey ? RedisCommands.AddedBy80 : [])
        .Concat(Version >= 801 && IsValkey ? RedisCommands.AddedByValkey : []);

    public string Address { get; } = $"127.{Random.Shared.Next(16, 250)}.{Random.Shared.Next(1, 250)}.{Random.Shared.Next(1, 250)}";

    public int ProcessId => _process!.Id;

    /// <summary>Starts a server; null when its users file cannot be for it (the payload refuses that version).</summary>
    public static async Task<RedisServer> StartAsync(string program, RedisNodeInputs inputs, params string[] settings)
    {
        string said = (await Shell.RunAsync(program, ["--version"])).Output;
        string version = said.Split("v=")[1].Split(' ')[0];
        string[] parts = version.Split('.');
        var server = new RedisServer(program, (int.Parse(parts[0], CultureInfo.InvariantCulture) * 100) + int.Parse(parts[1], CultureInfo.InvariantCulture),
            said.StartsWith("Valkey", StringComparison.Ordinal));
        string users = server._work.Write("users.acl", server.ForThisVersion(PayloadInputs.FileOf(NodePayload.Of(inputs).ApplyScript, "users.acl")));
        server._process = ChildProcess.Start("redis-server", program,
        [
            "--bind", server.Address, "--port", "6379", "--dir", server._work.Path, "--aclfile", users, "--save", string.Empty, .. settings,
        ], Path.Combine(server._work.Path, "log"));
        await Eventually.HoldsAsync(
            async () => (await server.OperatorAsync("PING")).Contains("PONG", StringComparison.Ordinal), () => $"{program} does not answer");
        return server;
    }

    public Task<string> OperatorAsync(params string[] command) => AskAsync("operator", PayloadInputs.Passwords.Operator, string.Empty, command);

    public Task<string> ClientAsync(params string[] command) => AskAsync("default", PayloadInputs.Passwords.Client, string.Empty, command);

    public Task<string> AsAsync(string user, string password, params string[] command) => AskAsync(user, password, string.Empty, command);

    /// <summary>Commands of one connection, one a line.</summary>
    public Task<string> ClientLinesAsync(params string[] lines) => AskAsync("default", PayloadInputs.Passwords.Client, string.Join('\n', lines) + "\n");

    public async Task<string[]> OperatorLinesAsync(IEnumerable<string> lines) =>
        (await AskAsync("operator", PayloadInputs.Passwords.Operator, string.Join('\n', lines) + "\n")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public ValueTask DisposeAsync()
    {
        _process?.Dispose();
        _work.Dispose();
        return ValueTask.CompletedTask;
    }

    // The apply script's for_this_redis, which ApplyTests test.
    private string ForThisVersion(string text) => string.Join('\n', text.Split('\n')
        .Where(line => !line.StartsWith(Version >= 700 ? "@6.2 " : "@7.0 ", StringComparison.Ordinal))
        .Select(line => line.StartsWith('@') ? line[5..] : line));

    private async Task<string> AskAsync(string user, string password, string input, params string[] command)
    {
        ShellResult result = await Shell.RunAsync("redis-cli", ["--no-auth-warning", "--user", user, "-h", Address, .. command], input,
            new Dictionary<string, string> { ["REDISCLI_AUTH"] = password }, TimeSpan.FromSeconds(60));
        return (result.Output + result.Error).TrimEnd('\n');
    }
}
