// The one message that a bad stack configuration ends in.

using System.Text;
using Pulumi;

namespace RedisHaInfra.Settings;

/// <summary>One thing that is wrong with the stack configuration.</summary>
/// <param name="Key">The key, without the project's namespace.</param>
/// <param name="Value">The value as given, or null when it is missing; never a secret's.</param>
/// <param name="Rule">What the value must be.</param>
/// <param name="Example">A command that sets a good value.</param>
public sealed record SettingProblem(string Key, string? Value, string Rule, string Example)
{
    /// <summary>The value that <see cref="Example"/> sets, as in <see cref="Setting.Example"/>; null when the example takes it from elsewhere.</summary>
    internal string? Proposal { get; init; }
}

/// <summary>
/// Thrown before any resource is registered when the stack configuration does not hold; its message lists every problem.
/// A <see cref="RunException"/>, because Pulumi prints those without a stack trace.
/// </summary>
public sealed class SettingsException : RunException
{
    /// <summary>All problems, in the order of the settings.</summary>
    public IReadOnlyList<SettingProblem> Problems { get; }

    /// <summary>Makes the message.</summary>
    /// <param name="problems">At least one problem.</param>
    public SettingsException(IReadOnlyList<SettingProblem> problems)
        : base(Describe(problems))
    {
        Problems = problems;
    }

    private static string Describe(IReadOnlyList<SettingProblem> problems)
    {
        var text = new StringBuilder();
        text.Append("The stack configuration has ")
            .Append(problems.Count == 1 ? "1 problem" : $"{problems.Count} problems")
            .Append("; nothing was changed. Correct this:");
        foreach (SettingProblem problem in problems)
        {
            text.Append("\n\n  ").Append(SettingsSource.Namespace).Append(':').Append(problem.Key)
                .Append(problem.Value is null ? " is not set" : $" = {Shorten(problem.Value)}")
                .Append("\n    rule:    ").Append(problem.Rule)
                .Append("\n    example: ").Append(problem.Example);
        }
        return text.ToString();
    }

    // A pasted file must not bury the other problems.
    private static string Shorten(string value)
    {
        string line = value.ReplaceLineEndings(" ");
        return line.Length <= 100 ? line : string.Concat(line.AsSpan(0, 97), "...");
    }
}
