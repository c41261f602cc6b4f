// The apply scripts on both image families, against stand-ins of the system's commands: what they install, in which order, that
// a second run changes nothing, and what they leave behind when a step fails.

using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

public sealed class ApplyTests
{
    [Theory]
    [InlineData("ubuntu", "redis-server.service")]
    [InlineData("debian", "redis-server.service")]
    [InlineData("ol", "redis.service")]
    public async Task A_redis_node_is_applied_once_and_a_second_time_changes_nothing(string distribution, string unit)
    {
        using var machine = new Machine(distribution);
        RedisNodeInputs inputs = PayloadInputs.Redis(2);
        string script = NodePayload.Of(inputs).ApplyScript;

        machine.Succeeds(await machine.ApplyAsync(script));
        Assert.Equal(NodePayload.Of(inputs).Identifier + "\n", machine.InRoot("/var/lib/redis-ha/ready"));
        Assert.Contains("/bin/bash /usr/local/libexec/redis-ha/boot.sh", machine.InRoot($"/etc/systemd/system/{unit}.d/redis-ha.conf"),
            StringComparison.Ordinal);
        Assert.Contains("sentinel monitor mymaster 172.31.235.131 6379 2", machine.InRoot("/etc/redis/ha/sentinel.conf"), StringComparison.Ordinal);
        Assert.Contains("sentinel master-reboot-down-after-period mymaster 5000", machine.InRoot("/etc/redis/ha/sentinel.conf"), StringComparison.Ordinal);
        Assert.Equal("1\n", machine.InRoot("/proc/sys/vm/swappiness"));
        Assert.True(machine.Exists($"active/{unit}") && machine.Exists("active/redis-sentinel.service"), machine.Calls);

        // Nothing runs with the distribution's own configuration, not even for a moment.
        string[] calls = machine.Calls.Split('\n');
        int masked = Array.IndexOf(calls, $"systemctl mask {unit}");
        int installed = Array.FindIndex(calls, call => Regex.IsMatch(call, "^(apt-get|dnf) .*install "));
        int unmasked = Array.FindIndex(calls, call => call.StartsWith("systemctl unmask ", StringComparison.Ordinal));
        int started = Array.FindIndex(calls, call => Regex.IsMatch(call, $"^systemctl start --no-block {unit}$"));
        Assert.True(0 <= masked && masked < installed && installed < unmasked && unmasked < started, machine.Calls);

        machine.Write("replication", "role:slave\nmaster_link_status:up\n");
        IReadOnlyDictionary<string, string> before = machine.Files();
        await BootAsync(machine);
        machine.Succeeds(await machine.ApplyAsync(script));
        Assert.Equal(before.Where(file => !file.Key.StartsWith("/run/", StringComparison.Ordinal)),
            machine.Files().Where(file => !file.Key.StartsWith("/run/", StringComparison.Ordinal)));
        Assert.DoesNotMatch("(?m)^systemctl (re)?start .*redis(-server)?.service|^systemctl (stop|mask|restart)|^(apt-get|dnf) |CONFIG SET|--add-port|iptables "
            + "-w 30 -I", machine.Calls);
    }

    [Fact]
    public async Task Ubuntu_ports_are_opened_before_the_rule_that_rejects_and_saved()
    {
        using var machine = new Machine("ubuntu");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));

        string[] rules = machine.Read("rules/INPUT").TrimEnd('\n').Split('\n');
        Assert.Equal("-A INPUT -j REJECT", rules[^1]);
        Assert.Equal(
            ["-A INPUT -p tcp -m tcp --dport 6379 -m conntrack --ctstate NEW -j ACCEPT",
                "-A INPUT -p tcp -m tcp --dport 26379 -m conntrack --ctstate NEW -j ACCEPT"],
            rules.Where(rule => rule.Contains("6379", StringComparison.Ordinal)));
        Assert.Equal(5, rules.Length);
        Assert.Contains("netfilter-persistent save", machine.Calls, StringComparison.Ordinal);
        Assert.DoesNotContain(" -F", machine.Calls, StringComparison.Ordinal);
        Assert.DoesNotContain("firewall-cmd", machine.Calls, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Oracle_Linux_takes_the_module_stream_firewalld_and_selinux_contexts()
    {
        using var machine = new Machine("ol");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));

        Assert.Contains("dnf --setopt=exit_on_lock=True -q -y module enable redis:7\n", machine.Calls, StringComparison.Ordinal);
        Assert.Matches("(?m)^dnf --setopt=exit_on_lock=True -q -y install redis( |$)", machine.Calls);
        Assert.Equal("6379/tcp\n26379/tcp\n", machine.Read("rules/permanent"));
        Assert.Equal("6379/tcp\n26379/tcp\n", machine.Read("rules/runtime"));
        Assert.Matches("(?m)^restorecon -F .*/etc/redis-ha/settings.conf$", machine.Calls);
        Assert.DoesNotMatch("(?m)^(apt-get|dpkg-query|iptables) ", machine.Calls);
    }

    [Fact]
    public async Task Oracle_Linux_without_the_module_stream_takes_6_2_and_leaves_out_what_only_7_knows()
    {
        using var machine = new Machine("ol");
        machine.StandIn(
            "dnf", "case \" $* \" in *' module list '*) exit 1 ;; *' install '*) for package; do touch \"$MACHINE/packages/$package\"; done ;; esac");
        machine.StandIn("redis-server", "echo 'Redis server v=6.2.7 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=0'");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));

        Assert.DoesNotContain("module enable", machine.Calls, StringComparison.Ordinal);
        Assert.DoesNotContain("master-reboot-down-after-period", machine.InRoot("/etc/redis/ha/sentinel.conf"), StringComparison.Ordinal);
        Assert.DoesNotContain("@7.0", machine.InRoot("/etc/redis/ha/sentinel.conf"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chrony_may_step_the_clock_only_at_its_start()
    {
        using var machine = new Machine("ol");
        machine.Write("root/etc/chrony.conf", "server 169.254.169.254 iburst\nmakestep 1.0 -1\n");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));

        string[] lines = machine.InRoot("/etc/chrony.conf").Split('\n');
        Assert.Equal(["makestep 1 3"], lines.Where(line => line.StartsWith("makestep", StringComparison.Ordinal)));
        Assert.Contains("systemctl try-restart chronyd.service", machine.Calls, StringComparison.Ordinal);
        await BootAsync(machine);
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        Assert.DoesNotContain("chronyd", machine.Calls, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mirror_that_is_not_there_yet_is_tried_again()
    {
        using var machine = new Machine("ubuntu");
        machine.Write("fail", "1\n2\n");
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript);

        machine.Succeeds(result);
        Assert.Contains("attempt 2 of 6 failed", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mirror_that_never_comes_leaves_a_clear_reason_and_the_next_run_clears_it()
    {
        using var machine = new Machine("ubuntu");
        machine.Write("fail", string.Concat(Enumerable.Repeat("1\n", 6)));
        string script = NodePayload.Of(PayloadInputs.Redis()).ApplyScript;
        ShellResult result = await machine.ApplyAsync(script);

        Assert.Equal(1, result.ExitCode);
        string failed = machine.InRoot("/var/lib/redis-ha/failed");
        Assert.StartsWith("step: packages\nreason: cannot install redis-server redis-sentinel redis-tools nftables: no configured mirror", failed,
            StringComparison.Ordinal);
        Assert.Contains("cannot reach the mirror", failed, StringComparison.Ordinal);
        Assert.Contains("FAILED while \"packages\": cannot install", result.Output, StringComparison.Ordinal);
        Assert.False(machine.Exists("root/var/lib/redis-ha/ready"));
        Assert.Empty(Directory.GetDirectories(Path.Combine(machine.Root, "var/lib/redis-ha")));

        ShellResult wait = await machine.RunAsync("bash", ["-s", "--", "5"], Template.Read("common/wait-ready.sh"));
        Assert.Equal(1, wait.ExitCode);
        Assert.Contains("the apply script failed, step \"packages\": cannot install", wait.Error, StringComparison.Ordinal);

        machine.Succeeds(await machine.ApplyAsync(script));
        Assert.False(machine.Exists("root/var/lib/redis-ha/failed"));
    }

    [Fact]
    public async Task A_command_that_fails_is_named_with_its_step()
    {
        using var machine = new Machine("ubuntu");
        machine.StandIn("netfilter-persistent", "echo 'no space left' >&2; exit 3");
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript);

        Assert.Equal(3, result.ExitCode);
        string failed = machine.InRoot("/var/lib/redis-ha/failed");
        Assert.StartsWith("step: host firewall\nreason: \"netfilter-persistent save\" ended with exit code 3", failed, StringComparison.Ordinal);
        Assert.Contains("no space left", failed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_kernel_setting_that_fails_outside_a_container_is_an_error()
    {
        using var machine = new Machine("ubuntu");
        File.Delete(Path.Combine(machine.Root, "proc/sys/vm/swappiness"));
        Directory.CreateDirectory(Path.Combine(machine.Root, "proc/sys/vm/swappiness"));
        Assert.Equal(1, (await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript)).ExitCode);
        Assert.Contains("reason: cannot set vm.swappiness to 1", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);

        machine.StandIn("systemd-detect-virt", "exit 0");
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript);
        machine.Succeeds(result);
        Assert.Contains("vm.swappiness is not settable in this machine", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dnf_that_another_process_has_locked_is_waited_for_with_a_word()
    {
        using var machine = new Machine("ol");
        machine.Write("locked", "1\n2\n3\n");
        machine.StandIn("dnf", """
            case " $* " in *" --setopt=exit_on_lock=True "*) ;; *) exit 9 ;; esac
            if [ -s "$MACHINE/locked" ]; then sed -i 1d "$MACHINE/locked"; exit 200; fi
            case " $* " in *" install "*) for package; do touch "$MACHINE/packages/$package"; done ;; esac
            """);
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript);
        machine.Succeeds(result);
        Assert.Single(Regex.Matches(result.Output, "dnf is locked by another process"));

        machine.StandIn("dnf", "exit 200");
        machine.Write("replication", "role:slave\n");
        File.Delete(Path.Combine(machine.Root, "../packages/redis"));
        Assert.Equal(1, (await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript)).ExitCode);
        Assert.Contains("reason: dnf has been locked by another process for 15 minutes", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("xfs", "xfs_growfs /")]
    [InlineData("ext4", "resize2fs /dev/sda1")]
    public async Task The_root_file_system_takes_a_disk_that_has_grown(string system, string expected)
    {
        using var machine = new Machine("ubuntu");
        Directory.CreateDirectory(Path.Combine(machine.Root, "sys/devices/sda/sda1"));
        Directory.CreateDirectory(Path.Combine(machine.Root, "sys/class/block"));
        machine.Write("root/sys/devices/sda/sda1/partition", "1\n");
        File.CreateSymbolicLink(Path.Combine(machine.Root, "sys/class/block/sda1"), Path.Combine(machine.Root, "sys/devices/sda/sda1"));
        machine.StandIn("findmnt", $"case \" $* \" in *SOURCE*) echo /dev/sda1 ;; *) echo {system} ;; esac");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        Assert.Contains("growpart /dev/sda 1\n", machine.Calls, StringComparison.Ordinal);
        Assert.Contains(expected + "\n", machine.Calls, StringComparison.Ordinal);

        // Nothing to do: growpart ends with 1.
        machine.Write("replication", "role:slave\n");
        machine.StandIn("growpart", "exit 1");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        Assert.DoesNotContain(expected, machine.Calls, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exit 0")]
    [InlineData("echo 'NOCHANGE: partition 3 cannot be grown' >&2; exit 1")]
    public async Task Oracle_Linux_grows_by_its_own_program_and_does_not_fail_when_nothing_grew(string program)
    {
        using var machine = new Machine("ol");
        machine.StandIn("oci-growfs", program);
        Directory.CreateDirectory(Path.Combine(machine.Root, "usr/libexec"));
        File.Copy(Path.Combine(machine.Root, "../bin/oci-growfs"), Path.Combine(machine.Root, "usr/libexec/oci-growfs"));
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        Assert.Contains("oci-growfs -y\n", machine.Calls, StringComparison.Ordinal);
        Assert.DoesNotContain("growpart", machine.Calls, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_distribution_is_refused()
    {
        using var machine = new Machine("arch");
        Assert.Equal(1, (await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript)).ExitCode);
        Assert.Contains("says ID=arch", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.DoesNotContain("systemctl", machine.Calls, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_setting_is_taken_live_and_what_needs_a_restart_waits_for_a_switchover()
    {
        using var machine = new Machine("ubuntu");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        await BootAsync(machine);
        machine.Write("replication", "role:master\n");

        RedisNodeInputs live = PayloadInputs.Redis() with { Redis = new RedisSettings { MinReplicasToWrite = 0, AppendFsync = "always" } };
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(live).ApplyScript));
        Assert.Contains("CONFIG SET min-replicas-to-write \"0\"\nCONFIG SET appendfsync \"always\"\n", machine.Read("stdin"), StringComparison.Ordinal);
        Assert.DoesNotMatch("(?m)^systemctl restart redis-server", machine.Calls);

        // An override that goes away: its default is Redis' own, so only a restart brings it back, and this node is the master.
        RedisNodeInputs more = live with { Redis = live.Redis with { Overrides = new Dictionary<string, string> { ["hz"] = "50" } } };
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(more).ApplyScript));
        Assert.Equal(1, (await machine.ApplyAsync(NodePayload.Of(live).ApplyScript)).ExitCode);
        Assert.Contains("this node is master", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Contains("switch the master over first", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.DoesNotMatch("(?m)^systemctl restart redis-server", machine.Calls);

        // A replica, but the only one that its master has: without it the master would take no writes.
        machine.StandIn("redis-cli", """
            case " $* " in
              *" -h 172.31.235.131 "*" INFO replication "*) printf 'role:slave\nmaster_host:172.31.235.132\nmaster_link_status:up\n' ;;
              *" -h 172.31.235.132 "*" INFO replication "*) printf 'role:master\nslave0:ip=172.31.235.131,state=online,lag=0\nslave1:ip=172.31.235.133,state=%s,lag=0\n' "$(cat "$MACHINE/other")" ;;
              *" CONFIG GET min-replicas-to-write "*) printf 'min-replicas-to-write\n1\n' ;;
              *" ACL LOAD "*) echo OK ;;
              *) exit 1 ;;
            esac
            """);
        machine.Write("other", "wait_bgsave");
        Assert.Equal(1, (await machine.ApplyAsync(NodePayload.Of(live).ApplyScript)).ExitCode);
        Assert.Contains("the master 172.31.235.132 would have 0 replicas meanwhile, and it takes no writes with less than 1: bring the missing node back",
            machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.DoesNotMatch("(?m)^systemctl restart redis-server", machine.Calls);

        machine.Write("other", "online");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(live).ApplyScript));
        Assert.Matches("(?m)^systemctl restart redis-server.service$", machine.Calls);
    }

    [Fact]
    public async Task A_new_certificate_is_read_again_by_redis_server_and_restarts_Sentinel_alone()
    {
        using var machine = new Machine("ubuntu");
        RedisNodeInputs with = PayloadInputs.Redis() with { Tls = new NodeTls("first certificate\n", "key\n", "authority\n") };
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(with).ApplyScript));
        await BootAsync(machine);
        machine.Write("replication", "role:master\n");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(with).ApplyScript));
        Assert.DoesNotMatch("(?m)^systemctl restart redis", machine.Calls);

        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(with with { Tls = with.Tls! with { Certificate = "next certificate\n" } }).ApplyScript));
        Assert.Equal("next certificate\nkey\n", machine.InRoot("/etc/redis-ha/redis-tls.pem"));
        Assert.Matches("CONFIG SET tls-ca-cert-file .*redis-ca.crt\"\nCONFIG SET tls-cert-file .*redis-tls.pem\"\n$", machine.Read("stdin"));
        Assert.Matches("(?m)^systemctl restart redis-sentinel", machine.Calls);
        Assert.DoesNotMatch("(?m)^systemctl restart redis-server", machine.Calls);
    }

    [Fact]
    public async Task Users_are_those_of_the_installed_version_and_clientCommands_need_Redis_7()
    {
        using var machine = new Machine("ol");
        string script = NodePayload.Of(PayloadInputs.Redis()).ApplyScript;
        machine.Succeeds(await machine.ApplyAsync(script));
        string users = machine.InRoot("/etc/redis-ha/users.acl");
        Assert.Contains("(-@all +publish", users, StringComparison.Ordinal);
        Assert.Equal(6, users.Split("\nuser ").Length);
        Assert.DoesNotContain('@' + "7.0", users, StringComparison.Ordinal);
        Assert.DoesNotContain("may not PUBLISH", machine.InRoot("/var/lib/redis-ha/apply.log"), StringComparison.Ordinal);

        using var older = new Machine("ol");
        older.StandIn("redis-server", "echo 'Redis server v=6.2.7 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=0'");
        older.Succeeds(await older.ApplyAsync(script));
        users = older.InRoot("/etc/redis-ha/users.acl");
        Assert.DoesNotContain("maxmemory-clients", older.InRoot("/etc/redis-ha/settings.conf"), StringComparison.Ordinal);
        Assert.Matches("(?m)^user default on #[0-9a-f]{64} ~\\* &\\* [^()]* -publish ", users);
        Assert.Equal(6, users.Split("\nuser ").Length);
        Assert.Contains("clients may not PUBLISH here at all", older.InRoot("/var/lib/redis-ha/apply.log"), StringComparison.Ordinal);

        ShellResult refused = await older.ApplyAsync(
            NodePayload.Of(PayloadInputs.Redis() with { Redis = new RedisSettings { ClientCommands = ["-flushall"] } }).ApplyScript);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("cannot have the setting clientCommands", older.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Equal(users, older.InRoot("/etc/redis-ha/users.acl"));

        RedisUser[] more = [.. new[] { "reports", "jobs" }.Select(name => new RedisUser(name, ["~*", "+get"], [new SecretText("of-a-further-user")]))];
        refused = await older.ApplyAsync(NodePayload.Of(PayloadInputs.Redis() with { Redis = new RedisSettings { Users = more } }).ApplyScript);
        Assert.Equal(1, refused.ExitCode);
        Assert.Single(older.InRoot("/var/lib/redis-ha/failed").Split('\n'),
            line => line.EndsWith("Redis 6.2 cannot have the user reports of the setting redisUsers: unset it, or install Redis 7", StringComparison.Ordinal));
        Assert.Equal(users, older.InRoot("/etc/redis-ha/users.acl"));
    }

    [Fact]
    public async Task Changed_Sentinel_settings_keep_what_Sentinel_has_learned()
    {
        using var machine = new Machine("ubuntu");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        await BootAsync(machine);
        string learned = """
            sentinel myid ffffffffffffffffffffffffffffffffffffffff
            sentinel monitor mymaster 172.31.235.133 6379 2
            sentinel config-epoch mymaster 7
            sentinel leader-epoch mymaster 7
            sentinel current-epoch 7
            sentinel known-replica mymaster 172.31.235.131 6379
            sentinel known-sentinel mymaster 172.31.235.132 26379 2222222222222222222222222222222222222222
            """;
        machine.Write("root/etc/redis/ha/sentinel.conf", learned + "\n");

        RedisNodeInputs inputs = PayloadInputs.Redis() with { Sentinel = new SentinelSettings { Quorum = 3, DownAfterMilliseconds = 9_000 } };
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(inputs).ApplyScript));

        string[] lines = machine.InRoot("/etc/redis/ha/sentinel.conf").Split('\n');
        Assert.Contains("sentinel monitor mymaster 172.31.235.133 6379 3", lines);
        Assert.Contains("sentinel down-after-milliseconds mymaster 9000", lines);
        foreach (string line in learned.Split('\n').Skip(2))
        {
            Assert.Contains(line, lines);
        }
        Assert.Single(lines, line => line.StartsWith("sentinel myid", StringComparison.Ordinal));
        Assert.Single(lines, line => line.StartsWith("sentinel monitor", StringComparison.Ordinal));
        string[] calls = machine.Calls.Split('\n');
        Assert.True(
            Array.IndexOf(calls, "systemctl stop redis-sentinel.service") < Array.IndexOf(calls, "systemctl start redis-sentinel.service"), machine.Calls);
    }

    [Fact]
    public async Task A_truncated_payload_does_nothing()
    {
        using var machine = new Machine("ubuntu");
        string script = NodePayload.Of(PayloadInputs.Redis()).ApplyScript;
        ShellResult result = await machine.ApplyAsync(script[..(script.Length * 2 / 3)]);

        Assert.NotEqual(0, result.ExitCode);
        Assert.Empty(machine.Calls);
        Assert.False(Directory.Exists(Path.Combine(machine.Root, "var")));
    }

    // What the boot rule leaves when redis-server has started: the settings it runs with.
    internal static async Task BootAsync(Machine machine)
    {
        Directory.CreateDirectory(Path.Combine(machine.Root, "run/redis-ha"));
        ShellResult result = await machine.RunAsync("bash",
            ["-c", ". \"$REDIS_HA_ROOT/usr/local/libexec/redis-ha/node.sh\" && settings >\"$REDIS_HA_ROOT/run/redis-ha/running.conf\""]);
        Assert.True(result.ExitCode == 0, result.ToString());
    }
}
