// The read-only listener in the forms in which the status is served.

using System.Text;
using System.Xml.Linq;
using RedisHaProxy.Admin;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Admin;

public sealed class ReadOnlyFormsTests
{
    internal static readonly ReadOnlyStatus Reads = new()
    {
        Listen = ["10.0.0.9:6380"],
        Mode = "open",
        Targets = ["redis2"],
        MaxLagMs = 10_000,
        MasterAllowed = true,
        Current = 5,
        Max = 7,
        Limit = 100,
        Total = 40,
        Parked = 1,
        BytesIn = 11,
        BytesOut = 22,
        Ends = Enum.GetValues<SessionEnd>().ToDictionary(EndCode.Of, end => (long)end),
        Nodes = [Node("redis1", "unfit", "is no replica", null, 0), Node("redis2", "fit", "fit", 1500, 3), Node("redis3", "keeps", "data older than half of maxLag", 6000, 1)],
    };

    private static readonly StatusDocument Document = SampleStatus.Document with { ReadOnly = Reads };

    [Fact]
    public void Without_the_listener_there_is_nothing()
    {
        Assert.Empty(ReadOnlyForms.Rows(SampleStatus.Document));
        Assert.Equal("", ReadOnlyForms.Section(SampleStatus.Document));
        Assert.Empty(ReadOnlyForms.Lines(null));
        Assert.DoesNotContain("redis-readonly", HaproxyCsv.Write(SampleStatus.Document), StringComparison.Ordinal);
    }

    [Fact]
    public void The_CSV_has_it_as_a_second_service()
    {
        var lines = HaproxyCsv.Write(Document).Split('\n').Where(line => line.StartsWith("redis-readonly,", StringComparison.Ordinal)).Select(line => line.Split(',')).ToList();
        var columns = HaproxyCsv.Columns.ToList();
        Assert.Equal(["FRONTEND", "redis1", "redis2", "redis3", "BACKEND"], lines.Select(line => line[1]));
        Assert.Equal(["OPEN", "DOWN", "UP", "NOLB", "UP"], lines.Select(line => line[columns.IndexOf("status")]));
        Assert.Equal(["5", "0", "3", "1", "4"], lines.Select(line => line[columns.IndexOf("scur")]));
        Assert.Equal(("1", "leastconn"), (lines[4][columns.IndexOf("qcur")], lines[4][columns.IndexOf("algo")]));
        Assert.All(lines, line => Assert.Equal(columns.Count + 1, line.Length)); // a comma ends the line
    }

    [Fact]
    public void Metrics_keep_the_conventions()
    {
        var text = new StringBuilder();
        ReadOnlyForms.Metrics(text, Document);
        string metrics = text.ToString();
        Assert.Contains("redis_ha_proxy_read_only_sessions 5\n", metrics, StringComparison.Ordinal);
        Assert.Contains($"redis_ha_proxy_read_only_sessions_ended_total{{code=\"role-lost\"}} {(int)SessionEnd.RoleLost}\n", metrics, StringComparison.Ordinal);
        Assert.Contains("redis_ha_proxy_read_only_node_data_age_seconds{node=\"redis2\"} 1.5\n", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("data_age_seconds{node=\"redis1\"}", metrics, StringComparison.Ordinal);
        Assert.All(
            metrics.Split('\n').Where(line => line.StartsWith("# TYPE", StringComparison.Ordinal)),
            line => Assert.Equal(line.EndsWith(" counter", StringComparison.Ordinal), line.Split(' ')[2].EndsWith("_total", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_pages_section_is_well_formed()
    {
        var root = XElement.Parse($"<section>{ReadOnlyForms.Section(Document)}</section>");
        var table = Assert.Single(root.Descendants("table"));
        int columns = table.Descendants("thead").Single().Descendants("th").Count();
        Assert.All(table.Descendants("tbody").Single().Elements("tr"), row => Assert.Equal(columns, row.Elements().Count()));
        Assert.Contains("New read-only sessions go to redis2.", root.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_fit_80_columns_and_say_where_sessions_go_and_why_not()
    {
        string[] lines = [.. ReadOnlyForms.Lines(Reads)];
        Assert.All(lines, line => Assert.InRange(line.Length, 1, 80));
        Assert.Contains("  redis2: fit, data at most 1.50 s old, 3 sessions", lines);
        Assert.Contains("  redis1: is no replica, 0 sessions", lines);
    }

    [Theory]
    [InlineData("open", "redis1", "New read-only sessions go to redis1, the last resort.")]
    [InlineData("park", null, "No replica is fit: new read-only sessions wait.")]
    [InlineData("closed", null, "No replica has been fit for long: new read-only sessions are refused.")]
    public void The_summary_tells_the_modes_apart(string mode, string? target, string summary) =>
        Assert.Equal(summary, ReadOnlyForms.Summary(Reads with
        {
            Mode = mode,
            Targets = target is null ? [] : [target],
            Nodes = [.. Reads.Nodes.Select(node => node with { Target = node.Name == target, State = "unfit" })],
        }));

    private static ReadOnlyNode Node(string name, string state, string reason, double? age, int sessions) => new()
    {
        Name = name,
        Address = "10.0.0.1:6379",
        Target = state == "fit",
        State = state,
        Reason = reason,
        AgeMs = age,
        Sessions = sessions,
        SessionsMax = sessions,
        SessionsTotal = 10,
        ConnectFailures = 0,
        BytesIn = 1,
        BytesOut = 2,
    };
}
