// Commands by SSH, one after the other: all that the program does on machines that run.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Command.Remote;
using ConnectionArgs = Pulumi.Command.Remote.Inputs.ConnectionArgs;

namespace RedisHaInfra.Components;

/// <summary>A command on a machine.</summary>
/// <param name="Name">Its resource's name.</param>
/// <param name="Connection">The way to the machine.</param>
/// <param name="Line">The machine's command line; bash reads the script from standard input.</param>
/// <param name="Script">The script. It may hold secrets: it is never shown, a failing command's output is.</param>
internal sealed record RemoteCommand(string Name, ConnectionArgs Connection, Input<string> Line, Input<string> Script)
{
    /// <summary>It runs again when one of these changes.</summary>
    public ImmutableArray<Output<string>> Triggers { get; init; } = [];

    /// <summary>Whether it runs once, as long as no trigger changes.</summary>
    public bool IsOnce { get; init; }

    /// <summary>The machine that it belongs to: it waits for that, and goes with it.</summary>
    public Resource? Owner { get; init; }

    /// <summary>What it waits for besides the command before it.</summary>
    public ImmutableArray<Resource> After { get; init; } = [];
}

/// <summary>Makes the commands of a component; each waits for those before it.</summary>
internal sealed class CommandChain(Resource parent)
{
    /// <summary>Seconds that a script may wait for one thing.</summary>
    public const int WaitSeconds = 900;

    // A script has no limit of its own at the provider. Each wait inside it is shorter than the limit around it.
    private const string Limit = "timeout --kill-after=10 2700 bash -s";

    /// <summary>A command line for a script as the machines' user. Arguments follow after " -- ".</summary>
    public static string AsUser(params object[] arguments) => WithArguments(Limit, arguments);

    /// <summary>A command line for a script as root.</summary>
    public static string AsRoot(params object[] arguments) => WithArguments($"sudo -n {Limit}", arguments);

    /// <summary>What the next command waits for.</summary>
    public ImmutableArray<Resource> Before { get; set; } = [];

    /// <summary>Adds a command.</summary>
    public void Run(RemoteCommand command)
    {
        var options = new CustomResourceOptions
        {
            Parent = parent,
            // There is nothing to undo on a machine that goes away, and nobody to tell it to.
            DeletedWith = command.Owner,
            AdditionalSecretOutputs = { "stdin", "stdout", "stderr" },
        };
        foreach (Resource before in (IEnumerable<Resource>)[.. command.Owner is null ? [] : new[] { command.Owner }, .. command.After, .. Before])
        {
            options.DependsOn.Add(before);
        }
        if (command.IsOnce)
        {
            options.IgnoreChanges = ["connection", "create", "stdin"];
        }
        Before =
        [
            new Command(command.Name, new CommandArgs
            {
                Connection = command.Connection,
                // Without "Update", changed inputs run "Create" again.
                Create = command.Line,
                Stdin = command.Script,
                Triggers = command.Triggers.Select(trigger => (object)trigger).ToArray(),
                Logging = Logging.None,
                // Needs a server that accepts variables, and is of no use here.
                AddPreviousOutputInEnv = false,
            }, options),
        ];
    }

    private static string WithArguments(string line, object[] arguments) => arguments.Length == 0 ? line : $"{line} -- {ShellText.Words(arguments)}";
}
