// `lab alarms`: the stack's alarms on custom metrics, by their own queries, over what the nodes have posted in the last minute.

using System.CommandLine;
using System.Globalization;
using RedisHaLab.Services;
using RedisHaLab.State;
using RedisHaProcesses;
using Spectre.Console;

namespace RedisHaLab.Commands;

/// <summary>alarms.</summary>
internal static class AlarmsCommand
{
    private const string Alarm = "oci:Monitoring/alarm:Alarm::";

    /// <summary>alarms.</summary>
    public static Command Create()
    {
        var command = new Command("alarms", Verbs.All["alarms"]);
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, paths =>
        {
            using var lab = CommandLineProgram.Open(paths);
            var lines = Lines(lab.State, MonitoringService.Read(paths), DateTimeOffset.UtcNow);
            var table = new Table().Border(TableBorder.Simple).AddColumns("alarm", "when", "now", "state");
            foreach (var line in lines)
            {
                table.AddRow(line.Name, Markup.Escape(line.When), line.Now, line.State);
            }

            AnsiConsole.Write(table);
            return Task.FromResult(lines.Any(line => line.State == "fires") ? 1 : 0);
        }));
        return command;
    }

    /// <summary>A line for each alarm whose query the lab can follow.</summary>
    internal static IReadOnlyList<(string Name, string When, string Now, string State)> Lines(
        LabState state, IReadOnlyList<PostedValue> values, DateTimeOffset now) =>
        [.. state.Resources.Where(resource => resource.Key.StartsWith(Alarm, StringComparison.Ordinal))
            .Select(resource => (Name: resource.Key[Alarm.Length..], Query: resource.Value.Inputs?["query"]?.GetValue<string>() ?? ""))
            .Select(alarm => (alarm.Name, Parsed: AlarmQuery.Parse(alarm.Query)))
            .Where(alarm => alarm.Parsed is not null).OrderBy(alarm => alarm.Name, StringComparer.Ordinal)
            .Select(alarm => (alarm.Name,
                string.Create(CultureInfo.InvariantCulture, $"{alarm.Parsed!.Metric} {(alarm.Parsed.IsAbove ? ">" : "<")} {alarm.Parsed.Threshold}"),
                string.Join(", ", alarm.Parsed.Values(values, now).Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Group} {each.Value}"))),
                alarm.Parsed.Values(values, now).Count == 0 ? "no data" : alarm.Parsed.Holds(values, now).Count > 0 ? "fires" : "quiet"))];
}
