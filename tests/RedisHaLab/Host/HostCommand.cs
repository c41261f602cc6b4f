// Runs a program of this machine and takes its output. Arguments are passed as a list, never through a shell,
// and secrets never as arguments: they go to standard input.

using System.Diagnostics;
using System.Text;

namespace RedisHaLab.Host;

/// <summary>What a program left behind.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
internal sealed record CommandResult(int ExitCode, string Output, string Error);

/// <summary>Programs of this machine.</summary>
internal static class HostCommand
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Runs a program to its end and returns what it said, whatever its exit code.</summary>
    /// <exception cref="LabException">The program is not installed, or took longer than <paramref name="timeout"/> and was ended.</exception>
    public static async Task<CommandResult> RunAsync(
        IEnumerable<string> command,
        string? input = null,
        TimeSpan? timeout = null,
        IReadOnlyDictionary<string, string>? environment = null,
        Action<string>? onErrorLine = null,
        CancellationToken cancellation = default)
    {
        var arguments = command.ToArray();
        var start = new ProcessStartInfo(arguments[0])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        };
        foreach (var argument in arguments.Skip(1))
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (key, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[key] = value;
        }

        using var process = Start(start);
        var limit = timeout ?? DefaultTimeout;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        ending.CancelAfter(limit);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(ending.Token);
            var error = ReadLinesAsync(process.StandardError, onErrorLine, ending.Token);
            await FeedAsync(process, input, ending.Token);
            await process.WaitForExitAsync(ending.Token);
            return new CommandResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellation.ThrowIfCancellationRequested();
            throw new LabException($"`{Describe(arguments)}` did not end within {limit.TotalSeconds:0} s and was stopped.");
        }
    }

    /// <summary>Runs a program that has to succeed and returns its standard output.</summary>
    /// <exception cref="LabException">It ended with another exit code than 0; the message carries the end of what it said.</exception>
    public static async Task<string> RequireAsync(
        IEnumerable<string> command,
        string? input = null,
        TimeSpan? timeout = null,
        IReadOnlyDictionary<string, string>? environment = null,
        Action<string>? onErrorLine = null,
        CancellationToken cancellation = default)
    {
        var arguments = command.ToArray();
        var result = await RunAsync(arguments, input, timeout, environment, onErrorLine, cancellation);
        if (result.ExitCode == 0)
        {
            return result.Output;
        }

        var said = Tail(result.Error.Trim().Length > 0 ? result.Error : result.Output, 15);
        throw new LabException($"`{Describe(arguments)}` failed with exit code {result.ExitCode}:{Environment.NewLine}{said}");
    }

    /// <summary>Runs a program on this terminal and returns its exit code.</summary>
    public static async Task<int> InteractiveAsync(IEnumerable<string> command)
    {
        var arguments = command.ToArray();
        using var process = Start(new ProcessStartInfo(arguments[0], arguments.Skip(1)) { UseShellExecute = false });
        // Ctrl-C goes to the whole foreground group: the program decides what it means, and this process waits for it.
        ConsoleCancelEventHandler ignore = (_, e) => e.Cancel = true;
        Console.CancelKeyPress += ignore;
        try
        {
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
        finally
        {
            Console.CancelKeyPress -= ignore;
        }
    }

    /// <summary>The path of a program on PATH or in the system directories; null when it is not installed.</summary>
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Concat(["/usr/sbin", "/sbin", "/usr/bin", "/bin"])
            .Where(directory => directory.Length > 0)
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);

    /// <summary>The last lines of a text.</summary>
    public static string Tail(string text, int lines) =>
        string.Join(Environment.NewLine, text.TrimEnd().Split('\n').TakeLast(lines).Select(line => line.TrimEnd('\r')));

    private static Process Start(ProcessStartInfo start)
    {
        start.FileName = start.FileName.Contains('/') ? start.FileName : Find(start.FileName) ?? throw new LabException(
            $"The program `{start.FileName}` is not installed. Run `scripts/lab up`, which installs what the lab needs.", LabException.Unusable);
        return Process.Start(start) ?? throw new LabException($"`{start.FileName}` could not be started.");
    }

    private static async Task FeedAsync(Process process, string? input, CancellationToken cancellation)
    {
        try
        {
            if (input is not null)
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), cancellation);
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading its input; its exit code says why.
        }
    }

    private static async Task<string> ReadLinesAsync(StreamReader reader, Action<string>? onLine, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        while (await reader.ReadLineAsync(cancellation) is { } line)
        {
            text.AppendLine(line);
            onLine?.Invoke(line);
        }

        return text.ToString();
    }

    private static string Describe(string[] arguments)
    {
        var line = string.Join(' ', arguments);
        return line.Length <= 160 ? line : line[..157] + "...";
    }
}
