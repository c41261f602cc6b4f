// `lab verify`: the acceptance as a table or as JSON; exit code 0 only when all of it holds.

using System.CommandLine;
using System.Globalization;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Verification;
using Spectre.Console;

namespace RedisHaLab.Commands;

/// <summary>verify.</summary>
internal static class VerifyCommand
{
    /// <summary>verify [--json].</summary>
    public static Command Create()
    {
        var command = new Command("verify", Verbs.All["verify"]) { CommandLineProgram.Json };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var exclusive = InstanceLock.Take(paths);
            using var lab = CommandLineProgram.Open(paths);
            var checks = new CheckList(result => lab.Progress.Say($"{(result.Passed ? "ok    " : "FAILED")}  "
                + $"{result.Name}{(result.Passed ? "" : ": " + result.Detail)}"));
            await new Acceptance(new ClusterView(lab), checks).RunAsync();
            var passed = checks.Results.All(result => result.Passed);
            CommandLineProgram.Write(parsed, new { passed, checks = checks.Results }, () => Show(checks.Results));
            return passed ? 0 : LabException.Failed;
        }));
        return command;
    }

    private static void Show(IReadOnlyList<CheckResult> results)
    {
        var table = new Table().RoundedBorder().AddColumns("check", "result", "detail", "time");
        foreach (var result in results)
        {
            table.AddRow(
                Markup.Escape(result.Name),
                result.Passed ? "[green]ok[/]" : "[red]FAILED[/]",
                Markup.Escape(result.Detail),
                string.Create(CultureInfo.InvariantCulture, $"{result.Seconds:0.0} s"));
        }

        AnsiConsole.Write(table);
        AnsiConsole.WriteLine($"{results.Count(result => result.Passed)} of {results.Count} checks passed");
    }
}
