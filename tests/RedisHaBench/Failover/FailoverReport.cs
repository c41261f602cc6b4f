// The tables: Markdown for people, JSON for programs.

using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RedisHaBench.Failover;

/// <summary>The rounds of one contender in one scenario.</summary>
internal sealed record CaseResult
{
    public required string Scenario { get; init; }

    public required string Contender { get; init; }

    public required IReadOnlyList<Measurements> Rounds { get; init; }

    /// <summary>The bars, for our proxy only.</summary>
    public IReadOnlyList<BarResult> Bars { get; init; } = [];
}

/// <summary>A whole benchmark.</summary>
internal sealed record FailoverResult
{
    /// <summary>When it was begun, UTC.</summary>
    public required DateTimeOffset Begun { get; init; }

    /// <summary>Machine and programs.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Contenders by name, with what they are.</summary>
    public required IReadOnlyDictionary<string, string> Contenders { get; init; }

    /// <summary>Scenarios by name, with what is done.</summary>
    public required IReadOnlyDictionary<string, string> Scenarios { get; init; }

    public required IReadOnlyList<CaseResult> Cases { get; init; }
}

/// <summary>Writes a result.</summary>
internal static class FailoverReport
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public static string ToJson(FailoverResult result) => JsonSerializer.Serialize(result, Json) + "\n";

    /// <summary>Name of the place in a document that takes the tables: runs with and without the fence stand side by side.</summary>
    public static string SectionOf(int minReplicas) => minReplicas > 0 ? "results" : "results without fence";

    public static string ToMarkdown(FailoverResult result)
    {
        var text = new StringBuilder();
        Line(text, $"Measured {result.Begun:yyyy-MM-dd HH:mm} UTC: {string.Join("; ", result.Environment.Select(e => $"{e.Key} {e.Value}"))}.");
        Line(text, $"");
        Line(text, $"Medians with the spread (min-max) over the rounds; counts are sums over the rounds. Times in ms.");
        Line(text, $"");
        foreach (var (name, description) in result.Contenders)
        {
            Line(text, $"- `{name}`: {description}");
        }

        Summary(text, result, "Outage: the longest time without an acknowledged write, of the client that had it worst; clients that keep their connection / "
            + "clients that connect for each write", c => $"{Outage(c, r => r.Persistent)} / {Outage(c, r => r.New)}");
        Summary(text, result, "Acknowledged writes lost (of these sent more than 100 ms after another node's promotion)",
            c => Text($"{c.Rounds.Sum(r => r.Lost)} ({c.Rounds.Sum(r => r.LostLate)})"));
        Summary(text, result, "READONLY errors (of these on connections opened more than 100 ms after the demotion)",
            c => Text($"{c.Rounds.Sum(r => r.ReadOnly)} ({c.Rounds.Sum(r => r.ReadOnlyOnFreshConnection)})"));
        Summary(text, result, "Time with two targets", c => Spread(c, r => r.TwoTargets));
        foreach (var scenario in result.Cases.GroupBy(c => c.Scenario))
        {
            Line(text, $"");
            Line(text, $"### {scenario.Key}");
            Line(text, $"");
            Line(text, $"{result.Scenarios[scenario.Key]}.");
            Line(text, $"");
            Table(text, [.. scenario]);
        }

        return text.ToString();
    }

    /// <summary>One figure over all scenarios.</summary>
    private static void Summary(StringBuilder text, FailoverResult result, string title, Func<CaseResult, string> value)
    {
        Line(text, $"");
        Line(text, $"**{title}**");
        Line(text, $"");
        Line(text, $"| | {string.Join(" | ", result.Contenders.Keys)} |");
        Line(text, $"|---|{string.Concat(result.Contenders.Select(_ => "---:|"))}");
        foreach (var scenario in result.Cases.GroupBy(c => c.Scenario))
        {
            var cells = result.Contenders.Keys.Select(name => scenario.FirstOrDefault(c => c.Contender == name) is { } c ? value(c) : "");
            Line(text, $"| {scenario.Key} | {string.Join(" | ", cells)} |");
        }
    }

    private static void Table(StringBuilder text, IReadOnlyList<CaseResult> cases)
    {
        Line(text, $"| | {string.Join(" | ", cases.Select(c => $"{c.Contender} ({c.Rounds.Count})"))} |");
        Line(text, $"|---|{string.Concat(cases.Select(_ => "---:|"))}");
        var switched = cases.Any(c => c.Rounds.Any(r => r.Persistent.PromotionToAnswer is not null || r.New.PromotionToAnswer is not null));
        Row("outage, persistent clients", c => Outage(c, r => r.Persistent));
        Row("outage, new clients", c => Outage(c, r => r.New));
        if (switched)
        {
            Row("begin to promotion (Redis, Sentinel)", c => Spread(c, r => r.BeginToPromotion));
            Row("promotion to the new master taking writes (Redis)", c => Spread(c, r => r.PromotionToWritable));
            Row("promotion to first answer, persistent", c => Spread(c, r => r.Persistent.PromotionToAnswer));
            Row("promotion to first answer, new", c => Spread(c, r => r.New.PromotionToAnswer));
            Row("promotion to the last client's first answer, persistent", c => Spread(c, r => r.Persistent.PromotionToLastClient));
            Row("promotion to the last client's first answer, new", c => Spread(c, r => r.New.PromotionToLastClient));
            Row("writable to first acknowledged write, persistent", c => Spread(c, r => r.Persistent.WritableToAcknowledged));
            Row("writable to first acknowledged write, new", c => Spread(c, r => r.New.WritableToAcknowledged));
        }

        Row("**acknowledged writes lost** (of)", c => Text($"**{c.Rounds.Sum(r => r.Lost)}** ({c.Rounds.Sum(r => r.Acknowledged)})"));
        Row("of these sent after the promotion", c => Text($"{c.Rounds.Sum(r => r.LostAfterPromotion)}"));
        Row("of these sent more than 100 ms after it", c => Text($"{c.Rounds.Sum(r => r.LostLate)}"));
        Row("READONLY errors", c => Text($"{c.Rounds.Sum(r => r.ReadOnly)}"));
        Row("of these on connections opened > 100 ms after the demotion", c => Text($"{c.Rounds.Sum(r => r.ReadOnlyOnFreshConnection)}"));
        Row("failed attempts in all", c => Text($"{c.Rounds.Sum(r => r.Failed)}"));
        Row("time with two targets", c => Spread(c, r => r.TwoTargets));
        Row("blocked and subscribed clients: cut at the switch / left behind / cut for nothing",
            c => Text($"{c.Rounds.Sum(r => r.WaitsEnded)} / {c.Rounds.Sum(r => r.WaitsLeftBehind)} / {c.Rounds.Sum(r => r.WaitsEndedForNothing)}"));
        if (switched)
        {
            Row("promotion to the end of the last of them", c => Spread(c, r => r.PromotionToWaitsEnded));
        }

        foreach (var phase in cases.SelectMany(c => c.Rounds).SelectMany(r => r.PhaseOutage.Keys).Distinct(StringComparer.Ordinal))
        {
            Row($"longest gap while {phase}", c => Spread(c, r => r.PhaseOutage[phase]));
        }

        if (cases.Any(c => c.Rounds.Any(r => r.Recovery is not null)))
        {
            Row("recovered to every client served", c => Spread(c, r => r.Recovery));
        }

        if (cases.Any(c => c.Rounds.Any(r => r.HandOver is not null)))
        {
            Row("sessions that the kernel took over / left 20 s after the clients", c => c.Rounds.Any(r => r.HandOver is not null)
                ? Text($"{c.Rounds.Sum(r => r.HandOver?.HandedOver ?? 0)} / {c.Rounds.Sum(r => r.HandOver?.Left ?? 0)}") : "");
        }

        void Row(string name, Func<CaseResult, string> value) => Line(text, $"| {name} | {string.Join(" | ", cases.Select(value))} |");
    }

    private static string Outage(CaseResult c, Func<Measurements, KindMeasurements> kind)
        => (c.Rounds.Any(r => kind(r).OutageLasts) ? "over " : "") + Spread(c, r => kind(r).Outage);

    /// <summary>Median with its spread; says in how many rounds it never happened.</summary>
    private static string Spread(CaseResult c, Func<Measurements, double?> value)
    {
        var values = c.Rounds.Select(value).OfType<double>().ToArray();
        if (values.Length == 0)
        {
            return "never";
        }

        var spread = values.Length == 1 ? "" : Text($" ({values.Min():0}-{values.Max():0})");
        var never = values.Length == c.Rounds.Count ? "" : Text($", never in {c.Rounds.Count - values.Length}");
        return Text($"{Statistics.Median(values):0}{spread}{never}");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
