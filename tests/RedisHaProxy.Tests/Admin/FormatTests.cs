// The forms in which the status is served, where the files beside this one (GoldenTests) do not say why they are so. Metrics have their own tests.

using System.Text.RegularExpressions;
using System.Xml.Linq;
using RedisHaProxy.Admin;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Admin;

public sealed partial class FormatTests
{
    private static readonly Moment WithOneDown = Scene.With(Scene.Master(0, 1), Scene.Replica(1, 0, 42), Scene.Down);

    [Fact]
    public void The_CSV_reads_like_HAProxys()
    {
        var rows = ParseCsv(HaproxyCsv.Write(WithOneDown));

        Assert.Equal(["FRONTEND", "redis1", "redis2", "redis3", "BACKEND"], rows.Select(r => r["svname"]));
        Assert.All(rows, r => Assert.Equal("redis", r["pxname"]));
        Assert.Equal(["OPEN", "UP", "NOLB", "DOWN", "UP"], rows.Select(r => r["status"]));
        Assert.Equal(["0", "2", "2", "2", "1"], rows.Select(r => r["type"]));
        Assert.Equal(("14", "40", "10000", "81234", "2", "8"), (rows[0]["scur"], rows[0]["smax"], rows[0]["slim"], rows[0]["stot"], rows[0]["rate"],
            rows[0]["rate_max"]));
        Assert.Equal(("14", "80000", "0", "3600", "L7OK", "10.0.0.1:6379"), (rows[1]["scur"], rows[1]["stot"], rows[1]["econ"], rows[1]["lastchg"],
            rows[1]["check_status"], rows[1]["addr"]));
        Assert.Equal("L4CON", rows[3]["check_status"]);
        Assert.Equal("<b>\"quoted\", error of a node</b>", rows[3]["last_chk"]);
    }

    [Fact]
    public void The_read_only_listener_is_a_second_service_of_the_CSV_and_nothing_without_one()
    {
        var rows = ParseCsv(HaproxyCsv.Write(Scene.Failover.Moment)).Where(r => r["pxname"] == "redis-readonly").ToList();

        Assert.Equal(["FRONTEND", "redis1", "redis2", "redis3", "BACKEND"], rows.Select(r => r["svname"]));
        Assert.Equal(["OPEN", "DOWN", "NOLB", "UP", "UP"], rows.Select(r => r["status"]));
        Assert.Equal(["5", "0", "2", "5", "4"], rows.Select(r => r["scur"]));
        Assert.Equal(("1", "leastconn"), (rows[4]["qcur"], rows[4]["algo"]));
        Assert.DoesNotContain("redis-readonly", HaproxyCsv.Write(Scene.Healthy.Moment), StringComparison.Ordinal);
        Assert.Equal("", StatsPage.Sections(Scene.Healthy.Moment).Single(s => s.Id == "readonly").Html);
    }

    [Theory]
    [InlineData("failover", "New read-only sessions go to redis3.")]
    [InlineData("held", "New read-only sessions go to redis1, the last resort.")]
    [InlineData("reasons", "No replica is fit: new read-only sessions wait.")]
    [InlineData("closed", "No replica has been fit for long: new read-only sessions are refused.")]
    public void It_says_where_read_only_sessions_go(string scene, string summary) => Assert.Equal(summary, Scene.All[scene].Moment.Reads!.Summary);

    [Fact]
    public void A_node_in_maintenance_is_MAINT_everywhere_and_no_reason_for_a_hint()
    {
        var moment = Scene.With(Scene.Master(0, 1), Scene.Replica(1, 0, 0), Scene.Down with { MaintenanceSince = Scene.Now.AddSeconds(-90) });

        var row = ParseCsv(HaproxyCsv.Write(moment))[3];
        Assert.Equal(("redis3", "MAINT", "90"), (row["svname"], row["status"], row["lastchg"]));
        Assert.Empty(Explanation.Hints(moment));
        Assert.Matches("warn-row\"[^\n]*redis3 <small>[^\n]*<span class=\"warn\">MAINT</span>, unknown", StatsPage.Write(moment, "abc"));
        Assert.Matches("redis3 .* MAINT, unknown ", Scene.Text(moment));

        var withheld = moment with
        {
            Control = moment.Control with { Withheld = "redis1 is in maintenance" },
            Data = moment.Data with { Order = new GateOrder(GateMode.Park, null, 8) },
        };
        Assert.StartsWith("New sessions wait: redis1 is in maintenance. Rule R1 would route to it: ", Explanation.Summary(withheld), StringComparison.Ordinal);
        Assert.StartsWith("redis1 is in maintenance", Explanation.Hints(withheld)[0], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(GoldenTests.Names), MemberType = typeof(GoldenTests))]
    public void The_page_is_well_formed_and_lets_no_text_become_markup(string scene)
    {
        var moment = Scene.All[scene].Moment;
        string page = StatsPage.Write(moment, "abc");

        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?:src|href)=\"(?:https?:)?//", page);
        Assert.Equal(Count(page, "<script"), Count(page, "<script nonce=\"abc\""));
        Assert.Equal(Count(page, "<style"), Count(page, "<style nonce=\"abc\""));
        Assert.DoesNotMatch(" style=| on[a-z]+=", page.Split("<main>")[1].Split("</main>")[0]);

        // Each section is XML on its own, and ids are unique.
        var ids = new HashSet<string>();
        foreach (var section in StatsPage.Sections(moment))
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
    [InlineData(GateMode.Open, 0, "Master: redis1", "redis1 is master")]
    [InlineData(GateMode.Park, -1, "No master now; sessions wait for one", "waiting for a master")]
    [InlineData(GateMode.Park, 0, "sessions to redis1 go on; new ones wait", "waiting for a master")]
    [InlineData(GateMode.Closed, -1, "No master; sessions are refused", "NO MASTER")]
    public void Headline_and_title_say_when_there_is_no_master(GateMode mode, int target, string headline, string title)
    {
        var moment = Scene.Healthy.Moment with { Data = Scene.Healthy.Data with { Order = new GateOrder(mode, target < 0 ? null : Scene.Nodes[target], 3) } };

        Assert.Contains($"<p class=\"big\">{headline}</p>", StatsPage.Sections(moment)[0].Html, StringComparison.Ordinal);
        Assert.Equal($"{title} - proxy1", StatsPage.Title(moment));
    }

    [Fact]
    public void The_page_links_to_the_other_proxies()
    {
        var moment = Scene.Healthy.Moment with
        {
            Settings = Scene.Healthy.Settings with
            {
                Admin = new AdminConfiguration
                {
                    Peers = [new RedisNode("proxy2",
                System.Net.IPEndPoint.Parse("10.0.0.10:1936"))]
                }
            },
        };
        Assert.Contains("<a href=\"http://10.0.0.10:1936/stats\">proxy2</a></nav>", StatsPage.Write(moment, "abc"), StringComparison.Ordinal);
    }

    [Fact]
    public void Only_codes_that_occurred_are_on_the_page()
    {
        var ends = new long[Enum.GetValues<SessionEnd>().Length];
        ends[(int)SessionEnd.RoleLost] = 7;
        string page = StatsPage.Write(Scene.Healthy.Moment with { Data = Scene.Healthy.Data with { Ends = ends } }, "abc");
        Assert.Contains("role-lost</abbr> 7.", page, StringComparison.Ordinal);
        Assert.DoesNotContain("client-closed", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Status_fits_80_columns()
    {
        NodeStatus Wide(NodeStatus node) =>
            node with { Node = node.Node with { EndPoint = new(System.Net.IPAddress.Parse("172.131.235.13" + node.Node.Name[^1]), 6379) } };
        string text = Scene.Text(Scene.With([.. WithOneDown.Control.Nodes.Select(Wide)]), width: 80);

        var lines = text.Split('\n');
        Assert.All(lines, line => Assert.True(line.TrimEnd().Length <= 80, line));
        string master = lines.Single(l => l.Contains(" redis1  172", StringComparison.Ordinal));
        Assert.Contains("172.131.235.131:6379", master, StringComparison.Ordinal);
        Assert.Contains("master", master, StringComparison.Ordinal);
        Assert.Contains("! redis3", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Hints_name_what_is_wrong_and_a_normal_day_has_none()
    {
        Assert.Empty(Explanation.Hints(Scene.Healthy.Moment));

        var hints = Explanation.Hints(Scene.Healthy.Moment with
        {
            Control = Scene.Healthy.Control with
            {
                Nodes = [Scene.Master(0, 1), Scene.Master(1, 0), Scene.Down,
                    Scene.Replica(1, 0, 0) with { Answer = Scene.Replica(1, 0, 0).Answer!.Value with { LinkUp = false } }],
                Sentinels =
                [
                    Scene.Sentinel(0),
                    Scene.Sentinel(1) with { VoteText = "redis2" },
                    Scene.Sentinel(2) with { Health = ServerHealth.Silent, Vote = SentinelVote.None },
                ],
            },
            Phase = LifecyclePhase.Draining,
            Data = Scene.Healthy.Data with { Sessions = 10_000 },
        });
        Assert.Collection(
            hints,
            h => Assert.StartsWith("redis1 and redis2 both claim to be master", h, StringComparison.Ordinal),
            h => Assert.StartsWith("redis3 (10.0.0.3:6379): connection refused", h, StringComparison.Ordinal),
            h => Assert.StartsWith("redis2 (10.0.0.2:6379): its link to its master", h, StringComparison.Ordinal),
            h => Assert.StartsWith("Sentinel 10.0.0.3:26379: silent", h, StringComparison.Ordinal),
            h => Assert.StartsWith("The Sentinels disagree", h, StringComparison.Ordinal),
            h => Assert.StartsWith("This proxy is draining", h, StringComparison.Ordinal),
            h => Assert.StartsWith("limits.connections = 10000 is reached", h, StringComparison.Ordinal));
    }

    [Fact]
    public void Hints_name_a_quorum_below_the_majority_with_what_it_costs_and_the_command()
    {
        static SentinelStatus Says(int index, int quorum, int others) =>
            Scene.Sentinel(index) with { Answer = Scene.Sentinel(index).Answer!.Value with { Quorum = quorum, OtherSentinels = others } };
        var hints = Explanation.Hints(Scene.Healthy.Moment with
        {
            Control = Scene.Healthy.Control with
            {
                Sentinels = [Says(0, 2, 4), Says(1, 2, 4),
            Says(2, 3, 4)]
            }
        });

        Assert.Equal(
            "Sentinel 10.0.0.1:26379 and 10.0.0.2:26379 have quorum 2 of 5 Sentinels, less than the majority (3): few of them can begin a failover from a "
            + "healthy master, and it takes 4 leases to exclude one. Set it on each Sentinel: SENTINEL SET redis quorum 3.",
            Assert.Single(hints));
    }

    [Fact]
    public void Hints_promise_no_failover_where_nobody_begins_one_and_say_the_same_of_several_nodes_once()
    {
        NodeStatus[] dead = [Scene.Down with { Node = Scene.Nodes[0] }, Scene.Down with { Node = Scene.Nodes[1] }, Scene.Down];
        var hints = Explanation.Hints(Scene.Healthy.Moment with { Control = Scene.Healthy.Control with { Nodes = dead, Sentinels = [] } });

        Assert.Collection(
            hints,
            h => Assert.StartsWith("No node is seen to claim to be master, and no Sentinels are configured", h, StringComparison.Ordinal),
            h => Assert.StartsWith("redis1 (10.0.0.1:6379) and redis2 (10.0.0.2:6379) and redis3 (10.0.0.3:6379): connection refused since", h,
                StringComparison.Ordinal));
    }

    [Fact]
    public void Blindness_unheard_events_concerns_and_remedies_are_told_in_every_form()
    {
        var moment = Scene.Reasons.Moment;
        var hints = Explanation.Hints(moment);

        Assert.StartsWith("This proxy cannot see what the Sentinels see: since 03:03:35Z most of them see redis3 as healthy", hints[1],
            StringComparison.Ordinal);
        Assert.EndsWith(NeededRights.Node, hints[1], StringComparison.Ordinal);
        Assert.Contains("; so does 10.0.0.2:26379. If you added servers", hints[2], StringComparison.Ordinal);
        Assert.StartsWith("redis2 (10.0.0.2:6379) follows 6.6.6.6:6379, which is not in redis.nodes", hints[4], StringComparison.Ordinal);
        Assert.Contains(hints, h => h.StartsWith("redis3 ", StringComparison.Ordinal) && h.EndsWith(NeededRights.Node, StringComparison.Ordinal));
        Assert.Contains(hints, h => h.StartsWith("The events of Sentinel 10.0.0.2:26379 are not heard", StringComparison.Ordinal)
            && h.EndsWith(NeededRights.Sentinel, StringComparison.Ordinal));

        Assert.Contains("events not heard", StatsPage.Write(moment, "abc"), StringComparison.Ordinal);
        Assert.Matches("up, no", Scene.Text(moment));
        string metrics = MetricsText.Write(moment);
        Assert.Contains("redis_ha_proxy_blind 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("redis_ha_proxy_sentinel_events_heard{sentinel=\"10.0.0.2:26379\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("redis_ha_proxy_sentinel_concerns{sentinel=\"10.0.0.1:26379\"} 2\n", metrics, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "they will promote another node in about 30 s")]
    [InlineData(true, "should confirm within about a second")]
    public void Sentinels_that_name_another_node_are_either_behind_or_about_to_fail_over(bool markedDown, string expected)
    {
        var moment = Scene.With(Scene.Sentinel(0) with { VoteText = "redis2", Answer = Scene.Sentinel(0).Answer!.Value with { MarkedDown = markedDown } });

        Assert.Contains(expected, Assert.Single(Explanation.Hints(moment)), StringComparison.Ordinal);
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
        [.. CsvCell().Matches(line).Select(m => m.Groups["quoted"].Success ? m.Groups["quoted"].Value.Replace("\"\"", "\"",
            StringComparison.Ordinal) : m.Groups["plain"].Value)];

    [GeneratedRegex("""(?:^|,)(?:"(?<quoted>(?:[^"]|"")*)"|(?<plain>[^,"]*))""")]
    private static partial Regex CsvCell();
}
