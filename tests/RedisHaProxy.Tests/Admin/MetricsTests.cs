// /metrics: read by a strict parser, as served by a running proxy, and with hostile names.

using System.Diagnostics;
using RedisHaProxy.Admin;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Linux;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;
using RedisHaProxy.Tests.Hosting;

namespace RedisHaProxy.Tests.Admin;

public sealed class MetricsTests
{
    [Fact]
    public void The_text_is_what_a_strict_parser_takes_and_says_what_the_status_says()
    {
        var families = PrometheusText.Parse(MetricsText.Write(Scene.With(Scene.Master(0, 1), Scene.Replica(1, 0, 42), Scene.Down)));

        Assert.All(families.Keys, name => Assert.Matches("^(redis_ha_proxy|process)_", name));
        Assert.Equal(1, families["redis_ha_proxy_gate"].Value("mode=open"));
        Assert.Equal(0, families["redis_ha_proxy_gate"].Value("mode=closed"));
        Assert.Equal(0.00025, families["redis_ha_proxy_node_check_duration_seconds"].Value("node=redis1"));
        Assert.Equal(42, families["redis_ha_proxy_node_replication_lag_bytes"].Value("node=redis2"));
        Assert.Single(families["redis_ha_proxy_node_replication_lag_bytes"].Samples);
        Assert.Equal(300, families["redis_ha_proxy_sessions_ended_total"].Value("code=role-lost"));
        Assert.Equal(0, families["redis_ha_proxy_node_up"].Value("node=redis3"));
        Assert.Equal(0, families["redis_ha_proxy_node_maintenance"].Value("node=redis1"));
        Assert.Equal(1, families["redis_ha_proxy_sentinel_vote_info"].Value("node=redis1,sentinel=10.0.0.1:26379"));
    }

    // The names and their meaning are those of all Prometheus clients ("Process metrics" of "Writing client libraries").
    [Fact]
    public void The_process_is_measured_under_the_names_that_all_programs_have()
    {
        var before = DateTimeOffset.UtcNow;
        double cpu = Environment.CpuUsage.TotalTime.TotalSeconds;
        var families = PrometheusText.Parse(MetricsText.Write(Scene.Healthy.Moment with { Usage = ProcessUsage.Read(), Started = before }));

        Assert.InRange(families["process_cpu_seconds_total"].Value(), cpu, Environment.CpuUsage.TotalTime.TotalSeconds);
        Assert.InRange(families["process_resident_memory_bytes"].Value(), 10e6, 10e9);
        Assert.InRange(families["process_open_fds"].Value(), 3, families["process_max_fds"].Value());
        Assert.Equal(before.ToUnixTimeMilliseconds() / 1000.0, families["process_start_time_seconds"].Value());
        using var file = File.OpenRead("/dev/null");
        Assert.InRange(ProcessUsage.Read().OpenFiles(), 4, 100_000);
    }

    [Fact]
    public void Sentinels_are_counted_and_as_many_are_needed_as_make_a_majority()
    {
        var families = PrometheusText.Parse(MetricsText.Write(
            Scene.With([.. Enumerable.Range(0, 5)
                .Select(i => Scene.Sentinel(i % 3) with { Address = $"10.0.0.{i}:26379", Health = i < 2 ? ServerHealth.Up : ServerHealth.Refused })])));

        Assert.Equal((2, 3), (families["redis_ha_proxy_sentinels_reachable"].Value(), families["redis_ha_proxy_sentinels_needed"].Value()));
        Assert.DoesNotContain("redis_ha_proxy_sentinels_needed", MetricsText.Write(Scene.With(Array.Empty<SentinelStatus>())), StringComparison.Ordinal);
    }

    [Fact]
    public void Label_values_are_escaped()
    {
        const string Hostile = "a\"b\\c\nd}e,f=g";
        var moment = Scene.With(Scene.Sentinel(0) with { VoteText = Hostile });

        Assert.Equal(Hostile, Assert.Single(PrometheusText.Parse(MetricsText.Write(moment))["redis_ha_proxy_sentinel_vote_info"].Samples).Labels["node"]);
    }

    [Fact]
    public void Durations_fall_into_their_buckets_and_loops_are_added_up()
    {
        var one = new DurationHistogram(DurationHistogram.ConnectBounds);
        var other = new DurationHistogram(DurationHistogram.ConnectBounds);
        one.Add(Stopwatch.Frequency / 10_000); // exactly 0.1 ms: bounds are inclusive
        one.Add((Stopwatch.Frequency / 10_000) + 1);
        other.Add(Stopwatch.Frequency / 500); // 2 ms
        other.Add(Stopwatch.Frequency * 60);

        var families = PrometheusText.Parse(MetricsText.Write(Scene.Healthy.Moment with
        {
            Data = Scene.Healthy.Data with { ConnectTimes = DurationHistogram.Read(DurationHistogram.ConnectBounds, [one, other]) },
        }));
        var connect = families["redis_ha_proxy_connect_duration_seconds"];
        double Bucket(string bound) => connect.Samples.Single(s => s.Key() == $"le={bound}").Value;
        Assert.Equal((1, 2, 2, 3, 3, 4), (Bucket("0.0001"), Bucket("0.00025"), Bucket("0.001"), Bucket("0.0025"), Bucket("3"), Bucket("+Inf")));
        Assert.Equal(60.0022, connect.Samples.Single(s => s.Name.EndsWith("_sum", StringComparison.Ordinal)).Value, 4);
    }

    [Theory]
    [InlineData("a_total 1\n")]
    [InlineData("# HELP a_total x\n# TYPE a_total counter\na_total 1")]
    [InlineData("# HELP a x\n# TYPE a counter\na 1\n")]
    [InlineData("# HELP a_total x\n# TYPE a_total gauge\na_total 1\n")]
    [InlineData("# HELP a_ms x\n# TYPE a_ms gauge\na_ms 1\n")]
    [InlineData("# HELP a x\n# TYPE a gauge\na{b=\"c\"d\"} 1\n")]
    [InlineData("# HELP a x\n# TYPE a gauge\na{b=\"c\\x\"} 1\n")]
    [InlineData("# HELP a x\n# TYPE a gauge\na{b=\"c\"} 1\na{b=\"c\"} 2\n")]
    [InlineData("# HELP a x\n# TYPE a gauge\nb 1\n")]
    [InlineData("# HELP a x\n# TYPE a gauge\na 1,5\n")]
    [InlineData("# HELP a x\n# TYPE a gauge\n# HELP a x\n# TYPE a gauge\n")]
    [InlineData("# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n")]
    [InlineData("# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n")]
    public void The_parser_is_strict(string text) => Assert.Throws<FormatException>(() => PrometheusText.Parse(text));

    [SkippableFact]
    public async Task A_running_proxy_counts_a_session_s_times_as_soon_as_it_is_open()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 1, Sentinels = 0 });
        await using var proxy = await RunningProxy.StartAsync(deployment);
        using var client = await proxy.ConnectAsync();
        Assert.Equal("PONG", await client.CommandAsync("PING"));

        var families = PrometheusText.Parse(await proxy.GetAsync("metrics"));
        double Count(string name) =>
            families[$"redis_ha_proxy_{name}_duration_seconds"].Samples.Single(s => s.Name.EndsWith("_count", StringComparison.Ordinal)).Value;
        Assert.Equal((1, 1, 0), (Count("connect"), Count("route"), Count("session")));
        Assert.InRange(
            families["redis_ha_proxy_connect_duration_seconds"].Samples.Single(s => s.Name.EndsWith("_sum", StringComparison.Ordinal)).Value, 0.000_001, 3);
        Assert.Equal(1, families["redis_ha_proxy_sessions"].Value());
    }
}
