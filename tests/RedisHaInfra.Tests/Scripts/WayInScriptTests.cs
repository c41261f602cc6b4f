// The scripts where no bastion is a machine of the stack: ports go through a Redis node, and ssh through whatever host is named.

namespace RedisHaInfra.Tests.Scripts;

public sealed class WayInScriptTests : IDisposable
{
    private readonly StandInStack _stack = new(hasBastion: false);

    public void Dispose() => _stack.Dispose();

    [SkippableFact]
    public async Task A_tunnel_goes_through_the_first_Redis_node_that_is_reached()
    {
        _stack.Machine("redis1", "exit 255");

        ShellResult run = await _stack.RunAsync("tunnel", "all", "--print");

        Assert.Equal(0, run.ExitCode);
        Assert.EndsWith(" -L 127.0.0.1:6379:172.31.235.188:6379 -L 127.0.0.1:1936:172.31.235.141:1936 -L 127.0.0.1:1937:172.31.235.142:1936 redis2\n",
            run.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_endpoint_is_asked_from_a_Redis_node()
    {
        _stack.Machine("redis1", "case \"$*\" in *dev/tcp*) echo +PONG ;; *) cat >/dev/null; echo 'ready: fine' ;; esac");

        ShellResult run = await _stack.RunAsync("status");

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.Contains("172.31.235.188:6379, which answers ", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("bastion", run.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_host_in_between_is_known_by_the_users_own_list_and_the_machines_by_the_stacks()
    {
        Skip.IfNot(File.Exists("/usr/bin/ssh"), "needs ssh");
        Assert.Equal(0, (await _stack.RunAsync("switchover", "--jump", "ocid1.bastionsession.oc1.aaaa@host.bastion.example.com", "--print")).ExitCode);

        string folder = Path.Combine(_stack.Folder, "cache/redis-ha");
        string[] node = await ReadAsync(folder, "proxy2");
        Assert.Contains("proxyjump ocid1.bastionsession.oc1.aaaa@host.bastion.example.com", node);
        Assert.Contains($"userknownhostsfile {folder}/172.31.235.131.known_hosts", node);
        Assert.Contains("stricthostkeychecking true", node);
        string[] between = await ReadAsync(folder, "host.bastion.example.com");
        string known = Assert.Single(between, line => line.StartsWith("userknownhostsfile ", StringComparison.Ordinal));
        Assert.EndsWith("/.ssh/known_hosts", known, StringComparison.Ordinal);
        Assert.DoesNotContain(between, line => line.StartsWith("proxyjump", StringComparison.Ordinal));
    }

    [SkippableTheory]
    [InlineData("host")]
    [InlineData("user@host\nHost *")]
    [InlineData("-oProxyCommand=reboot@host")]
    [InlineData("a@b@c")]
    public async Task What_is_no_host_in_between_is_refused(string jump)
    {
        ShellResult run = await _stack.RunAsync("status", "--jump", jump);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("--jump needs USER@HOST", run.Error, StringComparison.Ordinal);
        Assert.Equal(string.Empty, _stack.Calls);
    }

    private static async Task<string[]> ReadAsync(string folder, string host) =>
        (await Shell.RunAsync("/usr/bin/ssh", ["-F", Path.Combine(folder, "172.31.235.131.config"), "-G", host])).Output.Split('\n');
}
