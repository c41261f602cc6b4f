// What the verbs check about their options, so that each mistake is one line before anything is started.

using System.CommandLine.Parsing;
using System.Globalization;

namespace RedisHaBench;

/// <summary>Validators' common parts.</summary>
internal static class OptionRules
{
    /// <summary>Adds an error unless the condition holds.</summary>
    public static void Check(bool holds, OptionResult result, string message)
    {
        if (!holds)
        {
            result.AddError(message);
        }
    }

    /// <summary>The number given; null when none was, or something else (then the parser says so itself).</summary>
    public static int? NumberOf(OptionResult result)
        => result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>Adds an error for each name that is not known.</summary>
    public static void CheckNames(OptionResult result, string[]? given, string[] known)
    {
        foreach (var name in (given ?? []).Except(known))
        {
            result.AddError($"{result.Option.Name}: there is no '{name}'; there are {string.Join(", ", known)}");
        }
    }
}
