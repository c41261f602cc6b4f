// What a load's report says of journals that were made by hand: each kind of loss is seen, and nothing else is.

using RedisHaLab.Load;
using Xunit;

namespace RedisHaLab.Tests.Load;

public sealed class LoadReportTests
{
    private static readonly HashSet<(int Client, long Value)> Everything = [(0, 1), (0, 2), (0, 3), (1, 1)];

    [Fact]
    public void A_load_without_any_trouble_has_nothing_to_say()
    {
        var report = Judge([Append(0, 1, 100), Append(1, 1, 150), Count(1, 200), Register(1, 250), Read(1, 300), Append(0, 2, 400), Append(0, 3, 500)]);

        Assert.True(report.NothingLost);
        Assert.Equal((7, 6), (report.Commands, report.AcknowledgedWrites));
        Assert.Empty(report.Failed);
        Assert.Empty(report.Interruptions);
        Assert.Empty(report.Lost);
    }

    [Fact]
    public void An_acknowledged_value_that_is_missing_is_lost_and_one_that_failed_is_not()
    {
        var report = Judge([Append(0, 1, 100), Append(0, 7, 200), Append(0, 8, 300) with { Failure = "reset" }]);

        Assert.Equal(1, report.LostWrites);
        Assert.Equal(["value 7 of client 0, acknowledged at 0.200 s"], report.Lost);
        Assert.False(report.NothingLost);
    }

    [Fact]
    public void A_register_that_is_behind_what_was_acknowledged_is_a_lost_write() =>
        Assert.Equal(1, Judge([Register(1, 100), Register(2, 200), Register(3, 300)], register: 2).LostWrites);

    [Theory]
    [InlineData(new long[] { 1, 2, 3 }, 3, 0)]
    [InlineData(new long[] { 1, 2, 2 }, 2, 1)]
    [InlineData(new long[] { 5, 6, 5, 6 }, 6, 2)]
    [InlineData(new long[] { 1, 2, 3 }, 2, 1)]
    public void A_number_given_twice_or_taken_back_is_counted(long[] given, long counter, int expected) =>
        Assert.Equal(expected, Judge(given.Select((number, index) => Count(number, 100 + index)), counter: counter).CountedTwice);

    [Theory]
    [InlineData(5, 1, 0)] // asked before 2 was acknowledged
    [InlineData(210, 1, 1)] // asked after it
    [InlineData(210, 2, 0)]
    [InlineData(50, 0, 0)] // asked before anything was
    public void A_read_is_stale_when_a_newer_number_was_acknowledged_before_it_was_asked(int sent, long answer, int expected) =>
        Assert.Equal(expected, Judge([Register(1, 100), Register(2, 200), Read(answer, 300, sent)]).StaleReads);

    [Fact]
    public void Failures_are_counted_by_kind_once_without_and_once_with_a_retry()
    {
        var report = Judge([
            Append(0, 1, 100) with { Failure = "reset" }, Append(0, 1, 110) with { IsRetry = true },
            Append(1, 1, 120) with { Failure = "reset" }, Append(1, 1, 130) with { IsRetry = true, Failure = "NOREPLICAS" },
            Count(0, 140) with { Failure = "timeout" },
        ]);

        Assert.Equal(new Dictionary<string, int> { ["reset"] = 2, ["timeout"] = 1 }, report.Failed);
        Assert.Equal(new Dictionary<string, int> { ["NOREPLICAS"] = 1 }, report.FailedWithRetry);
        Assert.Equal((3, 1), (report.Commands, report.AcknowledgedWrites));
    }

    [Fact]
    public void Gaps_are_between_any_clients_writes_and_between_one_clients_own_answers()
    {
        // Client 1 is silent from 0.1 s to the end at 2 s, client 0 from 0.9 s to 1.3 s; a failure and a read are no acknowledged write.
        var commands = Enumerable.Range(1, 9).Select(n => Append(0, n, 100 * n))
            .Append(Append(1, 1, 100)).Append(Append(0, 98, 1000) with { Failure = "reset" })
            .Append(Read(0, 1100)).Concat(Enumerable.Range(13, 7).Select(n => Append(0, n, 100 * n)));
        var report = Judge(commands, kept: Enumerable.Range(1, 20).Select(n => (0, (long)n)).Append((1, 1)).ToHashSet());

        Assert.Equal([new Interruption(0.9, 400)], report.Interruptions);
        Assert.Equal((400, 1900), (report.LongestGapMilliseconds, report.LongestClientGapMilliseconds));
    }

    [Fact]
    public void What_came_before_the_load_began_counts_for_losses_only()
    {
        var report = Judge([Append(0, 9, 100), Append(0, 1, 150) with { Failure = "refused" }, Append(0, 2, 900)], since: 500);

        Assert.Equal((1, 1, 0), (report.LostWrites, report.Commands, report.Failed.Count));
        Assert.Equal(1100, report.LongestGapMilliseconds);
    }

    [Fact]
    public void Where_older_data_was_brought_back_values_count_from_the_end_of_the_longest_pause()
    {
        LoadedCommand[] commands =
        [
            Append(0, 1, 100), Append(0, 2, 200), Register(8, 210), Count(40, 220), Count(41, 230),
            Append(0, 3, 900), Register(1, 910), Count(1, 920), Read(1, 950), Append(0, 4, 960),
        ];
        var kept = new HashSet<(int, long)> { (0, 3) };

        var rewound = Judge(commands, counter: 1, register: 1, kept: kept, isRewound: true);
        Assert.Equal((1, 0, 0), (rewound.LostWrites, rewound.CountedTwice, rewound.StaleReads));
        Assert.StartsWith("value 4 of client 0", Assert.Single(rewound.Lost), StringComparison.Ordinal);
        Assert.Equal(1, Judge([.. commands, Count(1, 970)], counter: 1, register: 1, kept: kept, isRewound: true).CountedTwice);

        var plain = Judge(commands, counter: 1, register: 1, kept: kept);
        Assert.Equal((4, 2, 1), (plain.LostWrites, plain.CountedTwice, plain.StaleReads));
    }

    private static LoadReport Judge(IEnumerable<LoadedCommand> commands, long counter = 1, long register = 3, int since = 0,
        HashSet<(int Client, long Value)>? kept = null, bool isRewound = false)
    {
        var all = commands.OrderBy(command => command.Answered).ToList();
        // A short journal ends soon, or its end would be an interruption.
        var until = TimeSpan.FromMilliseconds(all[^1].Answered.TotalMilliseconds > 600 ? 2000 : 600);
        return LoadReport.Of(all, TimeSpan.FromMilliseconds(since), until, kept ?? Everything, counter, register, isRewound);
    }

    private static LoadedCommand Append(int client, long value, int answered) => Command(client, LoadKind.Append, answered) with { Value = value };

    private static LoadedCommand Count(long answer, int answered) => Command(2, LoadKind.Count, answered) with { Answer = answer };

    private static LoadedCommand Register(long value, int answered) => Command(3, LoadKind.Register, answered) with { Value = value };

    private static LoadedCommand Read(long answer, int answered, int? sent = null) =>
        Command(4, LoadKind.Read, answered) with { Answer = answer, Sent = TimeSpan.FromMilliseconds(sent ?? answered - 1) };

    private static LoadedCommand Command(int client, LoadKind kind, int answered) =>
        new(client, kind, 0, IsRetry: false, TimeSpan.FromMilliseconds(answered - 1), TimeSpan.FromMilliseconds(answered), Failure: null, 0);
}
