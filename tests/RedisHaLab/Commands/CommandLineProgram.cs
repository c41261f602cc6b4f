// The command line: every verb with its options, and what an exception becomes for the user.

using System.CommandLine;
using System.CommandLine.Invocation;
using System.Text.Json;
using RedisHaLab.Host;
using RedisHaLab.Instance;
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

    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    /// <summary>--json of the verbs whose result <see cref="Write"/> writes.</summary>
    public static Option<bool> Json { get; } = new("--json") { Description = "Write the result as JSON" };

    /// <summary>The argument that names a machine.</summary>
    public static Argument<string> MachineArgument => new("machine") { Description = "A machine, such as redis1" };

    /// <summary>Parses and runs; returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var root = new RootCommand("Builds the whole system on this machine: real systemd machines, real cloud-init, no cloud account.")
        {
            NameOption,
            UpCommand.Create(),
            InsideCommands.Exec(),
            InsideCommands.Client(),
            InsideCommands.Operator(),
            SshCommand.Create(),
            StatsCommand.Create(),
            FaultCommands.Kill(),
            FaultCommands.Start(),
            FaultCommands.Cut(),
            FaultCommands.Heal(),
            InsideCommands.Logs(),
            StatusCommand.Create(),
            AlarmsCommand.Create(),
            PortsCommand.Create(),
            VerifyCommand.Create(),
            LoadCommand.Create(),
            DayTwoCommand.Create(),
            DocsCommand.Create(),
            DownCommand.Create(),
            Serve(),
        };
        var parsed = root.Parse(arguments);
        if (parsed.Action is ParseErrorAction error)
        {
            // The library's message and its "did you mean", on standard error; not its whole help.
            error.ShowHelp = false;
            error.ShowTypoCorrections = true;
            await parsed.InvokeAsync(new InvocationConfiguration { Output = Console.Error, Error = Console.Error });
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

    /// <summary>Writes what a verb has found: as JSON with --json, else as <paramref name="show"/> does.</summary>
    public static void Write<T>(ParseResult parsed, T found, Action show)
    {
        if (parsed.GetValue(Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(found, Format));
        }
        else
        {
            show();
        }
    }

    /// <summary>Opens a lab that exists.</summary>
    /// <exception cref="LabException">It does not.</exception>
    public static Lab Open(LabPaths paths) => StateStore.Exists(paths)
        ? new Lab(paths, new Progress(Console.Error))
        : throw new LabException($"There is no lab \"{paths.Name}\" here; bring it up with `scripts/lab "
            + $"up{(paths.Name == "lab" ? "" : " --name " + paths.Name)}`.", LabException.Unusable);

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
