// The scripts that work on a deployment (scripts/lib/stack.sh), with stand-ins for pulumi and ssh: what they ask, what they show, how they end.

using System.Text.Json;

namespace RedisHaInfra.Tests.Scripts;

public sealed class StackScriptTests : IDisposable
{
    private const string Facts = "printf 'fact\\tclock\\t%s\\n' \"$(date +%s)\"; ";

    private readonly StandInStack _stack = new();

    public void Dispose() => _stack.Dispose();

    public static TheoryData<string> Scripts => ["doctor", "reboot-roll", "redis-cli", "status", "switchover", "tunnel"];

    [SkippableTheory]
    [MemberData(nameof(Scripts))]
    public async Task Help_asks_nobody_and_an_unknown_word_is_bad_usage(string script)
    {
        ShellResult help = await _stack.RunAsync(script, "--help");
        Assert.Equal((0, string.Empty), (help.ExitCode, help.Error));
        Assert.StartsWith($"usage: scripts/{script} ", help.Output, StringComparison.Ordinal);
        Assert.Contains("--stack NAME", help.Output, StringComparison.Ordinal);

        ShellResult unknown = await _stack.RunAsync(script, "--colour");
        Assert.Equal((2, $"{script}: \"--colour\" is not known"), (unknown.ExitCode, unknown.Error[..unknown.Error.IndexOf(" known", StringComparison.Ordinal)]
            + " known"));
        Assert.Equal(string.Empty, _stack.Calls);
    }

    [SkippableTheory]
    [MemberData(nameof(Scripts))]
    public async Task What_pulumi_says_is_shown_as_it_is(string script)
    {
        File.Delete(Path.Combine(_stack.Folder, "outputs/sshConfig"));

        ShellResult run = await _stack.RunAsync(script, "--stack", "production");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("error: current stack does not have output property 'sshConfig'", run.Error, StringComparison.Ordinal);
        Assert.Contains("run pulumi up first", run.Error, StringComparison.Ordinal);
        Assert.StartsWith("pulumi stack output sshConfig --stack production\n", _stack.Calls, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Host_keys_are_the_stacks_and_the_key_is_the_users()
    {
        string key = Path.Combine(_stack.Folder, "a key");
        await File.WriteAllTextAsync(key, "key");

        Assert.Equal(0, (await _stack.RunAsync("switchover", "--identity", key, "--print")).ExitCode);

        string config = await File.ReadAllTextAsync(Path.Combine(_stack.Folder, "cache/redis-ha/203.0.113.1.config"));
        string hosts = Path.Combine(_stack.Folder, "cache/redis-ha/203.0.113.1.known_hosts");
        Assert.StartsWith($"UserKnownHostsFile {hosts}\nIdentityFile \"{key}\"\nIdentitiesOnly yes\n", config, StringComparison.Ordinal);
        // As ssh itself reads it, for every machine: nobody is trusted but the stack's.
        if (File.Exists("/usr/bin/ssh"))
        {
            foreach (string machine in new[] { "bastion", "redis3", "proxy2" })
            {
                ShellResult read = await Shell.RunAsync("/usr/bin/ssh",
                    ["-F", Path.Combine(_stack.Folder, "cache/redis-ha/203.0.113.1.config"), "-G", machine]);
                string[] lines = read.Output.Split('\n');
                Assert.Contains("stricthostkeychecking true", lines);
                Assert.Contains($"userknownhostsfile {hosts}", lines);
                Assert.Contains("globalknownhostsfile /dev/null", lines);
                Assert.Contains("hostkeyalgorithms ecdsa-sha2-nistp256", lines);
                Assert.Contains("user ubuntu", lines);
                Assert.Equal(machine != "bastion", lines.Contains("proxyjump bastion"));
            }
        }
        Assert.Equal("203.0.113.1,172.31.235.2 ecdsa-sha2-nistp256 AAAA\n", await File.ReadAllTextAsync(hosts));
        Assert.Equal(2, (await _stack.RunAsync("switchover", "--identity", "/nowhere")).ExitCode);
    }

    [SkippableTheory]
    [InlineData("", "")]
    [InlineData("redis2 --dry-run --wait 60", " redis2 --dry-run --wait 60")]
    [InlineData("--stack production 172.31.235.132", " 172.31.235.132")]
    public async Task A_node_is_told_to_switch_over(string arguments, string expected)
    {
        _stack.Machine("redis1", "echo 'redis2 is master'");

        ShellResult run = await _stack.RunAsync("switchover", arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal((0, "redis2 is master\n"), (run.ExitCode, run.Output));
        Assert.EndsWith($" redis1 sudo -n /usr/local/sbin/redis-ha-switchover{expected}\n", _stack.Calls, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Another_node_is_told_when_one_is_not_reached_and_never_after_one_has_answered()
    {
        _stack.Machine("redis1", "exit 255");
        _stack.Machine("redis2", "echo 'no: redis3 is behind'; exit 1");

        ShellResult run = await _stack.RunAsync("switchover");

        Assert.Equal((1, "no: redis3 is behind\n"), (run.ExitCode, run.Output));
        Assert.DoesNotContain(" redis3 sudo", _stack.Calls, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("--force")]
    [InlineData("redis2;reboot")]
    [InlineData("$(reboot)")]
    [InlineData("--wait")]
    [InlineData("--wait", "soon")]
    public async Task What_a_switchover_does_not_know_is_refused(params string[] arguments)
    {
        ShellResult run = await _stack.RunAsync("switchover", arguments);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("scripts/switchover --help", run.Error, StringComparison.Ordinal);
        Assert.Equal(string.Empty, _stack.Calls);
    }

    [SkippableFact]
    public async Task The_status_has_every_machine_and_what_each_proxy_sees()
    {
        _stack.Machine("bastion", "case $* in *tcp*) echo '-NOAUTH Authentication required.' ;; *) echo 'ready: the way in' ;; esac");
        _stack.Machine("proxy1", "echo 'ready: serving'; echo 'master redis1 since 16:38:04 UTC'");

        ShellResult run = await _stack.RunAsync("status");

        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.StartsWith("the selected stack at 172.31.235.188:6379, which answers ", run.Output, StringComparison.Ordinal);
        Assert.Contains("  redis1    ready: fine\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("\nmaster redis1 since 16:38:04 UTC\n", run.Output, StringComparison.Ordinal);

        _stack.Machine("redis2", "echo 'not ready after 0 s: redis-server does not serve' >&2; exit 1");
        _stack.Machine("redis3", "echo 'ssh: connect to host redis3: No route to host' >&2; exit 255");
        ShellResult worse = await _stack.RunAsync("status");
        Assert.Equal(1, worse.ExitCode);
        Assert.Contains("  redis2    not ready after 0 s: redis-server does not serve\n", worse.Output, StringComparison.Ordinal);
        Assert.Contains("  redis3    not reached: ssh: connect to host redis3: No route to host\n", worse.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_status_for_programs_is_JSON_whatever_the_machines_say()
    {
        _stack.Machine("bastion", "case $* in *tcp*) ;; *) echo 'ready: the way in' ;; esac");
        _stack.Machine("redis1", "printf 'not ready: \"quoted\" \\\\ \\033[31m\\n'; exit 1");
        _stack.Machine("proxy1", "echo 'ready: serving'; echo '{ \"gate\":'; echo '  { \"target\": \"redis1\" } }'");

        ShellResult run = await _stack.RunAsync("status", "--json");

        Assert.Equal(1, run.ExitCode);
        using var document = JsonDocument.Parse(run.Output);
        Assert.False(document.RootElement.GetProperty("endpointAnswers").GetBoolean());
        JsonElement[] machines = [.. document.RootElement.GetProperty("machines").EnumerateArray()];
        Assert.Equal(["bastion", "redis1", "redis2", "redis3", "proxy1", "proxy2"], machines.Select(machine => machine.GetProperty("name").GetString()));
        Assert.Equal("not ready: \"quoted\" \\ [31m", machines[1].GetProperty("state").GetString());
        Assert.Equal("redis1", machines[4].GetProperty("proxy").GetProperty("gate").GetProperty("target").GetString());
    }

    [SkippableFact]
    public async Task The_doctor_finds_nothing_on_a_good_day_and_tells_the_remedy_on_a_bad_one()
    {
        _stack.Machine("*", Facts + "cat >/dev/null");
        ShellResult good = await _stack.RunAsync("doctor");
        Assert.Equal((0, "nothing found\n"), (good.ExitCode, good.Output));

        _stack.Machine("redis1", Facts
            + "cat >/dev/null; printf 'fact\\tmaster\\t172.31.235.131\\n'; printf 'bad\\tevery write is refused\\033[2J\\tbring a replica back\\n'");
        _stack.Machine("redis2", Facts
            + "cat >/dev/null; printf 'fact\\tmaster\\t172.31.235.132\\n'; printf 'look\\tthe disk of / is 80 %% full\\tbootVolumeGb\\n'");
        _stack.Machine("redis3", "echo 'Connection timed out' >&2; exit 255");
        _stack.Machine("proxy1", "printf 'fact\\tclock\\t%s\\n' 17; cat >/dev/null");
        ShellResult bad = await _stack.RunAsync("doctor");
        Assert.Equal(1, bad.ExitCode);
        Assert.Contains("BAD   redis1: every write is refused[2J\n        remedy: bring a replica back\n", bad.Output, StringComparison.Ordinal);
        Assert.Contains("look  redis2: the disk of / is 80 % full\n        remedy: bootVolumeGb\n", bad.Output, StringComparison.Ordinal);
        Assert.Contains("BAD   redis3: it is not reached: Connection timed out\n", bad.Output, StringComparison.Ordinal);
        Assert.Contains("BAD   redis: the Sentinels name different masters: redis1 172.31.235.131, redis2 172.31.235.132\n", bad.Output,
            StringComparison.Ordinal);
        Assert.Contains("look  proxy1: its clock differs by", bad.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n3 bad, 2 to look at\n", bad.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_doctor_tells_of_a_node_that_changes_leave_out_and_that_is_back_or_dead_for_days()
    {
        _stack.Output("absentNodes", "redis2 redis3 redis9");
        _stack.Machine("*", Facts + "cat >/dev/null");
        _stack.Machine("redis1", Facts + """
            cat >/dev/null; printf 'fact\tredis\t7.0.15\nfact\tsilent\t172.31.235.133:172860\nfact\tsilent\t172.31.235.132:172860\n'
            """);
        _stack.Machine("redis2", Facts + "cat >/dev/null; printf 'fact\\tredis\\t7.0.15\\n'");
        _stack.Machine("redis3", "echo 'Connection timed out' >&2; exit 255");

        ShellResult run = await _stack.RunAsync("doctor");

        Assert.Contains("look  redis2: it serves, and absentNodes still leaves it out: it lacks what was changed meanwhile\n"
            + "        remedy: pulumi config rm absentNodes, then pulumi up\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("look  redis3: it has not answered for 2 days; absentNodes was meant for a while\n        remedy: bring it back, ", run.Output,
            StringComparison.Ordinal);
        Assert.EndsWith("\n1 bad, 2 to look at\n", run.Output, StringComparison.Ordinal);

        // A short absence is what the setting is for.
        _stack.Machine("redis1", Facts + "cat >/dev/null; printf 'fact\\tsilent\\t172.31.235.133:7200\\n'");
        Assert.EndsWith("\n1 bad, 1 to look at\n", (await _stack.RunAsync("doctor")).Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_doctor_says_once_what_several_machines_say()
    {
        _stack.Machine("*", Facts + "cat >/dev/null");
        _stack.Machine("proxy1", Facts + "cat >/dev/null; printf 'bad\\tredis1: no answer since 16:20:28Z\\texplain\\n'");
        _stack.Machine("proxy2", Facts + "cat >/dev/null; printf 'bad\\tredis1: no answer since 16:20:29Z\\texplain\\n'");

        ShellResult run = await _stack.RunAsync("doctor");

        Assert.Equal((1, "BAD   proxy1, proxy2: redis1: no answer since 16:20:28Z\n        remedy: explain\n\n1 bad, 0 to look at\n"),
            (run.ExitCode, run.Output));
    }

    [SkippableFact]
    public async Task A_client_goes_through_a_tunnel_of_its_own_and_its_password_is_on_no_command_line()
    {
        _stack.Program("redis-cli", "printf 'redis-cli %s\\n' \"$*\" >>\"$WORK/calls\"; printf '%s' \"$REDISCLI_AUTH\" >\"$WORK/given\"; exit 3");
        _stack.Machine("bastion", ":");

        ShellResult run = await _stack.RunAsync("redis-cli", "--", "SET", "a b", "$(reboot)");

        Assert.True(run.ExitCode == 3, run.ToString());
        Assert.Equal("the-Clients-0wn", await File.ReadAllTextAsync(Path.Combine(_stack.Folder, "given")));
        Assert.DoesNotContain("the-Clients-0wn", _stack.Calls, StringComparison.Ordinal);
        string port = System.Text.RegularExpressions.Regex.Match(_stack.Calls, @"-L 127\.0\.0\.1:(\d+):172\.31\.235\.188:6379 bastion").Groups[1].Value;
        Assert.Contains($"redis-cli --no-auth-warning -h 127.0.0.1 -p {port} SET a b $(reboot)\n", _stack.Calls, StringComparison.Ordinal);
        Assert.Contains(" -O exit bastion\n", _stack.Calls, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task An_operator_is_on_a_node()
    {
        _stack.Machine("redis2", "echo \"$*\"");

        ShellResult run = await _stack.RunAsync("redis-cli", "--node", "redis2", "--", "SET", "a b", "$(reboot)");

        Assert.Equal((0, "sudo -n redis-ha-cli redis -- SET a\\ b \\$\\(reboot\\)\n"), (run.ExitCode, run.Output));
        Assert.Equal(2, (await _stack.RunAsync("redis-cli", "--node", "proxy1", "--", "PING")).ExitCode);
    }

    [SkippableTheory]
    [InlineData("redis", "-L 127.0.0.1:6379:172.31.235.188:6379 bastion")]
    [InlineData("redis --port 16379", "-L 127.0.0.1:16379:172.31.235.188:6379 bastion")]
    [InlineData("stats --port 2000", "-L 127.0.0.1:2000:172.31.235.141:1936 -L 127.0.0.1:2001:172.31.235.142:1936 bastion")]
    [InlineData("all", "-L 127.0.0.1:6379:172.31.235.188:6379 -L 127.0.0.1:1936:172.31.235.141:1936 -L 127.0.0.1:1937:172.31.235.142:1936 bastion")]
    public async Task A_tunnel_opens_the_ports(string arguments, string expected)
    {
        ShellResult run = await _stack.RunAsync("tunnel", [.. arguments.Split(' '), "--print"]);

        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.EndsWith(expected + "\n", run.Output, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("--port", "0")]
    [InlineData("--port", "abc")]
    [InlineData("--port", "70000")]
    [InlineData("all", "--port", "1")]
    public async Task A_tunnel_that_cannot_be_is_refused(params string[] arguments) =>
        Assert.Equal(2, (await _stack.RunAsync("tunnel", arguments)).ExitCode);

    [SkippableFact]
    public async Task A_tunnel_whose_port_is_taken_ends_at_once()
    {
        _stack.Machine("bastion", "echo 'bind [127.0.0.1]:6379: Address already in use' >&2; exit 255");

        _stack.Output("statsPage", "https://127.0.0.1:1936/stats");

        ShellResult run = await _stack.RunAsync("tunnel", "all");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("https://127.0.0.1:1937/stats       # proxy2\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("Address already in use", run.Error, StringComparison.Ordinal);
        Assert.Single(_stack.Calls.Split('\n'), line => line.StartsWith("ssh ", StringComparison.Ordinal)
            && line.EndsWith(" bastion", StringComparison.Ordinal));
    }
}
