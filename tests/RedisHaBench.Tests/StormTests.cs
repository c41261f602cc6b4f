// What clients may expect of the whole, whatever breaks.

using System.Diagnostics;
using System.Globalization;
using RedisHaBench.Failover;
using RedisHaProcesses;
using Xunit.Abstractions;

namespace RedisHaBench.Tests;

[Collection("real processes")]
[Trait("Needs", "root")]
public sealed class StormTests(ITestOutputHelper output)
{
    private const int DownAfter = 1000;

    /// <summary>Two proxies may differ for one answer's life and a probe (docs/routing.md), and a busy machine is late.</summary>
    private static readonly TimeSpan Disagreement = TimeSpan.FromMilliseconds(500);

    /// <summary>The same, when a failover was forced while the network was cut.</summary>
    private static readonly TimeSpan ForcedDisagreement = TimeSpan.FromMilliseconds(DownAfter + 1500);

    /// <summary>Longer without a write than this, and a node's next write belongs to another time as a master.</summary>
    private static readonly TimeSpan Gap = TimeSpan.FromMilliseconds(300);

    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy");

    /// <summary>STORM_SECONDS and STORM_SEED in the environment run longer and other ones.</summary>
    [SkippableTheory]
    [InlineData(3)]
    [InlineData(5)]
    public async Task No_fault_makes_two_masters_loses_what_Redis_keeps_or_lasts(int nodes)
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        Skip.If(Installed.MissingForNamespaces() is not null, Installed.MissingForNamespaces());
        var seconds = Number("STORM_SECONDS") ?? 8;
        Skip.If(nodes > 3 && Number("STORM_SECONDS") is null, "five nodes run with STORM_SECONDS only");
        var seed = Number("STORM_SEED") ?? 1;
        await SecondChance.WithinAsync(TimeSpan.Zero, () => ExcessAsync(nodes, seconds, seed));
    }

    // By how much two proxies differed for longer than documented: a time, which a busy machine makes long. All else is asserted.
    private async Task<TimeSpan> ExcessAsync(int nodes, int seconds, int seed)
    {
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions
        {
            AsProduct = true,
            Namespaces = true,
            Nodes = nodes,
            Sentinels = nodes,
            Quorum = (nodes / 2) + 1,
            DownAfterMilliseconds = DownAfter,
            FailoverTimeoutMilliseconds = 6000,
        });
        var storm = await Storm.RunAsync(deployment, Program, seed, TimeSpan.FromSeconds(seconds), recoveryBound: TimeSpan.FromSeconds(45));
        Report(storm, nodes, seed);
        var start = storm.Faults[0].From;
        var excess = TimeSpan.Zero;
        foreach (var (oneProxy, length, at) in Disagreements(storm))
        {
            var where = $"at {Stopwatch.GetElapsedTime(start, at)}";
            Assert.False(oneProxy && length > TimeSpan.Zero, $"two nodes took writes for {length.TotalMilliseconds:0} ms through one proxy {where}");
            var bound = IsForcedInCut(storm, at) ? ForcedDisagreement : Disagreement;
            if (length - bound > excess)
            {
                excess = length - bound;
                output.WriteLine($"two nodes took writes for {length.TotalMilliseconds:0} ms {where}");
            }
        }

        foreach (var write in storm.Missing)
        {
            var what = $"write {write.Sequence} to node {write.Node + 1}, sent at {Stopwatch.GetElapsedTime(start, write.Sent)}";
            Assert.False(IsToReplaced(storm, write), $"acknowledged by a node that had been replaced, and lost: {what}");
            Assert.False(IsLostByOrder(storm, write), $"lost by an ordered hand-over of a deployment that was well: {what}");
        }

        Assert.True(storm.Writers.Sum(w => w.Record.Writes.Count(r => r.Outcome == Outcome.Acknowledged)) > 20 * seconds);
        return excess;
    }

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    // Another node was master already. What the master itself had acknowledged, and the promoted replica has not got, asynchronous replication loses,
    // whatever a proxy does; and of two sides that are cut the newer epoch wins, when an operator has given one of them one.
    private static bool IsToReplaced(StormRecord storm, WriteRecord write)
    {
        var last = storm.Promotions.LastOrDefault(p => p.At < write.Sent, (Node: write.Node, At: 0));
        return last.Node != write.Node && !IsForcedInCut(storm, write.Sent) && Stopwatch.GetElapsedTime(last.At, write.Sent) > Disagreement;
    }

    // Right before a promotion that was ordered, when no replica can have been behind.
    private static bool IsLostByOrder(StormRecord storm, WriteRecord write)
    {
        var next = storm.Promotions.FirstOrDefault(p => p.At > write.Sent && p.Node != write.Node, (Node: -1, At: long.MaxValue)).At;
        return next != long.MaxValue && storm.Faults.Any(f => f.What.Contains("FAILOVER", StringComparison.Ordinal)
                && Within(f.From, next, TimeSpan.FromSeconds(3)))
            && !storm.Faults.Any(f => f.Abrupt && f.From < next && Stopwatch.GetElapsedTime(f.To, next) < TimeSpan.FromSeconds(15));
    }

    private static bool Within(long from, long to, TimeSpan most) => from <= to && Stopwatch.GetElapsedTime(from, to) <= most;

    private static bool IsForcedInCut(StormRecord storm, long at) => storm.Faults.Any(f => f.What.Contains("FAILOVER", StringComparison.Ordinal)
        && Math.Abs(Stopwatch.GetElapsedTime(f.From, at).TotalSeconds) < 6 && storm.Faults.Any(c => c.What.StartsWith("cut", StringComparison.Ordinal)
            && c.From <= at && f.From <= c.To));

    // Times in which two nodes certainly took writes: each stretch from its first reply to its last request. Through one proxy, or through both.
    private static IEnumerable<(bool OneProxy, TimeSpan Length, long At)> Disagreements(StormRecord storm)
    {
        var stretches = storm.Writers.GroupBy(w => w.Proxy).SelectMany(p => Stretches(p.Key, p.SelectMany(w => w.Record.Writes))).ToList();
        foreach (var (i, a) in stretches.Index())
        {
            foreach (var b in stretches.Skip(i + 1).Where(b => b.Node != a.Node))
            {
                var (from, to) = (Math.Max(a.From, b.From), Math.Min(a.To, b.To));
                if (to > from)
                {
                    yield return (a.Proxy == b.Proxy, Stopwatch.GetElapsedTime(from, to), from);
                }
            }
        }
    }

    private static IEnumerable<(int Proxy, int Node, long From, long To)> Stretches(int proxy, IEnumerable<WriteRecord> writes)
    {
        foreach (var node in writes.Where(w => w.Outcome == Outcome.Acknowledged).GroupBy(w => w.Node))
        {
            (long From, long To)? now = null;
            foreach (var write in node.OrderBy(w => w.Ended))
            {
                if (now is { } open && Stopwatch.GetElapsedTime(open.To, write.Sent) > Gap)
                {
                    yield return (proxy, node.Key, open.From, open.To);
                    now = null;
                }

                now = (now?.From ?? write.Ended, Math.Max(now?.To ?? 0, write.Sent));
            }

            if (now is { } last)
            {
                yield return (proxy, node.Key, last.From, last.To);
            }
        }
    }

    private void Report(StormRecord storm, int nodes, int seed)
    {
        var writes = storm.Writers.SelectMany(w => w.Record.Writes).ToList();
        var between = Disagreements(storm).Where(d => !d.OneProxy).Select(d => d.Length.TotalMilliseconds).DefaultIfEmpty().Max();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{nodes} nodes, seed {seed}: {storm.Faults.Count} faults, "
            + $"{writes.Count(w => w.Outcome == Outcome.Acknowledged)} writes acknowledged of {writes.Count}, {storm.Missing.Count} of them lost; "
            + $"longest disagreement of the proxies {between:0} ms; recovery median {Median(storm.Recoveries):0.0} s, "
            + $"worst {storm.Recoveries.Max().TotalSeconds:0.0} s"));
        var start = storm.Faults[0].From;
        foreach (var fault in storm.Faults)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{Stopwatch.GetElapsedTime(start, fault.From).TotalSeconds,8:0.00} to {Stopwatch.GetElapsedTime(start, fault.To).TotalSeconds,8:0.00} s "
                + $"{fault.What}"));
        }
    }

    private static double Median(IReadOnlyList<TimeSpan> times) => times.Order().ElementAt(times.Count / 2).TotalSeconds;
}
