// What a machine does before its secrets arrive, and whose SSH keys open it afterwards.

using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class FirstBootTests
{
    [Theory]
    [InlineData("ubuntu", "redis-server.service")]
    [InlineData("ol", "redis.service")]
    public async Task A_first_boot_does_all_but_what_needs_secrets_and_the_whole_payload_the_rest(string distribution, string unit)
    {
        using var machine = new Machine(distribution);
        string firstBoot = NodePayload.Of(PayloadInputs.Redis()).FirstBootScript;

        ShellResult result = await machine.ApplyAsync(firstBoot);

        machine.Succeeds(result);
        Assert.Contains("waits for its secrets", result.Output, StringComparison.Ordinal);
        Assert.Equal(["awaits-secrets"], machine.Markers);
        Assert.True(machine.Exists("packages/nftables") && machine.InRoot("/proc/sys/vm/swappiness") == "1\n", machine.Calls);
        Assert.NotEmpty(machine.InRoot("/usr/local/libexec/redis-ha/firewall.sh"));
        // A power cut now must not start a Redis without settings: its units stay masked.
        Assert.Matches($"(?m)^systemctl mask {unit}$", machine.Calls);
        Assert.DoesNotMatch("(?m)^systemctl (unmask|enable|start|restart) .*redis(-server|-sentinel)?.service", machine.Calls);
        Assert.False(machine.Exists("root/etc/redis-ha/operator.password"));
        ShellResult wait = await machine.RunAsync("bash", ["-s", "--", "0"], Template.Read("common/wait-ready.sh"));
        Assert.Equal((1, "not ready after 0 s: this node has done its first boot and waits for its secrets, which the rollout of pulumi up brings by SSH\n"),
            (wait.ExitCode, wait.Error));

        // The same boot again, as after a power cut half-way, is no other.
        machine.Succeeds(await machine.ApplyAsync(firstBoot));
        Assert.Equal(["awaits-secrets"], machine.Markers);

        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        Assert.Equal(["configured", "ready"], machine.Markers);
        Assert.True(machine.Exists($"active/{unit}") && machine.Exists("active/redis-sentinel.service"), machine.Calls);
        Assert.Matches($"(?m)^systemctl unmask {unit} ", machine.Calls);

        // User data that runs late (cloud-init clean, a slow first boot) takes nothing back.
        IReadOnlyDictionary<string, string> before = machine.Files();
        result = await machine.ApplyAsync(firstBoot);
        machine.Succeeds(result);
        Assert.Contains("is configured already", result.Output, StringComparison.Ordinal);
        Assert.Equal(before, machine.Files());
        Assert.Empty(machine.Calls);
    }

    [SkippableTheory]
    [InlineData("ubuntu", "ssh.service")]
    [InlineData("ol", "sshd.service")]
    public async Task Exactly_the_listed_keys_open_a_node(string distribution, string unit)
    {
        Skip.IfNot(Installed.Has("ssh-keygen"), "ssh-keygen is not installed");
        using var machine = new Machine(distribution);
        machine.WithoutStandIn("ssh-keygen");
        machine.StandIn("systemctl", $"case $1 in cat) [ \"$2\" = {unit} ] ;; is-active) exit 3 ;; esac");
        RedisNodeInputs inputs = PayloadInputs.Redis();

        // At the first boot the keys are cloud-init's.
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(inputs).FirstBootScript));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(machine.Root, "etc/ssh"), "*", SearchOption.AllDirectories));

        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(inputs).ApplyScript));
        Assert.Equal(inputs.Login.Keys + "\n", machine.InRoot("/etc/ssh/authorized_keys.d/ubuntu"));
        Assert.Contains("\nAuthorizedKeysFile /etc/ssh/authorized_keys.d/%u\n", machine.InRoot("/etc/ssh/sshd_config.d/00-redis-ha.conf"),
            StringComparison.Ordinal);
        // Checked before it is placed, and again before the server starts with it.
        Assert.Matches($"(?ms)^sshd -t -f .*^sshd -t$.*^systemctl restart {unit}$", machine.Calls);

        // Interrupted between the file and the restart: the next apply restarts.
        File.Delete(Path.Combine(machine.Root, "var/lib/redis-ha/sshd"));
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(inputs).ApplyScript));
        Assert.Contains($"systemctl restart {unit}\n", machine.Calls, StringComparison.Ordinal);

        // A leaver's key goes, without a restart.
        RedisNodeInputs without = inputs with { Login = inputs.Login with { Keys = inputs.Login.Keys.Split('\n')[0] } };
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(without).ApplyScript));
        Assert.Equal(without.Login.Keys + "\n", machine.InRoot("/etc/ssh/authorized_keys.d/ubuntu"));
        Assert.DoesNotContain($"restart {unit}", machine.Calls, StringComparison.Ordinal);

        // What no server would read as a key never takes the place of one.
        RedisNodeInputs bad = inputs with { Login = inputs.Login with { Keys = "not a key" } };
        Assert.Equal(1, (await machine.ApplyAsync(NodePayload.Of(bad).ApplyScript)).ExitCode);
        Assert.Contains("step: SSH keys", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Equal(without.Login.Keys + "\n", machine.InRoot("/etc/ssh/authorized_keys.d/ubuntu"));
        Assert.Throws<ArgumentException>(() => NodePayload.Of(inputs with { Login = inputs.Login with { Keys = " \n" } }).ApplyScript);
    }

    [Fact]
    public async Task Settings_that_the_SSH_server_does_not_take_are_never_what_it_would_start_with()
    {
        using var machine = new Machine("ubuntu");
        machine.StandIn("sshd", "exit 255");

        Assert.Equal(1, (await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript)).ExitCode);

        Assert.False(machine.Exists("root/etc/ssh/sshd_config.d/00-redis-ha.conf"));
        Assert.DoesNotMatch("(?m)^systemctl restart sshd?.service", machine.Calls);
    }
}
