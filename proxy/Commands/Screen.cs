// What the verbs write for people: lines that wrap at the terminal's width, tables, colours. Not by a library: a verb runs for a tenth of a second,
// and a library's generic tables would be compiled for as long again.

using System.Text;

namespace RedisHaProxy.Commands;

/// <summary>Colours and weight, by their codes of ECMA-48 (Select Graphic Rendition).</summary>
internal enum Look
{
    Plain = 0,
    Bold = 1,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Grey = 90,
}

/// <summary>Words that look alike.</summary>
internal sealed record Words(string Text, Look Look = Look.Plain)
{
    public static implicit operator Words(string text) => new(text);
}

/// <summary>A text of <paramref name="width"/> columns.</summary>
internal sealed class Screen(int width = Screen.PlainWidth, bool coloured = false)
{
    private const int PlainWidth = 100;
    private const int NarrowestWidth = 40;
    private const int Gap = 2;

    private readonly StringBuilder _text = new();

    /// <summary>With colours and width of the terminal that <paramref name="output"/> is; plain for a pipe or file.</summary>
    public static Screen For(TextWriter output) => Terminal.Is(output)
        ? new Screen(
            Math.Max(Console.WindowWidth, NarrowestWidth),
            Environment.GetEnvironmentVariable("NO_COLOR") is null or "" && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb"))
        : new Screen();

    /// <summary>A line; what does not fit goes on in the next one, at a blank.</summary>
    public void Line(params Words[] parts)
    {
        Words[] clean = Array.ConvertAll(parts, Clean);
        string text = string.Concat(Array.ConvertAll(clean, part => part.Text));
        for (int start = 0; ;)
        {
            int end = EndOfLine(text, start, width);
            int at = 0;
            foreach (Words part in clean)
            {
                (int from, int to) = (Math.Max(start - at, 0), Math.Min(end - at, part.Text.Length));
                if (from < to)
                {
                    Write(part.Text[from..to], part.Look);
                }

                at += part.Text.Length;
            }

            _text.Append('\n');
            if (end == text.Length)
            {
                return;
            }

            start = end + 1;
        }
    }

    /// <summary>A table without lines. A column whose name starts with '&gt;' holds numbers, then or else '~' says that it may wrap.</summary>
    public void Table(string[] columns, List<Words[]> rows)
    {
        Words[] names = Array.ConvertAll(columns, name => new Words(name.TrimStart('>', '~'), Look.Grey));
        var all = new List<Words[]> { names };
        foreach (Words[] row in rows)
        {
            all.Add(Array.ConvertAll(row, Clean));
        }

        int[] widths = Widths(columns, all);
        foreach (Words[] row in all)
        {
            WriteRow(columns, widths, row);
        }
    }

    public override string ToString() => _text.ToString();

    // As wide as what is in it; where that is too much, the widest that may wrap gives way, down to its longest word.
    private int[] Widths(string[] columns, List<Words[]> rows)
    {
        int[] widths = new int[columns.Length];
        int[] words = new int[columns.Length];
        int all = Gap * (columns.Length - 1);
        for (int column = 0; column < columns.Length; column++)
        {
            foreach (Words[] row in rows)
            {
                widths[column] = Math.Max(widths[column], row[column].Text.Length);
                foreach (string word in row[column].Text.Split(' '))
                {
                    words[column] = Math.Max(words[column], word.Length);
                }
            }

            all += widths[column];
        }

        for (; all > width; all--)
        {
            int widest = -1;
            for (int column = 0; column < columns.Length; column++)
            {
                if (Wraps(columns[column]) && widths[column] > words[column] && (widest < 0 || widths[column] > widths[widest]))
                {
                    widest = column;
                }
            }

            if (widest < 0)
            {
                break;
            }

            widths[widest]--;
        }

        return widths;
    }

    private void WriteRow(string[] columns, int[] widths, Words[] row)
    {
        int[] starts = new int[row.Length];
        for (bool more = true; more;)
        {
            more = false;
            // Blanks are written before the next word only: no line ends with one.
            int blanks = 0;
            for (int column = 0; column < row.Length; column++)
            {
                string text = row[column].Text;
                int end = Wraps(columns[column]) ? EndOfLine(text, starts[column], widths[column]) : text.Length;
                string part = starts[column] < end ? text[starts[column]..end] : "";
                int rest = Math.Max(widths[column] - part.Length, 0);
                blanks += columns[column].StartsWith('>') ? rest : 0;
                if (part.Length > 0)
                {
                    _text.Append(' ', blanks);
                    Write(part, row[column].Look);
                    blanks = 0;
                }

                blanks += (columns[column].StartsWith('>') ? 0 : rest) + Gap;
                starts[column] = Math.Min(end + 1, text.Length);
                more |= starts[column] < text.Length;
            }

            _text.Append('\n');
        }
    }

    private static bool Wraps(string column) => column.AsSpan().TrimStart('>').StartsWith("~");

    // Where a line that starts at an index ends: at the last blank that it reaches, or after its only word.
    private static int EndOfLine(string text, int start, int width)
    {
        if (text.Length - start <= width)
        {
            return text.Length;
        }

        int blank = text.LastIndexOf(' ', start + width, width + 1);
        blank = blank > start ? blank : text.IndexOf(' ', start + width);
        return blank < 0 ? text.Length : blank;
    }

    // A server's words may have anything in them: a terminal must not take it for an order.
    private static Words Clean(Words words)
    {
        foreach (char c in words.Text)
        {
            if (char.IsControl(c))
            {
                char[] clean = Array.ConvertAll(words.Text.ToCharArray(), each => char.IsControl(each) ? ' ' : each);
                return words with { Text = new string(clean) };
            }
        }

        return words;
    }

    private void Write(string text, Look look)
    {
        if (coloured && look != Look.Plain)
        {
            _text.Append("\x1b[").Append((int)look).Append('m').Append(text).Append("\x1b[0m");
        }
        else
        {
            _text.Append(text);
        }
    }
}
