// The verb "watchdog": what Hosting/WatchdogProcess.cs starts. Not for people.

using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using RedisHaProxy.Hosting;

namespace RedisHaProxy.Commands;

/// <summary>Ends a process that gives no sign of life on standard input any more.</summary>
internal static class WatchdogCommand
{
    /// <summary>
    /// Waits in a row, of a second each, without a sign of life. A loop that is stuck is noticed 4 s before; all of it stays within 20 s.
    /// </summary>
    internal const int MostMisses = 10;

    public static Command Create()
    {
        var process = new Argument<int>("PID");
        var wait = new Option<int>("--wait") { Description = "Milliseconds of a wait.", DefaultValueFactory = _ => 1000 };
        var command = new Command("watchdog", "Kill a process that is stuck.") { process, wait };
        command.Hidden = true;
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(process), Console.OpenStandardInput(), TimeSpan.FromMilliseconds(parsed.GetValue(wait)),
                parsed.InvocationConfiguration.Error));
        return command;
    }

    /// <summary>Watches until the input ends.</summary>
    /// <param name="process">Who feeds the input.</param>
    /// <param name="input">A byte is a sign of life.</param>
    /// <param name="wait">How long a wait is.</param>
    /// <param name="error">Says what was done.</param>
    private static int Run(int process, Stream input, TimeSpan wait, TextWriter error)
    {
        // The service manager sends its signals to all processes of the service. This one ends with the other.
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true);
        using var ended = new ManualResetEventSlim();
        int fed = 0;
        var reader = new Thread(() =>
        {
            byte[] buffer = new byte[64];
            try
            {
                while (input.Read(buffer) > 0)
                {
                    Interlocked.Exchange(ref fed, 1);
                }
            }
            catch (IOException)
            {
                // The same as its end.
            }

            ended.Set();
        })
        {
            IsBackground = true,
            Name = "beats",
        };
        reader.Start();
        for (int misses = 0; !ended.Wait(wait);)
        {
            // A wait in which this process itself was paused is one wait, however long it took.
            misses = Interlocked.Exchange(ref fed, 0) == 1 ? 0 : misses + 1;
            if (misses == MostMisses)
            {
                // First the deed: standard error may be what blocks.
                using var stuck = Process.GetProcessById(process);
                stuck.Kill();
                string priority = JournalStream.IsStandardError() ? "<2>" : "";
                ProxyCommandLine.TellAsync(error, $"{priority}{ProxyCommandLine.Name}: process {process} has given no sign of life for {MostMisses} waits of "
                    + $"{wait.TotalSeconds:0.###} s: it is killed, to be started again").GetAwaiter().GetResult();
                return ExitCode.Failed;
            }
        }

        return ExitCode.Ok;
    }
}
