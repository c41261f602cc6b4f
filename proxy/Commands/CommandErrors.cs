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
            // An argument takes whatever comes first, an option that does not exist too.
            string? taken = command.Arguments.Select(a => parsed.GetResult(a)?.Tokens is [var first, ..] ? first.Value : null)
                .FirstOrDefault(v => v is ['-', _, ..]);
            word = taken ?? word;
            bool isOption = word.StartsWith('-');
            var known = isOption ? OptionsOf(command) : command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name);
            string meant = Spelling.Nearest(word, known) is { } near ? $"; did you mean '{near}'?" : taken is null ? "" : $"; it takes {Arguments(command)}";
            return command is RootCommand ? $"there is no {(isOption ? "option" : "verb")} '{word}'{meant}"
                : $"'{command.Name}' has no {(isOption ? "option" : "argument")} '{word}'{meant}";
        }

        string message = parsed.Errors[0].Message;
        if (command is RootCommand)
        {
            return "a verb is missing";
        }

        if (MissingOption().Match(message) is { Success: true } needed)
        {
            return $"'{command.Name}' needs {needed.Groups[1].Value}{ValueOf(command, needed.Groups[1].Value)}";
        }

        if (MissingArgument().Match(message) is { Success: true } missing)
        {
            return missing.Groups[1].Value == command.Name ? $"'{command.Name}' needs {Arguments(command)}"
                : $"'{missing.Groups[1].Value}' needs a value:{ValueOf(command, missing.Groups[1].Value)}";
        }

        if (NotAmong().Match(message) is { Success: true } other)
        {
            return $"'{other.Groups[1].Value}' is not one of {string.Join(", ", Quoted().Matches(other.Groups[2].Value).Select(name => name.Groups[1].Value))}";
        }

        // "Cannot parse argument 'x' for option '--json' as expected type 'System.Boolean'."
        return ConversionError().Match(message) is { Success: true } match
            ? $"'{match.Groups[1].Value}' is no value of '{match.Groups[2].Value}'"
            : Blanks().Replace(message, " ").TrimEnd('.', ' ');
    }

    private static string Arguments(Command command) => string.Join(" ", command.Arguments.Select(a => a.HelpName ?? a.Name));

    private static IEnumerable<string> OptionsOf(Command command) =>
        command.Options.Where(o => !o.Hidden).Select(o => o.Name).Append("--help");

    private static string ValueOf(Command command, string option) =>
        command.Options.FirstOrDefault(o => o.Name == option || o.Aliases.Contains(option))?.HelpName is { } value ? $" {value}" : "";

    // The library's own texts (Resources.resx of System.CommandLine).
    [GeneratedRegex("^Option '([^']*)' is required")]
    private static partial Regex MissingOption();

    [GeneratedRegex("^Required argument missing for (?:option|command): '([^']*)'")]
    private static partial Regex MissingArgument();

    [GeneratedRegex(@"^Argument '(.*)' not recognized\. Must be one of:(.*)$", RegexOptions.Singleline)]
    private static partial Regex NotAmong();

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex("^Cannot parse argument '(.*)' for (?:option|argument|command) '([^']*)'")]
    private static partial Regex ConversionError();
}
