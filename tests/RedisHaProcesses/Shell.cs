// Runs a program to its end, with a bound on its time, and takes its output. Arguments are a list, never a shell's line; a secret goes to
// standard input or into the environment, never into an argument. Processes that go on running are ChildProcess.

using System.Diagnostics;
using System.Text;

namespace RedisHaProcesses;

/// <summary>What a program left behind.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
public sealed record ShellResult(int ExitCode, string Output, string Error)
{
    /// <inheritdoc/>
    public override string ToString() => $"exit code {ExitCode}\n{Output}\n{Error}";
}

/// <summary>Runs programs of this machine.</summary>
public static class Shell
{
    /// <summary>Runs a program to its end and returns what it said, whatever its exit code.</summary>
    /// <param name="program">A path, or a name that is looked up as in <see cref="Installed.Path"/>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="input">Its standard input, UTF-8; empty when null.</param>
    /// <param name="environment">Variables beside those of this process.</param>
    /// <param name="timeout">The bound; 60 s when null. After it the program and its children are killed.</param>
    /// <param name="onErrorLine">Is given each line of standard error as it comes.</param>
    /// <param name="stop">Kills it earlier.</param>
    /// <exception cref="FileNotFoundException">The program is not installed.</exception>
    /// <exception cref="TimeoutException">It did not end in time, and was killed.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled, and it was killed.</exception>
    public static async Task<ShellResult> RunAsync(
        string program, IEnumerable<string> arguments, string? input = null, IReadOnlyDictionary<string, string>? environment = null,
        TimeSpan? timeout = null, Action<string>? onErrorLine = null, CancellationToken stop = default)
    {
        string[] words = [.. arguments];
        var bound = timeout ?? TimeSpan.FromSeconds(60);
        using var process = Start(program, words, environment);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(bound);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = ReadLinesAsync(process.StandardError, onErrorLine, limit.Token);
            await FeedAsync(process, input ?? "", limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new ShellResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            stop.ThrowIfCancellationRequested();
            throw new TimeoutException($"`{Describe(program, words)}` did not end within {bound.TotalSeconds:0} s and was stopped");
        }
    }

    /// <summary>Starts a program with pipes for all that it reads and writes; whoever reads from it also ends it.</summary>
    /// <exception cref="FileNotFoundException">The program is not installed.</exception>
    public static Process Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(Find(program), arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start) ?? throw new InvalidOperationException($"{program} does not start");
    }

    /// <summary>Runs a program on this terminal and returns its exit code.</summary>
    /// <exception cref="FileNotFoundException">The program is not installed.</exception>
    public static async Task<int> InteractiveAsync(string program, IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Find(program), arguments) { UseShellExecute = false })!;
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

    /// <summary>A command line for messages, at most 160 characters.</summary>
    public static string Describe(string program, IEnumerable<string> arguments)
    {
        var line = string.Join(' ', arguments.Prepend(program));
        return line.Length <= 160 ? line : line[..157] + "...";
    }

    /// <summary>Runs a command in a namespace; it must succeed.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message has the command and its error text.</exception>
    public static async Task RunInAsync(NetworkNamespace network, IReadOnlyList<string> command, string? input = null)
    {
        var result = await RunAsync(
            network.EnterCommand[0], [.. network.EnterCommand.Skip(1), Installed.Path(command[0]) ?? command[0], .. command.Skip(1)], input,
                timeout: TimeSpan.FromSeconds(10));
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException($"`{string.Join(' ', command)}` in namespace {network.Name} failed: {result.Error.Trim()}");
        }
    }

    private static string Find(string program) => Installed.Path(program)
        ?? throw new FileNotFoundException($"the program `{program}` is not installed (looked in PATH, /usr/sbin and /sbin)", program);

    private static async Task FeedAsync(Process process, string input, CancellationToken cancellation)
    {
        try
        {
            await process.StandardInput.WriteAsync(input.AsMemory(), cancellation);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading all of its input; its exit code says why.
        }
    }

    // As it was written, but line by line.
    private static async Task<string> ReadLinesAsync(StreamReader reader, Action<string>? onLine, CancellationToken cancellation)
    {
        if (onLine is null)
        {
            return await reader.ReadToEndAsync(cancellation);
        }

        var text = new StringBuilder();
        while (await reader.ReadLineAsync(cancellation) is { } line)
        {
            text.Append(line).Append('\n');
            onLine(line);
        }

        return text.ToString();
    }
}
