// A change of passwords on a node: real redis-server and Sentinel with the users of an applied payload, and the payload's own script.

using System.Diagnostics;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class PasswordChangeTests : IAsyncLifetime, IDisposable
{
    private const string FileOfUsers = "/etc/redis-ha/users.acl";

    private static readonly string Network = $"127.{Random.Shared.Next(16, 250)}.{Random.Shared.Next(1, 250)}";
    private static readonly NodePasswords Old = PayloadInputs.Passwords with { Client = "client-password-1", Metrics = "metrics-password-1" };
    private static readonly NodePasswords New = new()
    {
        Client = "client-password-2",
        Replication = "replication-password-2",
        Sentinel = "sentinel-password-2",
        Health = "health-password-2",
        SentinelWatch = "sentinel-watch-password-2",
        Operator = "operator-password-2",
        Watch = "node-watch-password-2",
        Admin = "admin-password-2",
        Metrics = "metrics-password-2",
        Former = Old,
    };

    private readonly Machine _machine = new("debian");
    private readonly List<Process> _processes = [];

    private static string Address => $"{Network}.131";

    public async Task InitializeAsync()
    {
        Skip.IfNot(File.Exists("/usr/bin/redis-server") && File.Exists("/usr/bin/redis-sentinel"), "needs redis-server and redis-sentinel");
        ShellResult applied = await _machine.ApplyAsync(Script(Old));
        Assert.True(applied.ExitCode == 0, applied.ToString());
        _machine.WithoutStandIn("redis-cli", "redis-server", "sleep");
        Start("redis-server", "--bind", Address, "--port", "6379", "--save", "", "--dir", _machine.Root, "--aclfile", _machine.Root + FileOfUsers);
        string sentinel = Path.Combine(_machine.Root, "sentinel.conf");
        await File.WriteAllTextAsync(sentinel, $"bind {Address}\nport 26379\ndir {_machine.Root}\naclfile {_machine.Root}/etc/redis-ha/sentinel-users.acl\n");
        Start("redis-sentinel", sentinel);
        foreach (int port in new[] { 6379, 26379 })
        {
            await Eventually.HoldsAsync(() => AcceptsAsync(port, "operator", Old.Operator), () => $"port {port} answers");
        }
    }

    public async Task DisposeAsync()
    {
        foreach (Process process in _processes)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    public void Dispose() => _machine.Dispose();

    [SkippableFact]
    public async Task Both_passwords_of_every_account_are_valid_between_accept_and_retire()
    {
        Dictionary<(int Port, string User), (string Old, string New)> accounts = new()
        {
            [(6379, "default")] = (Old.Client, New.Client),
            [(6379, "replication")] = (Old.Replication, New.Replication),
            [(6379, "sentinel")] = (Old.Sentinel, New.Sentinel),
            [(6379, "rp-health")] = (Old.Health, New.Health),
            [(6379, "watch")] = (Old.Watch, New.Watch),
            [(6379, "metrics")] = (Old.Metrics!, New.Metrics!),
            [(6379, "operator")] = (Old.Operator, New.Operator),
            [(26379, "sentinel")] = (Old.Sentinel, New.Sentinel),
            [(26379, "rp-sentinel")] = (Old.SentinelWatch, New.SentinelWatch),
            [(26379, "watch")] = (Old.Watch, New.Watch),
            [(26379, "operator")] = (Old.Operator, New.Operator),
        };
        // Every user that a payload has, but the Sentinel's default one, which is off.
        Assert.Equal(accounts.Keys.Select(key => key.User).Order(StringComparer.Ordinal), new[] { FileOfUsers, "/etc/redis-ha/sentinel-users.acl" }
            .SelectMany(file => _machine.InRoot(file).TrimEnd('\n').Split('\n')).Where(line => line.Contains('#', StringComparison.Ordinal))
            .Select(line => line.Split(' ')[1]).Order(StringComparer.Ordinal));
        string before = _machine.InRoot(FileOfUsers);
        _machine.Write("calls", string.Empty);
        await ExpectAsync(accounts, old: true, @new: false);

        Succeeds(await RunAsync("accept", New));
        await ExpectAsync(accounts, old: true, @new: true);
        string between = _machine.InRoot(FileOfUsers);

        // The whole payload, when its turn comes, finds the files as it wants them: nothing is loaded, no connection ends.
        Assert.Equal(between, Merged(PayloadInputs.FileOf(Script(New), "users.acl")));

        // The same command twice; then the next run, whose payload has the new passwords alone.
        Succeeds(await RunAsync("accept", New));
        Assert.Equal(between, _machine.InRoot(FileOfUsers));
        OperatorPassword(New);
        Succeeds(await RunAsync("retire", New));
        await ExpectAsync(accounts, old: true, @new: true);
        Succeeds(await RunAsync("retire", New with { Former = null }));
        await ExpectAsync(accounts, old: false, @new: true);
        Assert.Equal(before.Split('\n').Select(WithoutHashes), _machine.InRoot(FileOfUsers).Split('\n').Select(WithoutHashes));
        Assert.DoesNotContain("restart", _machine.Calls, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Connections_live_on()
    {
        using Process client = Shell.Start("redis-cli", ["-h", Address, "--user", "rp-health", "-a", Old.Health, "--no-auth-warning"]);
        await client.StandardInput.WriteLineAsync("PING");
        await client.StandardInput.FlushAsync();
        Assert.Equal("PONG", await client.StandardOutput.ReadLineAsync());
        string connection = (await AskAsync(6379, "operator", Old.Operator, "CLIENT LIST")).Split('\n')
            .Single(line => line.Contains("user=rp-health", StringComparison.Ordinal)).Split(' ')[0];

        Succeeds(await RunAsync("accept", New));
        OperatorPassword(New);
        Succeeds(await RunAsync("retire", New with { Former = null }));

        Assert.Contains(connection + " ", await AskAsync(6379, "operator", New.Operator, "CLIENT LIST"), StringComparison.Ordinal);
        client.StandardInput.Close();
        await client.WaitForExitAsync();
    }

    [SkippableFact]
    public async Task What_a_power_cut_left_between_file_and_server_is_done_by_the_next_run()
    {
        // The server is asked after the file is in place: there everything ends.
        // Itself last, whatever the numbers of the processes are.
        _machine.StandIn("redis-cli", "kill -9 $(ps -o pid= -s \"$(ps -o sid= -p $$)\" | grep -v -x \" *$$\"); kill -9 $$");
        Assert.NotEqual(0, (await _machine.RunAsync("setsid", ["--wait", "bash", "-s"], Order("accept", New, "REDIS_HA_INSIST_SECONDS=1"))).ExitCode);
        _machine.WithoutStandIn("redis-cli");
        Assert.Equal(2, _machine.InRoot(FileOfUsers).Split('\n').Single(line => line.StartsWith("user rp-health ", StringComparison.Ordinal))
            .Count(letter => letter == '#'));
        Assert.False(await AcceptsAsync(6379, "rp-health", New.Health));

        Succeeds(await RunAsync("accept", New));

        Assert.True(await AcceptsAsync(6379, "rp-health", New.Health));
        Assert.True(await AcceptsAsync(6379, "rp-health", Old.Health));
        Assert.False(_machine.Exists("root/var/lib/redis-ha/pending.redis-users"));
    }

    [SkippableFact]
    public async Task A_server_that_refuses_ends_the_run_with_its_words()
    {
        await AskAsync(6379, "operator", Old.Operator, "ACL SETUSER operator -acl|setuser");

        ShellResult result = await RunAsync("accept", New);

        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.Contains("redis-ha: FAILED to accept the passwords: the server at port 6379 says: NOPERM", result.ToString(), StringComparison.Ordinal);
        // Nothing of the node's markers changes: the node is what it was.
        Assert.True(_machine.Exists("root/var/lib/redis-ha/ready"));
        Assert.False(_machine.Exists("root/var/lib/redis-ha/failed"));
    }

    // As a server that loads its data, or one whose answer comes too late: what was asked may be done, or not.
    [SkippableFact]
    public async Task A_server_that_cannot_answer_yet_is_asked_again()
    {
        _machine.StandIn("redis-cli", """
            echo >>"$MACHINE/attempts"
            case $(($(wc -l <"$MACHINE/attempts") % 3)) in
              1) cat >/dev/null; echo 'LOADING Redis is loading the dataset in memory' ;;
              2) /usr/bin/redis-cli "$@" >/dev/null ;;
              *) exec /usr/bin/redis-cli "$@" ;;
            esac
            """);

        Succeeds(await RunAsync("accept", New));
        Assert.True(await AcceptsAsync(6379, "rp-health", New.Health) && await AcceptsAsync(26379, "operator", New.Operator));
        OperatorPassword(New);
        Succeeds(await RunAsync("retire", New with { Former = null }));

        Assert.False(await AcceptsAsync(6379, "rp-health", Old.Health));
        Assert.True(_machine.Read("attempts").Length >= 12);
    }

    [SkippableFact]
    public async Task A_server_that_never_answers_is_named_when_the_time_is_over()
    {
        _machine.StandIn("redis-cli", "cat >/dev/null; echo OK");
        ShellResult result = await RunAsync("accept", New, "REDIS_HA_INSIST_SECONDS=1");

        // One answer to several commands: the connection broke.
        Assert.Contains("redis-ha: FAILED to accept the passwords: the server at port 6379 says: no answer", result.Output, StringComparison.Ordinal);
    }

    // Its unit is not active while redis-server loads its data, which has read the users then; in the boot rule before, it has not.
    [SkippableTheory]
    [InlineData("4711", true)]
    [InlineData("0", false)]
    public async Task A_server_that_is_starting_gets_the_passwords_when_its_program_runs(string process, bool isAsked)
    {
        _machine.StandIn("systemctl", $"case $1 in show) echo {process} ;; is-active) exit 3 ;; esac");

        Succeeds(await RunAsync("accept", New));

        Assert.Equal(isAsked, await AcceptsAsync(6379, "rp-health", New.Health));
        Assert.Equal(2, _machine.InRoot(FileOfUsers).Split('\n').Single(line => line.StartsWith("user rp-health ", StringComparison.Ordinal))
            .Count(letter => letter == '#'));
    }

    // As former payloads left one whose apply was cut off: marked as ready, and nothing is there.
    [SkippableFact]
    public async Task A_node_that_has_no_passwords_gets_them_with_its_payload()
    {
        File.Delete(_machine.Root + FileOfUsers);

        ShellResult result = await RunAsync("accept", New);

        Succeeds(result);
        Assert.Contains("they come with its payload", result.Output, StringComparison.Ordinal);
        Assert.False(_machine.Exists("root/var/lib/redis-ha/ready"));
    }

    private static string Script(NodePasswords passwords) => NodePayload.Of(PayloadInputs.Redis(1, Network) with { Passwords = passwords }).ApplyScript;

    private static string Order(string what, NodePasswords passwords, string more = "") =>
        $"export REDIS_HA_PASSWORDS={what} {more}\n{Script(passwords)}";

    private Task<ShellResult> RunAsync(string what, NodePasswords passwords, string more = "") =>
        _machine.RunAsync("bash", ["-s"], Order(what, passwords, more));

    private static void Succeeds(ShellResult result) => Assert.True(result.ExitCode == 0, result.ToString());

    // As the whole payload leaves it, between "accept" and "retire".
    private void OperatorPassword(NodePasswords passwords) => _machine.Write("root/etc/redis-ha/operator.password", passwords.Operator + "\n");

    private static string Merged(string users) => string.Join('\n', users.Split('\n')
        .Where(line => !line.StartsWith("@6.2 ", StringComparison.Ordinal)).Select(line => line.Replace("@7.0 ", string.Empty, StringComparison.Ordinal)));

    private static string WithoutHashes(string line) => string.Join(' ', line.Split(' ').Where(word => !word.StartsWith('#')));

    private static async Task ExpectAsync(Dictionary<(int Port, string User), (string Old, string New)> accounts, bool old, bool @new)
    {
        foreach (((int port, string user), (string before, string after)) in accounts)
        {
            Assert.Equal((user, old, @new), (user, await AcceptsAsync(port, user, before), await AcceptsAsync(port, user, after)));
        }
    }

    // Whatever the account may not do, a wrong password is told in these words.
    private static async Task<bool> AcceptsAsync(int port, string user, string password)
    {
        string answer = await AskAsync(port, user, password, "PING");
        return answer.Contains("PONG", StringComparison.Ordinal) || answer.Contains("NOPERM", StringComparison.Ordinal)
            && !answer.Contains("WRONGPASS", StringComparison.Ordinal);
    }

    private static async Task<string> AskAsync(int port, string user, string password, string command)
    {
        ShellResult result = await Shell.RunAsync("redis-cli", ["-h", Address, "-p", $"{port}", "--user", user, "--no-auth-warning", .. command.Split(' ')],
            environment: new Dictionary<string, string> { ["REDISCLI_AUTH"] = password });
        return result.Output + result.Error;
    }

    private void Start(string program, params string[] arguments)
    {
        Process process = Shell.Start(program, arguments);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes.Add(process);
    }
}
