// TLS of redis-server and Sentinel: what settings may say, what the nodes get, and the whole cluster on real servers that have no other port.

using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Nodes;

public sealed class RedisTlsTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 29, 0, 0, 0, TimeSpan.Zero);

    private static readonly PrivateAuthority Authority = new("0123456789abcdefghijklmnopqrstuv", "given");

    private static readonly (string Certificate, string Key) Good = Authority.Issue(["172.31.235.131", "172.31.235.132", "172.31.235.133"], [], Now, "all");

    private static readonly (string Certificate, string Key) One = Authority.Issue(["172.31.235.131"], [], Now, "one");

    [SkippableFact]
    public async Task The_cluster_forms_switches_over_and_survives_its_master_over_TLS_alone()
    {
        Skip.IfNot(Installed.Has("redis-server", "redis-sentinel", "redis-cli", "openssl"), "needs redis-server, redis-sentinel, redis-cli and openssl");
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync(minReplicasToWrite: 1, tls: true);
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));
        await cluster.SettledAsync(expected: 1);
        Assert.Equal("OK", await cluster.OperatorAsync(1, 6379, "SET", "key", "value"));

        // Nobody is heard without TLS.
        foreach (int port in new[] { 6379, 26379 })
        {
            ShellResult plain = await Shell.RunAsync("redis-cli", ["-h", cluster.Address(1), "-p", $"{port}", "PING"], timeout: TimeSpan.FromSeconds(60));
            Assert.DoesNotContain("NOAUTH", plain.Output + plain.Error, StringComparison.Ordinal);
            Assert.Contains("NOAUTH", await cluster.AskAsync(1, port, string.Empty, string.Empty, "PING"), StringComparison.Ordinal);
        }

        ShellResult run = await SwitchoverTests.RunAsync(cluster, 1, "redis2");
        Assert.True(run.ExitCode == 0, run.ToString());
        await cluster.SettledAsync(expected: 2);

        cluster.PowerCut(2);
        await Eventually.HoldsAsync(async () => await MasterAsync(cluster, 1, 3) is not null, () => "another node takes over");
        await cluster.StartRedisAsync(2);
        int master = await cluster.SettledAsync();
        Assert.NotEqual(2, master);
        Assert.Equal("value", await cluster.OperatorAsync(master, 6379, "GET", "key"));
    }

    [Fact]
    public void With_it_there_is_no_port_without_it_and_without_it_nothing_is_said_of_it()
    {
        string script = NodePayload.Of(PayloadInputs.Redis() with { Tls = new NodeTls("certificate\n", "key\n", "authority\n") }).ApplyScript;
        Assert.Equal("certificate\nkey\n", PayloadInputs.FileOf(script, "redis-tls.pem"));
        Assert.Equal("authority\n", PayloadInputs.FileOf(script, "redis-ca.crt"));
        Assert.Contains("\nREDIS_HA_TLS=yes\n", script, StringComparison.Ordinal);
        foreach ((string file, int port) in new[] { ("settings.conf", 6379), ("sentinel-settings.conf", 26379) })
        {
            string[] lines = PayloadInputs.FileOf(script, file).Split('\n');
            Assert.Equal(["port 0", $"tls-port {port}"], lines.Where(line => line.Split(' ')[0] is "port" or "tls-port"));
            Assert.Contains("tls-replication yes", lines);
        }
        Assert.DoesNotContain("key\n", NodePayload.Of(PayloadInputs.Redis() with { Tls = new NodeTls("certificate\n", "the key\n", "authority\n") })
            .FirstBootScript.Split("node.env")[0], StringComparison.Ordinal);
        Assert.DoesNotContain("tls-port", NodePayload.Of(PayloadInputs.Redis()).ApplyScript.Split("settings.conf")[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Every_script_of_the_nodes_asks_servers_over_TLS_where_they_speak_it()
    {
        string[] asking =
        [
            .. Directory.GetFiles(Path.Combine(Repository.Root, "infra/Nodes/Files"), "*.sh", SearchOption.AllDirectories).SelectMany(File.ReadLines)
                .Where(line => line.Contains("redis-cli ", StringComparison.Ordinal) && line.Contains(" -p ", StringComparison.Ordinal)),
        ];

        Assert.True(asking.Length >= 6);
        Assert.All(asking, line => Assert.Contains("\"${tls[@]}\"", line, StringComparison.Ordinal));
    }

    [Fact]
    public void Certificates_that_are_given_are_for_all_nodes_and_come_with_key_and_authority()
    {
        StackSettings settings = GoodSettings.Read(("redisTls", "yes"), ("redisTlsCertificate", Good.Certificate), ("redisTlsPrivateKey", Good.Key),
            ("redisTlsCa", Authority.Certificate()));
        Assert.Equal(Good.Key, settings.RedisTls!.Key!.Reveal());

        (string, string?)[] one = [("redisTlsCertificate", One.Certificate), ("redisTlsPrivateKey", One.Key), ("redisTlsCa", Authority.Certificate())];
        Assert.Contains("172.31.235.132 is not one of them", Assert.Single(GoodSettings.Problems([("redisTls", "yes"), .. one])).Rule,
            StringComparison.Ordinal);
        Assert.Contains("all or none", GoodSettings.Problems(("redisTls", "yes"), ("redisTlsCertificate", Good.Certificate))[0].Rule, StringComparison.Ordinal);
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("redisTls", "yes"), ("redisTlsCertificate", Good.Certificate),
            ("redisTlsPrivateKey", One.Key), ("redisTlsCa", Authority.Certificate())));
        Assert.Equal(("redisTlsPrivateKey", "[secret]"), (problem.Key, problem.Value));
        Assert.All(GoodSettings.Problems(one), wrong => Assert.Contains("together with redisTls = yes only", wrong.Rule, StringComparison.Ordinal));
    }

    [Fact]
    public void A_stack_keeps_what_it_was_built_with()
    {
        var built = FixedSettings.Of(GoodSettings.Read());
        Assert.Contains("redis-ha:redisTls = yes", FixedSettings.Refusal(built, GoodSettings.Read(("redisTls", "yes"))), StringComparison.Ordinal);
        Assert.Null(FixedSettings.Refusal(built, GoodSettings.Read(("redisTls", "no"))));
        // From before the setting was there.
        Assert.Null(FixedSettings.Refusal(built.Remove("redisTls"), GoodSettings.Read()));
        Assert.Contains("set back:   pulumi config set redis-ha:redisTls no",
            FixedSettings.Refusal(built.Remove("redisTls"), GoodSettings.Read(("redisTls", "yes"))), StringComparison.Ordinal);
    }

    private static async Task<int?> MasterAsync(LoopbackCluster cluster, params int[] nodes)
    {
        foreach (int node in nodes)
        {
            if ((await cluster.OperatorAsync(node, 6379, "ROLE")).StartsWith("master", StringComparison.Ordinal))
            {
                return node;
            }
        }
        return null;
    }
}
