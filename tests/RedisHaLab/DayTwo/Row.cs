// What a change cost, and whether that is within the bars.

using System.Globalization;
using RedisHaLab.Load;

namespace RedisHaLab.DayTwo;

/// <summary>A measured change.</summary>
internal sealed record Row
{
    /// <summary>The change's name.</summary>
    public required string Change { get; init; }

    /// <summary>The change for people, with what was done to it.</summary>
    public required string What { get; init; }

    /// <summary>How long the change took.</summary>
    public required double Seconds { get; init; }

    /// <summary>Commands of all clients meanwhile.</summary>
    public required int Commands { get; init; }

    /// <summary>Commands that failed for a client that does not try again.</summary>
    public required int FailedOnce { get; init; }

    /// <summary>Commands that failed for a client that reconnects and tries once more.</summary>
    public required int FailedTwice { get; init; }

    /// <summary>Acknowledged writes that are gone, numbers given twice and stale reads.</summary>
    public required int Lost { get; init; }

    /// <summary>The longest time without an acknowledged write, in milliseconds.</summary>
    public required double LongestGap { get; init; }

    /// <summary>The longest time that one client waited from one answer to the next, in milliseconds.</summary>
    public required double LongestWait { get; init; }

    /// <summary>The fewest nodes in step at any time.</summary>
    public required int LeastInStep { get; init; }

    /// <summary>How many processes wanted each processor of this machine in the last minute of it (the load average).</summary>
    public double MachineLoad { get; init; }

    /// <summary>Whether this machine was so busy that the program that measures stood still: then a long gap may be its own.</summary>
    public bool IsHeldUp { get; init; }

    /// <summary>What happened at the failure that was made, if one was; such as what was refused, and why.</summary>
    public string? Note { get; init; }

    /// <summary>What is not as it must be; empty when all is well.</summary>
    public required IReadOnlyList<string> Broken { get; init; }

    /// <summary>Judges a change.</summary>
    /// <param name="change">The change.</param>
    /// <param name="what">The change for people.</param>
    /// <param name="seconds">How long it took.</param>
    /// <param name="load">What clients saw.</param>
    /// <param name="leastInStep">The fewest nodes in step.</param>
    /// <param name="leastAllowed">The fewest that there may be.</param>
    /// <param name="others">What else is not as it must be.</param>
    public static Row Of(Change change, string what, double seconds, LoadReport load, int leastInStep, int leastAllowed, IEnumerable<string> others)
    {
        var (twice, lost) = (load.FailedWithRetry.Values.Sum(), load.LostWrites + load.CountedTwice + load.StaleReads);
        var broken = new List<string>();
        void Bar(bool holds, FormattableString otherwise)
        {
            if (!holds)
            {
                broken.Add(FormattableString.Invariant(otherwise));
            }
        }

        // A write that is refused in a rewind was not lost.
        var unexpected = load.FailedWithRetry.Where(kind => !(change.IsRewind && kind.Key == "NOREPLICAS")).ToList();
        var kinds = string.Join(", ", unexpected.Select(kind => $"{kind.Value} {kind.Key}"));
        Bar(lost == 0,
            $"{load.LostWrites} acknowledged writes lost, {load.CountedTwice} numbers given twice, {load.StaleReads} stale reads; 0 of each expected");
        Bar(unexpected.Count == 0, $"{unexpected.Sum(kind => kind.Value)} commands failed even with one retry ({kinds}); 0 expected");
        Bar(load.LongestGapMilliseconds <= change.LongestGap,
            $"no write was acknowledged for {load.LongestGapMilliseconds:0} ms; at most {change.LongestGap} ms expected");
        var longestWait = Math.Max(DayTwo.Change.LongestWaitOfOne, change.LongestGap);
        Bar(load.LongestClientGapMilliseconds <= longestWait,
            $"one client waited {load.LongestClientGapMilliseconds:0} ms for an answer; at most {longestWait} ms expected");
        Bar(leastInStep >= leastAllowed, $"only {leastInStep} nodes were in step for more than a second; at least {leastAllowed} expected");
        broken.AddRange(others);
        return new Row
        {
            Change = change.Name,
            What = what,
            Seconds = Math.Round(seconds, 1),
            Commands = load.Commands,
            FailedOnce = load.Failed.Values.Sum(),
            FailedTwice = twice,
            Lost = lost,
            LongestGap = load.LongestGapMilliseconds,
            LongestWait = load.LongestClientGapMilliseconds,
            LeastInStep = leastInStep,
            Broken = broken,
        };
    }

    /// <summary>A change that could not be measured.</summary>
    public static Row Failed(Change change, string reason) => new()
    {
        Change = change.Name,
        What = change.What,
        Seconds = 0,
        Commands = 0,
        FailedOnce = 0,
        FailedTwice = 0,
        Lost = 0,
        LongestGap = 0,
        LongestWait = 0,
        LeastInStep = 0,
        Broken = [reason],
    };

    /// <summary>The row for people, on one line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Change}: {Seconds:0} s, {Commands} commands, {FailedOnce} failed without retry, {FailedTwice} with one, {Lost} lost, longest gap {LongestGap:0} ms, "
            + $"one client {LongestWait:0} ms, fewest in step {LeastInStep}{(Broken.Count == 0 ? "" : "; NOT AS IT MUST BE: " + string.Join("; ", Broken))}");
}
