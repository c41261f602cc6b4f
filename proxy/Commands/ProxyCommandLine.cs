// The command line: the verbs and what is common to them.

using System.CommandLine;

namespace RedisHaProxy.Commands;

/// <summary>Parses the command line and runs one verb.</summary>
internal static class ProxyCommandLine
{
    /// <summary>The name of the program, before every error.</summary>
    public const string Name = "redis-ha-proxy";

    /// <summary>Runs the verb of <paramref name="arguments"/>; errors are one line on <paramref name="error"/>.</summary>
    /// <returns>See <see cref="ExitCode"/>.</returns>
    public static async Task<int> InvokeAsync(string[] arguments, TextWriter output, TextWriter error)
    {
        var root = Build();
        var parsed = root.Parse(arguments switch
        {
            [] => ["--help"],
            // Help for what does not exist is a mistake like any other.
            ["help", var verb, ..] when root.Subcommands.All(c => c.Name != verb) => [verb],
            ["help", .. var verb] => [.. verb.Take(1), "--help"],
            _ => arguments,
        });
        if (parsed.Errors.Count > 0)
        {
            string verb = parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ";
            await error.WriteLineAsync($"{Name}: {CommandErrors.Of(parsed)} (see '{Name} {verb}--help')");
            return ExitCode.Usage;
        }

        var invocation = new InvocationConfiguration
        {
            Output = output,
            Error = error,
            // run handles SIGTERM by itself: it drains. The other verbs are short and may be ended by the default action.
            ProcessTerminationTimeout = null,
            EnableDefaultExceptionHandler = false,
        };
        try
        {
            return await parsed.InvokeAsync(invocation);
        }
        catch (CommandFailedException e)
        {
            await TellAsync(error, $"{Name}: {e.Message}");
            return e.ExitCode;
        }
    }

    /// <summary>Writes a line to standard error. Where that cannot be written, a full disk for example, the exit code has to do.</summary>
    internal static async Task TellAsync(TextWriter error, string line)
    {
        try
        {
            await error.WriteLineAsync(line);
        }
        catch (IOException)
        {
            // Nobody to tell; a warning must not end the proxy.
        }
    }

    private static RootCommand Build()
    {
        var root = new RootCommand(
            "Routes every Redis session to the one true master.\n\n"
            + "Exit codes: 0 done, 1 failed, 2 wrong command line or configuration.")
        {
            RunCommand.Create(),
            CheckCommand.Create(),
        };
        foreach (Command command in ControlCommands.Create())
        {
            root.Add(command);
        }

        root.Add(SchemaCommand.Create());
        root.Add(ImportCommand.Create());
        root.Add(ReplayCommand.Create());
        root.Add(CompletionCommand.Create());
        root.Add(VersionCommand.Create());
        root.Add(ManCommand.Create());
        root.Add(WatchdogCommand.Create());
        root.Add(HandOverCommand.Create());
        root.Add(HandOverGuardCommand.Create());
        return root;
    }
}

/// <summary>Ends a verb with one line for the operator.</summary>
internal sealed class CommandFailedException(int exitCode, string message) : Exception(message)
{
    /// <summary>What the process returns.</summary>
    public int ExitCode { get; } = exitCode;
}
