// The keys of proxy.json that have a setting each: the proxy's own defaults, ranges and words, and its own judgement.

using System.Text.Json.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Nodes;
using RedisHaProxy.Configuration;
using ProxyKey = RedisHaProxy.Configuration.Setting;
using Setting = RedisHaInfra.Settings.Setting;

namespace RedisHaInfra.Tests.Configuration;

public sealed class ProxyKeysTests
{
    private static readonly Dictionary<string, (string Value, string Json)> Others = new()
    {
        ["proxyConnectTimeout"] = ("500ms", "\"500ms\""),
        ["proxyParkTimeout"] = ("0s", "\"0s\""),
        ["proxyIdleTimeout"] = ("2h", "\"2h\""),
        ["proxyMaxConnectionsPerSource"] = ("20", "20"),
        ["proxyMaxParked"] = ("0", "0"),
        ["proxyLogLevel"] = ("error", "\"error\""),
        ["proxyLogFormat"] = ("json", "\"json\""),
        ["proxyLogSessions"] = ("no", "false"),
    };

    public static TheoryData<string> Keys => [.. ProxyKeys.All.Select(key => key.Setting.Key)];

    [Theory]
    [MemberData(nameof(Keys))]
    public void A_value_is_in_the_file_and_the_default_is_the_proxys_own(string key)
    {
        (string path, Setting setting) = ProxyKeys.All.Single(known => known.Setting.Key == key);
        ProxyKey proxys = ProxyKey.All.Single(known => known.Path == path);

        Assert.Equal(proxys.Default, setting.Default switch { "yes" => "true", var value => $"{value}" });
        switch (setting)
        {
            case NumberSetting number:
                Assert.Equal(((long)number.Minimum, (long)number.Maximum), (((IntegerSetting)proxys).Least, ((IntegerSetting)proxys).Greatest));
                break;
            case ChoiceSetting choice when proxys.Kind == SettingKind.Word:
                Assert.Equal(proxys.Range.Split(", ").Order(StringComparer.Ordinal), choice.Choices.Order(StringComparer.Ordinal));
                break;
        }
        string usual = File(("proxyProtocol", "yes"));
        Assert.Equal(usual, File(("proxyProtocol", "yes"), (key, $"{setting.Default}")));
        JsonNode? changed = path.Split('.').Aggregate(JsonNode.Parse(File(("proxyProtocol", "yes"), (key, Others[key].Value))), (node, name) => node?[name]);
        Assert.Equal(Others[key].Json, changed?.ToJsonString());
    }

    [Theory]
    [InlineData("proxyIdleTimeout", "1ms", "of timeouts.idle it says")]
    [InlineData("proxyIdleTimeout", "an hour", "of timeouts.idle it says")]
    [InlineData("proxyConnectTimeout", "\"3s\"", "of timeouts.connect it says")]
    [InlineData("proxyParkTimeout", "2h", "of timeouts.park it says")]
    [InlineData("proxyMaxParked", "-1", "a whole number from 0")]
    [InlineData("proxyLogLevel", "loud", "one of info")]
    [InlineData("proxyLogSessions", "true", "one of yes, no")]
    [InlineData("proxyMaxConnectionsPerSource", "20", "unless proxyProtocol = yes")]
    public void A_bad_value_is_one_problem_of_its_own_setting(string key, string value, string words)
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems((key, value)));

        Assert.Equal((key, value), (problem.Key, problem.Value));
        Assert.Contains(words, problem.Rule, StringComparison.Ordinal);
        Assert.StartsWith($"pulumi config set redis-ha:{key} ", problem.Example, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_in_both_ways_is_one_problem()
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("proxyIdleTimeout", "1h"), ("proxyOverrides", """{"timeouts":{"idle":"2h"}}""")));

        Assert.Equal(("proxyOverrides", "timeouts.idle cannot be set here: use proxyIdleTimeout"), (problem.Key, problem.Rule));
    }

    [Fact]
    public void They_are_judged_beside_overrides_that_are_refused() => Assert.Equal(["proxyIdleTimeout", "proxyOverrides"],
        GoodSettings.Problems(("proxyIdleTimeout", "1ms"), ("proxyOverrides", """{"listen":[]}""")).Select(problem => problem.Key));

    private static string File(params (string Key, string? Value)[] settings)
    {
        StackSettings read = GoodSettings.Read(settings);
        return PayloadInputs.FileOf(RedisHaInfra.Nodes.NodePayload.Of(
            PayloadInputs.Proxy() with { Options = read.ProxyOptions }).ApplyScript, "proxy.json");
    }
}
