// The verbs that break a machine and repair it: its power and its network.

using System.CommandLine;
using RedisHaLab.Instance;
using RedisHaLab.Machines;

namespace RedisHaLab.Commands;

/// <summary>kill, start, cut, heal.</summary>
internal static class FaultCommands
{
    /// <summary>kill MACHINE.</summary>
    public static Command Kill() => OnMachine("kill", async (lab, machine) =>
    {
        await lab.CutPowerAsync(machine);
        return $"{machine} is off; `scripts/lab start {machine}` boots it again";
    });

    /// <summary>start MACHINE.</summary>
    public static Command Start() => OnMachine("start", async (lab, machine) =>
    {
        var wasOff = lab.Machine(machine).Phase() == MachinePhase.Off;
        await lab.StartMachineAsync(machine);
        return wasOff ? $"{machine} boots; `scripts/lab status` shows when it is ready" : $"{machine} runs already";
    });

    /// <summary>cut MACHINE.</summary>
    public static Command Cut() => OnMachine("cut", async (lab, machine) =>
    {
        await lab.SetPartitionAsync(machine, cut: true);
        return $"{machine} is cut off; `scripts/lab heal {machine}` connects it again";
    });

    /// <summary>heal MACHINE.</summary>
    public static Command Heal() => OnMachine("heal", async (lab, machine) =>
    {
        await lab.SetPartitionAsync(machine, cut: false);
        return $"{machine} is connected";
    });

    private static Command OnMachine(string verb, Func<Lab, string, Task<string>> act)
    {
        var machine = CommandLineProgram.MachineArgument;
        var command = new Command(verb, Verbs.All[verb]) { machine };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var exclusive = InstanceLock.Take(paths);
            using var lab = CommandLineProgram.Open(paths);
            Console.WriteLine(await act(lab, parsed.GetRequiredValue(machine)));
            return 0;
        }));
        return command;
    }
}
