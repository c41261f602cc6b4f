// The built program, run as a user runs it.

using System.Diagnostics;
using RedisHaLab.Host;
using RedisHaProcesses;
using Xunit.Abstractions;

namespace RedisHaLab.Tests;

/// <summary>Runs redis-ha-lab for one instance.</summary>
internal sealed class LabProgram
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "redis-ha-lab");

    private readonly string _name;
    private readonly ITestOutputHelper _output;

    public LabProgram(string name, ITestOutputHelper output)
    {
        _name = name;
        _output = output;
    }

    /// <summary>Runs a command to its end.</summary>
    public async Task<ShellResult> RunAsync(params string[] arguments)
    {
        var clock = Stopwatch.StartNew();
        var result = await HostCommand.RunAsync([Program, "--name", _name, .. arguments], timeout: TimeSpan.FromMinutes(15));
        _output.WriteLine($"$ lab {string.Join(' ', arguments)}  [exit code {result.ExitCode}, {clock.Elapsed.TotalSeconds:0.0} "
            + $"s]\n{result.Output}{result.Error}");
        return result;
    }

    /// <summary>Starts a command and kills it as soon as it says <paramref name="text"/>.</summary>
    public async Task KillWhenItSaysAsync(string text, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Program,
            ["--name", _name, .. arguments])
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        while (await process.StandardError.ReadLineAsync(limit.Token) is { } line)
        {
            _output.WriteLine(line);
            if (line.Contains(text, StringComparison.Ordinal))
            {
                process.Kill();
                await process.WaitForExitAsync(limit.Token);
                return;
            }
        }

        throw new InvalidOperationException($"it ended without saying \"{text}\"");
    }
}
