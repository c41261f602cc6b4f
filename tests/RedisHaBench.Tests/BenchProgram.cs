// The built bench, run as a user runs it.

using RedisHaProcesses;

namespace RedisHaBench.Tests;

/// <summary>Runs redis-ha-bench.</summary>
internal static class BenchProgram
{
    /// <summary>Wrong usage ends with exit code 2 and one line, before anything is started.</summary>
    public static async Task RefusesAsync(string message, params string[] arguments)
    {
        var result = await Shell.RunAsync(Path.Combine(AppContext.BaseDirectory, "redis-ha-bench"), arguments);
        Assert.Equal((2, ""), (result.ExitCode, result.Output.Trim()));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
