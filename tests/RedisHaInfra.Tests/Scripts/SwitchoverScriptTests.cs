// scripts/switchover: the command line that it makes of the stack's output, and what it refuses before anything is run.

using RedisHaInfra.Components;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Scripts;

public sealed class SwitchoverScriptTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("redis-ha-switchover-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [SkippableTheory]
    [InlineData("", "")]
    [InlineData("redis2 --dry-run --wait 60", " redis2 --dry-run --wait 60")]
    [InlineData("--stack production 172.31.235.132", " 172.31.235.132")]
    public async Task The_node_is_told_over_the_bastion(string arguments, string expected)
    {
        ShellResult run = await RunAsync([.. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--print"]);

        Assert.Equal((0, $"ssh -o ServerAliveInterval=15 -J ubuntu@203.0.113.1 ubuntu@172.31.235.131 sudo /usr/local/sbin/redis-ha-switchover{expected}\n"), (run.ExitCode, run.Output));
        string asked = arguments.Contains("--stack", StringComparison.Ordinal) ? "stack output shell --stack production" : "stack output shell";
        Assert.Equal(asked + "\n", await File.ReadAllTextAsync(Path.Combine(_directory, "asked")));
    }

    [SkippableTheory]
    [InlineData("--force")]
    [InlineData("redis2;reboot")]
    [InlineData("$(reboot)")]
    [InlineData("--wait")]
    [InlineData("--wait", "soon")]
    public async Task What_is_not_known_is_refused(params string[] arguments)
    {
        ShellResult run = await RunAsync([.. arguments]);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("scripts/switchover --help", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_directory, "asked")));
    }

    private Task<ShellResult> RunAsync(string[] arguments)
    {
        Skip.IfNot(ScriptRun.HasBash, "needs bash on Linux");
        string shell = new Instructions("ubuntu", "203.0.113.1").Shell(new NodeAddress("redis1", "172.31.235.131"));
        string pulumi = Path.Combine(_directory, "pulumi");
        File.WriteAllText(pulumi, $"#!/bin/bash\necho \"$*\" >'{_directory}/asked'\necho '{shell}'\n");
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(pulumi, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        return Shell.RunAsync("bash", [Path.Combine(Repository.Root, "scripts/switchover"), .. arguments],
            environment: new Dictionary<string, string> { ["PATH"] = $"{_directory}:/usr/local/bin:/usr/bin:/bin" });
    }
}
