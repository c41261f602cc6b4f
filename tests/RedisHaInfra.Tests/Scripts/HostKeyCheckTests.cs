// Who answers by SSH: the bastion's wait for a node. StackScriptTests have the operator's scripts.

using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Scripts;

public sealed class HostKeyCheckTests : IDisposable
{
    private const string Key = "ecdsa-sha2-nistp256 AAAAright";

    private readonly string _folder = Directory.CreateTempSubdirectory("redis-ha-ssh-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [SkippableFact]
    public async Task A_node_with_its_own_key_is_reached()
    {
        Command("ssh-keyscan", $"echo '# 10.0.0.1:22 SSH-2.0-OpenSSH_9.6p1'; echo \"$5 {Key}\"");

        ScriptRun run = await Wait(5);

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Errors));
        Assert.StartsWith("redis1 (10.0.0.1) answers by SSH after ", run.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_node_with_another_key_ends_in_one_clear_error_long_before_the_wait_is_over()
    {
        Command("ssh-keyscan", "echo \"$5 ecdsa-sha2-nistp256 AAAAwrong\"");

        ScriptRun run = await Wait(50);

        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith("redis1 (10.0.0.1) answers by SSH with another host key than the one that this stack gave it; nothing was sent to it.", run.Errors,
            StringComparison.Ordinal);
        Assert.Contains($"expected: {Key}\nfound:    ecdsa-sha2-nistp256 AAAAwrong\n", run.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_node_that_is_silent_is_another_matter()
    {
        Command("ssh-keyscan", "exit 1");

        ScriptRun run = await Wait(1);

        Assert.Equal((1, Silent(1)), (run.ExitCode, run.Errors));
    }

    [SkippableFact]
    public async Task A_machine_that_has_answered_before_is_not_waited_for_as_long_as_one_that_boots_for_the_first_time()
    {
        Command("ssh-keyscan", $"echo \"$5 {Key}\"");
        Assert.Equal(0, (await Wait(900, "machine='ocid1.instance.a'\n")).ExitCode);
        Assert.Equal(0, (await Wait(900, "machine='ocid1.instance.a'\n")).ExitCode);
        Assert.Equal("ocid1.instance.a\n", await File.ReadAllTextAsync(Path.Combine(_folder, ".redis-ha-answered")));

        Command("ssh-keyscan", "exit 1");
        Assert.Equal(Silent(20), (await Wait(900, "machine='ocid1.instance.a'\n", quick: true)).Errors);
        Assert.Equal(Silent(900), (await Wait(900, "machine='ocid1.instance.b'\n", quick: true)).Errors);
    }

    // Quick: the clock runs a hundred times as fast.
    private Task<ScriptRun> Wait(int seconds, string before = "", bool quick = false)
    {
        Skip.IfNot(ScriptRun.HasBash, "needs bash on Linux");
        string script = before + Template.Read("rollout/wait-for-ssh.sh");
        if (quick)
        {
            script = script.Replace("  sleep 1\n", "  SECONDS=$((SECONDS + 100))\n", StringComparison.Ordinal);
        }
        return ScriptRun.Of(script, ["redis1", "10.0.0.1", $"{seconds}", Key], Environment(("REDIS_HA_STRANGE_SECONDS", "1")));
    }

    private Dictionary<string, string> Environment((string Name, string Value) more) => new()
    {
        ["PATH"] = $"{_folder}:{System.Environment.GetEnvironmentVariable("PATH")}",
        ["HOME"] = _folder,
        [more.Name] = more.Value,
    };

    private static string Silent(int seconds) => $"redis1 (10.0.0.1) does not answer by SSH after {seconds} s: look at its console and serial log; "
        + "if it is dead: docs/day2.md, \"While a node is dead\"\n";

    private void Command(string name, string body)
    {
        Skip.IfNot(ScriptRun.HasBash, "needs bash on Linux");
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, $"#!/bin/bash\n{body}\n");
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
        }
    }
}
