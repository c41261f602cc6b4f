// `lab verify`: the acceptance as a table or as JSON; exit code 0 only when all of it holds.

using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Verification;
using Spectre.Console;

namespace RedisHaLab.Commands;

/// <summary>verify.</summary>
internal static class VerifyCommand
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    /// <summary>verify [--json].</summary>
    public static Command Create(Option<bool> json)
    {
        var command = new Command("verify", Verbs.All["verify"]) { json };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var exclusive = InstanceLock.Take(paths);
            using var lab = CommandLineProgram.Open(paths);
            var checks = new CheckList(result => lab.Progress.Say($"{(result.Passed ? "ok    " : "FAILED")}  "
                + $"{result.Name}{(result.Passed ? "" : ": " + result.Detail)}"));
            await new Acceptance(new ClusterView(lab), checks).RunAsync();
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(new { passed = checks.Results.All(result => result.Passed), checks = checks.Results }, Format));
            }
            else
            {
                Show(checks.Results);
            }

            return checks.Results.All(result => result.Passed) ? 0 : LabException.Failed;
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
