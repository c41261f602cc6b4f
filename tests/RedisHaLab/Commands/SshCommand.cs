// `lab ssh`: as the operator, from the internet, through the bastion.

using System.CommandLine;
using RedisHaLab.Host;
using RedisHaLab.Provider;

namespace RedisHaLab.Commands;

/// <summary>ssh.</summary>
internal static class SshCommand
{
    /// <summary>ssh MACHINE [-- COMMAND].</summary>
    public static Command Create()
    {
        var machine = new Argument<string>("machine") { Description = "A machine, such as redis1" };
        var words = new Argument<string[]>("command") { Description = "What to run there; nothing for a shell", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("ssh", Verbs.All["ssh"]) { machine, words };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = CommandLineProgram.Open(paths);
            var name = lab.Machine(parsed.GetRequiredValue(machine)).Spec.Name;
            var config = OperatorKey.Config(paths);
            if (!File.Exists(config))
            {
                throw new LabException("`up` has not run to its end; run it again.");
            }

            return await HostCommand.InteractiveAsync(lab.Network.In(lab.DeskRole, ["ssh", "-F", config, name, .. parsed.GetValue(words) ?? []]));
        }));
        return command;
    }
}
