// `lab load`: what clients notice of a change. Runs clients through the balancer while a command runs, or for a time, and judges what they
// saw; exit code 0 only when no acknowledged write is lost, no number was given twice, no read was stale, and the given limits hold.

using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Load;
using Spectre.Console;

namespace RedisHaLab.Commands;

/// <summary>load.</summary>
internal static class LoadCommand
{
    private static readonly TimeSpan Report = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestChange = TimeSpan.FromHours(1);

    /// <summary>load [--seconds N] [--max-gap MS] [--max-failed N] [--json] [-- COMMAND...].</summary>
    public static Command Create()
    {
        var seconds = new Option<int?>("--seconds") { Description = "How long; after COMMAND, when there is one (default 30, and 5 after a command)" };
        var gap = new Option<int?>("--max-gap") { Description = "Fail when no write was acknowledged for longer than so many milliseconds" };
        var failed = new Option<int?>("--max-failed") { Description = "Fail when more commands than this failed even with one retry" };
        var words = new Argument<string[]>("command")
        {
            Description = "A change to make meanwhile, on this machine; put -- before it",
            Arity = ArgumentArity.ZeroOrMore
        };
        var command = new Command("load", Verbs.All["load"]) { seconds, gap, failed, CommandLineProgram.Json, words };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            // No exclusive lock: the change that is measured takes it.
            using var lab = CommandLineProgram.Open(paths);
            var change = parsed.GetValue(words) ?? [];
            var duration = TimeSpan.FromSeconds(parsed.GetValue(seconds) ?? (change.Length > 0 ? 5 : 30));
            var (report, code) = await RunAsync(lab, change, duration);
            CommandLineProgram.Write(parsed, report, () => Show(report));
            var broken = Broken(report, code, parsed.GetValue(gap), parsed.GetValue(failed)).ToList();
            broken.ForEach(sentence => Console.Error.WriteLine($"lab: {sentence}"));
            return broken.Count == 0 ? 0 : LabException.Failed;
        }));
        return command;
    }

    private static async Task<(LoadReport Report, int ExitCode)> RunAsync(Lab lab, string[] change, TimeSpan duration)
    {
        using var stop = new CancellationTokenSource();
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            await using var clients = await LoadClients.StartAsync(new ClusterView(lab));
            var since = clients.Now;
            lab.Progress.Say("the clients write and read through the balancer");
            using var progress = new Timer(_ => lab.Progress.Say(Line(clients)), null, Report, Report);
            var code = 0;
            try
            {
                if (change.Length > 0)
                {
                    var result = await HostCommand.RunAsync(change, timeout: LongestChange, onErrorLine: Console.Error.WriteLine, cancellation: stop.Token);
                    await Console.Error.WriteAsync(result.Output);
                    code = result.ExitCode;
                    lab.Progress.Say($"`{change[0]}` ended with exit code {code}");
                }

                await Task.Delay(duration, stop.Token);
            }
            catch (OperationCanceledException)
            {
                lab.Progress.Say("stopped early");
            }

            await progress.DisposeAsync();
            return (await clients.FinishAsync(since), code);
        }
        catch (CheckFailedException e)
        {
            throw new LabException(e.Message, LabException.Failed, e);
        }
    }

    private static string Line(LoadClients clients)
    {
        var seen = clients.Journal.Snapshot();
        return string.Create(CultureInfo.InvariantCulture,
            $"{seen.Count(command => command.Failure is null)} commands answered, {seen.Count(command => command.Failure is not null && !command.IsRetry)} "
                + $"failed, {seen.Count(command => command.Failure is not null && command.IsRetry)} of these again when tried once more");
    }

    private static IEnumerable<string> Broken(LoadReport report, int exitCode, int? gap, int? failed)
    {
        if (exitCode != 0)
        {
            yield return $"the command ended with exit code {exitCode}";
        }

        if (!report.NothingLost)
        {
            yield return $"{report.LostWrites} acknowledged writes lost, {report.CountedTwice} numbers of the counter given twice, {report.StaleReads} stale "
                + $"reads; 0 of each expected";
        }

        if (gap is { } most && report.LongestGapMilliseconds > most)
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"no write was acknowledged for {report.LongestGapMilliseconds:0} ms; at most {most} ms expected");
        }

        if (failed is { } allowed && report.FailedWithRetry.Values.Sum() > allowed)
        {
            yield return $"{report.FailedWithRetry.Values.Sum()} commands failed even with one retry; at most {allowed} expected";
        }
    }

    private static void Show(LoadReport report)
    {
        var table = new Table().RoundedBorder().AddColumns("what clients saw", "");
        void Row(string what, FormattableString value) => table.AddRow(Markup.Escape(what), Markup.Escape(FormattableString.Invariant(value)));
        string Kinds(IReadOnlyDictionary<string, int> kinds) => kinds.Count == 0 ? "none"
            : $"{kinds.Values.Sum()}: {string.Join(", ", kinds.Select(kind => $"{kind.Value} {kind.Key}"))}";
        Row("duration", $"{report.Seconds:0.0} s, {report.Commands} commands, {report.AcknowledgedWrites} acknowledged writes");
        Row("failed commands", $"{Kinds(report.Failed)}");
        Row("failed even with one retry", $"{Kinds(report.FailedWithRetry)}");
        Row("longest time without an acknowledged write", $"{report.LongestGapMilliseconds:0} ms (one client: {report.LongestClientGapMilliseconds:0} ms)");
        var gaps = report.Interruptions.Select(gap => FormattableString.Invariant($"{gap.Milliseconds:0} ms at {gap.AtSeconds:0.0} s"));
        Row("interruptions", $"{(report.Interruptions.Count == 0 ? "none" : string.Join(", ", gaps))}");
        Row("acknowledged writes lost", $"{report.LostWrites}");
        Row("numbers given twice", $"{report.CountedTwice}");
        Row("stale reads", $"{report.StaleReads}");
        AnsiConsole.Write(table);
        report.Lost.ToList().ForEach(lost => AnsiConsole.WriteLine($"lost: {lost}"));
    }
}
