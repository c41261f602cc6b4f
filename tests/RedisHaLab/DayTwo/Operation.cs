// A command that changes the lab, as an operator starts it: a process of its own, whose lines are shown, and that can be killed half-way.

using System.Diagnostics;
using System.Reflection;
using RedisHaLab.Host;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.DayTwo;

/// <summary>How an operation ended.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="Said">All that it said.</param>
internal sealed record Ended(int ExitCode, TimeSpan Duration, IReadOnlyList<string> Said)
{
    /// <summary>Why it failed, in its own words: the lab's error, without the machines' consoles that follow it; otherwise its last lines.</summary>
    public string Reason
    {
        get
        {
            var error = Said.Select(line => line.Trim()).SkipWhile(line => !line.StartsWith("lab: ", StringComparison.Ordinal))
                .TakeWhile(line => line.Length > 0).ToList();
            return string.Join(" / ", error.Count > 0 ? error : Said.Select(line => line.Trim()).Where(line => line.Length > 0).TakeLast(5));
        }
    }

    /// <summary>What was going on last.</summary>
    public string Last => Said.LastOrDefault(line => line.Trim().Length > 0) ?? "nothing";
}

/// <summary>Runs operations.</summary>
internal static class Operation
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(50);

    /// <summary>The lab's own command line.</summary>
    public static IReadOnlyList<string> Lab(LabPaths paths, params IEnumerable<string> words) =>
        [Environment.ProcessPath ?? "dotnet", "exec", Assembly.GetExecutingAssembly().Location, .. words, "--name", paths.Name];

    /// <summary>A script of the checkout, on the lab.</summary>
    public static IReadOnlyList<string> Script(LabPaths paths, string name, params IEnumerable<string> words) =>
        [Path.Combine(Repository.Root, "scripts", name), .. words, "--lab", paths.Name];

    /// <summary>Runs a command.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="say">Is given each line that it says.</param>
    /// <param name="killAfter">When it is killed, with the connections that it has; null for never.</param>
    public static async Task<Ended> RunAsync(IReadOnlyList<string> command, Action<string> say, TimeSpan? killAfter = null)
    {
        var clock = Stopwatch.StartNew();
        using var process = Shell.Start(command[0], command.Skip(1));
        process.StandardInput.Close();
        var said = new List<string>();
        // What `up` prints at its end is of no interest here.
        var reading = Task.WhenAll(ReadAsync(process.StandardOutput, command.Contains("up") ? _ => { } : say), ReadAsync(process.StandardError, say));
        using var limit = new CancellationTokenSource(killAfter ?? Longest);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            await KillAsync(process);
            if (killAfter is null)
            {
                throw new LabException($"`{Shell.Describe(command[0], command.Skip(1))}` did not end within {Longest.TotalMinutes:0} minutes.");
            }
        }

        // Machines that it booted live on and have these pipes.
        await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(1)));
        lock (said)
        {
            return new Ended(process.ExitCode, clock.Elapsed, [.. said]);
        }

        async Task ReadAsync(StreamReader reader, Action<string> show)
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                lock (said)
                {
                    said.Add(line);
                }

                show(line);
            }
        }
    }

    // Its machines are no part of it, its connections are.
    private static async Task KillAsync(Process process)
    {
        var own = ProcessIdentity.Of(process.Id);
        var connections = Below(own).Where(child => IsConnection(child.Pid)).ToList();
        process.Kill();
        await process.WaitForExitAsync();
        foreach (var connection in connections)
        {
            await connection.KillAsync(TimeSpan.FromSeconds(5));
        }
    }

    private static IEnumerable<ProcessIdentity> Below(ProcessIdentity? process) => process is null ? []
        : process.Children().Select(ProcessIdentity.Of).OfType<ProcessIdentity>().SelectMany(child => Below(child).Prepend(child));

    private static bool IsConnection(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/comm").Trim() is "ssh" or "ip";
        }
        catch (IOException)
        {
            return false;
        }
    }
}
