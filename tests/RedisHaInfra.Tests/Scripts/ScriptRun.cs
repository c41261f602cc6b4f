// Runs shell text as the rollout does: bash -s with the script on standard input.

using System.Diagnostics;

namespace RedisHaInfra.Tests.Scripts;

/// <summary>What a script ended with.</summary>
public sealed record ScriptRun(int ExitCode, string Output, string Errors)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Whether bash is here to run scripts.</summary>
    public static bool HasBash => OperatingSystem.IsLinux() && File.Exists("/bin/bash");

    /// <summary>Whether a program is on the path.</summary>
    public static bool Has(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    /// <summary>Runs a script.</summary>
    public static async Task<ScriptRun> Of(string script, string[]? arguments = null, Dictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo("bash") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["-s", "--", .. arguments ?? []])
        {
            start.ArgumentList.Add(argument);
        }
        foreach ((string name, string value) in environment ?? [])
        {
            start.Environment[name] = value;
        }
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.WriteAsync(script);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended before it had read everything: the exit code says the rest.
        }
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"the script did not end within {Limit.TotalSeconds} s; it said: {await output}{await errors}");
        }
        return new ScriptRun(process.ExitCode, await output, await errors);
    }
}
