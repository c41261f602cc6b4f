// `lab ports`: who reaches whom, by probing; exit code 0 only when it is what the table of rules says.

using System.CommandLine;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Verification;
using Spectre.Console;

namespace RedisHaLab.Commands;

/// <summary>ports.</summary>
internal static class PortsCommand
{
    /// <summary>ports [--json].</summary>
    public static Command Create()
    {
        var command = new Command("ports", Verbs.All["ports"]) { CommandLineProgram.Json };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var exclusive = InstanceLock.Take(paths);
            using var lab = CommandLineProgram.Open(paths);
            var cluster = new ClusterView(lab);
            var lines = await new PortProbe(cluster, new StackOptions(cluster).Settings.Network).ProbeAsync();
            CommandLineProgram.Write(parsed, lines, () => Show(lines));
            return lines.Any(line => line.Wrong.Count > 0) ? LabException.Failed : 0;
        }));
        return command;
    }

    private static void Show(IReadOnlyList<PortLine> lines)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("from", "to", "open", "not as the table of rules says");
        foreach (var line in lines.Where(line => line.Open.Count + line.Wrong.Count > 0))
        {
            table.AddRow(line.From, line.To, string.Join(' ', line.Open), Markup.Escape(string.Join("; ", line.Wrong)));
        }

        AnsiConsole.Write(table);
        AnsiConsole.WriteLine($"{lines.Count} pairs of places and machines; all that is not named is silent.");
    }
}
