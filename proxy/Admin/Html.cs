// The few forms of HTML that the page is made of. Every text goes through Text: names and errors come from files and from the network.

using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;

namespace RedisHaProxy.Admin;

/// <summary>A row of a table; the cells are HTML already.</summary>
internal sealed record HtmlRow(string Class, IReadOnlyList<string> Cells);

/// <summary>A column of a table.</summary>
/// <param name="Title">One that starts with '&gt;' holds numbers.</param>
internal readonly record struct HtmlColumn(string Title)
{
    public bool IsNumber => Title.StartsWith('>');

    public string Name => Title.TrimStart('>');
}

/// <summary>Makes HTML.</summary>
internal static class Html
{
    /// <summary>Text as HTML.</summary>
    public static string Text(string text) => HtmlEncoder.Default.Encode(text);

    /// <summary>A moment, UTC: today's as a time, for machines in full.</summary>
    public static string Time(DateTimeOffset time, bool milliseconds = false)
    {
        string format = (time.UtcDateTime.Date == DateTime.UtcNow.Date ? "HH:mm:ss" : "yyyy-MM-dd HH:mm:ss") + (milliseconds ? ".fff" : "");
        string full = time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        return $"<time datetime=\"{full}\">{time.ToString(format, CultureInfo.InvariantCulture)}</time>";
    }

    /// <summary>Since when, UTC, in a narrow column: today's as a time, an earlier one by its day and minute; the pointer shows it in full.</summary>
    public static string Since(DateTimeOffset time)
    {
        string format = time.UtcDateTime.Date == DateTime.UtcNow.Date ? "HH:mm:ss" : "MMM d HH:mm";
        string full = time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        return $"<time datetime=\"{full}\" title=\"{full}\">{time.UtcDateTime.ToString(format, CultureInfo.InvariantCulture)}</time>";
    }

    /// <summary>A state by word and colour, never by colour alone.</summary>
    public static string State(bool good, string goodWord, string badWord) =>
        $"<span class=\"{(good ? "good" : "bad")}\">{Text(good ? goodWord : badWord)}</span>";

    /// <summary>A number with its name.</summary>
    public static string Tile(string name, string value, string further) =>
        $"<div><dt>{Text(name)}</dt><dd>{Text(value)}<small>{Text(further)}</small></dd></div>";

    /// <summary>
    /// A table in a card that scrolls sideways, also by keyboard. A column that starts with '&gt;' holds numbers. Roles and titles stand at every cell:
    /// on a phone rows are no table any more, and its title goes before each cell.
    /// </summary>
    public static string Table(string id, string caption, IReadOnlyList<string> columns, IEnumerable<HtmlRow> rows)
    {
        var shown = columns.Select(column => new HtmlColumn(column)).ToList();
        var html = new StringBuilder(2048);
        html.Append(CultureInfo.InvariantCulture, $"<div class=\"card wide\" id=\"{id}-table\" tabindex=\"0\" role=\"region\" "
            + $"aria-label=\"{Text(caption)}\"><table role=\"table\"><caption>{Text(caption)}</caption><thead role=\"rowgroup\"><tr role=\"row\">");
        foreach (var column in shown)
        {
            html.Append(CultureInfo.InvariantCulture, $"<th scope=\"col\" role=\"columnheader\" "
                + $"data-title=\"{Text(column.Name)}\"{Class(column)}>{Text(column.Name)}</th>");
        }

        html.Append("</tr></thead><tbody role=\"rowgroup\">");
        foreach (var row in rows)
        {
            html.Append(row.Class.Length == 0 ? "<tr role=\"row\">" : $"<tr role=\"row\" class=\"{row.Class}\">");
            foreach (var (column, cell) in shown.Zip(row.Cells))
            {
                html.Append(column == shown[0] ? $"<th scope=\"row\" role=\"rowheader\"{Class(column)}>{cell}</th>"
                    : $"<td role=\"cell\" data-title=\"{Text(column.Name)}\"{Class(column, cell)}>{cell}</td>");
            }

            html.Append("</tr>");
        }

        return html.Append("</tbody></table></div>").ToString();
    }

    // A dash says that there is nothing to say: on a phone that needs no place.
    private static string Class(HtmlColumn column, string cell = "") => (column.IsNumber, cell == "-") switch
    {
        (true, true) => " class=\"number none\"",
        (true, false) => " class=\"number\"",
        (false, true) => " class=\"none\"",
        _ => "",
    };
}
