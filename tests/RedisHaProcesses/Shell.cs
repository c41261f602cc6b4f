// Short commands that set the stage (ip, nft, sysctl), with their error text in the exception.

using System.Diagnostics;

namespace RedisHaProcesses;

/// <summary>Runs a command to its end.</summary>
internal static class Shell
{
    /// <summary>Runs a command in a namespace.</summary>
    public static void Run(NetworkNamespace network, params string[] words) => RunWithInput(network, "", words);

    /// <summary>Runs a command in a namespace, with text on its standard input.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message has the command and its error text.</exception>
    public static void RunWithInput(NetworkNamespace network, string input, params string[] words)
    {
        string[] all = [.. network.EnterCommand, Installed.Path(words[0]) ?? words[0], .. words[1..]];
        var start = new ProcessStartInfo(all[0], all[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            process.Kill();
            throw new InvalidOperationException($"'{string.Join(' ', words)}' in namespace {network.Name} did not end in 10 s");
        }

        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"'{string.Join(' ', words)}' in namespace {network.Name} failed: {errors.GetAwaiter().GetResult().Trim()}");
        }
    }
}
