// How verbs read the configuration file: problems go to standard error, one a line.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Commands;

/// <summary>Reads a configuration file for a verb.</summary>
internal static class ConfigurationFile
{
    /// <summary>Reads <paramref name="file"/>, writes warnings and errors, and returns null when there are errors.</summary>
    public static async Task<ProxyConfiguration?> ReadAsync(string file, TextWriter error)
    {
        ConfigurationReading reading = ConfigurationReader.Read(file);
        foreach (ConfigurationProblem warning in reading.Warnings)
        {
            await ProxyCommandLine.TellAsync(error, $"{ProxyCommandLine.Name}: warning: {warning}");
        }

        foreach (ConfigurationProblem problem in reading.Errors)
        {
            await ProxyCommandLine.TellAsync(error, $"{ProxyCommandLine.Name}: {problem}");
        }

        return reading.Configuration;
    }
}
