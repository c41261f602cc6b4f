// Users of the clients besides the default one, on real servers: they may what their rules say, and none of them can take the deployment over.

using System.Text.Json;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Nodes;

public sealed class RedisUserTests
{
    private const string Password = "reports-password";
    private const string Former = "reports-password-before";

    public static TheoryData<string> Servers => [.. RedisServer.Programs];

    [SkippableTheory]
    [MemberData(nameof(Servers))]
    public async Task A_user_may_what_its_rules_say_by_both_its_passwords(string program)
    {
        await using RedisServer server = await StartAsync(program, "~report:*", "&news:*", "+@read", "+set", "+publish", "+subscribe");

        foreach (string password in new[] { Password, Former })
        {
            Assert.Equal("OK", await server.AsAsync("reports", password, "SET", "report:1", "x"));
            Assert.Equal("x", await server.AsAsync("reports", password, "GET", "report:1"));
            Assert.Equal("0", await server.AsAsync("reports", password, "PUBLISH", "news:today", "x"));
        }
        string[][] beyond = [["GET", "other"], ["DEL", "report:1"], ["PUBLISH", "other", "x"], ["PUBLISH", ClientUser.HelloChannel, "x"]];
        foreach (string[] refused in beyond)
        {
            Assert.Contains("NOPERM", await server.AsAsync("reports", Password, refused), StringComparison.Ordinal);
        }
        Assert.Contains("WRONGPASS", await server.AsAsync("reports", "another-password", "GET", "report:1"), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [MemberData(nameof(Servers))]
    public async Task With_all_that_can_be_given_it_still_cannot_take_the_deployment_over(string program)
    {
        string[] widest = ["~*", "&*", "+@all", .. RedisCommands.Of70.Select(name => $"+{name}").Where(rule => ClientCommands.ProblemOf(rule) is null)];
        await using RedisServer server = await StartAsync(program, widest);

        foreach (string never in ClientCommands.Never)
        {
            string[] answers = await server.OperatorLinesAsync([$"ACL DRYRUN reports {never.Replace('|', ' ')} x x x x x x x x"]);
            Assert.DoesNotContain("OK", answers);
        }
        Assert.Contains("NOPERM", await server.AsAsync("reports", Password, "PUBLISH", ClientUser.HelloChannel, "x"), StringComparison.Ordinal);
        Assert.Contains("NOPERM", await server.AsAsync("reports", Password, "SPUBLISH", ClientUser.HelloChannel, "x"), StringComparison.Ordinal);
        string script = await server.AsAsync("reports", Password, "EVAL", "return redis.call('publish', ARGV[1], 'x')", "0", ClientUser.HelloChannel);
        Assert.Contains("ERR", script, StringComparison.Ordinal);
        Assert.Equal("0", await server.AsAsync("reports", Password, "PUBLISH", "anything", "x"));
        Assert.Equal("OK", await server.AsAsync("reports", Password, "FLUSHALL"));
        Assert.Contains("NOPERM", await server.AsAsync("reports", Password, "CONFIG", "GET", "*"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("+@admin", "endangers the cluster")]
    [InlineData("+config|set", "endangers the cluster")]
    [InlineData("+config", "name its subcommands")]
    [InlineData("+no-such", "that Redis 7.0 knows")]
    [InlineData("&__sentinel__:*", "begins with a letter or digit")]
    [InlineData("&[_]*", "begins with a letter or digit")]
    [InlineData("~a b", "without blanks")]
    [InlineData("nopass", "rules of an ACL")]
    [InlineData(">password-in-a-rule", "rules of an ACL")]
    [InlineData("(+@all ~*)", "rules of an ACL")]
    [InlineData("on\nuser x on nopass +@all", "rules of an ACL")]
    public void A_rule_that_gives_too_much_is_refused(string rule, string words)
    {
        SettingProblem problem = Assert.Single(Problems(Users("reports", [rule], Password)));

        Assert.Equal(("redisUsers", "[secret]"), (problem.Key, problem.Value));
        Assert.Contains(words, problem.Rule, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", null)]
    [InlineData("{}", "a list as")]
    [InlineData("[null]", "a list as")]
    [InlineData("""[{"name":"a","rules":[],"passwords":["reports-password"],"more":1}]""", "a list as")]
    [InlineData("""[{"name":"a","rules":[],"passwords":["short"]}]""", "of 12 to 128")]
    [InlineData("""[{"name":"a","rules":[],"passwords":[]}]""", "one or two passwords")]
    [InlineData("""[{"name":"a","rules":[],"passwords":["reports-password","reports-password2","reports-password3"]}]""", "one or two passwords")]
    [InlineData("""[{"name":"operator","rules":[],"passwords":["reports-password"]}]""", "none of the system's own users")]
    [InlineData("""[{"name":"a b","rules":[],"passwords":["reports-password"]}]""", "'a b' is not one")]
    [InlineData("""[{"name":"a","rules":[],"passwords":["reports-password"]},{"name":"a","rules":[],"passwords":["reports-password"]}]""",
        "'a' is there twice")]
    public void The_list_has_one_form(string users, string? words)
    {
        if (words is null)
        {
            Assert.Empty(Read(users).Redis.Users);
            return;
        }
        string rule = Assert.Single(Problems(users)).Rule;
        Assert.Contains(words, rule, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, rule, StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_in_plain_text_is_refused() => Assert.Contains("encrypted", Assert.Single(Assert.Throws<SettingsException>(() => StackSettings.Read(
        new SettingsSource(GoodSettings.With(new() { ["redisUsers"] = Users("reports", ["+get"], Password) }), ["sshPrivateKey"]))).Problems).Rule,
        StringComparison.Ordinal);

    [Fact]
    public void Passwords_are_on_the_nodes_as_hashes_only()
    {
        string script = NodePayload.Of(Inputs("~*", "+get")).ApplyScript;

        Assert.DoesNotContain(Password, script, StringComparison.Ordinal);
        Assert.Matches("(?m)^@7[.]0 user reports on #[0-9a-f]{64} #[0-9a-f]{64} resetkeys resetchannels ~[*] -@all [+]get -acl", script);
        Assert.Contains("\nREDIS_HA_USERS='reports'\n", script, StringComparison.Ordinal);
        Assert.DoesNotContain("REDIS_HA_USERS", NodePayload.Of(PayloadInputs.Redis()).ApplyScript.Split("node.env")[^1], StringComparison.Ordinal);
        Assert.DoesNotContain("user reports", NodePayload.Of(Inputs("~*", "+get")).FirstBootScript, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("yes", "", "save \"\"\nappendonly yes")]
    [InlineData("no", "3600 1", "save 3600 1\nappendonly no")]
    [InlineData("yes", "3600 1 300 100", "@7.0 save 3600 1 300 100\n@6.2 save 3600 1\nappendonly yes")]
    public void Persistence_is_what_the_settings_say(string appendOnly, string save, string lines)
    {
        RedisSettings redis = GoodSettings.Read(("redisAppendOnly", appendOnly), ("redisSave", save)).Redis;

        Assert.Contains($"\n{lines}\n", PayloadInputs.FileOf(NodePayload.Of(PayloadInputs.Redis() with { Redis = redis }).ApplyScript, "settings.conf"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("redisSave", "3600")]
    [InlineData("redisSave", "0 1")]
    [InlineData("redisSave", "3600 1\nappendonly no")]
    [InlineData("redisOverrides", """["save 900 1"]""")]
    [InlineData("redisOverrides", """["appendonly no"]""")]
    public void Persistence_is_set_in_one_place(string key, string value) =>
        Assert.Contains(key == "redisSave" ? "pairs of seconds and changes" : "use redis", Assert.Single(GoodSettings.Problems((key, value))).Rule,
            StringComparison.Ordinal);

    private static async Task<RedisServer> StartAsync(string program, params string[] rules)
    {
        ClientRightsTests.SkipWithout(program);
        RedisServer server = await RedisServer.StartAsync(program, Inputs(rules));
        if (server.Version < 700)
        {
            await server.DisposeAsync();
            Skip.If(true, "Redis 6.2 cannot have redisUsers");
        }
        return server;
    }

    private static RedisNodeInputs Inputs(params string[] rules) =>
        PayloadInputs.Redis() with { Redis = Read(Users("reports", rules, Password, Former)).Redis };

    private static string Users(string name, string[] rules, params string[] passwords) => JsonSerializer.Serialize(new[] { new { name, rules, passwords } });

    private static StackSettings Read(string users) => StackSettings.Read(Source(users));

    private static IReadOnlyList<SettingProblem> Problems(string users) =>
        Assert.Throws<SettingsException>(() => StackSettings.Read(Source(users))).Problems;

    private static SettingsSource Source(string users) => new(GoodSettings.With(new() { ["redisUsers"] = users }), ["sshPrivateKey", "redisUsers"]);
}
