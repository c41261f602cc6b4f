// How tables and times look on a terminal of 80 columns.

using System.Globalization;
using Spectre.Console;

namespace RedisHaProxy.Commands;

/// <summary>Formats for people.</summary>
internal static class Terminal
{
    private const int PlainWidth = 100;

    /// <summary>A console over <paramref name="output"/>: colours and width of the terminal, plain text into a pipe or file.</summary>
    public static IAnsiConsole Console(TextWriter output)
    {
        bool terminal = ReferenceEquals(output, System.Console.Out) && !System.Console.IsOutputRedirected;
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = terminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = terminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        });
        if (!terminal)
        {
            console.Profile.Width = PlainWidth;
        }

        return console;
    }

    /// <summary>What stands before a picture: of one that is shown again, the way back to the top of a terminal.</summary>
    public static string Start(TextWriter output, bool again) =>
        !again ? "" : ReferenceEquals(output, System.Console.Out) && !System.Console.IsOutputRedirected ? "\x1b[H\x1b[2J" : "\n";

    /// <summary>A table without lines. A column that starts with '&gt;' holds numbers, one with '~' may wrap.</summary>
    public static Table Table(params string[] columns)
    {
        Table table = new Table().Border(TableBorder.None).Collapse();
        foreach (string column in columns)
        {
            table.AddColumn(new TableColumn($"[grey]{Markup.Escape(column.TrimStart('>', '~'))}[/]")
            {
                NoWrap = !column.StartsWith('~'),
                Alignment = column.StartsWith('>') ? Justify.Right : Justify.Left,
                Padding = new Padding(0, 0, 2, 0),
            });
        }

        return table;
    }

    /// <summary>A time of today as a time, an earlier one with its date; UTC.</summary>
    public static string Clock(DateTimeOffset time, DateTimeOffset now) =>
        time.ToString(time.UtcDateTime.Date == now.UtcDateTime.Date ? "HH:mm:ss" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>A moment to the millisecond, UTC.</summary>
    public static string Exactly(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);
}
