// The verb "hand-over": the helper of Forwarding/HandOver, which has the rights that the proxy does without. A unit of its own starts it.

using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using RedisHaProxy.Forwarding.HandOver;
using RedisHaProxy.Hosting;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Commands;

/// <summary>Hands sessions over to the kernel, for the proxy of this machine.</summary>
internal static class HandOverCommand
{
    private const int MostSessions = 65_536;

    public static Command Create()
    {
        var socket = new Option<string>("--socket")
        {
            Description = "Path of the Unix socket to listen on, as in the proxy's handOver.socket.",
        };
        var check = new Option<bool>("--check") { Description = "Hand one session of its own over on the loopback, say what comes of it, and end." };
        var sessions = new Option<int>("--sessions") { Description = "The most sessions at a time.", DefaultValueFactory = _ => MostSessions };
        sessions.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 1_000_000)
            {
                result.AddError("--sessions must be 1 to 1000000, such as 65536");
            }
        });
        var kernel = new Option<TranslationParts?>("--kernel")
        {
            Description = "Descriptors of the kernel's part, which this program has made.",
            Hidden = true,
            CustomParser = result => TranslationParts.Parse(result.Tokens[0].Value),
        };
        var command = new Command("hand-over", "Have the kernel forward sessions, for the proxy of this machine (a service of its own).")
        {
            socket, check, sessions, kernel,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(check) == (result.GetValue(socket) is not null))
            {
                result.AddError("hand-over needs either --socket with a path, such as --socket /run/redis-ha-hand-over/socket, or --check");
            }
        });
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            try
            {
                return parsed.GetValue(check) ? Check(parsed.InvocationConfiguration.Output)
                    : parsed.GetValue(kernel) is { } parts
                    ? Run(parsed.GetRequiredValue(socket), parsed.GetValue(sessions), parts, parsed.InvocationConfiguration.Error)
                    : Prepare(parsed.GetRequiredValue(socket), parsed.GetValue(sessions));
            }
            catch (BpfException e)
            {
                throw new CommandFailedException(
                    ExitCode.Unsupported,
                    $"{e.Message}. The hand-over needs Linux 6.6 and the capabilities CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_NET_RAW");
            }
        });
        return command;
    }

    private static int Check(TextWriter output)
    {
        using var sessions = new HandOvers(1);
        ThrowIf(HandOverTrial.Run(sessions, out bool told));
        output.WriteLine(told ? "this kernel forwards sessions that are handed over to it"
            : "this kernel takes what it needs to forward sessions; the loopback could not be used to see it do so");
        return ExitCode.Ok;
    }

    private static void ThrowIf(string? fault)
    {
        if (fault is not null)
        {
            throw new CommandFailedException(ExitCode.Unsupported, $"this kernel takes the programs, and they do not do their work: {fault}");
        }
    }

    // Whoever talks to the proxy and looks after sessions has not the rights to make programs for the kernel.
    private static int Prepare(string path, int sessions)
    {
        var parts = TranslationParts.Create(sessions);
        parts.Inherit(true);
        try
        {
            OwnProgram.Become(
                ["hand-over", "--socket", path, "--sessions", sessions.ToString(CultureInfo.InvariantCulture), "--kernel", parts.ToString()],
                [Execution.CapabilityBpf, Execution.CapabilityPerformance]);
        }
        catch (Win32Exception e)
        {
            throw new CommandFailedException(ExitCode.Failed, $"this program cannot start itself again: {e.Message}");
        }

        return ExitCode.Ok;
    }

    private static int Run(string path, int sessions, TranslationParts parts, TextWriter error)
    {
        parts.Inherit(false);
        using var stop = new CancellationTokenSource();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, stop));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, stop));
        using var notifier = ServiceNotifier.FromEnvironment();
        try
        {
            using var helper = new HandOverHelper(path, sessions, parts);
            string priority = JournalStream.IsStandardError() ? "<4>" : "";
            helper.Log = text => // by another thread: a journal that does not read must not hold up what is forwarded
                ThreadPool.QueueUserWorkItem(_ => ProxyCommandLine.TellAsync(error, $"{priority}{ProxyCommandLine.Name}: hand-over: {text}").Wait());
            using Process guard = StartGuard(helper, sessions);
            ThrowIf(helper.Try());
            notifier.Ready(HowItGoes(helper));
            helper.Run(stop.Token, NowAndThen(() =>
            {
                notifier.FeedWatchdog();
                notifier.Status(HowItGoes(helper));
            }, notifier.Watchdog));
            return ExitCode.Ok;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException(ExitCode.Failed, $"cannot listen on {path}: {e.Message}");
        }
    }

    private static string HowItGoes(HandOverHelper helper) => helper.HasProxy
        ? string.Create(CultureInfo.InvariantCulture, $"Serves the proxy; sessions that the kernel forwards: {helper.Sessions}") : "Waits for the proxy";

    // Four times within the manager's patience.
    private static Action NowAndThen(Action tell, TimeSpan? patience)
    {
        long told = 0;
        return () =>
        {
            if (patience is { } most && Environment.TickCount64 - told > most.TotalMilliseconds / 4)
            {
                told = Environment.TickCount64;
                tell();
            }
        };
    }

    // It lives in the same service, and ends by itself after this process.
    private static Process StartGuard(HandOverHelper helper, int sessions)
    {
        int flows = LibC.Fcntl(helper.FlowsDescriptor, LibC.FcntlDuplicate, 0); // unlike the original, a child has it
        try
        {
            return Process.Start(OwnProgram.With(
                "hand-over-guard", flows.ToString(CultureInfo.InvariantCulture), sessions.ToString(CultureInfo.InvariantCulture)))!;
        }
        finally
        {
            LibC.Close(flows);
        }
    }

    private static void Stop(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        stop.Cancel();
    }
}
