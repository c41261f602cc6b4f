// One figure that an operator is shown, in all forms in which it is served: a row here is what a row of stat_cols_px is in HAProxy's
// src/stats-proxy.c. JSON has every figure; the other forms those that name a place there.

using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RedisHaProxy.Admin;

/// <summary>How a figure's number is written for people.</summary>
internal enum Unit
{
    /// <summary>As it is, with one decimal at most.</summary>
    None,

    /// <summary>kB, MB and so on.</summary>
    Bytes,

    /// <summary>Milliseconds, which JSON has as a number.</summary>
    Duration,
}

/// <summary>A figure as Prometheus gets it.</summary>
/// <param name="Kind">gauge or counter.</param>
/// <param name="Name">Without the prefix <see cref="Prefix"/>.</param>
/// <param name="Label">
/// The value is text, and the sample is 1 with the text in this label; of a map, the keys. Null for a number: yes is 1, durations are
/// seconds, moments are seconds since 1970, lists are counted.
/// </param>
/// <param name="States">All values that the text can have: a sample for each, 1 for the one that holds.</param>
/// <param name="Help">What it says where the figure's own text does not fit.</param>
internal sealed record Metric(string Kind, string Name, string? Label = null, IReadOnlyList<string>? States = null, string? Help = null)
{
    /// <summary>What all names begin with but those of the process.</summary>
    public const string Prefix = "redis_ha_proxy_";

    public static Metric Gauge(string name, string? help = null) => new("gauge", name, Help: help);

    public static Metric Counter(string name, string? label = null) => new("counter", name, label);

    /// <summary>The name that is served. Those of the process are the same in all programs (prometheus.io, "Writing client libraries").</summary>
    public string FullName => Name.StartsWith("process_", StringComparison.Ordinal) ? Name : Prefix + Name;
}

/// <summary>A figure shown large, on the page.</summary>
/// <param name="Title">Its name there.</param>
/// <param name="Value">What is shown; {name} stands for a figure of the same scope.</param>
/// <param name="Further">What is shown small beside it.</param>
internal sealed record Tile(string Title, string Value, string Further);

/// <summary>A part of a line of "status".</summary>
/// <param name="Line">The word that the line begins with.</param>
/// <param name="Part">{name} stands for a figure of the same scope.</param>
internal sealed record TextPart(string Line, string Part);

/// <summary>A row of the table, apart from where its value comes from.</summary>
/// <param name="Name">In JSON. A contract: names are added, existing ones keep their meaning.</param>
/// <param name="Help">For docs/stats-json.md and the metric: a sentence; that of a yes or no begins with "Whether".</param>
internal abstract record Figure(string Name, string Help)
{
    public Metric? Metric { get; init; }

    /// <summary>HAProxy's columns with it, separated by blanks; of a listener those in its frontend's line.</summary>
    public string Csv { get; init; } = "";

    /// <summary>The same in the line of the listener's backend.</summary>
    public string BackendCsv { get; init; } = "";

    /// <summary>Title of its column in the page's table of the scope; one that begins with '&gt;' holds numbers.</summary>
    public string? Column { get; init; }

    public Tile? Tile { get; init; }

    /// <summary>Title of its column in the table of "status".</summary>
    public string? TextColumn { get; init; }

    public TextPart? Text { get; init; }

    public Unit Unit { get; init; }

    /// <summary>The figures within this one; null where it is a plain value.</summary>
    public IReadOnlyList<Figure>? Within { get; init; }

    /// <summary>There are any number of it.</summary>
    public bool IsList { get; init; }

    /// <summary>HELP of the metric.</summary>
    public string MetricHelp(bool isTime) => Metric?.Help
        ?? (Help.StartsWith("Whether ", StringComparison.Ordinal) ? "1 when " + Help["Whether ".Length..]
            : isTime ? Help.TrimEnd('.') + ", in seconds since 1970." : Help);

    /// <summary>A value of it for people.</summary>
    public string Write(object? value) => value switch
    {
        null => "-",
        IReadOnlyDictionary<string, long> map =>
            string.Join(", ", map.Where(e => e.Value > 0).Select(e => $"{e.Key} {Whole(e.Value)}").DefaultIfEmpty("none yet")),
        string text => text,
        bool yes => yes ? "yes" : "no",
        TimeSpan span => Quantities.Milliseconds(span.TotalMilliseconds),
        IConvertible number when Unit == Unit.Bytes => Quantities.Bytes(number.ToDouble(CultureInfo.InvariantCulture)),
        IConvertible number when Unit == Unit.Duration => Quantities.Milliseconds(number.ToDouble(CultureInfo.InvariantCulture)),
        IConvertible number => number.ToDouble(CultureInfo.InvariantCulture).ToString("0.#", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };

    private static string Whole(long number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A row of the table.</summary>
/// <typeparam name="T">What the scope shows.</typeparam>
/// <param name="Name">In JSON.</param>
/// <param name="Help">See <see cref="Figure"/>.</param>
/// <param name="Value">A number, text, bool, duration, moment, list of texts, map of numbers or <see cref="Part"/>; null for none.</param>
internal sealed record Figure<T>(string Name, string Help, Func<T, object?> Value) : Figure(Name, Help)
{
    /// <summary>The value for the metric.</summary>
    public Func<T, object?> Sample { get => field ?? Value; init; }

    /// <summary>A figure that is figures again.</summary>
    public static Figure<T> One<TInner>(string name, string help, IReadOnlyList<Figure<TInner>> figures, Func<T, TInner?> item)
        where TInner : class => new(name, help, outer => item(outer) is { } inner ? new Part<TInner>(figures, inner) : null) { Within = figures };

    /// <summary>A list of them.</summary>
    public static Figure<T> Many<TInner>(string name, IReadOnlyList<Figure<TInner>> figures, Func<T, IEnumerable<TInner>> items) =>
        new(name, "", outer => items(outer).Select(inner => (Part)new Part<TInner>(figures, inner))) { Within = figures, IsList = true };
}

/// <summary>Something with its figures, as JSON writes it.</summary>
internal abstract record Part
{
    public abstract void Write(Utf8JsonWriter json);

    /// <summary>A value as JSON: durations in milliseconds, moments as RFC 3339.</summary>
    protected static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case Part part:
                part.Write(json);
                break;
            case IEnumerable<Part> parts:
                WriteList(json, parts);
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case IReadOnlyDictionary<string, long> map:
                json.WriteStartObject();
                foreach ((string name, long number) in map)
                {
                    json.WriteNumber(name, number);
                }

                json.WriteEndObject();
                break;
            case IEnumerable<string> texts:
                WriteList(json, texts);
                break;
            case bool yes:
                json.WriteBooleanValue(yes);
                break;
            case TimeSpan span:
                json.WriteNumberValue(span.TotalMilliseconds);
                break;
            case DateTimeOffset time:
                json.WriteStringValue(time);
                break;
            case double number:
                json.WriteNumberValue(number);
                break;
            default:
                json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    private static void WriteList(Utf8JsonWriter json, IEnumerable<object> items)
    {
        json.WriteStartArray();
        foreach (object item in items)
        {
            Write(json, item);
        }

        json.WriteEndArray();
    }
}

/// <summary>The same with its type.</summary>
internal sealed record Part<T>(IReadOnlyList<Figure<T>> Figures, T Item) : Part
{
    public override void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        foreach (Figure<T> figure in Figures)
        {
            json.WritePropertyName(figure.Name);
            Write(json, figure.Value(Item));
        }

        json.WriteEndObject();
    }
}

/// <summary>Texts of the table in which {name} stands for a figure.</summary>
internal static class FigureText
{
    /// <summary>The text with the values in it.</summary>
    /// <exception cref="KeyNotFoundException">A name is not in the scope: a mistake in the table.</exception>
    public static string Fill(string template, IReadOnlyList<Figure> figures, Func<string, object?> valueOf)
    {
        var text = new StringBuilder();
        int at = 0;
        while (template.IndexOf('{', at) is >= 0 and var open)
        {
            int close = template.IndexOf('}', open);
            string name = template[(open + 1)..close];
            Figure figure = figures.FirstOrDefault(f => f.Name == name) ?? throw new KeyNotFoundException($"no figure {name} for \"{template}\"");
            text.Append(template, at, open - at).Append(figure.Write(valueOf(name)));
            at = close + 1;
        }

        return text.Append(template, at, template.Length - at).ToString();
    }

    /// <summary>The same of an item.</summary>
    public static string Fill<T>(string template, IReadOnlyList<Figure<T>> figures, T item) =>
        Fill(template, figures, name => figures.First(f => f.Name == name).Value(item));
}
