// The table of "status".

using System.Globalization;
using RedisHaProxy.Admin;
using Spectre.Console;

namespace RedisHaProxy.Commands;

/// <summary>Writes a status for people.</summary>
internal static class StatusText
{
    public static void Write(IAnsiConsole console, StatusDocument status)
    {
        var process = status.Process;
        console.MarkupLine($"[bold]{Markup.Escape(process.Host)}[/] {Coloured(process.Healthy ? "green" : "red", process.Phase)}"
            + $" for {Quantities.Span(process.Time - process.PhaseSince)}{(process.Healthy || process.Health == process.Phase ? "" : $" ({Markup.Escape(process.Health)})")}"
            + $" on {Markup.Escape(string.Join(", ", process.Listen))}, version {Markup.Escape(process.Version)}, by {process.Engine}");
        string colour = status.Gate.Mode switch { "open" => "green", "park" => "yellow", _ => "red" };
        console.MarkupLine($"{Coloured(colour, status.Gate.Mode == "open" ? $"master {status.Gate.Target}" : "no master")}"
            + $" since {Terminal.Clock(status.Gate.Since, process.Time)} UTC ({Quantities.Span(process.Time - status.Gate.Since)})");
        console.WriteLine(Explanation.Summary(status));
        console.WriteLine();
        WriteNodes(console, status);
        console.WriteLine();
        WriteSentinels(console, status);
        WriteSessions(console, status);
        foreach (string line in ReadOnlyForms.Lines(status.ReadOnly))
        {
            console.WriteLine(line);
        }

        var hints = Explanation.Hints(status);
        if (hints.Count > 0)
        {
            console.WriteLine();
            foreach (string hint in hints)
            {
                console.MarkupLine($"[yellow]![/] {Markup.Escape(hint)}");
            }
        }
    }

    private static string Role(NodeEntry node) => node.Role switch
    {
        "master" when node.MaintenanceSince is null => "master",
        _ when node.MaintenanceSince is not null => $"MAINT, {node.Role}",
        "replica" => node.LinkUp == true ? "replica" : "replica, link down",
        _ => "-",
    };

    private static void WriteNodes(IAnsiConsole console, StatusDocument status)
    {
        var table = Terminal.Table("node", "address", "~role", ">lag", "~check", "since", ">sess");
        foreach (var node in status.Nodes)
        {
            string check = node.Up && node.CheckLatencyMs is { } latency ? $"up, {Quantities.Milliseconds(latency)}" : node.Health;
            table.AddRow(
                new Text((node.Routed ? "> " : "  ") + node.Name, node.Routed ? new Style(decoration: Decoration.Bold) : Style.Plain),
                new Text(node.Address),
                new Text(Role(node), new Style(node.MaintenanceSince is not null ? Color.Yellow : node.Role == "master" ? Color.Green : node.LinkUp == false ? Color.Yellow : Color.Default)),
                new Text(node.LagBytes is { } lag ? Quantities.Bytes(lag) : "-"),
                new Text(check, node.Up ? Style.Plain : new Style(Color.Red)),
                new Text(Terminal.Clock(node.Since, status.Process.Time)),
                new Text(node.Sessions.ToString(CultureInfo.InvariantCulture)));
        }

        console.Write(table);
    }

    private static void WriteSentinels(IAnsiConsole console, StatusDocument status)
    {
        if (status.Sentinels.Count == 0)
        {
            console.WriteLine("no Sentinels are configured");
            console.WriteLine();
            return;
        }

        var table = Terminal.Table("sentinel", "votes for", ">epoch", "~sees master", "~check", "since");
        foreach (var sentinel in status.Sentinels)
        {
            string sees = sentinel.Tilt ? "TILT" : sentinel.FailoverInProgress ? "failover" : sentinel.MarkedDown ? "down" : sentinel.Epoch is null ? "-" : "up";
            table.AddRow(
                new Text("  " + sentinel.Address),
                new Text(sentinel.VoteCounts ? sentinel.Vote : "-"),
                new Text(sentinel.Epoch?.ToString(CultureInfo.InvariantCulture) ?? "-"),
                new Text(sees, sees == "up" ? Style.Plain : new Style(Color.Yellow)),
                sentinel.EventsHeard == false
                    ? new Text("up, no events", new Style(Color.Red))
                    : new Text(sentinel.Health, sentinel.Up ? Style.Plain : new Style(Color.Red)),
                new Text(Terminal.Clock(sentinel.Since, status.Process.Time)));
        }

        console.Write(table);
        console.WriteLine();
    }

    private static void WriteSessions(IAnsiConsole console, StatusDocument status)
    {
        var s = status.Sessions;
        console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"sessions  {s.Current} now (most {s.Max}, limit {s.Limit}), {s.Total} in all, {s.PerSecond:0.#}/s, {s.Parked} waiting"));
        console.WriteLine($"bytes     {Quantities.Bytes(s.BytesIn)} in, {Quantities.Bytes(s.BytesOut)} out; now {Quantities.Bytes(s.BytesInPerSecond)}/s in, {Quantities.Bytes(s.BytesOutPerSecond)}/s out");
        console.WriteLine("ended     " + string.Join(", ", s.Ends.Where(e => e.Value > 0).Select(e => $"{e.Key} {e.Value.ToString(CultureInfo.InvariantCulture)}").DefaultIfEmpty("none yet")));
    }

    private static string Coloured(string colour, string text) => $"[{colour}]{Markup.Escape(text)}[/]";
}
