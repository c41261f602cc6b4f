// The custom metrics of a Redis node: measured on real servers, signed as OCI asks it, and compared by the alarms' own queries.

using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Graph;

namespace RedisHaInfra.Tests.Nodes;

public sealed class MetricsTests
{
    private const string Master = "role:master\nslave0:ip=a,port=1,state=online,offset=1,lag=0\nslave1:ip=b,port=1,state=online,offset=1,lag=0\n"
        + "min_slaves_good_slaves:2\nused_memory:100\nmem_not_counted_for_evict:0\nmaxmemory:1000\nmaxmemory_policy:noeviction\n";

    [SkippableFact]
    public async Task A_replica_that_is_lost_moves_its_metric_across_the_alarms_threshold()
    {
        Skip.IfNot(Installed.Has("redis-server", "redis-sentinel", "redis-cli", "curl", "openssl"), "redis, curl and openssl are not all installed");
        using var cloud = new MetricEndpoint();
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync(minReplicasToWrite: 1, metrics: PayloadInputs.Metrics);
        foreach (Machine machine in cluster.Machines.Values)
        {
            Prepare(machine);
        }
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));

        await MovesAsync("nothing is wrong", () => cloud.Newest(CustomMetrics.ReplicasLost, "redis1") == 0
            && cloud.Newest(CustomMetrics.WritesTaken, "redis1") == 1);
        // A query takes the largest value of a minute: what was posted while the replicas came does not count.
        cloud.Values.Clear();
        foreach (int node in new[] { 1, 2, 3 })
        {
            await PostAsync(cluster.Machines[node], cloud);
        }
        foreach (int replica in new[] { 2, 3 })
        {
            Assert.Equal(0, cloud.Newest(CustomMetrics.WritesTaken, $"redis{replica}"));
            Assert.Null(cloud.Newest(CustomMetrics.ReplicasLost, $"redis{replica}"));
        }
        Assert.Empty(Holding(cloud));

        cluster.Kill("redis 3");
        await MovesAsync("a replica is lost", () => Holding(cloud).SequenceEqual(["alarm-replica-lost"]));
        Assert.Equal(1, cloud.Newest(CustomMetrics.ReplicasLost, "redis1"));

        // The master needs one to take writes (min-replicas-to-write).
        cluster.Kill("redis 2");
        await MovesAsync("writes are refused", () => cloud.Newest(CustomMetrics.WritesTaken, "redis1") == 0);
        cloud.Values.Clear();
        await PostAsync(cluster.Machines[1], cloud);
        Assert.Equal(["alarm-replica-lost", "alarm-writes-refused"], Holding(cloud));
        Assert.Equal(2, cloud.Newest(CustomMetrics.ReplicasLost, "redis1"));

        Task MovesAsync(string what, Func<bool> moved) => Eventually.HoldsAsync(async () =>
        {
            await PostAsync(cluster.Machines[1], cloud);
            return moved();
        }, () => $"{what}: {string.Join("; ", cloud.Values)}", TimeSpan.FromSeconds(60));
    }

    [SkippableFact]
    public async Task What_a_node_says_of_itself_is_what_it_posts()
    {
        Skip.IfNot(Installed.Has("curl", "openssl"), "curl and openssl are not installed");
        using var cloud = new MetricEndpoint();
        using Machine machine = await NodeAsync();
        (string What, string Info, string Probe, double Takes, double? Lost)[] cases =
        [
            ("a master", Master, "PONG\n1\n", 1, 0),
            ("a replica", "role:slave\n", "PONG\n1\n", 0, null),
            ("nobody answers", "", "", 0, null),
            ("a replica copies", Master.Replace("slave1:ip=b,port=1,state=online", "slave1:ip=b,port=1,state=wait_bgsave", StringComparison.Ordinal),
                "PONG\n1\n", 1, 1),
            ("no replica acknowledges", Master.Replace("good_slaves:2", "good_slaves:0", StringComparison.Ordinal), "PONG\n1\n", 0, 0),
            ("no fence", Master.Replace("min_slaves_good_slaves:2\n", "", StringComparison.Ordinal), "PONG\n1\n", 1, 0),
            ("it cannot save", Master, "MISCONF Errors writing to the AOF file: No space left on device\n1\n", 0, 0),
            ("it is paused", Master, "PONG\n", 0, 0),
            ("it is busy", Master, "BUSY Redis is busy running a script.\nBUSY\n", 0, 0),
            ("its memory is used up", Master.Replace("used_memory:100", "used_memory:1001", StringComparison.Ordinal), "PONG\n1\n", 0, 0),
            ("what does not count", Master.Replace("used_memory:100\nmem_not_counted_for_evict:0", "used_memory:1001\nmem_not_counted_for_evict:1",
                StringComparison.Ordinal), "PONG\n1\n", 1, 0),
            ("it evicts", Master.Replace("used_memory:100", "used_memory:1001", StringComparison.Ordinal)
                .Replace("noeviction", "allkeys-lru", StringComparison.Ordinal), "PONG\n1\n", 1, 0),
            ("no number", Master.Replace("used_memory:100", "used_memory:a[$(reboot)]", StringComparison.Ordinal), "PONG\n1\n", 1, 0),
        ];
        foreach ((string what, string info, string probe, double takes, double? lost) in cases)
        {
            cloud.Values.Clear();
            machine.Write("info", info);
            machine.Write("probe", probe);

            await PostAsync(machine, cloud);

            Assert.Equal((what, takes, lost), (what, cloud.Newest(CustomMetrics.WritesTaken, "redis1"), cloud.Newest(CustomMetrics.ReplicasLost, "redis1")));
            Assert.InRange(cloud.Newest(CustomMetrics.DiskUsed, "redis1")!.Value, 0, 100);
            Assert.All(cloud.Values, value => Assert.Equal("redis-ha-test", value.Dimensions["deployment"]));
        }
        // Its first look is no failover; each new epoch is one for five minutes; one that fell is none.
        foreach ((string epoch, double? told) in new (string, double?)[] { ("7", 0), ("8", 1), ("8", 1), ("10", 3), ("9", 3), ("-1", 3), ("x", null) })
        {
            cloud.Values.Clear();
            machine.Write("epoch", epoch);
            await PostAsync(machine, cloud);
            Assert.Equal((epoch, told), (epoch, cloud.Newest(CustomMetrics.Failovers, "redis1")));
        }
        machine.Write("STATE_DIRECTORY/epoch", $"10 {DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 301} 3\n");
        machine.Write("epoch", "10");
        await PostAsync(machine, cloud);
        Assert.Equal(0, cloud.Newest(CustomMetrics.Failovers, "redis1"));
    }

    [SkippableFact]
    public async Task A_token_is_asked_for_when_none_is_good_and_a_refusal_says_what_is_missing()
    {
        Skip.IfNot(Installed.Has("curl", "openssl"), "curl and openssl are not installed");
        using var cloud = new MetricEndpoint();
        using Machine machine = await NodeAsync();

        await PostAsync(machine, cloud);
        await PostAsync(machine, cloud);
        Assert.Equal(1, cloud.Service.TokensGiven);
        machine.Write("RUNTIME_DIRECTORY/token", $"e30.{Convert.ToBase64String("{\"exp\":1}"u8)}.x\n");
        await PostAsync(machine, cloud);
        Assert.Equal(2, cloud.Service.TokensGiven);
        cloud.Service.WithdrawTokens();
        await PostAsync(machine, cloud);
        Assert.Equal(3, cloud.Service.TokensGiven);

        PostRequest taken = cloud.Service.LastTaken!;
        Assert.Equal(200, cloud.Service.Answer(taken).Status);
        Assert.Equal(401, cloud.Service.Answer(taken with { Body = [.. taken.Body, (byte)' '] }).Status);
        Assert.Equal(401, cloud.Service.Answer(taken with { Header = name => name == "host" ? "elsewhere" : taken.Header(name) }).Status);
        Assert.Equal(401, cloud.Service.Answer(taken with { Header = name => name == "Authorization" ? null : taken.Header(name) }).Status);

        cloud.Service.IsAllowed = false;
        ShellResult refused = await RunAsync(machine, cloud, "post");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("<3>no metrics posted: Monitoring answers 404", refused.Output, StringComparison.Ordinal);
        Assert.Contains("NotAuthorizedOrNotFound", refused.Output, StringComparison.Ordinal);
        Assert.Contains("docs/monitoring.md", refused.Output, StringComparison.Ordinal);
        cloud.Dispose();
        refused = await RunAsync(machine, cloud, "post");
        Assert.Contains("Monitoring cannot be reached", refused.Output, StringComparison.Ordinal);
        Assert.Equal(1, refused.ExitCode);
        // Nothing is left but what the next run needs.
        Assert.Equal(["key", "token"], Directory.EnumerateFileSystemEntries(machine.Environment["MACHINE"] + "/RUNTIME_DIRECTORY").Select(Path.GetFileName)
            .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task They_are_installed_with_the_option_and_gone_without_it()
    {
        using var machine = new Machine("ubuntu");
        // A replica that may be restarted.
        machine.Write("replication", "role:slave\nmaster_link_status:down\n");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        Assert.DoesNotContain("metrics", string.Join(' ', machine.Files().Keys), StringComparison.Ordinal);
        var with = NodePayload.Of(PayloadInputs.Redis() with { Metrics = PayloadInputs.Metrics });
        Assert.DoesNotContain("$payload/metrics.env\"", with.FirstBootScript, StringComparison.Ordinal);

        machine.Succeeds(await machine.ApplyAsync(with.ApplyScript));
        Assert.Contains("systemctl restart redis-ha-metrics.timer", machine.Calls, StringComparison.Ordinal);
        Assert.Contains("REDIS_HA_COMPARTMENT=ocid1.compartment.oc1..aaaatest\nREDIS_HA_DEPLOYMENT=redis-ha-test\n",
            machine.InRoot("/etc/redis-ha/metrics.env"), StringComparison.Ordinal);
        machine.Succeeds(await machine.ApplyAsync(with.ApplyScript));
        Assert.DoesNotContain("systemctl restart redis-ha-metrics.timer", machine.Calls, StringComparison.Ordinal);

        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        Assert.Contains("systemctl disable --now redis-ha-metrics.timer", machine.Calls, StringComparison.Ordinal);
        Assert.DoesNotContain(machine.Files().Keys, file => file.Contains("redis-ha-metrics", StringComparison.Ordinal)
            || file.EndsWith("metrics.env", StringComparison.Ordinal));
    }

    // The alarms whose queries, as the cloud gets them, hold for what was posted.
    private static IEnumerable<string> Holding(MetricEndpoint cloud) => AlarmTests.CustomQueries
        .Where(alarm => AlarmQuery.Parse(alarm.Value) is { } query && query.Holds(cloud.Values, DateTimeOffset.UtcNow).Count > 0)
        .Select(alarm => alarm.Key).Where(name => name != "alarm-disk").Order(StringComparer.Ordinal);

    private static async Task<Machine> NodeAsync()
    {
        var machine = new Machine("ubuntu");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis() with { Metrics = PayloadInputs.Metrics }).ApplyScript));
        machine.StandIn("redis-cli", """
            case " $* " in
              *" INFO all "*) cat "$MACHINE/info" ;;
              *" SENTINEL MASTER "*) printf 'name\nmymaster\nconfig-epoch\n%s\n' "$(cat "$MACHINE/epoch")" ;;
              *) cat "$MACHINE/probe" ;;
            esac
            """);
        machine.Write("epoch", "7");
        machine.Write("info", Master);
        machine.Write("probe", "PONG\n1\n");
        Prepare(machine);
        return machine;
    }

    private static void Prepare(Machine machine)
    {
        machine.WithoutStandIn("curl");
        machine.StandIn("chgrp", string.Empty);
    }

    private static async Task PostAsync(Machine machine, MetricEndpoint cloud)
    {
        foreach (string order in new[] { "identity", "post" })
        {
            ShellResult result = await RunAsync(machine, cloud, order);
            Assert.True(result.ExitCode == 0 && result.Output.Length == 0, result.ToString());
        }
    }

    private static Task<ShellResult> RunAsync(Machine machine, MetricEndpoint cloud, string order) => Shell.RunAsync("bash",
        [Path.Combine(machine.Root, "usr/local/libexec/redis-ha/metrics.sh"), order],
        environment: machine.WatchEnvironment(PayloadInputs.Passwords.Watch).Concat(cloud.Environment).ToDictionary(), timeout: TimeSpan.FromSeconds(60));
}
