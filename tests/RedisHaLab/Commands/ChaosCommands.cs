// The verbs on single machines: enter them, cut their power or network and give it back, read their logs.

using System.CommandLine;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Machines;
using RedisHaLab.Network;
using RedisHaLab.State;

namespace RedisHaLab.Commands;

/// <summary>exec, client, operator, kill, start, cut, heal, logs.</summary>
internal static class ChaosCommands
{
    private static Argument<string> MachineArgument => new("machine") { Description = "A machine, such as redis1" };

    private static Argument<string[]> CommandArgument => new("command") { Description = "What to run; put -- before it", Arity = ArgumentArity.OneOrMore };

    /// <summary>exec MACHINE -- COMMAND.</summary>
    public static Command Exec()
    {
        var machine = MachineArgument;
        var words = CommandArgument;
        var command = new Command("exec", "Run a command inside a machine, as root") { machine, words };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = Open(paths);
            return await HostCommand.InteractiveAsync(lab.Machine(parsed.GetRequiredValue(machine)).Inside(parsed.GetRequiredValue(words), terminal: true));
        }));
        return command;
    }

    /// <summary>client -- COMMAND.</summary>
    public static Command Client() => InNamespace("client",
        "Run a command of this machine in the clients' network, with the clients' password in REDISCLI_AUTH", VcnNetwork.ClientRole);

    /// <summary>operator -- COMMAND.</summary>
    public static Command Operator() => InNamespace("operator",
        "Run a command of this machine in the operator's network, on the internet", VcnNetwork.OutsideRole);

    /// <summary>kill MACHINE.</summary>
    public static Command Kill() => OnMachine("kill", "Cut a machine's power: it falls silent at once", async (lab, machine) =>
    {
        await lab.CutPowerAsync(machine);
        return $"{machine} is off; `scripts/lab start {machine}` boots it again";
    });

    /// <summary>start MACHINE.</summary>
    public static Command Start() => OnMachine("start", "Boot a machine whose power was cut", async (lab, machine) =>
    {
        var wasOff = lab.Machine(machine).Phase() == MachinePhase.Off;
        await lab.StartMachineAsync(machine);
        return wasOff ? $"{machine} boots; `scripts/lab status` shows when it is ready" : $"{machine} runs already";
    });

    /// <summary>cut MACHINE.</summary>
    public static Command Cut() => OnMachine("cut", "Cut a machine off the network; it goes on running", async (lab, machine) =>
    {
        await lab.SetPartitionAsync(machine, cut: true);
        return $"{machine} is cut off; `scripts/lab heal {machine}` connects it again";
    });

    /// <summary>heal MACHINE.</summary>
    public static Command Heal() => OnMachine("heal", "Connect a machine that was cut off", async (lab, machine) =>
    {
        await lab.SetPartitionAsync(machine, cut: false);
        return $"{machine} is connected";
    });

    /// <summary>logs MACHINE.</summary>
    public static Command Logs()
    {
        var machine = MachineArgument;
        var lines = new Option<int>("--lines", "-n") { Description = "Lines of each log", DefaultValueFactory = _ => 50 };
        var command = new Command("logs", "Show the end of a machine's console, of cloud-init's log and of its journal") { machine, lines };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = Open(paths);
            var subject = lab.Machine(parsed.GetRequiredValue(machine));
            var count = parsed.GetValue(lines);
            Console.WriteLine($"--- console ({paths.LogFile(subject.Spec.Name)})\n{subject.ConsoleTail(count)}");
            Console.WriteLine($"--- cloud-init (/var/log/cloud-init-output.log)\n{subject.CloudInitTail(count)}");
            if (subject.Leader is not null)
            {
                var journal = await HostCommand.RunAsync(subject.Inside(["journalctl", "--no-pager", "-n", count.ToString(System.Globalization.CultureInfo.InvariantCulture)]));
                Console.WriteLine($"--- journal\n{journal.Output}{journal.Error}");
            }

            return 0;
        }));
        return command;
    }

    /// <summary>Opens a lab that exists.</summary>
    /// <exception cref="LabException">It does not.</exception>
    public static Lab Open(LabPaths paths) => StateStore.Exists(paths)
        ? new Lab(paths, new Progress(Console.Error))
        : throw new LabException($"There is no lab \"{paths.Name}\" here; bring it up with `scripts/lab up{(paths.Name == "lab" ? "" : " --name " + paths.Name)}`.", LabException.Unusable);

    private static Command InNamespace(string verb, string description, string role)
    {
        var words = CommandArgument;
        var command = new Command(verb, description) { words };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = Open(paths);
            if (!lab.Network.Existing().Contains(paths.Namespace(role)))
            {
                throw new LabException($"The lab's namespace \"{role}\" is missing; `scripts/lab up` repairs it.");
            }

            return await HostCommand.InteractiveAsync(ClientShell.Command(lab, role, parsed.GetRequiredValue(words)));
        }));
        return command;
    }

    private static Command OnMachine(string verb, string description, Func<Lab, string, Task<string>> act)
    {
        var machine = MachineArgument;
        var command = new Command(verb, description) { machine };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var exclusive = InstanceLock.Take(paths);
            using var lab = Open(paths);
            Console.WriteLine(await act(lab, parsed.GetRequiredValue(machine)));
            return 0;
        }));
        return command;
    }
}
