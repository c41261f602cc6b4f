// The forms in which the status is served: metrics, CSV, page, terminal.

using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using RedisHaProxy.Admin;
using RedisHaProxy.Commands;
using RedisHaProxy.Forwarding;
using Spectre.Console;

namespace RedisHaProxy.Tests.Admin;

public sealed partial class FormatTests
{
    [Fact]
    public void Metrics_follow_the_text_format_and_its_conventions()
    {
        var log = new SessionLog(new FakeTimeProvider(), NullLogger<SessionLog>.Instance);
        log.RouteTime.Add(3);
        log.RouteTime.Add(700);
        log.RouteTime.Add(999_999);
        var families = ParseMetrics(MetricsText.Write(SampleStatus.Document, log));

        Assert.All(families.Keys, name => Assert.Matches("^redis_ha_proxy_[a-z_]+$", name));
        Assert.All(families.Where(f => f.Value.Type == "counter"), f => Assert.EndsWith("_total", f.Key, StringComparison.Ordinal));
        Assert.All(families.Where(f => f.Value.Type == "gauge"), f => Assert.False(f.Key.EndsWith("_total", StringComparison.Ordinal)));
        Assert.Equal(1, Value("redis_ha_proxy_gate", "mode=\"open\""));
        Assert.Equal(0, Value("redis_ha_proxy_gate", "mode=\"closed\""));
        Assert.Equal(0.0005, Value("redis_ha_proxy_node_check_duration_seconds", "node=\"redis1\""));
        Assert.Equal(42, Value("redis_ha_proxy_node_replication_lag_bytes", "node=\"redis2\""));
        Assert.Single(families["redis_ha_proxy_node_replication_lag_bytes"].Samples);
        Assert.Equal((double)SessionEnd.RoleLost, Value("redis_ha_proxy_sessions_ended_total", "code=\"role-lost\""));
        Assert.Equal(0, Value("redis_ha_proxy_node_up", "node=\"redis3\""));
        Assert.Equal(1, Value("redis_ha_proxy_sentinel_vote_info", "sentinel=\"10.0.0.1:26379\",node=\"redis1\""));

        // A histogram: cumulative, the last bucket is all, the sum is in seconds.
        var route = families["redis_ha_proxy_route_seconds"].Samples;
        var buckets = route.Where(s => s.Name.EndsWith("_bucket", StringComparison.Ordinal)).Select(s => s.Value).ToList();
        Assert.Equal(buckets.Order(), buckets);
        Assert.Equal(3, buckets[^1]);
        Assert.Equal(1, route.Single(s => s.Labels == "le=\"0.005\"").Value);
        Assert.Equal(2, route.Single(s => s.Labels == "le=\"10\"").Value);
        Assert.Equal(3, route.Single(s => s.Name.EndsWith("_count", StringComparison.Ordinal)).Value);
        Assert.Equal(1000.702, route.Single(s => s.Name.EndsWith("_sum", StringComparison.Ordinal)).Value, 6);

        double Value(string family, string labels) => families[family].Samples.Single(s => s.Labels == labels).Value;
    }

    [Fact]
    public void The_CSV_reads_like_HAProxys()
    {
        var rows = ParseCsv(HaproxyCsv.Write(SampleStatus.Document));

        Assert.Equal(["FRONTEND", "redis1", "redis2", "redis3", "BACKEND"], rows.Select(r => r["svname"]));
        Assert.All(rows, r => Assert.Equal("redis", r["pxname"]));
        Assert.Equal(["OPEN", "UP", "NOLB", "DOWN", "UP"], rows.Select(r => r["status"]));
        Assert.Equal(["0", "2", "2", "2", "1"], rows.Select(r => r["type"]));
        Assert.Equal(("4", "9", "100", "80", "1234", "5678", "2", "8"), (rows[0]["scur"], rows[0]["smax"], rows[0]["slim"], rows[0]["stot"], rows[0]["bin"], rows[0]["bout"], rows[0]["rate"], rows[0]["rate_max"]));
        Assert.Equal(("3", "70", "2", "3600", "L7OK", "10.0.0.1:6379"), (rows[1]["scur"], rows[1]["stot"], rows[1]["econ"], rows[1]["lastchg"], rows[1]["check_status"], rows[1]["addr"]));
        Assert.Equal("L4CON", rows[3]["check_status"]);
        Assert.Equal("<b>\"quoted\", error of a node</b>", rows[3]["last_chk"]);
        Assert.Equal(("1", "3"), (rows[4]["qcur"], rows[4]["scur"]));
    }

    [Fact]
    public void The_page_is_well_formed_names_the_master_and_lets_no_text_become_markup()
    {
        string page = StatsPage.Write(SampleStatus.Document, SampleStatus.Timeline, "abc");

        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
        Assert.Contains("<title>redis1 is master - proxy1</title>", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?:src|href)=\"(?:https?:)?//", page);
        Assert.Equal(Count(page, "<script"), Count(page, "<script nonce=\"abc\""));
        Assert.Equal(Count(page, "<style"), Count(page, "<style nonce=\"abc\""));
        Assert.DoesNotMatch(" style=| on[a-z]+=", page.Split("<main>")[1].Split("</main>")[0]);

        // Each section is XML on its own, and ids are unique.
        var ids = new HashSet<string>();
        foreach (var section in StatsPage.Sections(SampleStatus.Document, SampleStatus.Timeline))
        {
            var root = XElement.Parse($"<section id=\"{section.Id}\">{section.Html.Replace("&larr;", "", StringComparison.Ordinal)}</section>");
            Assert.All(root.DescendantsAndSelf().Attributes("id"), id => Assert.True(ids.Add(id.Value), id.Value));
            Assert.All(root.Descendants("table"), table =>
            {
                int columns = table.Descendants("thead").Single().Descendants("th").Count();
                Assert.All(table.Descendants("tbody").Single().Elements("tr"), row => Assert.Equal(columns, row.Elements().Count()));
            });
        }
    }

    [Theory]
    [InlineData("park", null, "No master now; sessions wait for one", "waiting for a master")]
    [InlineData("park", "redis1", "redis1 is silent; new sessions wait", "waiting for a master")]
    [InlineData("closed", null, "No master; sessions are refused", "NO MASTER")]
    public void Headline_and_title_say_when_there_is_no_master(string mode, string? target, string headline, string title)
    {
        var status = SampleStatus.Document with { Gate = SampleStatus.Document.Gate with { Mode = mode, Target = target } };

        Assert.Contains($"<p class=\"big\">{headline}</p>", StatsPage.Sections(status, SampleStatus.Timeline)[0].Html, StringComparison.Ordinal);
        Assert.Equal($"{title} - proxy1", StatsPage.Title(status));
    }

    [Fact]
    public void Status_fits_80_columns()
    {
        using var writer = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(writer) });
        console.Profile.Width = 80;
        var wide = SampleStatus.Document with
        {
            Nodes = [.. SampleStatus.Document.Nodes.Select(n => n with { Address = n.Address.Replace("10.0.0.", "172.131.235.13", StringComparison.Ordinal) })],
        };

        StatusText.Write(console, wide);

        var lines = writer.ToString().Split('\n');
        Assert.All(lines, line => Assert.True(line.TrimEnd().Length <= 80, line));
        string master = lines.Single(l => l.Contains("> redis1", StringComparison.Ordinal));
        Assert.Contains("172.131.235.131:6379", master, StringComparison.Ordinal);
        Assert.Contains("master", master, StringComparison.Ordinal);
        Assert.Contains("! redis3", writer.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Hints_name_what_is_wrong_and_a_normal_day_has_none()
    {
        var good = SampleStatus.Document with { Nodes = [SampleStatus.Master, SampleStatus.Replica] };
        Assert.Empty(Explanation.Hints(good));

        var hints = Explanation.Hints(good with
        {
            Nodes = [SampleStatus.Master, SampleStatus.Replica with { Role = "master" }, SampleStatus.Down, SampleStatus.Replica with { Name = "redis4", LinkUp = false }],
            Sentinels =
            [
                good.Sentinels[0],
                good.Sentinels[0] with { Address = "10.0.0.2:26379", Vote = "redis2" },
                good.Sentinels[0] with { Address = "10.0.0.3:26379", Up = false, Health = "silent", VoteCounts = false },
            ],
            Process = good.Process with { Phase = "draining" },
            Sessions = good.Sessions with { Current = 100 },
        });
        Assert.Collection(
            hints,
            h => Assert.StartsWith("redis1 and redis2 both claim to be master", h, StringComparison.Ordinal),
            h => Assert.StartsWith("redis3 (10.0.0.3:6379): connection refused", h, StringComparison.Ordinal),
            h => Assert.StartsWith("redis4 (10.0.0.2:6379): its link to its master", h, StringComparison.Ordinal),
            h => Assert.StartsWith("Sentinel 10.0.0.3:26379: silent", h, StringComparison.Ordinal),
            h => Assert.StartsWith("The Sentinels disagree", h, StringComparison.Ordinal),
            h => Assert.StartsWith("This proxy is draining", h, StringComparison.Ordinal),
            h => Assert.StartsWith("limits.connections = 100 is reached", h, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, "they will promote another node in about 30 s")]
    [InlineData(true, "should confirm within about a second")]
    public void Sentinels_that_name_another_node_are_either_behind_or_about_to_fail_over(bool markedDown, string expected)
    {
        var status = SampleStatus.Document with
        {
            Nodes = [SampleStatus.Master, SampleStatus.Replica],
            Sentinels = [SampleStatus.Document.Sentinels[0] with { Vote = "redis2", MarkedDown = markedDown }],
        };

        Assert.Contains(expected, Assert.Single(Explanation.Hints(status)), StringComparison.Ordinal);
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    // Read as the Prometheus server reads it: HELP, TYPE, then samples of that family only.
    private static Dictionary<string, (string Type, List<(string Name, string Labels, double Value)> Samples)> ParseMetrics(string text)
    {
        var families = new Dictionary<string, (string Type, List<(string, string, double)> Samples)>();
        string family = "";
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        foreach (string line in text.TrimEnd('\n').Split('\n'))
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                family = line.Split(' ')[2];
                Assert.False(families.ContainsKey(family), $"{family} is given twice");
                continue;
            }

            if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                Assert.Equal(family, line.Split(' ')[2]);
                families.Add(family, (line.Split(' ')[3], []));
                continue;
            }

            var sample = SampleLine().Match(line);
            Assert.True(sample.Success, line);
            string name = sample.Groups["name"].Value;
            string suffix = families[family].Type == "histogram" ? "(_bucket|_sum|_count)" : "";
            Assert.Matches($"^{family}{suffix}$", name);
            families[family].Samples.Add((name, sample.Groups["labels"].Value, double.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture)));
        }

        return families;
    }

    // Read as HAProxy's exporters read it: a header after "# ", a comma at each line's end, quotes around commas.
    private static List<Dictionary<string, string>> ParseCsv(string csv)
    {
        var lines = csv.TrimEnd('\n').Split('\n').Select(CsvLine).ToList();
        Assert.StartsWith("# pxname", lines[0][0], StringComparison.Ordinal);
        Assert.Equal("", lines[0][^1]);
        lines[0][0] = lines[0][0][2..];
        Assert.All(lines, line => Assert.Equal(lines[0].Count, line.Count));
        return [.. lines.Skip(1).Select(line => lines[0].Zip(line).Where(pair => pair.First.Length > 0).ToDictionary(pair => pair.First, pair => pair.Second))];
    }

    private static List<string> CsvLine(string line) =>
        [.. CsvCell().Matches(line).Select(m => m.Groups["quoted"].Success ? m.Groups["quoted"].Value.Replace("\"\"", "\"", StringComparison.Ordinal) : m.Groups["plain"].Value)];

    [GeneratedRegex("""^(?<name>[a-z_]+)(?:\{(?<labels>[a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*)\})? (?<value>[-+0-9.eE]+|NaN|\+Inf)$""")]
    private static partial Regex SampleLine();

    [GeneratedRegex("""(?:^|,)(?:"(?<quoted>(?:[^"]|"")*)"|(?<plain>[^,"]*))""")]
    private static partial Regex CsvCell();
}
