// What a machine does before it restarts: a Redis node in a real cluster on loopback, a proxy against commands that stand for the
// system's own. And the bastion's look at the proxies, against a real HTTP server.

using System.Net;
using System.Net.Sockets;
using RedisHaInfra.Components;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Nodes;
using Machine = RedisHaInfra.Tests.Nodes.Machine;

namespace RedisHaInfra.Tests.Scripts;

public sealed class LetGoTests
{
    private static readonly string[] Metadata = ["VM.Standard.E5.Flex", "1.0", "8.0", "FAULT-DOMAIN-1"];

    [SkippableFact]
    public async Task A_master_lets_go_when_all_others_are_in_step_and_not_before()
    {
        Skip.IfNot(Installed.Has("redis-server", "redis-sentinel", "redis-cli"), "redis-server, redis-sentinel and redis-cli are not installed");
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync(minReplicasToWrite: 1);
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));
        await cluster.SettledAsync(expected: 1);

        // It has its size already: nothing is done, whoever is master.
        ShellResult done = await RunAsync(cluster, 1, "before", 8, "redis2");
        Assert.Equal((0, "redis1: is as it is to be already\n"), (done.ExitCode, done.Output));
        await cluster.SettledAsync(expected: 1);

        // A replica only has to wait for the others.
        ShellResult replica = await RunAsync(cluster, 3, "before", 16, "redis1");
        Assert.True(replica.ExitCode == 0, replica.ToString());
        Assert.Equal("redis3: redis1 is the master, and all other nodes are in step\n", replica.Output);

        // Less memory than the data needs.
        Assert.Equal("3000001", await cluster.OperatorAsync(1, 6379, "SETRANGE", "large", "3000000", "x"));
        ShellResult small = await RunAsync(cluster, 3, "before", 0, string.Empty);
        Assert.Equal(1, small.ExitCode);
        Assert.Contains("more than three quarters of 0 GB. Nothing was changed on this machine; set redisMemoryGb higher", small.Error,
            StringComparison.Ordinal);

        ShellResult master = await RunAsync(cluster, 1, "before", 16, "redis3");
        Assert.True(master.ExitCode == 0, master.ToString());
        Assert.Contains("redis1: is the master; switching over\n", master.Output, StringComparison.Ordinal);
        Assert.EndsWith("redis1: redis3 is the master, and all other nodes are in step\n", master.Output, StringComparison.Ordinal);
        await cluster.SettledAsync(expected: 3);
        Assert.Equal(0, (await RunAsync(cluster, 2, "after", 16, string.Empty)).ExitCode);

        // One that is away: neither a replica nor the master may follow it.
        cluster.PowerCut(1);
        await Eventually.HoldsAsync(async () => (await cluster.OperatorAsync(3, 6379, "INFO", "replication"))
            .Contains("connected_slaves:1", StringComparison.Ordinal), () => "redis1 is missed");
        foreach (int number in new[] { 2, 3 })
        {
            ShellResult refused = await RunAsync(cluster, number, "before", 16, string.Empty);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("not all other nodes are in step after 2 s: redis1 does not answer. No further machine was changed", refused.Error,
                StringComparison.Ordinal);
        }
        Assert.Equal(1, (await RunAsync(cluster, 2, "after", 16, string.Empty)).ExitCode);
        Assert.StartsWith("master", await cluster.OperatorAsync(3, 6379, "ROLE"), StringComparison.Ordinal);
        // The one that is away may itself be changed: that may be what brings it back.
        ShellResult itself = await RunAsync(cluster, 1, "before", 16, string.Empty);
        Assert.True(itself.ExitCode == 0, itself.ToString());
    }

    [SkippableTheory]
    [InlineData(8, false)]
    [InlineData(16, true)]
    public async Task A_proxy_ends_its_sessions_and_serves_again_when_its_machine_does_not_restart(int memoryGb, bool stops)
    {
        Skip.IfNot(ScriptRun.HasBash, "needs bash");
        using var machine = new Machine("ubuntu");
        Directory.CreateDirectory(Path.Combine(machine.Root, "etc/redis-ha"));
        machine.Write("root/etc/redis-ha/node.env", "REDIS_HA_ROLE=proxy\n");
        foreach (string command in new[] { "systemctl", "systemd-run" })
        {
            Command(machine, command, $"echo \"{command} $*\" >>\"$MACHINE/calls\"");
        }
        ShellResult run = await RunAsync(machine, "proxy1", "before", memoryGb, string.Empty);

        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.Equal(stops
            ? "systemctl stop redis-ha-proxy-again.timer\n"
                + "systemd-run --quiet --collect --unit=redis-ha-proxy-again --on-active=600 systemctl start redis-ha-proxy.service\nsystemctl stop "
                    + "redis-ha-proxy.service\n"
            : string.Empty, machine.Calls);
    }

    [SkippableFact]
    public async Task Proxies_serve_when_each_has_answered_200_for_a_while()
    {
        Skip.IfNot(Installed.Has("curl"), "needs curl");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        int asked = 0;
        using var stop = new CancellationTokenSource();
        var server = Task.Run(async () =>
        {
            while (true)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync(stop.Token);
                NetworkStream stream = client.GetStream();
                _ = await stream.ReadAsync(new byte[4096], stop.Token);
                // The first answers are those of a proxy that has just started.
                string status = Interlocked.Increment(ref asked) <= 2 ? "503 Service Unavailable" : "200 OK";
                await stream.WriteAsync(
                    System.Text.Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), stop.Token);
            }
        });
        ScriptRun run = await ScriptRun.Of(RollingUpdate.ServingScript(20, 1, port, [new NodeAddress("proxy1", "127.0.0.1")]));
        Assert.Equal((0, "serving: proxy1\n"), (run.ExitCode, run.Output));
        Assert.True(asked >= 4);

        ScriptRun refused = await ScriptRun.Of(
            RollingUpdate.ServingScript(1, 1, port, [new NodeAddress("proxy1", "127.0.0.1"), new NodeAddress("proxy2", "127.0.0.2")]));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("proxy2 does not serve: its /healthz at 127.0.0.2", refused.Errors, StringComparison.Ordinal);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => server);
    }

    private static Task<ShellResult> RunAsync(LoopbackCluster cluster, int number, string step, int memoryGb, string target) =>
        RunAsync(cluster.Machines[number], $"redis{number}", step, memoryGb, target);

    private static Task<ShellResult> RunAsync(Machine machine, string name, string step, int memoryGb, string target)
    {
        Command(machine, "curl", $"""
            for url; do :; done
            case $url in
              */shape) echo '{Metadata[0]}' ;;
              */ocpus) echo '{Metadata[1]}' ;;
              */memoryInGBs) echo '{Metadata[2]}' ;;
              */faultDomain) echo '{Metadata[3]}' ;;
            esac
            """);
        var planned = new PlannedMachine(
            new NodeAddress(name, "203.0.113.1"), new MachineSize("VM.Standard.E5.Flex", 1, memoryGb), new Placement("AD-1", "FAULT-DOMAIN-1"));
        return Shell.RunAsync("bash", ["-c", RollingUpdate.LetGoScript(step, 2, planned, target)], environment: machine.Environment,
            timeout: TimeSpan.FromSeconds(90));
    }

    private static void Command(Machine machine, string name, string text)
    {
        string path = Path.Combine(machine.Root, "usr/local/sbin", name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, $"#!/bin/bash\n{text}\n");
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
