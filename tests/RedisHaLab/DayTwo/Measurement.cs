// Makes a change while clients write and read, and measures what they notice: as it is meant, while another node is dead, or killed half-way.

using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using RedisHaLab.Cluster;
using RedisHaLab.Load;
using RedisHaLab.Machines;
using RedisHaProcesses;

namespace RedisHaLab.DayTwo;

/// <summary>Measures changes on a stack.</summary>
internal sealed class Measurement(Stack stack)
{
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Report = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(2);

    // A change that needs the dead node says so soon; the rest of this is the program's own start.
    private static readonly TimeSpan RefusedWithin = TimeSpan.FromSeconds(90);

    // Milliseconds that a busy machine may hold up the program that measures, before that is said.
    private const double Standstill = 300;

    private readonly List<string> _wrong = [];

    /// <summary>As it is meant.</summary>
    public Task<Row> PlainAsync(Change change) => RowAsync(change, change.What, change.LeastInStep, async order =>
    {
        var ended = await RunAsync(order);
        Require(ended.ExitCode == 0, $"it ended with exit code {ended.ExitCode}: {ended.Reason}");
        return new Outcome(null);
    });

    /// <summary>While another node is dead: it is made, or refused soon and with a reason. With five nodes it is then made without that one, where that
    /// can be, and made for all when the node is back.</summary>
    public async Task<Row> WithDeadNodeAsync(Change change)
    {
        await change.Prepare(stack);
        var master = await stack.MasterAsync();
        var dead = stack.Redis.Except(change.Involves(stack)).Except([master]).LastOrDefault() ?? stack.Redis.Except(change.Involves(stack)).Last();
        await stack.InLabAsync(lab => lab.CutPowerAsync(dead));
        stack.Progress.Say($"{dead} is dead");
        return await RowAsync(change, $"{change.What}, while {dead} is dead", leastAllowed: 1, async order =>
        {
            var first = await RunAsync(LeavingOff(order));
            var reason = first.Said.LastOrDefault(line => line.Contains(dead, StringComparison.Ordinal) && line.Contains("not", StringComparison.Ordinal));
            Require(first.ExitCode == 0 || reason is not null, $"it was refused, and what it said does not name {dead}: {Why(first)}");
            Require(first.ExitCode == 0 || first.Duration < RefusedWithin,
                Text($"it was refused after {first.Duration.TotalSeconds:0} s only; {RefusedWithin.TotalSeconds:0} s at most expected"));
            var note = first.ExitCode == 0 ? Text($"made in {first.Duration.TotalSeconds:0} s") : Text($"refused after {first.Duration.TotalSeconds:0} s");
            stack.Progress.Say($"{change.Name}: {note}: {(first.ExitCode == 0 ? Why(first) : reason)}");
            var isMade = first.ExitCode == 0;
            var isLeftOut = !isMade && change.GoesWithoutOne && stack.Redis.Count >= 5;
            if (isLeftOut)
            {
                var absent = $"absentNodes={JsonSerializer.Serialize(new[] { dead })}";
                var up = IsUp(order) ? order : Changes.Up(stack, order.Settings);
                var without = await RunAsync(LeavingOff(up with { Command = [.. up.Command, "--set", absent] }));
                if (without.ExitCode == 0 && !IsUp(order))
                {
                    without = await RunAsync(order);
                }

                Require(without.ExitCode == 0, $"without {dead} it ended with exit code {without.ExitCode}: {Why(without)}");
                note += Text($"; made without {dead} in {without.Duration.TotalSeconds:0} s");
            }

            await stack.InLabAsync(async lab =>
            {
                await lab.StartMachineAsync(dead);
                await Eventually.HoldsWithinAsync(() => lab.Machine(dead).Phase() == MachinePhase.Ready, BootLimit, TimeSpan.FromMilliseconds(200));
            });
            using (var lab = stack.Open())
            {
                await new Whole(new ClusterView(lab), isMade ? 0 : stack.NewNodes(order)).RolesAsync();
            }

            // What was refused is a plain change when the node is back. What a script has made is made.
            if (!isLeftOut && !(isMade && IsUp(order)))
            {
                return new Outcome(note, isMade);
            }

            if (isLeftOut && !IsUp(order))
            {
                await Changes.MadeAsync(stack, Changes.Up(stack, order.Settings));
            }

            var second = await RunAsync(order);
            Require(second.ExitCode == 0, $"with {dead} back it ended with exit code {second.ExitCode}: {Why(second)}");
            return new Outcome(note + Text($"; with it back {second.Duration.TotalSeconds:0} s"));
        }, isPrepared: true);
    }

    /// <summary>Killed so long after its start; then once more, to its end.</summary>
    public Task<Row> KilledAsync(Change change, TimeSpan after) =>
        RowAsync(change, Text($"{change.What}, killed after {after.TotalSeconds:0.0} s"), change.LeastInStep, async order =>
        {
            var first = await RunAsync(order, after);
            var note = first.ExitCode == 0 ? $"ended before: {first.Last.Trim()}" : $"killed after: {first.Last.Trim()}";
            await Task.Delay(Calm);
            var second = await RunAsync(order);
            Require(second.ExitCode == 0, $"run again it ended with exit code {second.ExitCode}: {Why(second)}");
            return new Outcome(note);
        });

    // What came of it: a note for the row, and whether the change is made.
    private sealed record Outcome(string? Note, bool IsMade = true);

    private async Task<Row> RowAsync(Change change, string what, int leastAllowed, Func<Order, Task<Outcome>> make, bool isPrepared = false)
    {
        _wrong.Clear();
        if (!isPrepared)
        {
            await change.Prepare(stack);
        }

        var order = change.Order(stack);
        using var lab = stack.Open();
        var cluster = new ClusterView(lab);
        stack.Progress.Say($"{what}: the clients begin");
        await using var clients = await LoadClients.StartAsync(cluster);
        await using var steps = StepWatch.Start(cluster);
        var since = clients.Now;
        using var progress = new Timer(_ => stack.Progress.Say($"{change.Name}: {clients.Journal.Count} commands so far"), null, Report, Report);
        await change.Begin(stack);
        var clock = Stopwatch.StartNew();
        var outcome = await make(order);
        var seconds = clock.Elapsed.TotalSeconds;
        await Task.Delay(Calm);
        await progress.DisposeAsync();
        var busy = double.Parse((await File.ReadAllTextAsync("/proc/loadavg")).Split(' ')[0], CultureInfo.InvariantCulture) / Environment.ProcessorCount;
        var load = await clients.FinishAsync(since, change.IsRewind);
        await steps.StopAsync();
        if (_wrong.Count == 0 && outcome.IsMade)
        {
            stack.Keep(order.Settings);
            await CheckAsync(() => change.Prove(stack));
        }

        await WholeAsync(outcome.IsMade ? 0 : stack.NewNodes(order));
        var row = Row.Of(change, what, seconds, load, steps.Least, leastAllowed, _wrong.ToImmutableArray()) with
        {
            Note = outcome.Note,
            MachineLoad = Math.Round(busy, 1),
            IsHeldUp = steps.LongestStall > Standstill,
        };
        stack.Progress.Say(row.ToString());
        if (row.IsHeldUp)
        {
            stack.Progress.Say(Text($"{change.Name}: this machine was too busy: the program that measures stood still for {steps.LongestStall:0} ms"));
        }

        foreach (var gap in load.Interruptions)
        {
            stack.Progress.Say(Text($"{change.Name}: no write for {gap.Milliseconds:0} ms at {gap.AtSeconds:0.0} s"));
        }

        return row;
    }

    // One master, all follow, no Sentinel is forgotten, and nothing that a change sets for its own time is left.
    private async Task WholeAsync(int more)
    {
        using var lab = stack.Open();
        var whole = new Whole(new ClusterView(lab), more);
        await CheckAsync(whole.RolesAsync);
        await CheckAsync(whole.SentinelsAsync);
        await CheckAsync(whole.NothingLeftBehindAsync);
    }

    private async Task CheckAsync(Func<Task> check)
    {
        try
        {
            await check();
        }
        catch (Exception e) when (e is CheckFailedException or Host.LabException || ClusterView.IsRefusal(e))
        {
            _wrong.Add(e.Message);
        }
    }

    private void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            _wrong.Add(otherwise);
        }
    }

    private Task<Ended> RunAsync(Order order, TimeSpan? killAfter = null) =>
        Operation.RunAsync(order.Command, line => stack.Progress.Say("  " + line), killAfter);

    private static bool IsUp(Order order) => order.Command.Contains("up");

    private static Order LeavingOff(Order order) => IsUp(order) ? order with { Command = [.. order.Command, "--leave-off"] } : order;

    private static string Why(Ended ended) => ended.ExitCode == 0 ? ended.Last.Trim() : ended.Reason;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
