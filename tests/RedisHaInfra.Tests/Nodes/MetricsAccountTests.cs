// The account that sees metrics and nothing else: on real servers, on the nodes, and in what settings may say of it.

using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Nodes;

public sealed class MetricsAccountTests
{
    private const string Password = "the-metrics-0ne";

    private const string Networks = """["10.0.9.0/24"]""";

    private static readonly RedisNodeInputs Inputs =
        PayloadInputs.Redis() with { Passwords = PayloadInputs.Passwords with { Metrics = Password } };

    public static TheoryData<string> Servers => [.. RedisServer.Programs];

    [SkippableTheory]
    [MemberData(nameof(Servers))]
    public async Task Of_all_commands_it_may_those_that_an_exporter_asks_and_that_show_no_data(string program)
    {
        ClientRightsTests.SkipWithout(program);
        await using RedisServer server = await RedisServer.StartAsync(program, Inputs);
        await server.ClientAsync("SET", "secret-key", "secret-value");

        // redis_exporter's own, in its order, with --config-command=-
        string[][] allowed = [["PING"], ["CLIENT", "SETNAME", "redis_exporter"], ["INFO", "ALL"], ["LATENCY", "LATEST"], ["SLOWLOG", "LEN"]];
        string[][] denied = [["CONFIG", "GET", "*"], ["SLOWLOG", "GET", "1"], ["CLIENT", "LIST"], ["GET", "secret-key"], ["ROLE"], ["MONITOR"]];
        foreach (string[] asked in allowed)
        {
            string answer = await server.AsAsync("metrics", Password, asked);
            Assert.False(answer.Contains("NOPERM", StringComparison.Ordinal) || answer.Contains("secret", StringComparison.Ordinal), answer);
        }
        foreach (string[] refused in denied)
        {
            Assert.Contains("NOPERM", await server.AsAsync("metrics", Password, refused), StringComparison.Ordinal);
        }
        Skip.If(server.Version < 700, "Redis 6.2 has no ACL DRYRUN");
        (string Name, int Arity)[] commands = await ClientRightsTests.CommandsOf(server);
        string[] answers = await server.OperatorLinesAsync(commands.Select(command => ClientRightsTests.DryRun("metrics", command)));
        // Every connection may AUTH, HELLO, QUIT and RESET (CMD_NO_AUTH).
        Assert.Equal(["client|setname", "info", "latency|histogram", "latency|latest", "ping", "slowlog|len"],
            commands.Zip(answers).Where(pair => pair.Second == "OK").Select(pair => pair.First.Name).Except(["auth", "hello", "quit", "reset"])
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Its_password_is_on_Redis_nodes_as_a_hash_and_nowhere_without_it()
    {
        string script = NodePayload.Of(Inputs).ApplyScript;

        Assert.DoesNotContain(Password, script, StringComparison.Ordinal);
        Assert.Matches("(?m)^user metrics on #[0-9a-f]{64} resetkeys resetchannels -@all ", script);
        Assert.DoesNotContain("user metrics", NodePayload.Of(PayloadInputs.Redis()).ApplyScript, StringComparison.Ordinal);
        Assert.DoesNotContain("user metrics", NodePayload.Of(Inputs).FirstBootScript, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("metricsPassword", "short", "12 to 128")]
    [InlineData("formerMetricsPassword", "the-former-0ne", "used together with metricsPassword only")]
    public void Its_passwords_follow_the_rules_of_the_clients(string key, string value, string words)
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("monitoringNetworks", Networks), (key, value)));

        Assert.Equal((key, "[secret]"), (problem.Key, problem.Value));
        Assert.Contains(words, problem.Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_networks_there_is_no_account() =>
        Assert.Contains("used together with monitoringNetworks only", Assert.Single(GoodSettings.Problems(("metricsPassword", Password))).Rule,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("""["0.0.0.0/0"]""", "not the whole Internet")]
    [InlineData("""["172.31.235.188/32"]""", "not the load balancer's own address")]
    [InlineData("""["10.0.9.1/24"]""", "with all bits after the length zero")]
    [InlineData("""["10.0.9.0/24","10.0.9.0/24"]""", "each network once")]
    public void Networks_are_named(string networks, string words) =>
        Assert.Contains(words, Assert.Single(GoodSettings.Problems(("monitoringNetworks", networks))).Rule, StringComparison.Ordinal);

    [Fact]
    public void Nobody_else_has_its_name()
    {
        const string Users = """[{"name":"metrics","rules":["+info"],"passwords":["the-reports-own-0ne"]}]""";

        Assert.Contains("none of the system's own users", Assert.Single(GoodSettings.Problems(("redisUsers", Users))).Rule, StringComparison.Ordinal);
    }
}
