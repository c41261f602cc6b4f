// The alerts of docs/monitoring against recorded nights, by promtool; and every metric that rules and dashboard name against /metrics.

using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RedisHaProxy.Admin;
using RedisHaProxy.Tests.Admin;

namespace RedisHaProxy.Tests.Alerts;

public sealed partial class AlertTests : IDisposable
{
    private static readonly string Folder = Path.Combine(Repository.Root, "docs/monitoring");

    private static readonly string Rules = Path.Combine(Folder, "redis-ha.rules.yml");

    private readonly WorkDirectory _work = new();

    // All alerts that fire, at moments of each night; a severity with them.
    public static TheoryData<string, int, string> Expected => new()
    {
        { "crash", 15, "" },
        { "crash", 60, "RedisHaFailover" },
        { "crash", 170, "RedisHaFailover RedisHaNoSpareReplica RedisHaNodeDown" },
        { "crash", 200, "RedisHaFailover" },
        { "partition", 15, "" },
        { "partition", 60, "RedisHaFailover" },
        { "partition", 170, "RedisHaFailover RedisHaNoSpareReplica RedisHaNodeDown RedisHaSentinelDown" },
        { "partition", 240, "RedisHaFailover" },
        { "lost-majority", 15, "" },
        { "lost-majority", 60, "RedisHaNoFailoverPossible" },
        { "lost-majority", 118, "RedisHaNoFailoverPossible" },
        { "lost-majority", 170, "RedisHaNoFailoverPossible RedisHaNoMaster RedisHaSentinelDown" },
        { "no-replicas", 15, "" },
        { "no-replicas", 95, "RedisHaNoReplica RedisHaWritesRefused" },
        { "no-replicas", 170, "RedisHaNoReplica RedisHaNodeDown RedisHaWritesRefused" },
    };

    private static string? NoPromtool => Installed.Path("promtool") is null
        ? "not installed: promtool, which tests the alerts; it is in Debian's and Ubuntu's package prometheus" : null;

    public void Dispose() => _work.Dispose();

    [SkippableFact]
    public async Task The_alerts_of_each_night_are_those_that_an_operator_needs()
    {
        Skip.If(NoPromtool is not null, NoPromtool);
        if (Environment.GetEnvironmentVariable("NIGHTS") == "record")
        {
            await Task.WhenAll(Night.All.Select(night => night.RecordAsync()));
        }

        var test = new StringBuilder($"rule_files: ['{Rules}']\nevaluation_interval: 5s\ntests:\n");
        foreach (var night in Night.All)
        {
            test.Append(CultureInfo.InvariantCulture,
                $"  - interval: {Night.Interval.TotalSeconds}s\n    name: {night.Name}\n    input_series:\n{night.Series}    promql_expr_test:\n");
            foreach (var row in Expected.Where(row => (string)row[0] == night.Name))
            {
                test.Append(CultureInfo.InvariantCulture,
                    $"      - expr: count by (alertname) (count by (alertname, node, sentinel) (ALERTS{{alertstate=\"firing\"}}) > 0) > 0\n")
                    .Append(CultureInfo.InvariantCulture, $"        eval_time: {row[1]}s\n        exp_samples:\n");
                // How many servers it is about does not matter here: one alert each.
                foreach (string alert in ((string)row[2]).Split(' ', StringSplitOptions.RemoveEmptyEntries))
                {
                    test.Append(CultureInfo.InvariantCulture, $"          - {{ labels: '{{alertname=\"{alert}\"}}', value: {Servers(night.Name, alert)} }}\n");
                }
            }
        }

        var result = await Shell.RunAsync("promtool", ["test", "rules", _work.Write("nights.yml", test.ToString())]);

        Assert.True(result.ExitCode == 0, result.ToString());
    }

    // Node_exporter's names, not ours: as version 1.5 has them.
    [SkippableFact]
    public async Task A_disk_of_Redis_that_fills_is_told_and_another_one_is_not()
    {
        Skip.If(NoPromtool is not null, NoPromtool);
        var series = new StringBuilder();
        foreach ((string mountpoint, string free) in new[] { ("/var/lib/redis", "20 15 14 14"), ("/", "20x3"), ("/mnt/other", "1x3") })
        {
            series.Append(CultureInfo.InvariantCulture, $$"""
                      - { series: 'node_filesystem_size_bytes{instance="redis1:9100",mountpoint="{{mountpoint}}"}', values: '100x3' }
                      - { series: 'node_filesystem_avail_bytes{instance="redis1:9100",mountpoint="{{mountpoint}}"}', values: '{{free}}' }

                """);
        }
        const string alert = "{alertname=\"RedisHaDiskFilling\"}", firing = "{alertstate=\"firing\",mountpoint=\"/var/lib/redis\"}";
        string test = $"""
            rule_files: ['{Rules}']
            tests:
              - interval: 5m
                input_series:
            {series}
                promql_expr_test:
                  - expr: count by (mountpoint) (ALERTS{alert})
                    eval_time: 5m
                  - expr: count by (mountpoint, alertstate) (ALERTS{alert})
                    eval_time: 15m
                    exp_samples:
                      - labels: '{firing}'
                        value: 1

            """;

        ShellResult result = await Shell.RunAsync("promtool", ["test", "rules", _work.Write("disk.yml", test)]);

        Assert.True(result.ExitCode == 0, result.ToString());
    }

    [SkippableFact]
    public async Task The_rules_and_the_example_are_what_Prometheus_takes()
    {
        Skip.If(NoPromtool is not null, NoPromtool);
        string example = File.ReadAllText(Path.Combine(Folder, "prometheus.yml"));
        string password = _work.Write("admin.password", "secret");
        File.Copy(Rules, Path.Combine(_work.Path, Path.GetFileName(Rules)));

        var rules = await Shell.RunAsync("promtool", ["check", "rules", "--lint-fatal", Rules]);
        var configuration = await Shell.RunAsync(
            "promtool", ["check", "config",
                _work.Write("prometheus.yml", example.Replace("/etc/prometheus/redis-ha-metrics.password", password, StringComparison.Ordinal))]);

        Assert.True(rules.ExitCode == 0, rules.ToString());
        Assert.True(configuration.ExitCode == 0, configuration.ToString());
    }

    [Fact]
    public void Every_metric_of_rules_and_dashboard_is_served()
    {
        var served = PrometheusText.Parse(MetricsText.Write(Scene.Reasons.Moment)).Keys.Append("up").ToHashSet(StringComparer.Ordinal);
        var named = new[] { Rules, Path.Combine(Folder, "grafana-dashboard.json") }
            .SelectMany(file => MetricName().Matches(File.ReadAllText(file)).Select(match => Histogram().Replace(match.Value, ""))).Distinct().ToList();

        Assert.InRange(named.Count, 20, 200);
        Assert.All(named, name => Assert.Contains(name, served));
    }

    [Fact]
    public void Every_alert_has_a_runbook_that_exists()
    {
        var runbooks = Runbook().Matches(File.ReadAllText(Rules)).Select(match => match.Groups[1].Value).ToList();

        Assert.Equal(Regex.Count(File.ReadAllText(Rules), "- alert: "), runbooks.Count);
        Assert.All(runbooks, runbook => Assert.True(File.Exists(Path.Combine(Repository.Root, runbook.Split('#')[0])), runbook));
    }

    // As far as Grafana's own schema goes: identifiers, places that do not overlap, and a query in each panel.
    [Fact]
    public void The_dashboard_is_whole()
    {
        var dashboard = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "grafana-dashboard.json")))!;
        var panels = dashboard["panels"]!.AsArray().Select(panel => panel!).ToList();
        var cells = panels.Select(panel => panel["gridPos"]!).SelectMany(at =>
            from x in Enumerable.Range((int)at["x"]!, (int)at["w"]!)
            from y in Enumerable.Range((int)at["y"]!, (int)at["h"]!)
            select (x, y)).ToList();

        Assert.Equal(cells.Count, cells.Distinct().Count());
        Assert.All(cells, cell => Assert.InRange(cell.x, 0, 23));
        Assert.Equal(panels.Count, panels.Select(panel => (int)panel["id"]!).Distinct().Count());
        Assert.All(panels, panel => Assert.All(panel["targets"]!.AsArray(), target => Assert.NotEmpty((string)target!["expr"]!)));
        Assert.All(panels, panel => Assert.Equal("${datasource}", (string)panel["datasource"]!["uid"]!));
        Assert.Equal("datasource", (string)dashboard["templating"]!["list"]![0]!["type"]!);
    }

    // Sessions and histograms are not in a recorded night: those two are parsed only.
    [SkippableFact]
    public async Task Every_query_of_the_dashboard_is_one_and_shows_something_of_a_recorded_night()
    {
        Skip.If(NoPromtool is not null, NoPromtool);
        var dashboard = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "grafana-dashboard.json")))!;
        var queries = dashboard["panels"]!.AsArray().SelectMany(panel => panel!["targets"]!.AsArray()).Concat(dashboard["annotations"]!["list"]!.AsArray())
            .Select(query => ((string)query!["expr"]!).Replace("$__rate_interval", "1m", StringComparison.Ordinal)).ToList();
        var rules = new StringBuilder("groups:\n  - name: dashboard\n    rules:\n");
        var night = Night.All[0];
        var test = new StringBuilder($"rule_files: []\nevaluation_interval: 5s\ntests:\n  - interval: {Night.Interval.TotalSeconds}s\n    input_series:\n"
            + $"{night.Series}    promql_expr_test:\n");
        foreach (var (query, i) in queries.Select((query, i) => (query, i)))
        {
            rules.Append(CultureInfo.InvariantCulture, $"      - record: panel:{i}\n        expr: '{query}'\n");
            if (!query.Contains("sessions_ended_total", StringComparison.Ordinal) && !query.Contains("_bucket", StringComparison.Ordinal))
            {
                // 30 s after the master's end: within the rates' window, and of the annotation's. absent() of something is nothing.
                test.Append(CultureInfo.InvariantCulture, $"      - expr: 'absent({query})'\n        eval_time: 50s\n        exp_samples: []\n");
            }
        }

        Assert.InRange(queries.Count, 20, 60);
        var parsed = await Shell.RunAsync("promtool", ["check", "rules", _work.Write("dashboard.rules.yml", rules.ToString())]);
        Assert.True(parsed.ExitCode == 0, parsed.ToString());
        var shown = await Shell.RunAsync("promtool", ["test", "rules", _work.Write("dashboard.yml", test.ToString())]);
        Assert.True(shown.ExitCode == 0, shown.ToString());
    }

    private static int Servers(string night, string alert) => (night, alert) switch
    {
        ("lost-majority", "RedisHaSentinelDown") or ("no-replicas", "RedisHaNodeDown") => 2,
        _ => 1,
    };

    [GeneratedRegex("(?<![a-z_])(?:redis_ha_proxy|process)_[a-z_]*[a-z](?![a-z_])")]
    private static partial Regex MetricName();

    [GeneratedRegex("_(?:bucket|sum|count)$")]
    private static partial Regex Histogram();

    [GeneratedRegex(@"runbook: ([\w./-]+(?:#[\w-]+)?)")]
    private static partial Regex Runbook();
}
