// The verb "followers": how soon the replicas follow a new master, one at a time or all at once, and what they copy.

using System.CommandLine;
using System.Globalization;
using System.Text;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>The verb "followers".</summary>
internal static class FollowersCommand
{
    private const int MostParallel = FollowersRun.Nodes - 1;

    public static Command Create()
    {
        var rounds = new Option<int>("--rounds") { Description = "Rounds of each case: 1 to 100.", DefaultValueFactory = _ => 5 };
        var parallel = new Option<int[]>("--parallel-syncs")
        {
            Description = $"Values of parallel-syncs to compare, from 1 to {MostParallel}.",
            DefaultValueFactory = _ => [1, MostParallel],
            AllowMultipleArgumentsPerToken = true,
        };
        var megabytes = new Option<int>("--megabytes") { Description = "Data on each node, in MB: 0 to 2000.", DefaultValueFactory = _ => 100 };
        var downAfter = new Option<int>("--down-after")
        {
            Description = "The Sentinels' down-after-milliseconds: 1500 to 60000. The product's default is 5000.",
            DefaultValueFactory = _ => 5000,
        };
        rounds.Validators.Add(r => OptionRules.Check(OptionRules.NumberOf(r) is null or (>= 1 and <= 100), r, "--rounds must be from 1 to 100"));
        parallel.Validators.Add(r => OptionRules.Check(r.Tokens.All(token => !int.TryParse(token.Value, CultureInfo.InvariantCulture, out var number)
            || number is >= 1 and <= MostParallel), r, $"--parallel-syncs must be from 1 to {MostParallel}"));
        megabytes.Validators.Add(r => OptionRules.Check(OptionRules.NumberOf(r) is null or (>= 0 and <= 2000), r, "--megabytes must be from 0 to 2000"));
        downAfter.Validators.Add(r => OptionRules.Check(OptionRules.NumberOf(r) is null or (>= 1500 and <= 60_000), r,
            "--down-after must be from 1500 to 60000 milliseconds"));
        var command = new Command("followers", $"How soon the replicas of {FollowersRun.Nodes} nodes follow a new master, all well or one gone, one at a time "
            + "or all at once (parallel-syncs), on real Redis and Sentinel processes. Needs root: a machine that is gone is a namespace that is cut off.")
        {
            rounds, parallel, megabytes, downAfter,
        };
        command.SetAction((parse, cancellationToken) => Interruptible.RunAsync("failover-bench followers", () => RunAsync(
            parse.GetValue(rounds), [.. parse.GetValue(parallel)!.Distinct()], parse.GetValue(megabytes), parse.GetValue(downAfter), cancellationToken)));
        return command;
    }

    private static async Task<int> RunAsync(int rounds, int[] parallel, int megabytes, int downAfter, CancellationToken cancellationToken)
    {
        if ((Installed.Missing("redis-server", "redis-sentinel") ?? Installed.MissingForNamespaces()) is { } missing)
        {
            Console.Error.WriteLine($"failover-bench: {missing}");
            return 1;
        }

        var all = new List<Followers>();
        for (var round = 1; round <= rounds; round++)
        {
            foreach (var (isOneGone, syncs) in parallel.SelectMany(syncs => new[] { (false, syncs), (true, syncs) }))
            {
                Console.Error.Write(string.Create(CultureInfo.InvariantCulture,
                    $"round {round} of {rounds}: parallel-syncs {syncs}, {(isOneGone ? "one replica gone" : "all well")} ... "));
                var seen = await FollowersRun.RunAsync(syncs, isOneGone, megabytes, downAfter, cancellationToken);
                all.Add(seen);
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"new master after {seen.Promoted:0.0} s, writes after {seen.Written:0.0} s, all follow after {seen.AllFollow:0.0} s, "
                        + $"{seen.Full} copied, {seen.Partial} went on"));
            }
        }

        Console.WriteLine(ToMarkdown(all));
        return 0;
    }

    private static string ToMarkdown(List<Followers> all)
    {
        var text = new StringBuilder("""
            | parallel-syncs | replicas | new master after | writes are taken after | all follow after | copied all data | went on where they were |
            |---|---|---|---|---|---|---|

            """.ReplaceLineEndings("\n"));
        foreach (var rows in all.GroupBy(seen => (seen.IsOneGone, seen.ParallelSyncs)).OrderBy(rows => rows.Key))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {rows.Key.ParallelSyncs} | {(rows.Key.IsOneGone ? "one gone" : "all well")} ");
            text.Append(CultureInfo.InvariantCulture, $"| {Of(rows, seen => seen.Promoted)} | {Of(rows, seen => seen.Written)} ");
            text.Append(CultureInfo.InvariantCulture, $"| {Of(rows, seen => seen.AllFollow)} ");
            text.Append(CultureInfo.InvariantCulture, $"| {rows.Sum(seen => seen.Full)} | {rows.Sum(seen => seen.Partial)} |\n");
        }

        return text.ToString();
    }

    // The median, and the worst.
    private static string Of(IEnumerable<Followers> rows, Func<Followers, double> figure) => string.Create(CultureInfo.InvariantCulture,
        $"{Statistics.Median(rows.Select(figure)):0.0} s ({rows.Max(figure):0.0} s)");
}
