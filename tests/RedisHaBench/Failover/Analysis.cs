// From what was seen to the figures: pure functions over a run's record.

using System.Diagnostics;

namespace RedisHaBench.Failover;

/// <summary>Computes the figures of a run.</summary>
internal static class Analysis
{
    /// <summary>Name of the mark from which <see cref="Measurements.Recovery"/> counts.</summary>
    public const string Recovered = "recovered";

    /// <summary>A client that has waited longer than this for an acknowledgement is not being served, milliseconds.</summary>
    private const double Unserved = 300;

    private static readonly long Fresh = Ticks(100);

    /// <summary>
    /// A wait that ends so long before a promotion was ended for it: Sentinels announce a promotion a tick (50 to 100 ms) ahead, and a busy
    /// machine adds to it.
    /// </summary>
    private static readonly long HandOver = Ticks(400);

    /// <summary>All figures of a run.</summary>
    /// <param name="run">What was seen.</param>
    /// <param name="lastSwitch">Measure the last switch of master instead of the first.</param>
    public static Measurements Measure(RunRecord run, bool lastSwitch = false)
    {
        var promotion = Promotion(run, lastSwitch);
        var (lost, lostAfterPromotion, lostLate) = Lost(run);
        var writes = run.Writers.SelectMany(w => w.Writes).ToArray();
        var (ended, lastEnd, leftBehind, forNothing) = Waits(run, promotion);
        return new Measurements
        {
            Persistent = OfKind(run, ClientKind.Persistent, promotion),
            New = OfKind(run, ClientKind.New, promotion),
            BeginToPromotion = promotion is { } p ? Milliseconds(p.At - run.Acted) : null,
            PromotionToWritable = promotion is { } q && Writable(run, q) is { } writable ? Milliseconds(writable - q.At) : null,
            Acknowledged = writes.Count(w => w.Outcome == Outcome.Acknowledged),
            Lost = lost,
            LostAfterPromotion = lostAfterPromotion,
            LostLate = lostLate,
            ReadOnly = writes.Count(w => w.Outcome == Outcome.ReadOnly),
            ReadOnlyOnFreshConnection = writes.Count(w => IsReadOnlyOnFreshConnection(run, w)),
            Failed = writes.Count(w => w.Outcome != Outcome.Acknowledged),
            TwoTargets = TwoTargets(writes),
            WaitsEnded = ended,
            PromotionToWaitsEnded = lastEnd,
            WaitsLeftBehind = leftBehind,
            WaitsEndedForNothing = forNothing,
            PhaseOutage = run.Phases.ToDictionary(p => p.Name, p => run.Writers.Max(w => Gap(w.Writes, p.From, p.To))),
            Recovery = RecoveryTime(run),
            HandOver = run.HandOver,
        };
    }

    /// <summary>When which node was promoted: the first answer "master" of another node than the one that was master before.</summary>
    public static (int Node, long At)? Promotion(RunRecord run, bool last)
    {
        (int Node, long At)? found = null;
        var master = run.OldMaster;
        var claims = run.Nodes
            .SelectMany((n, i) => n.States.Where(s => s.State == NodeState.Master).Select(s => (Node: i, s.At)))
            .Where(c => c.At >= run.Acted && c.Node != run.OldMaster)
            .OrderBy(c => c.At);
        foreach (var claim in claims)
        {
            if (claim.Node != master)
            {
                master = claim.Node;
                found = claim;
                if (!last)
                {
                    break;
                }
            }
        }

        return found;
    }

    private static KindMeasurements OfKind(RunRecord run, ClientKind kind, (int Node, long At)? promotion)
    {
        var writers = run.Writers.Where(w => w.Kind == kind).ToArray();
        var outage = writers.Max(w => Gap(w.Writes, run.Begin, run.End));
        var lasts = outage > Unserved && writers.Any(w => Milliseconds(run.End - LastAcknowledged(w)) >= outage);
        if (promotion is not var (node, at))
        {
            return new KindMeasurements { Outage = outage, OutageLasts = lasts };
        }

        var firstAnswers = writers
            .Select(w => w.Writes.Where(x => x.Node == node && x.Ended >= at).Select(x => (long?)x.Ended).FirstOrDefault())
            .ToArray();
        var answered = firstAnswers.Min();
        var firstAck = writers
            .Select(w => w.Writes.Where(x => x.Node == node && x.Ended >= at
                && x.Outcome == Outcome.Acknowledged).Select(x => (long?)x.Ended).FirstOrDefault())
            .Min();
        var writable = Writable(run, promotion.Value);
        return new KindMeasurements
        {
            Outage = outage,
            OutageLasts = lasts,
            PromotionToAnswer = answered is { } a ? Milliseconds(a - at) : null,
            PromotionToLastClient = firstAnswers.All(f => f is not null) ? Milliseconds(firstAnswers.Max()!.Value - at) : null,
            // The clients may be a probe's interval ahead of the probe.
            WritableToAcknowledged = firstAck is { } f && writable is { } w ? Math.Max(0, Milliseconds(f - w)) : null,
        };
    }

    /// <summary>When the promoted node took the first direct write.</summary>
    private static long? Writable(RunRecord run, (int Node, long At) promotion)
        => run.Nodes[promotion.Node].Writable.Where(i => i.To > promotion.At).Select(i => (long?)Math.Max(i.From, promotion.At)).FirstOrDefault();

    private static long LastAcknowledged(WriterRecord writer)
        => writer.Writes.Where(w => w.Outcome == Outcome.Acknowledged).Select(w => w.Ended).LastOrDefault();

    /// <summary>The longest time without an acknowledged write of one client between two moments.</summary>
    private static double Gap(IReadOnlyList<WriteRecord> writes, long from, long to)
    {
        var previous = from;
        long longest = 0;
        foreach (var write in writes)
        {
            if (write.Outcome == Outcome.Acknowledged && write.Ended > from)
            {
                var end = Math.Min(write.Ended, to);
                longest = Math.Max(longest, end - previous);
                previous = end;
                if (write.Ended >= to)
                {
                    break;
                }
            }
        }

        return Milliseconds(Math.Max(longest, to - previous));
    }

    /// <summary>Acknowledged writes that are missing from at least one running node.</summary>
    private static (int Lost, int AfterPromotion, int Late) Lost(RunRecord run)
    {
        var (lost, afterPromotion, late) = (0, 0, 0);
        foreach (var writer in run.Writers)
        {
            foreach (var write in writer.Writes)
            {
                if (write.Outcome == Outcome.Acknowledged
                    && run.Data.Values.Any(node => !node.TryGetValue(writer.Name, out var found) || !found.Contains(write.Sequence)))
                {
                    lost++;
                    afterPromotion += WasReplaced(run, write, 0) ? 1 : 0;
                    late += WasReplaced(run, write, Fresh) ? 1 : 0;
                }
            }
        }

        return (lost, afterPromotion, late);
    }

    /// <summary>Whether another node had been promoted in place of the write's node, longer than this before the write was sent.</summary>
    private static bool WasReplaced(RunRecord run, WriteRecord write, long longer)
    {
        // What the first master says after a restart is a claim, not a promotion.
        var own = write.Node == run.OldMaster ? 0 : LastPromotion(write.Node);
        return Enumerable.Range(0, run.Nodes.Count)
            .Any(n => n != write.Node && n != run.OldMaster && LastPromotion(n) is var at && at > own && at + longer < write.Sent);

        long LastPromotion(int node) => run.Nodes[node].States
            .Where(s => s.State == NodeState.Master && s.At >= run.Acted && s.At < write.Sent).Select(s => s.At).LastOrDefault();
    }

    private static bool IsReadOnlyOnFreshConnection(RunRecord run, WriteRecord write)
    {
        if (write.Outcome != Outcome.ReadOnly)
        {
            return false;
        }

        // The last time before the reply that the node stopped being a master.
        long? demoted = null;
        var states = run.Nodes[write.Node].States;
        for (var i = 1; i < states.Count && states[i].At <= write.Ended; i++)
        {
            if (states[i - 1].State == NodeState.Master && states[i].State != NodeState.Master)
            {
                demoted = states[i].At;
            }
        }

        var isMasterToTheProbe = states.LastOrDefault(s => s.At <= write.Ended).State == NodeState.Master;
        return !isMasterToTheProbe && (demoted is null || write.Opened > demoted + Fresh);
    }

    /// <summary>
    /// Time in which acknowledgements of two nodes took turns. One switch has none: all of one node, then all of the other. A return to a node
    /// after more than a second is a second switch, not two targets.
    /// </summary>
    private static double TwoTargets(WriteRecord[] writes)
    {
        var acks = writes.Where(w => w.Outcome == Outcome.Acknowledged).OrderBy(w => w.Ended).ToArray();
        var lastOf = new Dictionary<sbyte, long>();
        long total = 0;
        long counted = 0; // everything before is counted already
        for (var i = 0; i < acks.Length; i++)
        {
            var (node, at) = (acks[i].Node, acks[i].Ended);
            if (i > 0 && acks[i - 1].Node != node && lastOf.TryGetValue(node, out var previous) && at - previous < Stopwatch.Frequency)
            {
                var from = Math.Max(previous, counted);
                total += Math.Max(0, at - from);
                counted = at;
            }

            lastOf[node] = at;
        }

        return Milliseconds(total);
    }

    private static (int Ended, double? LastEnd, int LeftBehind, int ForNothing) Waits(RunRecord run, (int Node, long At)? promotion)
    {
        var leftBehind = run.Waits.Count(w => w.Ended == long.MaxValue && w.Node != run.FinalMaster);
        var forNothing = run.Waits.Count(w => w.Ended != long.MaxValue && w.Ended < run.End && w.Waiting >= run.Begin - Stopwatch.Frequency
            && run.Nodes[w.Node].States.Last(s => s.At <= w.Ended).State == NodeState.Master
            && (promotion is null || w.Ended < promotion.Value.At - HandOver || w.Node == promotion.Value.Node)
            && !run.Nodes[w.Node].States.Any(s => s.State != NodeState.Master && s.At > w.Ended - Fresh && s.At < w.Ended + Fresh));
        if (promotion is not var (node, at))
        {
            return (0, null, leftBehind, forNothing);
        }

        var atSwitch = run.Waits.Where(w => w.Node != node && w.Waiting < at && w.Ended > run.Acted && w.Ended != long.MaxValue).ToArray();
        return (atSwitch.Length, atSwitch.Length == 0 ? null : Milliseconds(atSwitch.Max(w => w.Ended) - at), leftBehind, forNothing);
    }

    private static double? RecoveryTime(RunRecord run)
    {
        foreach (var mark in run.Marks.Where(m => m.Name == Recovered))
        {
            return run.Writers.Max(w => Milliseconds(
                w.Writes.Where(x => x.Outcome == Outcome.Acknowledged && x.Ended >= mark.At).Select(x => x.Ended).FirstOrDefault(run.End) - mark.At));
        }

        return null;
    }

    private static long Ticks(int milliseconds) => milliseconds * Stopwatch.Frequency / 1000;

    private static double Milliseconds(long ticks) => Math.Round(ticks * 1000.0 / Stopwatch.Frequency, 1);
}
