// The forms in which a verb answers: text, wide text, JSON.

using System.CommandLine;

namespace RedisHaProxy.Commands;

/// <summary>The options --json and -o of one verb.</summary>
internal sealed class FormOptions
{
    public FormOptions() => Output.AcceptOnlyFromAmong("json", "wide");

    public Option<bool> Json { get; } = new("--json") { Description = "Write JSON; the same as -o json." };

    public Option<string?> Output { get; } = new("--output", "-o") { Description = "json, or wide: all columns.", HelpName = "FORM" };

    public bool IsJson(ParseResult parsed) => parsed.GetValue(Json) || parsed.GetValue(Output) == "json";

    public bool IsWide(ParseResult parsed) => parsed.GetValue(Output) == "wide";
}
