// Programs of this machine as the lab runs them: what goes wrong is an error for the lab's user.

using RedisHaProcesses;

namespace RedisHaLab.Host;

/// <summary>Runs programs of this machine.</summary>
internal static class HostCommand
{
    /// <summary>Runs a program to its end and returns what it said, whatever its exit code.</summary>
    /// <exception cref="LabException">The program is not installed, or took longer than <paramref name="timeout"/> (60 s when null) and was ended.</exception>
    public static Task<ShellResult> RunAsync(
        IReadOnlyList<string> command, string? input = null, TimeSpan? timeout = null, IReadOnlyDictionary<string, string>? environment = null,
        Action<string>? onErrorLine = null, CancellationToken cancellation = default)
        => TranslatedAsync(() => Shell.RunAsync(command[0], command.Skip(1), input, environment, timeout, onErrorLine, cancellation));

    /// <summary>Runs a program that has to succeed and returns its standard output.</summary>
    /// <exception cref="LabException">It ended with another exit code than 0; the message carries the end of what it said.</exception>
    public static async Task<string> RequireAsync(
        IReadOnlyList<string> command, string? input = null, TimeSpan? timeout = null, IReadOnlyDictionary<string, string>? environment = null,
        Action<string>? onErrorLine = null, CancellationToken cancellation = default)
    {
        var result = await RunAsync(command, input, timeout, environment, onErrorLine, cancellation);
        if (result.ExitCode == 0)
        {
            return result.Output;
        }

        var said = Tail(result.Error.Trim().Length > 0 ? result.Error : result.Output, 15);
        throw new LabException($"`{Shell.Describe(command[0], command.Skip(1))}` failed with exit code {result.ExitCode}:{Environment.NewLine}{said}");
    }

    /// <summary>Runs a program on this terminal and returns its exit code.</summary>
    /// <exception cref="LabException">The program is not installed.</exception>
    public static Task<int> InteractiveAsync(IReadOnlyList<string> command) => TranslatedAsync(() => Shell.InteractiveAsync(command[0], command.Skip(1)));

    /// <summary>The last lines of a text.</summary>
    public static string Tail(string text, int lines) =>
        string.Join(Environment.NewLine, text.TrimEnd().Split('\n').TakeLast(lines).Select(line => line.TrimEnd('\r')));

    private static async Task<T> TranslatedAsync<T>(Func<Task<T>> run)
    {
        try
        {
            return await run();
        }
        catch (FileNotFoundException e)
        {
            throw new LabException($"The program `{e.FileName}` is not installed. Run `scripts/lab up`, which installs what the lab needs.",
                LabException.Unusable, e);
        }
        catch (TimeoutException e)
        {
            throw new LabException(e.Message + ".", LabException.Failed, e);
        }
    }
}
