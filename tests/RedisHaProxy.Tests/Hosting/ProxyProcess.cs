// The built program as a real process.

using System.Diagnostics;

namespace RedisHaProxy.Tests.Hosting;

/// <summary>What a finished process left.</summary>
public sealed record ProcessResult(int ExitCode, string Output, string Error);

/// <summary>Starts redis-ha-proxy from the build output.</summary>
internal static class ProxyProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>The start information, for tests that keep the process running.</summary>
    public static ProcessStartInfo StartInfo(params string[] arguments)
    {
        // A shell that runs the tests in the background makes them ignore SIGINT, and so would the proxy.
        var start = new ProcessStartInfo("env")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.ArgumentList.Add("--default-signal=INT");
        start.ArgumentList.Add(Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy.dll"));
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return start;
    }

    /// <summary>A change of the start information: the process gets a limit (prlimit(1)), such as --nofile=640:640.</summary>
    public static Action<ProcessStartInfo> Limited(string limit) => start =>
    {
        start.ArgumentList.Insert(0, start.FileName);
        start.ArgumentList.Insert(0, limit);
        start.FileName = "prlimit";
    };

    /// <summary>Runs to the end; a process that does not end is killed and fails the test.</summary>
    public static Task<ProcessResult> RunAsync(params string[] arguments) => RunAsync(StartInfo(arguments));

    /// <summary>The same, for a test that changes the start information.</summary>
    public static async Task<ProcessResult> RunAsync(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new ProcessResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{string.Join(' ', start.ArgumentList)} did not end within {Limit}");
        }
    }
}
