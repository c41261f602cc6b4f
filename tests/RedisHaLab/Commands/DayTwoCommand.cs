// `lab day2`: makes each planned change while clients write and read, and judges what it cost them; exit code 0 only when all bars hold.

using System.CommandLine;
using RedisHaLab.Cluster;
using RedisHaLab.DayTwo;
using RedisHaLab.Host;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Commands;

/// <summary>day2.</summary>
internal static class DayTwoCommand
{
    private static readonly string Document = Path.Combine(Repository.Root, "docs", "day2.md");

    /// <summary>day2 [--only NAME]... [--nodes N] [--with-dead-node | --kill N] [--again] [--write] [--json].</summary>
    public static Command Create()
    {
        var names = string.Join(", ", Changes.All.Select(change => change.Name));
        var only = new Option<string[]>("--only")
        {
            Description = $"A change to make; may be repeated, or several with commas. Default: all of them, which takes about half an hour: {names}",
            DefaultValueFactory = _ => [],
        };
        var nodes = new Option<int?>("--nodes") { Description = "Redis nodes of a lab that is not up yet: 3 (unless set) or 5" };
        var set = new Option<string[]>("--set")
        {
            Description = "A setting of a lab that is not up yet, such as engine=valkey; may be repeated",
            DefaultValueFactory = _ => [],
        };
        var release = new Option<string?>("--release") { Description = "The suite of a lab that is not up yet, such as trixie" };
        var dead = new Option<bool>("--with-dead-node")
        {
            Description = "Make each change while another node is dead: it succeeds, or is refused with a reason, and succeeds afterwards",
        };
        var kill = new Option<int>("--kill") { Description = "Make each change so many times, killed at moments spread over its duration, and go on" };
        var again = new Option<bool>("--again")
        {
            Description = "Begin with the first change; without it a run that was interrupted goes on after the last row that held",
        };
        var write = new Option<bool>("--write") { Description = "Put the rows into docs/day2.md" };
        var command = new Command("day2", Verbs.All["day2"]) { only, nodes, set, release, dead, kill, again, write, CommandLineProgram.Json };
        only.Validators.Add(result =>
        {
            foreach (var name in Names(result.GetValueOrDefault<string[]>()).Where(name => Changes.All.All(change => change.Name != name)))
            {
                result.AddError($"--only: \"{name}\" is not a change; the changes are: {names}");
            }
        });
        nodes.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is not (null or 3 or 5))
            {
                result.AddError($"--nodes: 3 or 5, such as --nodes 5; not {result.GetValueOrDefault<int?>()}");
            }
        });
        kill.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 100)
            {
                result.AddError($"--kill: a number of times from 1 to 100, such as --kill 10; not {result.GetValueOrDefault<int>()}");
            }
        });
        command.Validators.Add(result =>
        {
            if ((result.GetValue(kill) > 0 || result.GetValue(set) is { Length: > 0 } || result.GetValue(release) is not null) && result.GetValue(write))
            {
                result.AddError("--write: the document has no table of changes that are killed, of further settings or another suite; leave those out");
            }

            if (result.GetValue(dead) && result.GetValue(kill) > 0)
            {
                result.AddError("--with-dead-node and --kill exclude each other");
            }
        });
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            await Preflight.RequireKernelAsync();
            var chosen = Names(parsed.GetValue(only)).ToHashSet();
            var changes = Changes.All.Where(change => chosen.Count == 0 || chosen.Contains(change.Name)).ToList();
            var progress = new Progress(Console.Error);
            var rows = new List<Row>();
            // A choice of changes is measured as it is asked for, and leaves the long run as it is.
            var beginning = Begin(paths, parsed.GetValue(nodes), parsed.GetValue(set) ?? [], parsed.GetValue(release));
            var wanted = new Wanted(beginning, parsed.GetValue(dead), parsed.GetValue(kill), chosen.Count == 0 && parsed.GetValue(kill) == 0,
                parsed.GetValue(again));
            await RunAsync(paths, progress, wanted, changes, row =>
            {
                rows.Add(row);
                // At once: what was measured stays, whatever becomes of the rest.
                if (parsed.GetValue(write) && row.Broken.Count == 0)
                {
                    File.WriteAllText(Document, Table.Merge(File.ReadAllText(Document), [row], wanted.Section));
                }
            });
            var passed = rows.All(row => row.Broken.Count == 0);
            CommandLineProgram.Write(parsed, new { passed, rows }, () => Show(rows));
            return passed ? 0 : LabException.Failed;
        }));
        return command;
    }

    private static IEnumerable<string> Names(string[]? given) =>
        (given ?? []).SelectMany(part => part.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    // What is made of each change, and whether a run that was interrupted goes on.
    private sealed record Wanted(Beginning Beginning, bool WithDeadNode, int Kill, bool GoesOn, bool Again)
    {
        public string Section => Table.Section(Beginning.Nodes, WithDeadNode);
    }

    // What the lab was made with, or is to be made with. Options that ask for another lab than the one that exists would change what the rows mean.
    private static Beginning Begin(LabPaths paths, int? nodes, string[] set, string? release)
    {
        if (!Stack.IsBegun(paths))
        {
            return new Beginning(nodes ?? 3, [.. set], release);
        }

        var begun = Stack.BeginningOf(paths) ?? throw new LabException($"The lab \"{paths.Name}\" was not made by `day2`, which has to know its settings: "
            + "take it down first, or use another name (--name NAME).", LabException.Unusable);
        return begun.Contradiction(nodes, set, release) is { } contradiction
            ? throw new LabException($"{contradiction}, and the lab \"{paths.Name}\" is up. Leave the option out to go on with it, take it down first "
                + $"(scripts/lab down --name {paths.Name}), or use another name (--name NAME).", LabException.Unusable)
            : begun;
    }

    private static async Task RunAsync(LabPaths paths, Progress progress, Wanted wanted, List<Change> changes, Action<Row> measured)
    {
        var stack = new Stack(paths, progress, wanted.Beginning);
        // Before the first `up`, so that one that is interrupted is known as ours.
        stack.Keep(stack.Settings);
        var first = Changes.Up(stack, stack.Settings);
        await Changes.MadeAsync(stack, stack.Beginning.Release is { } release ? first with { Command = [.. first.Command, "--release", release] } : first);
        if (wanted.Again)
        {
            stack.ForgetMeasured();
        }

        var isComplete = true;
        foreach (var change in changes)
        {
            var name = $"{change.Name} {wanted.Section}";
            if (wanted.GoesOn && stack.Measured.Contains(name))
            {
                progress.Say($"{change.Name}: measured before the interrupt; --again begins with the first");
                continue;
            }

            if (wanted.WithDeadNode && change.LosesNode && stack.Redis.Count < 5)
            {
                progress.Say($"{change.Name}: left out, since it loses a node and three bear the loss of one; --nodes 5");
                continue;
            }

            try
            {
                if (!change.CountsNodes)
                {
                    await Changes.NodesAsync(stack, stack.Beginning.Nodes);
                }

                var measurement = new Measurement(stack);
                if (wanted.Kill == 0)
                {
                    var row = await MeasureAsync(measurement, change, wanted.WithDeadNode);
                    if (row.Broken.Count > 0 && row.IsHeldUp)
                    {
                        progress.Say($"{change.Name}: once more, since the program that measures stood still");
                        row = await MeasureAsync(measurement, change, wanted.WithDeadNode);
                    }

                    measured(row);
                    isComplete &= row.Broken.Count == 0;
                    if (wanted.GoesOn && row.Broken.Count == 0)
                    {
                        stack.KeepMeasured(name);
                    }

                    continue;
                }

                // Its own duration says where the moments are.
                var whole = await measurement.PlainAsync(change);
                measured(whole);
                for (var number = 1; number <= wanted.Kill; number++)
                {
                    var moment = (number - 0.75 + (Random.Shared.NextDouble() / 2)) / wanted.Kill;
                    measured(await measurement.KilledAsync(change, TimeSpan.FromSeconds(whole.Seconds * moment)));
                }
            }
            catch (Exception e) when (e is CheckFailedException or LabException)
            {
                isComplete = false;
                measured(Row.Failed(change, e.Message));
                progress.Say($"{change.Name}: {e.Message}");
            }
        }

        if (wanted.GoesOn && isComplete)
        {
            stack.ForgetMeasured();
        }
    }

    private static Task<Row> MeasureAsync(Measurement measurement, Change change, bool withDeadNode) =>
        withDeadNode ? measurement.WithDeadNodeAsync(change) : measurement.PlainAsync(change);

    private static void Show(List<Row> rows)
    {
        Console.WriteLine();
        foreach (var row in rows)
        {
            Console.WriteLine($"{(row.Broken.Count == 0 ? "ok    " : "FAILED")}  {row.What}\n        {row}{(row.Note is null ? "" : "\n        " + row.Note)}");
        }

        Console.WriteLine($"{rows.Count(row => row.Broken.Count == 0)} of {rows.Count} are as they must be");
    }
}
