// The words of a line of haproxy.cfg: section 2.2, "Quoting and escaping", of HAProxy's configuration manual.

using System.Globalization;
using System.Text;

namespace RedisHaProxy.Importing;

/// <summary>A line that says something.</summary>
/// <param name="Number">Counted from 1.</param>
/// <param name="Words">At least one, without quotes and escapes.</param>
internal sealed record HaproxyLine(int Number, IReadOnlyList<string> Words)
{
    /// <summary>What the line sets: its first word.</summary>
    public string Keyword => Words[0];

    /// <summary>The word at <paramref name="index"/>; empty when there are fewer.</summary>
    public string Word(int index) => index < Words.Count ? Words[index] : "";

    /// <summary>The word after the first <paramref name="name"/>; null without one.</summary>
    public string? After(string name) => Words.ToList().IndexOf(name) is >= 0 and var at && at + 1 < Words.Count ? Words[at + 1] : null;

    /// <summary>A text for people: characters that would break the line, or steer a terminal, as the escapes that make them in a file.</summary>
    public static string Visible(string text) => string.Concat(text.Select(c => char.IsControl(c) ? $"\\x{(int)c:x2}" : c.ToString()));

    /// <summary>Reads all lines; those without words are left out.</summary>
    /// <param name="text">The file.</param>
    /// <param name="environment">Value of an environment variable, which double quotes may name; null for none.</param>
    /// <exception cref="ImportException">An open quote, a bad escape, a variable that is not set.</exception>
    public static IReadOnlyList<HaproxyLine> ReadAll(string text, Func<string, string?> environment)
    {
        var lines = new List<HaproxyLine>();
        foreach (var (index, line) in text.Split('\n').Index())
        {
            var words = new LineReader(index + 1, line.TrimEnd('\r'), environment).Read();
            if (words.Count > 0)
            {
                lines.Add(new HaproxyLine(index + 1, words));
            }
        }

        return lines;
    }

    private sealed class LineReader(int number, string line, Func<string, string?> environment)
    {
        private readonly List<string> _words = [];
        private readonly StringBuilder _word = new();
        private bool _open;
        private int _at;

        public List<string> Read()
        {
            char quote = '\0';
            while (_at < line.Length)
            {
                char c = line[_at];
                if (quote == '\'' ? c != '\'' : c is not ('\\' or '"' or '\'' or '#' or ' ' or '\t' or '$'))
                {
                    Add(c);
                }
                else if (c == '\\')
                {
                    Escape();
                }
                else if (c == quote)
                {
                    (quote, _at) = ('\0', _at + 1);
                }
                else if (quote == '\0' && c is '"' or '\'')
                {
                    (quote, _open, _at) = (c, true, _at + 1);
                }
                else if (quote == '"' && c == '$')
                {
                    Variable();
                }
                else if (quote != '\0' || c == '$')
                {
                    Add(c);
                }
                else if (c == '#')
                {
                    break;
                }
                else
                {
                    End();
                    _at++;
                }
            }

            if (quote != '\0')
            {
                throw new ImportException(number, $"a quote ({quote}) is not closed; HAProxy would refuse the line as well");
            }

            End();
            return _words;
        }

        private void Add(char c)
        {
            _word.Append(c);
            _open = true;
            _at++;
        }

        private void End()
        {
            if (_open)
            {
                _words.Add(_word.ToString());
                _word.Clear();
                _open = false;
            }
        }

        private void Escape()
        {
            char escaped = _at + 1 < line.Length ? line[_at + 1]
                : throw new ImportException(number, "ends with a backslash; HAProxy knows no lines that go on");
            if (escaped == 'x')
            {
                string digits = line[(_at + 2)..Math.Min(_at + 4, line.Length)];
                if (digits.Length < 2 || !byte.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
                {
                    throw new ImportException(number, @"\x needs two hexadecimal digits, such as \x0a");
                }

                _at += 3;
                Add((char)value);
                return;
            }

            _at++;
            Add(escaped switch { 'n' => '\n', 'r' => '\r', 't' => '\t', _ => escaped });
        }

        // $NAME or ${NAME}, as in a shell; ${NAME-text} has a text for the case that it is not set.
        private void Variable()
        {
            bool braces = _at + 1 < line.Length && line[_at + 1] == '{';
            int start = _at + (braces ? 2 : 1), end = start;
            while (end < line.Length && (char.IsAsciiLetterOrDigit(line[end]) || line[end] == '_'))
            {
                end++;
            }

            string name = line[start..end];
            string? otherwise = null;
            if (braces)
            {
                int close = line.IndexOf('}', end);
                if (close < 0 || name.Length == 0 || (close > end && line[end] != '-'))
                {
                    throw new ImportException(number, "a variable is written \"${NAME}\" in double quotes");
                }

                otherwise = close > end ? line[(end + 1)..close] : null;
                end = close + 1;
            }

            _word.Append(environment(name) ?? otherwise
                ?? throw new ImportException(number, $"the environment variable {name} is not set here; set it as for HAProxy, for example {name}=..."));
            (_open, _at) = (true, end);
        }
    }
}
