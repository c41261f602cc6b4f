// A data node with Valkey: its programs and units under Redis' names, its packages' own units never started, its packages held.

using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

public sealed class ValkeyTests
{
    [Theory]
    [InlineData("ubuntu", "redis-server.service", "valkey-server.service")]
    [InlineData("debian", "redis-server.service", "valkey-server.service")]
    [InlineData("ol", "redis.service", "valkey.service")]
    public async Task A_node_is_applied_once_and_a_second_time_changes_nothing(string distribution, string unit, string theirs)
    {
        using Machine machine = WithPrograms(distribution);
        string script = NodePayload.Of(Inputs()).ApplyScript;

        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Inputs()).FirstBootScript));
        machine.Succeeds(await machine.ApplyAsync(script));
        Assert.Equal("valkey-cli", new FileInfo(Path.Combine(machine.Root, "usr/bin/redis-cli")).LinkTarget);
        Assert.Contains("User=redis", machine.InRoot($"/etc/systemd/system/{unit}"), StringComparison.Ordinal);
        Assert.Contains("ExecStart=/usr/bin/redis-server ", machine.InRoot($"/etc/systemd/system/{unit}.d/redis-ha.conf"), StringComparison.Ordinal);
        Assert.True(machine.Exists($"active/{unit}") && machine.Exists("active/redis-sentinel.service"), machine.Calls);
        Assert.False(machine.Exists($"active/{theirs}") || machine.Exists("active/valkey-sentinel.service"), machine.Calls);

        machine.Write("replication", "role:slave\nmaster_link_status:up\n");
        await ApplyTests.BootAsync(machine);
        IReadOnlyDictionary<string, string> before = machine.Files();
        machine.Succeeds(await machine.ApplyAsync(script));
        Assert.Equal(before.Where(Lasting), machine.Files().Where(Lasting));
        Assert.DoesNotMatch("(?m)^systemctl (stop|mask|restart)|^(apt-get|dnf) ", machine.Calls);

        static bool Lasting(KeyValuePair<string, string> file) => !file.Key.StartsWith("/run/", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ubuntu", "valkey-server.service")]
    [InlineData("ol", "valkey.service")]
    public async Task Their_units_are_masked_before_the_packages_come_and_stay_so(string distribution, string theirs)
    {
        using Machine machine = WithPrograms(distribution);
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Inputs()).ApplyScript));

        string[] calls = machine.Calls.Split('\n');
        int masked = Array.IndexOf(calls, $"systemctl mask {theirs}");
        int installed = Array.FindIndex(calls, call => Regex.IsMatch(call, "^(apt-get|dnf) .*install .*valkey"));
        Assert.True(0 <= masked && masked < installed, machine.Calls);
        Assert.DoesNotMatch($"(?m)^systemctl (unmask|start|enable) .*{Regex.Escape(theirs)}", machine.Calls);
        Assert.DoesNotMatch("(?m)^(apt-get|dnf) .*install .*redis-", machine.Calls);
        if (distribution == "ubuntu")
        {
            Assert.Contains("apt-mark -q hold valkey-server valkey-sentinel valkey-tools", machine.Calls, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Packages_without_the_programs_end_the_apply_with_one_sentence()
    {
        using var machine = new Machine("ubuntu");
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(Inputs()).ApplyScript);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("the packages of Valkey bring no /usr/bin/valkey-server", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
    }

    [Fact]
    public void With_Redis_nothing_of_it_is_in_a_payload()
    {
        string script = NodePayload.Of(PayloadInputs.Redis()).ApplyScript;

        Assert.DoesNotContain("cat >\"$payload/engine-", script, StringComparison.Ordinal);
        Assert.DoesNotContain("\nREDIS_HA_ENGINE=", script, StringComparison.Ordinal);
        Assert.Contains("\nREDIS_HA_ENGINE=valkey\n", NodePayload.Of(Inputs()).FirstBootScript, StringComparison.Ordinal);
    }

    private static RedisNodeInputs Inputs() => PayloadInputs.Redis() with { Redis = new RedisSettings { Engine = "valkey", MaxMemory = "1gb" } };

    internal static Machine WithPrograms(string distribution)
    {
        var machine = new Machine(distribution);
        Directory.CreateDirectory(Path.Combine(machine.Root, "usr/bin"));
        foreach (string name in new[] { "server", "sentinel", "cli", "check-rdb" })
        {
            string path = $"usr/bin/valkey-{name}";
            machine.Write($"root/{path}", "#!/bin/sh\n");
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(Path.Combine(machine.Root, path), UnixFileMode.UserRead | UnixFileMode.UserExecute);
            }
        }
        return machine;
    }
}
