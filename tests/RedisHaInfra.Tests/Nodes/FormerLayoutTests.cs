// A node that a former payload made, whose files lay in a folder of the account redis: one apply moves it, wherever it is interrupted.

using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class FormerLayoutTests
{
    private const string Learned = """
        sentinel myid ffffffffffffffffffffffffffffffffffffffff
        sentinel monitor mymaster 172.31.235.133 6379 2
        sentinel config-epoch mymaster 7
        sentinel known-replica mymaster 172.31.235.131 6379

        """;

    private static readonly string Script = NodePayload.Of(PayloadInputs.Redis()).ApplyScript;

    [Fact]
    public async Task A_replica_moves_with_a_restart_and_Sentinel_keeps_what_it_knows()
    {
        using Machine machine = Former();
        ShellResult result = await machine.ApplyAsync(Script);

        machine.Succeeds(result);
        Moved(machine, machine.Calls);
        Assert.DoesNotMatch("(?m)^systemctl mask|^apt-get ", machine.Calls);
        Assert.Matches("(?m)^systemctl disable redis-ha-thp.service$", machine.Calls);
        Assert.Matches("(?m)^systemctl disable redis-ha-metadata.service$", machine.Calls);
    }

    [Fact]
    public async Task The_master_is_switched_over_first_and_nothing_of_what_it_runs_with_is_taken_away()
    {
        using Machine machine = Former();
        machine.Write("replication", "role:master\n");
        ShellResult result = await machine.ApplyAsync(Script);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("switch the master over first", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Equal("former\n", machine.InRoot("/etc/redis/ha/users.acl"));
        Assert.DoesNotMatch("(?m)^systemctl (re)?start (--no-block )?redis-server.service", machine.Calls);

        string before = machine.Calls;
        machine.Write("replication", "role:slave\n");
        Assert.Equal(0, (await machine.ApplyAsync(Script)).ExitCode);
        Moved(machine, before + machine.Calls);
    }

    [Theory]
    [InlineData("useradd")]
    [InlineData("systemctl unmask")]
    [InlineData("systemctl enable redis-server.service")]
    [InlineData("systemctl stop redis-sentinel.service")]
    [InlineData("sentinel-conf.sh")]
    [InlineData("systemctl restart redis-sentinel.service")]
    [InlineData("systemctl restart redis-server.service")]
    [InlineData("rm -f")]
    public async Task A_power_cut_anywhere_is_made_good_by_the_next_apply(string call)
    {
        using Machine machine = Former();
        ShellResult cut = await machine.ApplyUntilAsync(call, Script);
        Assert.True(cut.ExitCode != 0 && machine.Calls.Split('\n')[^2].Contains(call, StringComparison.Ordinal), $"{cut}\n{machine.Calls}");
        string before = machine.Calls;
        ShellResult result = await machine.ApplyAsync(Script);

        machine.Succeeds(result);
        Moved(machine, before + machine.Calls);
        Assert.DoesNotMatch("(?m)^systemctl mask", before + machine.Calls);
    }

    [Fact]
    public async Task Users_that_were_not_loaded_are_loaded_by_the_next_apply()
    {
        using Machine machine = Former();
        Assert.Equal(0, (await machine.ApplyAsync(Script)).ExitCode);
        string changed = NodePayload.Of(PayloadInputs.Redis() with { Passwords = PayloadInputs.Passwords with { Client = "another-password" } }).ApplyScript;
        Assert.NotEqual(0, (await machine.ApplyUntilAsync("ACL LOAD", changed)).ExitCode);

        Assert.Equal(0, (await machine.ApplyAsync(changed)).ExitCode);
        Assert.Matches("(?m)^redis-cli .* -p 6379 ACL LOAD$", machine.Calls);
        Assert.Equal(0, (await machine.ApplyAsync(changed)).ExitCode);
        Assert.DoesNotContain("ACL LOAD", machine.Calls, StringComparison.Ordinal);
    }

    private static void Moved(Machine machine, string calls)
    {
        Assert.Equal(
            ["sentinel.conf"], Directory.EnumerateFileSystemEntries(Path.Combine(machine.Root, "etc/redis/ha")).Select(path => Path.GetFileName(path)));
        string[] sentinel = machine.InRoot("/etc/redis/ha/sentinel.conf").Split('\n');
        Assert.Contains("sentinel monitor mymaster 172.31.235.133 6379 2", sentinel);
        Assert.Contains("sentinel config-epoch mymaster 7", sentinel);
        Assert.Contains("aclfile /etc/redis-ha/sentinel-users.acl", sentinel);
        foreach (string gone in new[] { "usr/local/lib/redis-ha", "etc/systemd/system/redis-ha-thp.service", "etc/systemd/system/redis-ha-metadata.service",
            "etc/redis-ha/metadata.nft", "var/log/redis-ha-apply.log" })
        {
            Assert.False(Path.Exists(Path.Combine(machine.Root, gone)), gone);
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(machine.Root, "var/lib/redis-ha"), "pending.*"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(machine.Root, "var/lib/redis-ha"), "payload.*"));
        Assert.Matches("(?m)^systemctl restart redis-server.service$", calls);
        Assert.Matches("(?m)^systemctl restart redis-sentinel.service$", calls);
    }

    private static Machine Former()
    {
        var machine = new Machine("ubuntu");
        foreach (string folder in new[] { "etc/redis/ha", "etc/redis-ha", "usr/local/lib/redis-ha", "etc/systemd/system/redis-server.service.d",
            "etc/systemd/system/redis-sentinel.service.d", "var/log", "run/redis-ha" })
        {
            Directory.CreateDirectory(Path.Combine(machine.Root, folder));
        }
        foreach (string file in new[] { "etc/redis/ha/settings.conf", "etc/redis/ha/users.acl", "etc/redis/ha/redis.conf", "etc/redis/ha/redis.conf.new",
            "etc/redis/ha/sentinel-settings.conf",
            "etc/redis/ha/sentinel-users.acl", "etc/redis/ha/users.acl.redis-ha-new", "usr/local/lib/redis-ha/boot-rule.sh",
                "etc/systemd/system/redis-server.service.d/redis-ha.conf",
            "etc/systemd/system/redis-sentinel.service.d/redis-ha.conf", "etc/systemd/system/redis-ha-thp.service",
                "etc/systemd/system/redis-ha-metadata.service",
            "etc/redis-ha/metadata.nft", "var/log/redis-ha-apply.log", "run/redis-ha/running.conf" })
        {
            machine.Write($"root/{file}", "former\n");
        }
        machine.Write("root/etc/redis/ha/sentinel.conf", Learned);
        machine.Write("replication", "role:slave\n");
        foreach (string present in new[] { "active/redis-server.service", "active/redis-sentinel.service", "packages/redis-server", "packages/redis-sentinel",
            "packages/redis-tools", "packages/nftables" })
        {
            machine.Write(present, string.Empty);
        }
        return machine;
    }
}
