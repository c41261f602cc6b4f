// What a load says of a change: pure arithmetic on the journal and on what the cluster has kept.

using System.Globalization;

namespace RedisHaLab.Load;

/// <summary>A time in which no write of any client was acknowledged.</summary>
/// <param name="AtSeconds">When it began, since the start of the load.</param>
/// <param name="Milliseconds">How long it lasted.</param>
internal sealed record Interruption(double AtSeconds, double Milliseconds);

/// <summary>The result of a load.</summary>
internal sealed record LoadReport
{
    /// <summary>Shorter times without an acknowledged write are the work of a busy machine.</summary>
    public static readonly TimeSpan ShortestInterruption = TimeSpan.FromMilliseconds(200);

    // Of what is listed by name: the first ones tell the kind.
    private const int Examples = 20;

    /// <summary>How long it lasted.</summary>
    public required double Seconds { get; init; }

    /// <summary>Commands, second tries not counted.</summary>
    public required int Commands { get; init; }

    /// <summary>Writes that were acknowledged.</summary>
    public required int AcknowledgedWrites { get; init; }

    /// <summary>Commands that failed, by kind: what a client without any retry sees.</summary>
    public required IReadOnlyDictionary<string, int> Failed { get; init; }

    /// <summary>Commands that failed twice, by kind of the second failure: what a client sees that reconnects and tries once more.</summary>
    public required IReadOnlyDictionary<string, int> FailedWithRetry { get; init; }

    /// <summary>Times of at least <see cref="ShortestInterruption"/> in which no client's write was acknowledged.</summary>
    public required IReadOnlyList<Interruption> Interruptions { get; init; }

    /// <summary>The longest time in which no client's write was acknowledged, in milliseconds.</summary>
    public required double LongestGapMilliseconds { get; init; }

    /// <summary>The longest time between two answers that one client had to its own commands, in milliseconds.</summary>
    public required double LongestClientGapMilliseconds { get; init; }

    /// <summary>Acknowledged writes that the master does not have.</summary>
    public required int LostWrites { get; init; }

    /// <summary>The first of them: what was lost, and when it was acknowledged.</summary>
    public required IReadOnlyList<string> Lost { get; init; }

    /// <summary>Numbers of the counter that were given out more than once, and those above its last value.</summary>
    public required int CountedTwice { get; init; }

    /// <summary>Reads that were answered with less than what had been acknowledged before they began.</summary>
    public required int StaleReads { get; init; }

    /// <summary>Whether every acknowledged write is there and every read was true.</summary>
    public bool NothingLost => LostWrites == 0 && CountedTwice == 0 && StaleReads == 0;

    /// <summary>Judges a load.</summary>
    /// <param name="commands">All commands, in the order of their answers.</param>
    /// <param name="since">Where the load begins: failures and gaps count from here, values from the start.</param>
    /// <param name="until">Where it ends.</param>
    /// <param name="kept">What the lists hold now: client and value.</param>
    /// <param name="counter">The counter's value now.</param>
    /// <param name="register">The register's value now.</param>
    /// <param name="isRewound">
    /// Whether older data was brought back meanwhile. It is there with the first write after the longest time without one: values count from that.
    /// </param>
    public static LoadReport Of(
        IReadOnlyList<LoadedCommand> commands, TimeSpan since, TimeSpan until, IReadOnlySet<(int Client, long Value)> kept, long counter, long register,
        bool isRewound = false)
    {
        var counted = commands.Where(command => command.Answered >= since).ToList();
        var good = commands.Where(command => command.Failure is null).ToList();
        var valued = good;
        var gaps = Gaps(good.Where(command => command.IsWrite).Select(command => command.Answered), since, until);
        // The last one ends with the load, not with a write.
        if (isRewound && gaps.Count > 1)
        {
            var pause = gaps.SkipLast(1).MaxBy(gap => gap.Length);
            valued = good.Where(command => command.Answered >= pause.Begin + pause.Length).ToList();
        }

        var lost = valued.Where(command => command.Kind == LoadKind.Append && !kept.Contains((command.Client, command.Value))).Select(Describe)
            .Concat(valued.Where(command => command.Kind == LoadKind.Register && command.Value > register).Select(Describe))
            .ToList();
        var numbers = valued.Where(command => command.Kind == LoadKind.Count).Select(command => command.Answer).ToList();
        return new LoadReport
        {
            Seconds = Math.Round((until - since).TotalSeconds, 1),
            Commands = counted.Count(command => !command.IsRetry),
            AcknowledgedWrites = counted.Count(command => command is { Failure: null, IsWrite: true }),
            Failed = ByKind(counted.Where(command => !command.IsRetry)),
            FailedWithRetry = ByKind(counted.Where(command => command.IsRetry)),
            Interruptions = gaps.Where(gap => gap.Length >= ShortestInterruption)
                .Select(gap => new Interruption(Math.Round((gap.Begin - since).TotalSeconds, 2), Math.Round(gap.Length.TotalMilliseconds)))
                .ToList(),
            LongestGapMilliseconds = Longest(gaps),
            LongestClientGapMilliseconds = good.GroupBy(command => command.Client).Select(client => Longest(Gaps(client.Select(command => command.Answered),
                since, until))).DefaultIfEmpty().Max(),
            LostWrites = lost.Count,
            Lost = lost.Take(Examples).ToList(),
            CountedTwice = numbers.Count - numbers.Distinct().Count() + numbers.Count(number => number > counter),
            StaleReads = Stale(valued),
        };
    }

    private static List<(TimeSpan Begin, TimeSpan Length)> Gaps(IEnumerable<TimeSpan> answers, TimeSpan since, TimeSpan until)
    {
        List<TimeSpan> times = [since, .. answers.Where(time => time > since && time < until), until];
        return times.Zip(times.Skip(1)).Select(pair => (pair.First, pair.Second - pair.First)).ToList();
    }

    private static double Longest(IEnumerable<(TimeSpan Begin, TimeSpan Length)> gaps) => Math.Round(gaps.Max(gap => gap.Length).TotalMilliseconds);

    private static Dictionary<string, int> ByKind(IEnumerable<LoadedCommand> commands) => commands.Where(command => command.Failure is not null)
        .GroupBy(command => command.Failure!)
        .OrderByDescending(kind => kind.Count())
        .ThenBy(kind => kind.Key, StringComparer.Ordinal)
        .ToDictionary(kind => kind.Key, kind => kind.Count());

    private static int Stale(IReadOnlyList<LoadedCommand> good)
    {
        var writes = good.Where(command => command.Kind == LoadKind.Register).ToList();
        var highest = new List<long>(writes.Count);
        foreach (var write in writes)
        {
            highest.Add(Math.Max(write.Value, highest.Count > 0 ? highest[^1] : 0));
        }

        var answered = writes.Select(write => write.Answered).ToList();
        return good.Where(command => command.Kind == LoadKind.Read).Count(read =>
        {
            var index = answered.BinarySearch(read.Sent);
            var before = (index < 0 ? ~index : index) - 1;
            return before >= 0 && read.Answer < highest[before];
        });
    }

    private static string Describe(LoadedCommand write) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(write.Kind == LoadKind.Append ? $"value {write.Value} of client {write.Client}" : $"register {write.Value}")}, acknowledged at "
            + $"{write.Answered.TotalSeconds:0.000} s");
}
