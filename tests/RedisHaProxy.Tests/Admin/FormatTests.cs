// The forms in which the status is served: CSV, page, terminal. Metrics have their own tests.

using System.Text.RegularExpressions;
using System.Xml.Linq;
using RedisHaProxy.Admin;
using RedisHaProxy.Commands;
using Spectre.Console;

namespace RedisHaProxy.Tests.Admin;

public sealed partial class FormatTests
{
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
    public void A_node_in_maintenance_is_MAINT_everywhere_and_no_reason_for_a_hint()
    {
        var status = SampleStatus.Document with { Nodes = [SampleStatus.Master, SampleStatus.Replica, SampleStatus.Down with { MaintenanceSince = SampleStatus.Now.AddSeconds(-90) }] };

        var row = ParseCsv(HaproxyCsv.Write(status))[3];
        Assert.Equal(("redis3", "MAINT", "90"), (row["svname"], row["status"], row["lastchg"]));
        Assert.Empty(Explanation.Hints(status));
        Assert.Contains("redis3 <span class=\"warn\">MAINT</span>", StatsPage.Write(status, SampleStatus.Timeline, "abc"), StringComparison.Ordinal);
        using var writer = new StringWriter();
        StatusText.Write(Terminal.Console(writer), status);
        Assert.Matches("redis3 .* MAINT, unknown ", writer.ToString());

        var withheld = status with { Gate = status.Gate with { Mode = "park", Target = null, Withheld = "redis1 is in maintenance" } };
        Assert.StartsWith("New sessions wait: redis1 is in maintenance. Rule R1 would route to it: ", Explanation.Summary(withheld), StringComparison.Ordinal);
        Assert.StartsWith("redis1 is in maintenance", Explanation.Hints(withheld)[0], StringComparison.Ordinal);
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

    [Fact]
    public void Blindness_unheard_events_concerns_and_remedies_are_told_in_every_form()
    {
        var sentinel = SampleStatus.Document.Sentinels[0] with { EventsHeard = false, EventsError = "forbids a command (NOPERM). Let it", Concerns = ["knows 6.6.6.6"] };
        var status = SampleStatus.Document with
        {
            Nodes = [SampleStatus.Master, SampleStatus.Replica with { Follows = "6.6.6.6:6379", State = "follows an unknown address (6.6.6.6:6379)" }, SampleStatus.Down with { Remedy = "Do that." }],
            Sentinels = [sentinel, sentinel with { Address = "10.0.0.2:26379", EventsHeard = true, EventsError = null }],
            Process = SampleStatus.Document.Process with
            {
                Blind = new BlindEntry { Node = "redis1", Reason = "refuses the password", Remedy = "Check it.", Since = SampleStatus.Now, FailsHealth = true },
            },
        };

        var hints = Explanation.Hints(status);
        Assert.StartsWith("This proxy cannot see what the Sentinels see: since 03:04:05Z most of them find redis1 well, and this proxy cannot use it: refuses the password.", hints[0], StringComparison.Ordinal);
        Assert.EndsWith(" Check it.", hints[0], StringComparison.Ordinal);
        Assert.StartsWith("Sentinel 10.0.0.1:26379 knows 6.6.6.6; so does 10.0.0.2:26379. If you added servers", hints[1], StringComparison.Ordinal);
        Assert.StartsWith("redis2 (10.0.0.2:6379) follows 6.6.6.6:6379, which is none of redis.nodes", hints[2], StringComparison.Ordinal);
        Assert.Contains(hints, h => h.StartsWith("redis3 ", StringComparison.Ordinal) && h.EndsWith(" Do that.", StringComparison.Ordinal));
        Assert.Contains(hints, h => h.StartsWith("The events of Sentinel 10.0.0.1:26379 are not heard", StringComparison.Ordinal) && h.EndsWith("Let it", StringComparison.Ordinal));

        Assert.Contains("events not heard", StatsPage.Write(status, SampleStatus.Timeline, "abc"), StringComparison.Ordinal);
        using var writer = new StringWriter();
        StatusText.Write(Terminal.Console(writer), status);
        Assert.Contains("up, no events", writer.ToString(), StringComparison.Ordinal);
        string metrics = MetricsText.Write(status, MetricsTests.Data());
        Assert.Contains("redis_ha_proxy_blind 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("redis_ha_proxy_sentinel_events_heard{sentinel=\"10.0.0.1:26379\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("redis_ha_proxy_sentinel_concerns{sentinel=\"10.0.0.2:26379\"} 1\n", metrics, StringComparison.Ordinal);
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

    [GeneratedRegex("""(?:^|,)(?:"(?<quoted>(?:[^"]|"")*)"|(?<plain>[^,"]*))""")]
    private static partial Regex CsvCell();
}
