// The few forms of HTML that the page is made of. Every text goes through Text: names and errors come from files and from the network.

using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;

namespace RedisHaProxy.Admin;

/// <summary>A row of a table; the cells are HTML already.</summary>
internal sealed record HtmlRow(string Class, IReadOnlyList<string> Cells);

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

    /// <summary>A state by word and colour, never by colour alone.</summary>
    public static string State(bool good, string goodWord, string badWord) =>
        $"<span class=\"{(good ? "good" : "bad")}\">{Text(good ? goodWord : badWord)}</span>";

    /// <summary>A number with its name.</summary>
    public static string Tile(string name, string value, string further) =>
        $"<div><dt>{Text(name)}</dt><dd>{Text(value)}<small>{Text(further)}</small></dd></div>";

    /// <summary>A table in a card that scrolls sideways, also by keyboard. A column that starts with '&gt;' holds numbers.</summary>
    public static string Table(string id, string caption, IReadOnlyList<string> columns, IEnumerable<HtmlRow> rows)
    {
        var html = new StringBuilder(2048);
        html.Append(CultureInfo.InvariantCulture, $"<div class=\"card wide\" id=\"{id}-table\" tabindex=\"0\" role=\"region\" "
            + $"aria-label=\"{Text(caption)}\"><table><caption>{Text(caption)}</caption><thead><tr>");
        foreach (string column in columns)
        {
            html.Append(CultureInfo.InvariantCulture, $"<th scope=\"col\"{Number(column)}>{Text(column.TrimStart('>'))}</th>");
        }

        html.Append("</tr></thead><tbody>");
        foreach (var row in rows)
        {
            html.Append(row.Class.Length == 0 ? "<tr>" : $"<tr class=\"{row.Class}\">");
            for (int i = 0; i < columns.Count; i++)
            {
                html.Append(i == 0 ? $"<th scope=\"row\"{Number(columns[i])}>{row.Cells[i]}</th>" : $"<td{Number(columns[i])}>{row.Cells[i]}</td>");
            }

            html.Append("</tr>");
        }

        return html.Append("</tbody></table></div>").ToString();
    }

    private static string Number(string column) => column.StartsWith('>') ? " class=\"number\"" : "";
}
