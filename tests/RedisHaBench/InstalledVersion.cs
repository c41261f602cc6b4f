// Which version of a program was measured.

using System.Diagnostics;
using RedisHaProcesses;

namespace RedisHaBench;

/// <summary>Versions of installed programs.</summary>
internal static class InstalledVersion
{
    /// <summary>The version that a program prints for -v.</summary>
    public static async Task<string> OfAsync(string program, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(Installed.Path(program)!, "-v") { RedirectStandardOutput = true })!;
        var line = await process.StandardOutput.ReadLineAsync(cancellationToken) ?? "";
        await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return line.Split(' ').FirstOrDefault(w => w.Any(char.IsAsciiDigit) && w.Contains('.', StringComparison.Ordinal))?.Replace("v=", "",
            StringComparison.Ordinal) ?? line;
    }
}
