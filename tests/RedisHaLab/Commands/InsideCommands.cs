// The verbs that look at the lab from inside: run a command in a machine or in one of the networks, read a machine's logs.

using System.CommandLine;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Network;

namespace RedisHaLab.Commands;

/// <summary>exec, client, operator, logs.</summary>
internal static class InsideCommands
{
    private static Argument<string[]> CommandArgument => new("command") { Description = "What to run; put -- before it", Arity = ArgumentArity.OneOrMore };

    /// <summary>exec MACHINE -- COMMAND.</summary>
    public static Command Exec()
    {
        var machine = CommandLineProgram.MachineArgument;
        var words = CommandArgument;
        var command = new Command("exec", Verbs.All["exec"]) { machine, words };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = CommandLineProgram.Open(paths);
            return await HostCommand.InteractiveAsync(lab.Machine(parsed.GetRequiredValue(machine)).Inside(parsed.GetRequiredValue(words), terminal: true));
        }));
        return command;
    }

    /// <summary>client -- COMMAND.</summary>
    public static Command Client() => InNamespace("client", _ => VcnNetwork.ClientRole);

    /// <summary>operator -- COMMAND.</summary>
    public static Command Operator() => InNamespace("operator", lab => lab.DeskRole);

    /// <summary>logs MACHINE.</summary>
    public static Command Logs()
    {
        var machine = CommandLineProgram.MachineArgument;
        var lines = new Option<int>("--lines", "-n") { Description = "Lines of each log", DefaultValueFactory = _ => 50 };
        var command = new Command("logs", Verbs.All["logs"]) { machine, lines };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = CommandLineProgram.Open(paths);
            var subject = lab.Machine(parsed.GetRequiredValue(machine));
            var count = parsed.GetValue(lines);
            Console.WriteLine($"--- console ({paths.LogFile(subject.Spec.Name)})\n{subject.ConsoleTail(count)}");
            Console.WriteLine($"--- cloud-init (/var/log/cloud-init-output.log)\n{subject.CloudInitTail(count)}");
            if (subject.Leader is not null)
            {
                var journal = await HostCommand.RunAsync(subject.Inside(["journalctl", "--no-pager", "-n",
                    count.ToString(System.Globalization.CultureInfo.InvariantCulture)]));
                Console.WriteLine($"--- journal\n{journal.Output}{journal.Error}");
            }

            return 0;
        }));
        return command;
    }

    private static Command InNamespace(string verb, Func<Lab, string> roleOf)
    {
        var words = CommandArgument;
        var command = new Command(verb, Verbs.All[verb]) { words };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = CommandLineProgram.Open(paths);
            var role = roleOf(lab);
            if (!lab.Network.Existing().Contains(paths.Namespace(role)))
            {
                throw new LabException($"The lab's namespace \"{role}\" is missing; `scripts/lab up` repairs it.");
            }

            return await HostCommand.InteractiveAsync(ClientShell.Command(lab, role, parsed.GetRequiredValue(words)));
        }));
        return command;
    }
}
