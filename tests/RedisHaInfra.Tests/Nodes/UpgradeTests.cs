// Redis' packages: held against a machine's own upgrades, and upgraded when that is ordered, on a replica only.

using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class UpgradeTests : IDisposable
{
    private const string Upgrade = "install --only-upgrade redis-server redis-sentinel redis-tools\n";

    private readonly Machine _machine = new("ubuntu");

    public void Dispose() => _machine.Dispose();

    [Fact]
    public async Task Packages_are_held_and_no_library_restarts_what_serves()
    {
        _machine.Succeeds(await ApplyAsync(string.Empty));

        Assert.Contains("apt-mark -q hold redis-server redis-sentinel redis-tools\n", _machine.Calls, StringComparison.Ordinal);
        Assert.DoesNotContain(Upgrade, _machine.Calls, StringComparison.Ordinal);
        Assert.Contains("qr(^redis-(server|sentinel|ha-))} = 0;", _machine.InRoot("/etc/needrestart/conf.d/redis-ha.conf"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Oracle_Linux_holds_them_by_versionlock()
    {
        using var machine = new Machine("ol");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));

        Assert.Contains("versionlock add redis\n", machine.Calls, StringComparison.Ordinal);
        Assert.False(machine.Exists("root/etc/needrestart/conf.d/redis-ha.conf"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task No_machine_reboots_by_itself(bool isRedis)
    {
        string payload = (isRedis ? NodePayload.Of(PayloadInputs.Redis()) : NodePayload.Of(PayloadInputs.Proxy())).FirstBootScript;
        _machine.Succeeds(await _machine.ApplyAsync(payload));
        Assert.Equal("Unattended-Upgrade::Automatic-Reboot \"false\";\n", _machine.InRoot("/etc/apt/apt.conf.d/99-redis-ha"));

        using var oracle = new Machine("ol");
        Directory.CreateDirectory(Path.Combine(oracle.Root, "etc/dnf"));
        oracle.Write("root/etc/dnf/automatic.conf", "[commands]\nreboot = when-needed\nreboot_command = \"shutdown -r +5\"\n");
        oracle.Succeeds(await oracle.ApplyAsync(payload));
        Assert.Equal("[commands]\nreboot = never\nreboot_command = \"shutdown -r +5\"\n", oracle.InRoot("/etc/dnf/automatic.conf"));
        Assert.False(oracle.Exists("root/etc/apt/apt.conf.d/99-redis-ha"));
    }

    [Fact]
    public async Task A_new_node_has_the_newest_already()
    {
        Newer();
        _machine.Succeeds(await ApplyAsync("2026-12"));

        Assert.DoesNotContain(Upgrade, _machine.Calls, StringComparison.Ordinal);
        Assert.Equal("2026-12\n", _machine.InRoot("/var/lib/redis-ha/upgraded"));
    }

    [Fact]
    public async Task A_replica_is_upgraded_once_for_each_order()
    {
        _machine.Succeeds(await ApplyAsync(string.Empty));
        Replication("role:slave\nmaster_link_status:down\n");
        Newer();

        _machine.Succeeds(await ApplyAsync("2026-12"));
        Assert.Contains("-y --allow-change-held-packages", _machine.Calls, StringComparison.Ordinal);
        Assert.Contains(Upgrade, _machine.Calls.Split("-y --allow-change-held-packages")[1], StringComparison.Ordinal);
        // Held again afterwards.
        Assert.Contains("apt-mark -q hold", _machine.Calls[_machine.Calls.LastIndexOf(Upgrade, StringComparison.Ordinal)..], StringComparison.Ordinal);

        _machine.Succeeds(await ApplyAsync("2026-12"));
        Assert.DoesNotContain(Upgrade, _machine.Calls, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("role:master\n", "master")]
    [InlineData("", "not answering")]
    public async Task What_is_not_a_replica_is_left_as_it_is(string replication, string found)
    {
        _machine.Succeeds(await ApplyAsync(string.Empty));
        Replication(replication);
        Newer();

        ShellResult result = await ApplyAsync("2026-12");

        Assert.Equal(1, result.ExitCode);
        // By these words the rollout knows that a switchover is what is missing.
        Assert.Contains($"the upgrade restarts redis-server, and this node is {found} (only a replica is restarted): switch the master over first",
            result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("-y --allow-change-held-packages", _machine.Calls, StringComparison.Ordinal);
        Assert.NotEqual("2026-12\n", _machine.InRoot("/var/lib/redis-ha/upgraded"));
    }

    [Fact]
    public async Task An_upgrade_that_fails_is_tried_again_by_the_next_run()
    {
        _machine.Succeeds(await ApplyAsync(string.Empty));
        Replication("role:slave\nmaster_link_status:down\n");
        Newer("exit 100");
        Assert.Contains("Redis could not be upgraded", (await ApplyAsync("2026-12")).Output, StringComparison.Ordinal);
        Newer();

        _machine.Succeeds(await ApplyAsync("2026-12"));

        Assert.Equal("2026-12\n", _machine.InRoot("/var/lib/redis-ha/upgraded"));
    }

    private Task<ShellResult> ApplyAsync(string upgrade)
    {
        RedisNodeInputs inputs = PayloadInputs.Redis();
        return _machine.ApplyAsync(NodePayload.Of(inputs with { Redis = inputs.Redis with { Upgrade = upgrade } }).ApplyScript);
    }

    private void Replication(string text) => _machine.Write("replication", text);

    // A simulated run names what it would install.
    private void Newer(string upgrade = ":") => _machine.StandIn("apt-get", $$"""
        case " $* " in
          *" -s "*) echo 'Inst redis-server [7.0.15] (7.0.16 Debian)' ;;
          *" --only-upgrade "*) {{upgrade}} ;;
          *" install "*) for package; do touch "$MACHINE/packages/$package"; done ;;
        esac
        """);
}
