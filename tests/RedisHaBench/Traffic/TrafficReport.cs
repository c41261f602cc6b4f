// The tables: Markdown for people, JSON for programs.

using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RedisHaBench.Traffic;

/// <summary>Writes a result.</summary>
internal static class TrafficReport
{
    /// <summary>Name of the place in a document that takes the tables.</summary>
    public const string Section = "results";

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    public static string ToJson(TrafficResult result) => JsonSerializer.Serialize(result, Json) + "\n";

    /// <summary>The tables.</summary>
    /// <param name="result">What was measured.</param>
    /// <param name="plot">File name of the plot beside the document; null shows none.</param>
    public static string ToMarkdown(TrafficResult result, string? plot)
    {
        var text = new StringBuilder();
        Line(text, $"Measured {result.Begun:yyyy-MM-dd HH:mm} UTC: {string.Join("; ", result.Environment.Select(e => $"{e.Key} {e.Value}"))}.");
        Line(text, $"");
        foreach (var contender in result.Contenders)
        {
            Line(text, $"- `{contender.Name}`: {contender.Description}");
        }

        Line(text, $"");
        foreach (var (name, description) in result.Loads)
        {
            Line(text, $"- `{name}`: {description}");
        }

        if (plot is not null && result.Comparisons.Count > 0)
        {
            Line(text, $"");
            Line(text, $"![Ratios to the best HAProxy for each load: throughput, 99th percentile, processor time of a request]({plot})");
        }

        foreach (var ours in result.Contenders.Where(c => c.Kind == ContenderKind.Ours && result.Comparisons.Any(r => r.Ours == c.Name)))
        {
            Ratios(text, result, ours.Name);
        }

        Added(text, result);
        foreach (var metric in Metric.Absolute)
        {
            Absolute(text, result, metric);
        }

        Idle(text, result);
        Profiles(text, result);
        Bars(text, result);
        return text.ToString();
    }

    private static void Ratios(StringBuilder text, TrafficResult result, string ours)
    {
        var added = result.Added.Any(a => a.Ours == ours);
        Line(text, $"");
        Line(text, $"**{ours} / the best HAProxy for each load and figure; median of the rounds' ratios (least-greatest).** {AboutDirect}");
        Line(text, $"");
        Line(text, $"| | {string.Join(" | ", Metric.All.Select(m => m.Name))} |{(added ? $" {AddedCost.Name} |" : "")} throughput / direct |");
        Line(text, $"|---|{string.Concat(Metric.All.Select(_ => "---:|"))}{(added ? "---:|" : "")}---:|");
        foreach (var load in result.Loads.Keys)
        {
            var cells = Metric.All.Select(m => result.Comparisons.FirstOrDefault(c => c.Ours == ours && c.Load == load && c.Metric == m.Name
                && c.IsBest)?.ToString() ?? "");
            var cost = added ? $" {result.Added.FirstOrDefault(a => a.Ours == ours && a.Load == load)} |" : "";
            Line(text, $"| {load} | {string.Join(" | ", cells)} |{cost} {ToDirect(result, ours, load, Metric.Throughput)} |");
        }

        if (added)
        {
            Metric[] figures = [.. Metric.Absolute.Where(m => m != Metric.Cpu)];
            Line(text, $"");
            Line(text, $"**{ours} / no proxy; median of the rounds' ratios (least-greatest)**");
            Line(text, $"");
            Line(text, $"| | {string.Join(" | ", figures.Select(m => m.Name))} |");
            Line(text, $"|---|{string.Concat(figures.Select(_ => "---:|"))}");
            foreach (var load in result.Loads.Keys)
            {
                Line(text, $"| {load} | {string.Join(" | ", figures.Select(m => ToDirect(result, ours, load, m)))} |");
            }
        }
    }

    private static Comparison? ToDirect(TrafficResult result, string ours, string load, Metric metric) => result.Comparisons.FirstOrDefault(
        c => c.Ours == ours && c.Load == load && c.Metric == metric.Name && KindOf(result, c.Against) == ContenderKind.Direct);

    private static void Added(StringBuilder text, TrafficResult result)
    {
        if (result.Added.Count == 0)
        {
            return;
        }

        string[] proxies = [.. result.Contenders.Where(c => c.Kind != ContenderKind.Direct).Select(c => c.Name)];
        Line(text, $"");
        Line(text, $"**Processor time of the whole machine that a proxy adds to a request, microseconds; medians.** {AboutAdded}");
        Line(text, $"");
        Line(text, $"| | {string.Join(" | ", proxies)} |");
        Line(text, $"|---|{string.Concat(proxies.Select(_ => "---:|"))}");
        foreach (var load in result.Cases.GroupBy(c => c.Load))
        {
            var cells = proxies.Select(name => load.FirstOrDefault(c => c.Contender == name) is { } of
                && AddedCost.Median(result.Contenders, load, of) is { } value ? Number(value) : "");
            Line(text, $"| {load.Key} | {string.Join(" | ", cells)} |");
        }
    }

    /// <summary>One figure as it is, over all loads.</summary>
    private static void Absolute(StringBuilder text, TrafficResult result, Metric metric)
    {
        var contenders = result.Contenders.Where(c => result.Cases.Any(x => x.Contender == c.Name && x.Median(metric) is not null)).ToArray();
        if (contenders.Length == 0)
        {
            return;
        }

        var unit = metric == Metric.Throughput ? "requests a second" : metric == Metric.Cpu || metric == Metric.Machine ? "microseconds" : "milliseconds";
        Line(text, $"");
        Line(text, $"**{metric.Name}, {unit}; medians**");
        Line(text, $"");
        Line(text, $"| | {string.Join(" | ", contenders.Select(c => c.Name))} |");
        Line(text, $"|---|{string.Concat(contenders.Select(_ => "---:|"))}");
        foreach (var load in result.Loads.Keys)
        {
            var cells = contenders.Select(c => result.Cases.FirstOrDefault(x => x.Load == load && x.Contender == c.Name)?.Median(metric) is { } value
                ? Number(value) : "");
            Line(text, $"| {load} | {string.Join(" | ", cells)} |");
        }
    }

    private static void Idle(StringBuilder text, TrafficResult result)
    {
        if (result.Idle.Count == 0)
        {
            return;
        }

        Line(text, $"");
        Line(text, $"**Memory with idle connections, MB; medians**");
        Line(text, $"");
        Line(text, $"| connections | {string.Join(" | ", IdleMemory.Steps)} | of each, kB |");
        Line(text, $"|---|{string.Concat(IdleMemory.Steps.Select(_ => "---:|"))}---:|");
        foreach (var idle in result.Idle)
        {
            var resident = string.Join(" | ", IdleMemory.Steps.Select(s => (idle.Resident(s) / 1e6).ToString("0.0", CultureInfo.InvariantCulture)));
            Line(text, $"| {idle.Contender} | {resident} | {idle.PerConnection / 1000:0.00} |");
        }
    }

    private static void Profiles(StringBuilder text, TrafficResult result)
    {
        foreach (var load in result.Profiles.GroupBy(p => p.Load))
        {
            var profiles = load.ToArray();
            var calls = profiles.SelectMany(p => p.SystemCalls).GroupBy(c => c.Key)
                .Where(g => g.Key != "all" && g.Max(c => c.Value) >= 0.005).OrderByDescending(g => g.Max(c => c.Value)).Select(g => g.Key);
            Line(text, $"");
            Line(text, $"**System calls of a request, {load.Key}**");
            Line(text, $"");
            Line(text, $"| | {string.Join(" | ", profiles.Select(p => p.Contender))} |");
            Line(text, $"|---|{string.Concat(profiles.Select(_ => "---:|"))}");
            foreach (var call in calls.Append("all"))
            {
                var counts = string.Join(" | ", profiles.Select(p => p.SystemCalls.GetValueOrDefault(call).ToString("0.00", CultureInfo.InvariantCulture)));
                Line(text, $"| {call} | {counts} |");
            }

            Line(text, $"");
            foreach (var profile in profiles)
            {
                var top = profile.Symbols.Take(10).Select(s => Text($"{(s.InKernel ? "" : $"{s.Object}: ")}{s.Name} {s.Share:0.0%}"));
                Line(text, $"- {profile.Contender}, time in the kernel {profile.KernelShare:0%}: {string.Join(", ", top)}");
            }
        }
    }

    private static void Bars(StringBuilder text, TrafficResult result)
    {
        foreach (var ours in result.Bars.GroupBy(b => b.Contender))
        {
            var missed = ours.Where(b => !b.Passes).ToArray();
            Line(text, $"");
            Line(text, $"**Bars of {ours.Key}: {ours.Count() - missed.Length} of {ours.Count()} hold.**{(missed.Length == 0 ? "" : " Missed:")}");
            if (missed.Length > 0)
            {
                Line(text, $"");
            }

            foreach (var bar in missed)
            {
                Line(text, $"- {bar.Name}: {bar.Actual:0.00}, at {(bar.AtLeast ? "least" : "most")} {bar.Limit:0.00}");
            }
        }
    }

    private static ContenderKind KindOf(TrafficResult result, string contender) => result.Contenders.First(c => c.Name == contender).Kind;

    /// <summary>Three digits that say something.</summary>
    internal static string Number(double value) => value switch
    {
        >= 1000 => value.ToString("#,##0", CultureInfo.InvariantCulture),
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        >= 1 => value.ToString("0.00", CultureInfo.InvariantCulture),
        <= -1 => $"-{Number(-value)}",
        _ => value.ToString("0.000", CultureInfo.InvariantCulture),
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private const string AboutAdded = "What direct needs is subtracted; interrupts and all processes count.";

    private const string AboutDirect = "Throughput / direct is how near it comes to no proxy at all.";

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
