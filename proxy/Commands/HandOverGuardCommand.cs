// The verb "hand-over-guard": what the helper of the hand-over starts. Not for people.

using System.CommandLine;
using System.Runtime.InteropServices;
using RedisHaProxy.Forwarding.HandOver;
using RedisHaProxy.Hosting;

namespace RedisHaProxy.Commands;

/// <summary>Resets what a helper that has died without a word had handed over.</summary>
internal static class HandOverGuardCommand
{
    public static Command Create()
    {
        var flows = new Argument<int>("FLOWS");
        var sessions = new Argument<int>("SESSIONS");
        var command = new Command("hand-over-guard", "Reset what a helper has left behind.") { flows, sessions };
        command.Hidden = true;
        command.SetAction(parsed => Run(parsed.GetRequiredValue(flows), parsed.GetRequiredValue(sessions), parsed.InvocationConfiguration.Error));
        return command;
    }

    private static async Task<int> Run(int flows, int sessions, TextWriter error)
    {
        // The service manager sends its signals to all processes of the service. This one ends after the other.
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true);
        try
        {
            int left = HandOverGuard.Run(Console.OpenStandardInput(), flows, sessions);
            if (left > 0)
            {
                string priority = JournalStream.IsStandardError() ? "<3>" : "";
                await ProxyCommandLine.TellAsync(
                    error, $"{priority}{ProxyCommandLine.Name}: the hand-over's helper has ended; the {left} sessions that it had were reset");
            }

            return ExitCode.Ok;
        }
        catch (BpfException e)
        {
            throw new CommandFailedException(ExitCode.Failed, e.Message);
        }
    }
}
