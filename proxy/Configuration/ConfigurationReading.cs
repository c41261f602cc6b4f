// The outcome of reading a configuration file: settings that hold as a whole, or everything that is wrong with the file.

namespace RedisHaProxy.Configuration;

/// <summary>Something wrong with a configuration file, or worth an operator's attention.</summary>
/// <param name="File">The file as the operator named it.</param>
/// <param name="Position">Where in the file; null when the whole file is meant.</param>
/// <param name="Key">The key with its sections; empty for the file itself.</param>
/// <param name="Cause">What is wrong, the value, and what to write instead.</param>
internal sealed record ConfigurationProblem(string File, FilePosition? Position, string Key, string Cause)
{
    /// <summary>One line: file:line:column: key: cause.</summary>
    public override string ToString() =>
        (Position is { } at ? $"{File}:{at.Line}:{at.Column}: " : $"{File}: ") + (Key.Length > 0 ? $"{Key}: " : "") + Cause;
}

/// <summary>What a file said.</summary>
/// <param name="Configuration">The settings; null when there are errors.</param>
/// <param name="Errors">Why the file cannot be used, in file order.</param>
/// <param name="Warnings">What works and should be mended.</param>
internal sealed record ConfigurationReading(
    ProxyConfiguration? Configuration,
    IReadOnlyList<ConfigurationProblem> Errors,
    IReadOnlyList<ConfigurationProblem> Warnings);
