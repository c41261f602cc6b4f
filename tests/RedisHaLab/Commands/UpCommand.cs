// `lab up`: brings the whole system up by the infra program, and ends when a client can write through the balancer.

using System.CommandLine;
using System.Globalization;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Machines;
using RedisHaLab.Provider;
using RedisHaLab.State;

namespace RedisHaLab.Commands;

/// <summary>up.</summary>
internal static class UpCommand
{
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromMinutes(2);

    /// <summary>up [--set KEY=VALUE]... [--release NAME] [--existing-network] [--certificates] [--leave-off]</summary>
    public static Command Create()
    {
        var set = new Option<string[]>("--set")
        {
            Description = "A setting of the stack, KEY=VALUE as in Pulumi.yaml; may be repeated",
            DefaultValueFactory = _ => [],
        };
        var leaveOff = new Option<bool>("--leave-off") { Description = "Leave machines without power as they are, as broken ones; without it they boot again" };
        var release = new Option<string?>("--release") { Description = "Build the machines from another suite of this distribution, such as trixie" };
        var existing = new Option<bool>("--existing-network")
        {
            Description = "Build a new lab in a network that is there before the stack, as another owner's",
        };
        var certificates = new Option<bool>("--certificates")
        {
            Description = "Give the stack a certificate of an authority of the lab's, another one each time, and ask TLS clients for theirs (clientTls)",
        };
        release.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } name && (name.Length is 0 or > 32 || !name.All(char.IsAsciiLetterLower)))
            {
                result.AddError($"--release takes the code name of a suite, such as trixie; '{name}' is not one");
            }
        });
        var command = new Command("up", Verbs.All["up"]) { set, leaveOff, release, existing, certificates };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            await Preflight.RequireKernelAsync();
            using var exclusive = InstanceLock.Take(paths);
            var progress = new Progress(Console.Error);
            using var lab = new Lab(paths, progress) { LeavesOff = parsed.GetValue(leaveOff), Release = parsed.GetValue(release) };
            await progress.NeverSilentAsync(RunAsync(lab, parsed.GetRequiredValue(set), parsed.GetValue(existing), parsed.GetValue(certificates)));
            Show(lab, progress);
            return 0;
        }));
        return command;
    }

    /// <summary>Brings the system up.</summary>
    /// <exception cref="LabException">It did not come up; the message shows the machines that did not.</exception>
    private static async Task RunAsync(Lab lab, IReadOnlyList<string> more, bool existingNetwork, bool certificates)
    {
        existingNetwork |= ExistingNetwork.Exists(lab.State);
        var settings = await ProgramRun.SettingsAsync(lab.Paths, more, given =>
        {
            if (existingNetwork)
            {
                ExistingNetwork.AddTo(given);
            }

            if (certificates)
            {
                GivenCertificates.AddTo(lab.Paths, given);
            }
        }, lab.Progress);
        await lab.EnsureBaseAsync();
        if (existingNetwork)
        {
            await ExistingNetwork.EnsureAsync(lab, settings);
        }

        lab.Progress.Say("the infra program runs; the lab is its cloud");
        StackResults stack;
        try
        {
            stack = await ProgramRun.RunAsync(lab, settings);
        }
        catch (LabException e)
        {
            var down = lab.Machines().Where(machine => machine.Phase() != MachinePhase.Ready).ToList();
            throw new LabException(string.Join(Environment.NewLine + Environment.NewLine, down.Select(Lab.Report).Prepend(e.Message)), e.ExitCode, e);
        }

        var balancer = lab.State.Network.Balancers.Single(balancer => stack.Endpoint.StartsWith(balancer.Address + ":", StringComparison.Ordinal));
        await lab.AddClientAsync(lab.State.Vnic(balancer.VnicName)!.SubnetId);
        OperatorKey.WriteConfig(lab, stack);
        lab.Store.Update(state => state with { Stack = stack });
        await lab.WaitForBootAsync(ReadyLimit);
        lab.Progress.Say("waiting until a client can write through the balancer");
        if (await new ClusterView(lab).WaitForWritesAsync(ReadyLimit) is { } answer)
        {
            throw new LabException($"No client can write through {stack.Endpoint}; the last answer: {answer}. See `scripts/lab status` and `scripts/lab "
                + $"logs MACHINE`.");
        }
    }

    private static void Show(Lab lab, Progress progress)
    {
        var stack = lab.State.Stack!;
        var name = lab.Paths.Name == "lab" ? "" : $" --name {lab.Paths.Name}";
        var run = $"sudo ./scripts/lab{name}";
        var endpoint = stack.Endpoint.Split(':');
        var proxy = stack.Nodes.First(node => node.Role == "proxy");
        var page = new Uri(stack.StatsPage);
        var way = stack.BastionAddress.Length > 0 ? $"bastion       {stack.SshUser}@{stack.BastionAddress}"
            : $"machines      from the operators' own network: `{run} ssh MACHINE`";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

            The system is up after {progress.Elapsed.TotalSeconds:0} s.

              endpoint      {stack.Endpoint}   (password in {lab.Paths.PasswordFile})
              stats page    {page.Scheme}://{proxy.Address}:{page.Port}/stats   (`{run} stats` opens it on 127.0.0.1; user admin, password in {lab.Paths.AdminPasswordFile})
              {way}

            Try:
              {run} client -- redis-cli -h {endpoint[0]} -p {endpoint[1]} ROLE
              {run} ssh {proxy.Name} -- curl -s http://127.0.0.1:{page.Port}/healthz
              {run} kill redis1          # a power cut; then: {run} start redis1
              {run} verify
              {run} down
            """));
    }
}
