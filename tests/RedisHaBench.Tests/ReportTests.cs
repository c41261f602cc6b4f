// The tables say what was measured, and find their place in a document.

using System.Text.Json;
using RedisHaBench.Failover;
using RedisHaProcesses;

namespace RedisHaBench.Tests;

public sealed class ReportTests
{
    [Fact]
    public void The_tables_have_medians_spreads_and_what_never_happened()
    {
        var markdown = FailoverReport.ToMarkdown(Result());

        Assert.Contains("| outage, persistent clients | 2000 (1000-3000) | over 9000 (8000-10000) |", markdown, StringComparison.Ordinal);
        Assert.Contains("| promotion to first answer, persistent | 20 (10-30) | 40, never in 1 |", markdown, StringComparison.Ordinal);
        Assert.Contains("| **acknowledged writes lost** (of) | **0** (200) | **14** (200) |", markdown, StringComparison.Ordinal);
        Assert.Contains("| sessions that the kernel took over / left 20 s after the clients | 16 / 2 |  |", markdown, StringComparison.Ordinal);
        Assert.Contains("| crash | 2000 (1000-3000) / 2000 (1000-3000) | over 9000 (8000-10000) / over 9000 (8000-10000) |", markdown,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_JSON_has_every_round_and_whether_each_bar_passed()
    {
        var cases = JsonDocument.Parse(FailoverReport.ToJson(Result())).RootElement.GetProperty("cases");

        Assert.Equal(2, cases[0].GetProperty("rounds").GetArrayLength());
        Assert.Equal(3000, cases[0].GetProperty("rounds")[1].GetProperty("persistent").GetProperty("outage").GetDouble());
        Assert.False(cases[0].GetProperty("bars")[0].GetProperty("passes").GetBoolean());
    }

    [Fact]
    public void The_tables_replace_those_of_the_last_run_and_nothing_else()
    {
        using var work = new WorkDirectory();
        var file = work.Write("doc.md", "before\n<!-- results -->\nold\n<!-- /results -->\nafter\n");

        MarkdownSection.Replace(file, "results", "new\n");

        Assert.Equal("before\n<!-- results -->\nnew\n<!-- /results -->\nafter\n", File.ReadAllText(file));
        Assert.False(MarkdownSection.IsIn(work.Write("other.md", "<!-- /results -->\n<!-- results -->\n"), "results"));
        Assert.False(MarkdownSection.IsIn("/nowhere.md", "results"));
    }

    private static FailoverResult Result() => new()
    {
        Begun = DateTimeOffset.UnixEpoch,
        Environment = new Dictionary<string, string> { ["CPUs"] = "2" },
        Contenders = new Dictionary<string, string> { ["ours"] = "our proxy", ["other"] = "another" },
        Scenarios = new Dictionary<string, string> { ["crash"] = "kill -9" },
        Cases =
        [
            new()
            {
                Scenario = "crash",
                Contender = "ours",
                Rounds = [Round(1000, 10, 0, false, new(8, 0)), Round(3000, 30, 0, false, new(8, 2))],
                Bars = [new("outage", 1, 2)],
            },
            new() { Scenario = "crash", Contender = "other", Rounds = [Round(8000, 40, 5, true), Round(10_000, null, 9, true)] },
        ],
    };

    private static Measurements Round(double outage, double? answer, int lost, bool lasts, HandOverOutcome? handOver = null)
    {
        var kind = new KindMeasurements { Outage = outage, OutageLasts = lasts, PromotionToAnswer = answer };
        return new Measurements
        {
            Persistent = kind,
            New = kind,
            Acknowledged = 100,
            Lost = lost,
            LostAfterPromotion = 0,
            LostLate = 0,
            ReadOnly = 0,
            ReadOnlyOnFreshConnection = 0,
            Failed = 0,
            TwoTargets = 0,
            WaitsEnded = 0,
            WaitsLeftBehind = 0,
            WaitsEndedForNothing = 0,
            PhaseOutage = new Dictionary<string, double>(),
            HandOver = handOver,
        };
    }
}
