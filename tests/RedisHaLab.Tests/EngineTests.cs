// The lab's engine end to end: machines boot their user data, rules decide who reaches whom, power cuts and partitions
// are silent, and nothing is left behind.

using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Machines;
using RedisHaLab.Network;
using RedisHaLab.State;
using RedisHaProcesses;
using Xunit;
using Xunit.Abstractions;

namespace RedisHaLab.Tests;

[Trait("Needs", "root")]
public sealed class EngineTests
{
    private readonly ITestOutputHelper _output;

    public EngineTests(ITestOutputHelper output) => _output = output;

    [SkippableFact]
    public async Task Two_machines_live_by_their_rules_and_leave_nothing_behind()
    {
        NeedsRoot.OrSkip();
        var paths = new LabPaths("t-engine");
        await Teardown.RunAsync(paths);
        var before = await HostTrace.TakeAsync(paths.Name);
        var overcommit = await File.ReadAllTextAsync("/proc/sys/vm/overcommit_memory");
        try
        {
            using (var lab = new Lab(paths, new Progress(new TestWriter(_output))))
            {
                await SmallLab.UpAsync(lab);
                Assert.All(lab.Machines(), machine => Assert.Equal(MachinePhase.Ready, machine.Phase()));
                await CheckNetworkAsync(lab);
                await CheckServicesAsync(lab);
                await CheckMachineAsync(lab);
                Assert.Equal(overcommit, await File.ReadAllTextAsync("/proc/sys/vm/overcommit_memory"));
                await CheckPartitionAsync(lab);
                await CheckPowerCutAsync(lab);
                await CheckRebootAsync(lab);
            }

            // A second command on the same lab finds everything in place, and repairs what is not.
            using (var again = new Lab(paths, new Progress(new TestWriter(_output))))
            {
                var pid = again.Machine(SmallLab.Server).Leader!.Pid;
                await HostCommand.RequireAsync(["ip", "netns", "delete", paths.Namespace(VcnNetwork.ClientRole)]);
                await PidFile.Read(paths, "services")!.KillAsync(TimeSpan.FromSeconds(5));
                await again.Machine(SmallLab.Caller).CutPowerAsync();
                await SmallLab.UpAsync(again);
                Assert.Equal(pid, again.Machine(SmallLab.Server).Leader!.Pid);
                await SmallLab.AnswersAsync(again);
                await CheckServicesAsync(again);
            }
        }
        finally
        {
            _output.WriteLine(string.Join('\n', await Teardown.RunAsync(paths)));
        }

        Assert.Equal(before, await HostTrace.TakeAsync(paths.Name));
    }

    private static async Task CheckNetworkAsync(Lab lab)
    {
        await SmallLab.AnswersAsync(lab);
        // Allowed out, but not in; allowed neither way; in the same subnet as all others.
        Assert.Equal("silence", await SmallLab.ConnectAsync(lab, SmallLab.Caller, "10.99.0.11", 8081, 1));
        Assert.Equal("silence", await SmallLab.ConnectAsync(lab, SmallLab.Server, "10.99.0.12", 22, 1));
        Assert.Equal("silence", await SmallLab.ConnectAsync(lab, VcnNetwork.ClientRole, "10.99.0.11", 8080, 1));
        Assert.Equal("silence", await SmallLab.ConnectAsync(lab, VcnNetwork.OutsideRole, "10.99.0.11", 22, 1));
        // Nobody speaks for another: a second address on the caller's interface is dropped.
        var spoof = await SmallLab.ShellAsync(lab, SmallLab.Caller, "ip addr add 10.99.0.77/32 dev eth0 && curl -sS --max-time 2 --interface 10.99.0.77 "
            + "http://10.99.0.11:8080/; code=$?; ip addr del 10.99.0.77/32 dev eth0; exit $code");
        Assert.Equal(28, spoof.ExitCode);
    }

    private static async Task CheckServicesAsync(Lab lab)
    {
        var address = SmallLab.Put(lab, "content");
        var download = await SmallLab.ShellAsync(lab, SmallLab.Caller, $"curl -fsS --max-time 10 --retry 5 --retry-connrefused {address}");
        Assert.Equal("content", download.Output.Trim());
        Assert.NotEqual(0,
            (await SmallLab.ShellAsync(lab, SmallLab.Caller,
            $"curl -fsS --max-time 10 {address.Replace("secret", "wrong", StringComparison.Ordinal)}")).ExitCode);
        Assert.NotEqual(0,
            (await SmallLab.ShellAsync(lab, SmallLab.Caller,
            $"curl -fsS --max-time 10 {address.Replace("secret", "old", StringComparison.Ordinal)}")).ExitCode);
        // The server's group lets nothing out: not even to the provider's services.
        Assert.NotEqual(0, (await SmallLab.ShellAsync(lab, SmallLab.Server, $"curl -fsS --max-time 2 {address}")).ExitCode);
        Assert.Equal(0, (await SmallLab.ShellAsync(lab, SmallLab.Caller, "apt-get -q update && apt-get -qy install jq && jq --version")).ExitCode);
        var id = await SmallLab.ShellAsync(lab, SmallLab.Caller,
            "curl -fsS --max-time 5 -H 'Authorization: Bearer Oracle' http://169.254.169.254/opc/v2/instance/id");
        Assert.Equal(lab.Machine(SmallLab.Caller).Spec.InstanceId, id.Output.Trim());
        Assert.NotEqual(0, (await SmallLab.ShellAsync(lab, SmallLab.Caller, "curl -fsS --max-time 5 http://169.254.169.254/opc/v2/instance/id")).ExitCode);
    }

    private static async Task CheckMachineAsync(Lab lab)
    {
        var own = await SmallLab.ShellAsync(lab, SmallLab.Server, "cat /proc/sys/vm/overcommit_memory; hostname -f; getent hosts "
            + "caller.one.small.oraclevcn.com; id -un ubuntu; sudo -u ubuntu sudo -n id -un; systemctl stop cron ssh");
        Assert.Equal(["1", "server.one.small.oraclevcn.com", "10.99.0.12      caller.one.small.oraclevcn.com", "ubuntu", "root"],
            own.Output.Trim().Split('\n'));
        var ids = await Task.WhenAll(lab.Machines().Select(machine => SmallLab.ShellAsync(lab, machine.Spec.Name, "cat /etc/machine-id")));
        Assert.Equal(2, ids.Select(id => id.Output.Trim()).Where(id => id.Length == 32).Distinct().Count());
    }

    private static async Task CheckPartitionAsync(Lab lab)
    {
        await lab.SetPartitionAsync(SmallLab.Server, cut: true);
        Assert.Equal("silence", await SmallLab.ConnectAsync(lab, SmallLab.Caller, "10.99.0.11", 8080, 1));
        await lab.SetPartitionAsync(SmallLab.Server, cut: false);
        Assert.Equal("connected", await SmallLab.ConnectAsync(lab, SmallLab.Caller, "10.99.0.11", 8080));
    }

    private static async Task CheckRebootAsync(Lab lab)
    {
        // Shut down, not cut: what is written down at the end is there after the boot.
        await SmallLab.ShellAsync(lab, SmallLab.Server, "printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStop=/bin/touch /root/was-stopped\n' "
            + ">/etc/systemd/system/witness.service; systemctl start witness");
        var before = lab.Machine(SmallLab.Server).Leader!.Pid;
        await lab.RebootMachineAsync(SmallLab.Server);
        Assert.NotEqual(before, lab.Machine(SmallLab.Server).Leader!.Pid);
        var up = await Eventually.HoldsWithinAsync(() => lab.Machine(SmallLab.Server).Phase() == MachinePhase.Ready, TimeSpan.FromMinutes(1),
            TimeSpan.FromMilliseconds(200));
        Assert.True(up, Lab.Report(lab.Machine(SmallLab.Server)));
        Assert.Equal(0, (await SmallLab.ShellAsync(lab, SmallLab.Server, "test -e /root/was-stopped")).ExitCode);
        await OpenServerAsync(lab);
    }

    // The image's firewall rejects what nobody opened, at each boot.
    private static Task<ShellResult> OpenServerAsync(Lab lab) =>
        SmallLab.ShellAsync(lab, SmallLab.Server, "iptables -I INPUT 1 -p tcp --dport 8080 -j ACCEPT");

    private static async Task CheckPowerCutAsync(Lab lab)
    {
        await lab.CutPowerAsync(SmallLab.Server);
        Assert.Equal(MachinePhase.Off, lab.Machine(SmallLab.Server).Phase());
        Assert.Equal("silence", await SmallLab.ConnectAsync(lab, SmallLab.Caller, "10.99.0.11", 8080, 1));
        await lab.StartMachineAsync(SmallLab.Server);
        var back = await Eventually.HoldsWithinAsync(
            async () => await SmallLab.ConnectAsync(lab, SmallLab.Caller, "10.99.0.11", 22, 1) == "silence"
                && lab.Machine(SmallLab.Server).Phase() == MachinePhase.Ready,
            TimeSpan.FromMinutes(1), TimeSpan.FromMilliseconds(200));
        Assert.True(back, Lab.Report(lab.Machine(SmallLab.Server)));
        await OpenServerAsync(lab);
        await SmallLab.AnswersAsync(lab);
    }
}
