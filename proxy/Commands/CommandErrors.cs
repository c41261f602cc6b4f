// A wrong command line in one sentence: what is wrong, and what was probably meant. The library's own messages name types of .NET.

using System.CommandLine;
using System.Text.RegularExpressions;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Commands;

/// <summary>Describes parse errors.</summary>
internal static partial class CommandErrors
{
    /// <summary>The first thing that is wrong; the others often follow from it.</summary>
    public static string Of(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (parsed.UnmatchedTokens is [var word, ..])
        {
            bool isOption = word.StartsWith('-');
            var known = isOption ? OptionsOf(command) : command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name);
            string meant = Spelling.Nearest(word, known) is { } near ? $"; did you mean '{near}'?" : "";
            return command is RootCommand ? $"there is no {(isOption ? "option" : "verb")} '{word}'{meant}"
                : $"'{command.Name}' has no {(isOption ? "option" : "argument")} '{word}'{meant}";
        }

        string message = parsed.Errors[0].Message;
        if (command is RootCommand)
        {
            return "a verb is missing";
        }

        // "Cannot parse argument 'x' for option '--json' as expected type 'System.Boolean'."
        return ConversionError().Match(message) is { Success: true } match
            ? $"'{match.Groups[1].Value}' is no value of '{match.Groups[2].Value}'"
            : Blanks().Replace(message, " ").TrimEnd('.', ' ');
    }

    private static IEnumerable<string> OptionsOf(Command command) =>
        command.Options.Where(o => !o.Hidden).Select(o => o.Name).Append("--help");

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex("^Cannot parse argument '(.*)' for (?:option|argument|command) '([^']*)'")]
    private static partial Regex ConversionError();
}
