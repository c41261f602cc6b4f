// Runs shell text as the rollout does: bash -s with the script on standard input.

namespace RedisHaInfra.Tests.Scripts;

/// <summary>What a script ended with.</summary>
public sealed record ScriptRun(int ExitCode, string Output, string Errors)
{
    /// <summary>Whether bash is here to run scripts.</summary>
    public static bool HasBash => OperatingSystem.IsLinux() && File.Exists("/bin/bash");

    /// <summary>Runs a script.</summary>
    public static async Task<ScriptRun> Of(string script, string[]? arguments = null, Dictionary<string, string>? environment = null)
    {
        ShellResult result = await Shell.RunAsync("bash", ["-s", "--", .. arguments ?? []], script, environment);
        return new ScriptRun(result.ExitCode, result.Output, result.Error);
    }
}
