// The main job, from an empty machine to an empty machine: the infra program's own system comes up, is proven, is hurt and
// repaired, and goes without a trace.

using System.Text.Json;
using RedisHaLab.Host;
using RedisHaLab.Network;
using RedisHaLab.State;
using RedisHaProcesses;
using Xunit;
using Xunit.Abstractions;

namespace RedisHaLab.Tests;

[Trait("Needs", "root")]
public sealed class EndToEndTests
{
    private readonly ITestOutputHelper _output;

    public EndToEndTests(ITestOutputHelper output) => _output = output;

    [SkippableFact]
    public async Task The_whole_system_comes_up_holds_and_goes_without_a_trace()
    {
        NeedsRoot.OrSkip();
        var paths = new LabPaths("t-whole");
        var lab = new LabProgram(paths.Name, _output);
        Assert.Equal(0, (await lab.RunAsync("down")).ExitCode);
        var before = await HostTrace.TakeAsync(paths.Name);
        try
        {
            // Interrupted half-way, and taken up again from there.
            await lab.KillWhenItSaysAsync("redis2 boots", "up");
            var up = await lab.RunAsync("up");
            Assert.Equal(0, up.ExitCode);
            await CheckSecretsAsync(paths, up);
            await CheckUserDataAsync(paths);
            await CheckWaysInAsync(lab, paths);
            await CheckHostKeysAsync(lab);

            var verify = await lab.RunAsync("verify", "--json");
            using var result = JsonDocument.Parse(verify.Output);
            Assert.All(result.RootElement.GetProperty("checks").EnumerateArray(),
                check => Assert.True(check.GetProperty("passed").GetBoolean(), check.ToString()));
            Assert.Equal(0, verify.ExitCode);

            // What README and docs promise to work, as they write it.
            Assert.Equal(0, (await lab.RunAsync("docs")).ExitCode);
            await CheckRepairAsync(lab, paths);
        }
        finally
        {
            Assert.Equal(0, (await lab.RunAsync("down")).ExitCode);
        }

        Assert.Equal(before, await HostTrace.TakeAsync(paths.Name));
        Assert.Equal(2, (await lab.RunAsync("verify")).ExitCode);
    }

    [SkippableFact]
    public async Task Down_after_a_crash_half_way_leaves_nothing()
    {
        NeedsRoot.OrSkip();
        var paths = new LabPaths("t-crash");
        var lab = new LabProgram(paths.Name, _output);
        Assert.Equal(0, (await lab.RunAsync("down")).ExitCode);
        var before = await HostTrace.TakeAsync(paths.Name);
        await lab.KillWhenItSaysAsync("redis1 boots", "up");
        // Not even the state's loss and a forgotten pid keep it.
        File.Delete(paths.StateFile);
        PidFile.Remove(paths, "services");
        Assert.Equal(0, (await lab.RunAsync("down")).ExitCode);
        Assert.Equal(before, await HostTrace.TakeAsync(paths.Name));
    }

    private static async Task CheckSecretsAsync(LabPaths paths, ShellResult up)
    {
        var password = (await File.ReadAllTextAsync(paths.PasswordFile)).Trim();
        Assert.True(password.Length >= 20);
        Assert.DoesNotContain(password, up.Output + up.Error, StringComparison.Ordinal);
        Assert.Equal(FileModes.SecretFile, File.GetUnixFileMode(paths.PasswordFile));
        Assert.Equal(FileModes.SecretFile, File.GetUnixFileMode(paths.StateFile));
        Assert.Equal(FileModes.SecretDirectory, File.GetUnixFileMode(paths.StateDirectory));
        foreach (var log in Directory.GetFiles(Path.GetDirectoryName(paths.LogFile("any"))!))
        {
            Assert.DoesNotContain(password, await File.ReadAllTextAsync(log), StringComparison.Ordinal);
        }
    }

    // What cloud-init got and kept: user data and all that it made of it.
    private static async Task CheckUserDataAsync(LabPaths paths)
    {
        var secrets = new[] { paths.PasswordFile, paths.AdminPasswordFile, Path.Combine(paths.MachineRoot("redis1"), "etc/redis-ha/operator.password") }
            .Select(file => File.ReadAllText(file).Trim()).ToList();
        foreach (var machine in StateStore.Read(paths).Machines)
        {
            // Not over links, which are the machine's and would lead into this one's files.
            var own = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
            var files = Directory.GetFiles(Path.Combine(paths.MachineRoot(machine.Name), "var/lib/cloud"), "*", own);
            Assert.Contains(files, file => file.EndsWith("user-data.txt", StringComparison.Ordinal));
            foreach (var file in files)
            {
                var text = await File.ReadAllTextAsync(file);
                Assert.DoesNotContain(secrets, secret => text.Contains(secret, StringComparison.Ordinal));
            }
        }
    }

    // Another machine in redis3's place, as far as SSH can tell: refused on the way in, and at home again with its own key.
    private static async Task CheckHostKeysAsync(LabProgram lab)
    {
        const string Foreign = "cd /etc/ssh && cp ssh_host_ecdsa_key /root/own && rm ssh_host_ecdsa_key && ssh-keygen -q -t ecdsa -N '' -f "
            + "ssh_host_ecdsa_key && systemctl restart ssh";
        Assert.Equal(0, (await lab.RunAsync("exec", "redis3", "--", "sh", "-ec", Foreign)).ExitCode);
        var refused = await lab.RunAsync("ssh", "redis3", "--", "true");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("Host key verification failed", refused.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await lab.RunAsync("exec", "redis3", "--", "sh", "-ec", "cd /etc/ssh && mv /root/own ssh_host_ecdsa_key && ssh-keygen -y -f "
            + "ssh_host_ecdsa_key >ssh_host_ecdsa_key.pub && systemctl restart ssh")).ExitCode);
        Assert.Equal(0, (await lab.RunAsync("ssh", "redis3", "--", "true")).ExitCode);
    }

    private static async Task CheckWaysInAsync(LabProgram lab, LabPaths paths)
    {
        var endpoint = StateStore.Read(paths).Stack!.Endpoint.Split(':');
        var role = await lab.RunAsync("client", "--", "redis-cli", "-h", endpoint[0], "-p", endpoint[1], "ROLE");
        Assert.StartsWith("master", role.Output, StringComparison.Ordinal);
        Assert.Equal("redis3", (await lab.RunAsync("ssh", "redis3", "--", "hostname", "-s")).Output.Trim());
        Assert.Equal("root", (await lab.RunAsync("exec", "proxy1", "--", "id", "-un")).Output.Trim());
        Assert.Equal(7, (await lab.RunAsync("exec", "proxy1", "--", "sh", "-c", "exit 7")).ExitCode);
        Assert.Contains("redis3", (await lab.RunAsync("logs", "redis3")).Output, StringComparison.Ordinal);
        var unknown = await lab.RunAsync("kill", "redis9");
        Assert.Equal(2, unknown.ExitCode);
        Assert.Contains("redis1, redis2, redis3", unknown.Error, StringComparison.Ordinal);
    }

    private static async Task CheckRepairAsync(LabProgram lab, LabPaths paths)
    {
        var password = await File.ReadAllTextAsync(paths.PasswordFile);
        Assert.Equal(0, (await lab.RunAsync("kill", "redis2")).ExitCode);
        Assert.Equal(0, (await lab.RunAsync("cut", "proxy1")).ExitCode);
        Assert.Equal(1, (await lab.RunAsync("status")).ExitCode);
        await PidFile.Read(paths, "services")!.KillAsync(TimeSpan.FromSeconds(5));
        await HostCommand.RequireAsync(["ip", "netns", "delete", paths.Namespace(VcnNetwork.ClientRole)]);
        Assert.Equal(0, (await lab.RunAsync("up")).ExitCode);
        Assert.Equal(password, await File.ReadAllTextAsync(paths.PasswordFile));
        var ready = await Eventually.HoldsWithinAsync(async () => (await lab.RunAsync("status", "--json")).ExitCode == 0, TimeSpan.FromMinutes(2),
            TimeSpan.FromSeconds(1));
        Assert.True(ready, "all machines are ready again");

        // And then there is nothing to do: no machine, rule or command is as much as named.
        var again = await lab.RunAsync("up");
        Assert.Equal(0, again.ExitCode);
        var done = again.Error.Split('\n').SkipWhile(line => !line.Contains("the infra program runs", StringComparison.Ordinal)).Skip(1)
            .TakeWhile(line => !line.Contains("waiting until a client can write", StringComparison.Ordinal))
            .Where(line => !line.Contains(" so far", StringComparison.Ordinal)).ToList();
        Assert.Empty(done);
    }
}
