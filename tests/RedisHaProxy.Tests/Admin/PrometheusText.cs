// A strict reader of the Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats): what the server's own
// parser accepts, and beyond it the rules that a careful exporter keeps. Everything else is a FormatException that names the line.

using System.Globalization;
using System.Text;

namespace RedisHaProxy.Tests.Admin;

/// <summary>One sample.</summary>
internal sealed record PrometheusSample(string Name, IReadOnlyDictionary<string, string> Labels, double Value)
{
    /// <summary>Labels as one text, without those named.</summary>
    public string Key(params string[] without) =>
        string.Join(',', Labels.Where(l => !without.Contains(l.Key)).OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}={l.Value}"));
}

/// <summary>One metric family.</summary>
internal sealed record PrometheusFamily(string Name, string Type, string Help, List<PrometheusSample> Samples)
{
    /// <summary>The value of the only sample with these labels ("mode=open").</summary>
    public double Value(string labels = "") => Samples.Single(s => s.Key() == labels).Value;
}

internal static class PrometheusText
{
    private static readonly string[] Types = ["counter", "gauge", "histogram", "summary", "untyped"];

    /// <summary>Units that are not the base ones, as words of a name.</summary>
    private static readonly string[] ForeignUnits =
        ["milliseconds", "ms", "microseconds", "minutes", "hours", "kilobytes", "kb", "megabytes", "bits", "percent"];

    /// <summary>Reads a whole answer.</summary>
    /// <exception cref="FormatException">It breaks a rule.</exception>
    public static Dictionary<string, PrometheusFamily> Parse(string text)
    {
        var families = new Dictionary<string, PrometheusFamily>(StringComparer.Ordinal);
        Require(text.Length == 0 || text.EndsWith('\n'), "the end", "the last line ends in a line feed");
        Require(!text.Contains('\r', StringComparison.Ordinal), "the text", "lines end in a line feed alone");
        PrometheusFamily? family = null;
        string? help = null;
        foreach (string line in text.Split('\n')[..^1])
        {
            Require(line.Length > 0 && line == line.Trim(), line, "no empty lines, no blanks around");
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                string[] parts = line.Split(' ', 4);
                Require(parts.Length == 4 && IsName(parts[2]), line, "a name and a text follow HELP");
                Require(help is null, line, "TYPE follows HELP");
                help = parts[2] + " " + Unescape(parts[3], line, quote: false);
            }
            else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                string[] parts = line.Split(' ');
                Require(parts.Length == 4 && Types.Contains(parts[3]), line, "a name and a known type follow TYPE");
                Require(help is not null && help.StartsWith(parts[2] + " ", StringComparison.Ordinal), line, "HELP of the same name comes first");
                family = new PrometheusFamily(parts[2], parts[3], help![(parts[2].Length + 1)..], []);
                help = null;
                CheckName(family);
                Require(families.TryAdd(family.Name, family), line, "each family is given once, in one group");
            }
            else
            {
                Require(!line.StartsWith('#'), line, "no comments are written");
                Require(family is not null && help is null, line, "a sample follows its family's TYPE");
                family!.Samples.Add(Sample(line, family));
            }
        }

        Require(help is null, "the end", "TYPE follows HELP");
        foreach (var each in families.Values)
        {
            Require(each.Samples.Select(s => s.Name + s.Key()).Distinct().Count() == each.Samples.Count, each.Name, "no series is given twice");
            Require(each.Type != "counter" || each.Samples.TrueForAll(s => s.Value >= 0), each.Name, "counters are not negative");
            if (each.Type == "histogram")
            {
                CheckHistogram(each);
            }
        }

        return families;
    }

    private static void CheckName(PrometheusFamily family)
    {
        Require(IsName(family.Name), family.Name, "a metric's name is [a-zA-Z_:][a-zA-Z0-9_:]*");
        Require(family.Name.EndsWith("_total", StringComparison.Ordinal) == (family.Type == "counter"), family.Name, "counters, and only they, end in _total");
        Require(!family.Name.Split('_').Intersect(ForeignUnits).Any(), family.Name, "units are base units: seconds, bytes");
        Require(family.Help.Length > 0, family.Name, "HELP says something");
    }

    private static void CheckHistogram(PrometheusFamily family)
    {
        foreach (var series in family.Samples.GroupBy(s => s.Key("le")))
        {
            var buckets = series.Where(s => s.Name == family.Name + "_bucket").Select(s => (Bound: Number(s.Labels["le"], family.Name), s.Value)).ToList();
            Require(buckets.Count > 0 && double.IsPositiveInfinity(buckets[^1].Bound), family.Name, "the last bucket is +Inf");
            Require(buckets.Zip(buckets.Skip(1)).All(pair => pair.First.Bound < pair.Second.Bound && pair.First.Value <= pair.Second.Value),
                family.Name, "bounds rise, and buckets are cumulative");
            Require(series.Single(s => s.Name == family.Name + "_count").Value.Equals(buckets[^1].Value), family.Name, "_count is the last bucket");
            Require(series.Single(s => s.Name == family.Name + "_sum").Value >= 0, family.Name, "there is a _sum");
        }
    }

    private static PrometheusSample Sample(string line, PrometheusFamily family)
    {
        int end = line.IndexOfAny(['{', ' ']);
        Require(end > 0, line, "a name, labels and a value");
        string name = line[..end];
        string[] suffixes = family.Type == "histogram" ? ["_bucket", "_sum", "_count"] : [""];
        Require(suffixes.Any(s => name == family.Name + s), line, $"it belongs to {family.Name}");
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        int at = end;
        if (line[end] == '{')
        {
            for (at = end + 1; line[at] != '}';)
            {
                int equals = line.IndexOf("=\"", at, StringComparison.Ordinal);
                Require(equals > at, line, "a label is name=\"value\"");
                string label = line[at..equals];
                Require(IsName(label) && !label.Contains(':', StringComparison.Ordinal) && !label.StartsWith("__", StringComparison.Ordinal),
                    line, $"'{label}' is a label's name");
                int close = equals + 2;
                while (line[close] != '"')
                {
                    close += line[close] == '\\' ? 2 : 1;
                    Require(close < line.Length, line, "quotes are closed");
                }

                Require(labels.TryAdd(label, Unescape(line[(equals + 2)..close], line, quote: true)), line, "no label twice");
                at = close + 1;
                Require(at < line.Length && line[at] is ',' or '}', line, "a comma or a brace follows a label");
                at += line[at] == ',' ? 1 : 0;
                Require(line[at] != '}' || line[at - 1] != ',', line, "no comma before the brace");
            }

            at++;
        }

        Require(at < line.Length && line[at] == ' ', line, "one blank before the value");
        Require(labels.ContainsKey("le") == name.EndsWith("_bucket", StringComparison.Ordinal), line, "le belongs to buckets");
        return new PrometheusSample(name, labels, Number(line[(at + 1)..], line));
    }

    private static bool IsName(string text) =>
        text.Length > 0 && !char.IsAsciiDigit(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or ':');

    private static double Number(string text, string line)
    {
        Require(text.Length > 0 && text.All(c => !char.IsWhiteSpace(c)), line, "a value and no time stamp");
        return text switch
        {
            "+Inf" => double.PositiveInfinity,
            "-Inf" => double.NegativeInfinity,
            "NaN" => double.NaN,
            _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
                ? value
                : throw new FormatException($"'{text}' is no number: {line}"),
        };
    }

    private static string Unescape(string text, string line, bool quote)
    {
        var plain = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            Require(text[i] != '"' || !quote, line, "quotes are escaped");
            if (text[i] != '\\')
            {
                plain.Append(text[i]);
                continue;
            }

            i++;
            Require(i < text.Length && (text[i] is '\\' or 'n' || (quote && text[i] == '"')), line, "a backslash escapes a backslash, a quote or n");
            plain.Append(text[i] == 'n' ? '\n' : text[i]);
        }

        return plain.ToString();
    }

    private static void Require(bool holds, string where, string rule)
    {
        if (!holds)
        {
            throw new FormatException($"{rule}; here: {where}");
        }
    }
}
