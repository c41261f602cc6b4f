// Recordings that are damaged give one clear error; the round trip is tested on a real failover (RouterRealTests).

using System.Text;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class ReplayTests
{
    private const string Header =
        """{"recording":1,"nodes":["a","b"],"sentinels":[],"timing":{"nodeEvidence":3000000,"silentHold":30000000,"promotionValidity":40000000,"promotionWindow":10000000,"voteEvidence":5000000,"downAfter":50000000}}""";

    private const string MasterAnswer = """{"t":1000,"node":0,"sent":900,"at":1000,"health":"Up","run":"r","role":"master","offset":1}""";
    private const string ReplicaAnswer =
        """{"t":2000,"node":1,"sent":1900,"at":2000,"health":"Up","run":"s","role":"replica","of":0,"ofAddress":"x","link":true,"offset":1}""";

    [Fact]
    public void Decisions_follow_from_the_reports_and_are_compared_with_the_recorded_ones()
    {
        ReplayResult replay = Run(Header, MasterAnswer, """{"t":1000,"decision":"C1","action":"Closed","to":-1,"held":false,"tick":false}""", ReplicaAnswer);
        Assert.Equal(["C1 True", "R2 False"], replay.Decisions.Select(d => $"{d.Decision.RuleName} {d.Recorded}"));
        Assert.Equal("decided now, not recorded: R2 at 0.000 s", Assert.Single(replay.Differences));
        Assert.Equal(2, replay.Reports);
    }

    [Fact]
    public void The_passing_of_time_is_replayed_where_it_changed_a_decision()
    {
        ReplayResult replay = Run(
            Header,
            MasterAnswer,
            """{"t":1000,"decision":"C1","action":"Closed","to":-1,"held":false,"tick":false}""",
            """{"t":40000000,"decision":"0","action":"Park","to":-1,"held":false,"tick":true}""");
        Assert.Empty(replay.Differences);
        Assert.Equal(["C1", "0"], replay.Decisions.Select(d => d.Decision.RuleName));
    }

    [Fact]
    public void Announcements_are_replayed()
    {
        ReplayResult replay = Run(
            Header.Replace("\"sentinels\":[]", "\"sentinels\":[\"s\"]", StringComparison.Ordinal)
                .Replace("\"downAfter\"", "\"noticeLife\":15000000,\"downAfter\"", StringComparison.Ordinal),
            MasterAnswer,
            "{\"t\":1000,\"decision\":\"C1\",\"action\":\"Closed\",\"to\":-1,\"held\":false,\"tick\":false}",
            "{\"t\":2000,\"sentinel\":0,\"at\":2000,\"promotes\":1}",
            "{\"t\":2000,\"decision\":\"H\",\"action\":\"Park\",\"to\":-1,\"held\":false,\"tick\":false}",
            "{\"t\":15002000,\"decision\":\"C1\",\"action\":\"Closed\",\"to\":-1,\"held\":true,\"tick\":true}");
        Assert.Equal(["C1", "H", "C1"], replay.Decisions.Select(d => d.Decision.RuleName));
        Assert.Equal("a claims master; b not known; a Sentinel promotes b now; Sentinels: no fresh vote",
            replay.Names.Describe(replay.Decisions[1].Decision.Situation));
    }

    [Theory]
    [InlineData("line 1", "")]
    [InlineData("line 1", "{}")]
    [InlineData("line 1", """{"recording":2}""")]
    [InlineData("line 2", Header, "nonsense", MasterAnswer)]
    [InlineData("line 2", Header, """{"t":1}""", MasterAnswer)]
    [InlineData("line 2", Header, """{"t":1000,"node":7,"sent":900,"at":1000,"health":"Refused"}""", MasterAnswer)]
    [InlineData("line 2", Header, "{\"t\":1000,\"sentinel\":0,\"at\":2000,\"promotes\":2}", MasterAnswer)]
    [InlineData("line 3", Header, MasterAnswer, """{"t":1000,"node":0,"sent":900,"at":1000,"health":"Fine"}""", MasterAnswer)]
    public void What_is_no_recording_is_refused_with_the_line(string where, params string[] lines)
    {
        Assert.StartsWith(where, Assert.Throws<InvalidDataException>(() => Run(lines)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_last_line_that_was_cut_short_is_ignored()
    {
        Assert.Equal(1, Run(Header, MasterAnswer, ReplicaAnswer[..40]).Reports);
    }

    private static ReplayResult Run(params string[] lines) => Replay.Run(new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines))));
}
