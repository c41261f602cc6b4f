// The command line: every verb with its options, and what an exception becomes for the user.

using System.CommandLine;
using RedisHaLab.Host;
using RedisHaLab.Services;
using RedisHaLab.State;

namespace RedisHaLab.Commands;

/// <summary>Builds and runs the command line.</summary>
internal static class CommandLineProgram
{
    private static readonly Option<string> NameOption = new("--name")
    {
        Description = "The lab to work on; several can run side by side",
        DefaultValueFactory = _ => "lab",
        Recursive = true,
    };

    private static readonly Option<bool> JsonOption = new("--json") { Description = "Write the result as JSON" };

    /// <summary>Parses and runs; returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var root = new RootCommand("Builds the whole system on this machine: real systemd machines, real cloud-init, no cloud account.")
        {
            NameOption,
            UpCommand.Create(),
            ChaosCommands.Exec(),
            ChaosCommands.Client(),
            ChaosCommands.Operator(),
            SshCommand.Create(),
            StatsCommand.Create(),
            ChaosCommands.Kill(),
            ChaosCommands.Start(),
            ChaosCommands.Cut(),
            ChaosCommands.Heal(),
            ChaosCommands.Logs(),
            StatusCommand.Create(JsonOption),
            VerifyCommand.Create(JsonOption),
            LoadCommand.Create(JsonOption),
            DownCommand.Create(),
            Serve(),
        };
        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message);
            }

            await Console.Error.WriteLineAsync("`scripts/lab --help` shows the commands.");
            return LabException.Unusable;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    /// <summary>Runs a verb: as root, with the errors of a user's making as one message and their exit code.</summary>
    public static async Task<int> GuardAsync(ParseResult parsed, Func<LabPaths, Task<int>> verb)
    {
        try
        {
            Preflight.RequireRoot();
            return await verb(new LabPaths(parsed.GetRequiredValue(NameOption)));
        }
        catch (LabException e)
        {
            await Console.Error.WriteLineAsync($"lab: {e.Message}");
            return e.ExitCode;
        }
    }

    private static Command Serve()
    {
        var command = new Command("serve", "The cloud's services of a lab; started by `up`") { Hidden = true };
        command.SetAction((parsed, _) => GuardAsync(parsed, async paths =>
        {
            await new CloudServices(paths).RunAsync();
            return 0;
        }));
        return command;
    }
}
