// What proxyOverrides takes and refuses, and that every key of proxy.json is either the stack's or can be set by it.

using System.Text;
using System.Text.Json.Nodes;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Nodes;
using RedisHaProxy.Configuration;
using ProxyKey = RedisHaProxy.Configuration.Setting;

namespace RedisHaInfra.Tests.Configuration;

public sealed class ProxyOverridesTests
{
    private static readonly (string Key, string? Value)[] Everything = [("proxyProtocol", "yes"), ("readOnlyPort", "6381"), ("clientTls", "yes")];

    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs/proxy-configuration.md"));

    [Theory]
    [InlineData("""{"redis":{"probeInterval":"20ms"},"recording":{"maxBytes":2000000}}""")]
    [InlineData("""{"limits":{"refusal":"BUSY later"},"engine":"epoll"}""")]
    [InlineData("""{"$schema":"proxy.schema.json","sentinel":{"pollInterval":"50ms"}}""")]
    [InlineData("{}")]
    public void What_the_stack_leaves_open_can_be_set(string overrides)
    {
        JsonObject json = Document(GoodSettings.Read(("proxyOverrides", overrides)));

        foreach ((string path, string value) in Leaves((JsonObject)JsonNode.Parse(overrides)!))
        {
            Assert.Equal(value, At(json, path)!.ToJsonString());
        }
        // The rest of each section stays.
        Assert.Equal("3s", (string?)json["timeouts"]!["connect"]);
        Assert.Equal(10_000, (int?)json["limits"]!["connections"]);
        Assert.Equal("/var/lib/redis-ha-proxy/recording", (string?)json["recording"]!["file"]);
    }

    [Theory]
    [InlineData("{\"sentinel\":{\"pollInterval\":\"1s\"}", "a JSON object as in proxy.json; not valid JSON")]
    [InlineData("[]", "a JSON object as in proxy.json, not an array")]
    [InlineData("""{"timeouts":{"idle":"1h","idle":"2h"}}""", "each key once; timeouts.idle is there twice")]
    [InlineData("""{"timeouts":{"idel":"1h"}}""", "timeouts.idel it says: unknown key")]
    [InlineData("""{"sentinel":{"pollInterval":"1ms"}}""", "of sentinel.pollInterval it says")]
    [InlineData("""{"timeouts":{"idle":"1h"}}""", "timeouts.idle cannot be set here: use proxyIdleTimeout")]
    [InlineData("""{"log":{"format":"json"}}""", "log.format cannot be set here: use proxyLogFormat")]
    [InlineData("""{"timeouts":"1h"}""", "of timeouts it says")]
    [InlineData("""{"recording":null}""", "of recording it says")]
    [InlineData("""{"limits":{"connections":5}}""", "limits.connections cannot be set here: use proxyMaxConnections")]
    [InlineData("""{"redis":{"nodes":{"mine":"203.0.113.7:6379"}}}""", "redis.nodes.mine cannot be set here: use redisAddresses")]
    [InlineData("""{"admin":{"passwordFile":"/etc/passwd"}}""", "admin.passwordFile cannot be set here: use passwordVersions")]
    [InlineData("""{"admin":{"listen":"0.0.0.0:80"}}""", "admin.listen cannot be set here: the stack decides it")]
    [InlineData("""{"listen":[]}""", "listen cannot be set here: use proxyAddresses")]
    [InlineData("""{"readOnly":{"maxLag":"5s"}}""", "readOnly.maxLag only with readOnlyPort")]
    [InlineData("""{"readOnly":{}}""", "readOnly only with readOnlyPort")]
    [InlineData("""{"proxyProtocol":{"timeout":"1s"}}""", "proxyProtocol.timeout only with proxyProtocol = yes")]
    public void What_the_proxy_or_the_stack_would_refuse_is_told_before_anything_is_made(string overrides, string words)
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("proxyOverrides", overrides)));

        Assert.Equal("proxyOverrides", problem.Key);
        Assert.Contains(words, problem.Rule, StringComparison.Ordinal);
        Assert.Equal("""pulumi config set redis-ha:proxyOverrides '{"sentinel":{"pollInterval":"50ms"}}'""", problem.Example);
    }

    [Fact]
    public void All_problems_are_told_together()
    {
        IReadOnlyList<SettingProblem> problems = GoodSettings.Problems(
            ("proxyOverrides", """{"redis":{"probeInterval":"1ms"},"engine":"steam"}"""), ("proxyMaxConnections", "5"), ("proxyIdleTimeout", "1ms"));

        Assert.Equal(["proxyMaxConnections", "proxyIdleTimeout", "proxyOverrides", "proxyOverrides"], problems.Select(problem => problem.Key));
    }

    public static TheoryData<string> ProxyKeys => [.. ProxyKey.All.Where(key => key.Kind != SettingKind.Section).Select(key => key.Path)];

    [Theory]
    [MemberData(nameof(ProxyKeys))]
    public void Every_key_of_the_proxy_is_the_stacks_or_can_be_set(string path)
    {
        ProxyKey key = ProxyKey.All.Single(key => key.Path == path);
        JsonNode value = JsonNode.Parse(key.Example.Length > 0 ? key.Example : $"\"{key.Default}\"")!;
        string overrides = path.Split('.').Reverse().Aggregate(value, (inner, name) => new JsonObject { [name] = inner.DeepClone() }).ToJsonString();
        string? owner = ProxyOverrides.Owned.Keys.FirstOrDefault(owned => path == owned || path.StartsWith(owned + ".", StringComparison.Ordinal));

        if (owner is null)
        {
            JsonObject json = Document(GoodSettings.Read([.. Everything, ("proxyOverrides", overrides)]));
            Assert.Equal(value.ToJsonString(), At(json, path)!.ToJsonString());
        }
        else
        {
            string words = ProxyOverrides.Owned[owner] is { } setting ? $"use {setting}" : "the stack decides it";
            Assert.Contains(words, Assert.Single(GoodSettings.Problems([.. Everything, ("proxyOverrides", overrides)])).Rule, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_page_names_what_belongs_to_the_stack()
    {
        Assert.Equal(
            ProxyOverrides.Owned.Select(pair => pair.Value is { } setting ? $"- `{pair.Key}`: `{setting}`" : $"- `{pair.Key}`").Order(StringComparer.Ordinal),
            Page.Split("## In a stack\n")[1].Split("\n## ")[0].Split('\n').Where(line => line.StartsWith("- `", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));
        Assert.All(ProxyOverrides.Owned.Values.OfType<string>(), key => Assert.Contains(key, RedisHaInfra.Settings.Setting.All.Select(setting => setting.Key)));
    }

    [Theory]
    [InlineData("no", "0")]
    [InlineData("yes", "0")]
    [InlineData("no", "6381")]
    [InlineData("yes", "6381")]
    public void The_proxy_takes_what_the_stack_writes(string header, string readOnly)
    {
        StackSettings settings = GoodSettings.Read(("proxyProtocol", header), ("readOnlyPort", readOnly));
        string text = PayloadInputs.FileOf(Payload(settings), "proxy.json");
        string folder = Directory.CreateTempSubdirectory("redis-ha-").FullName;
        ConfigurationReading reading;
        try
        {
            foreach (string name in new[] { "redis", "sentinel", "admin" })
            {
                File.WriteAllText(Path.Combine(folder, $"{name}.password"), "secret\n");
            }
            reading = ConfigurationReader.ReadContent(Path.Combine(folder, "proxy.json"), Encoding.UTF8.GetBytes(text), DateTimeOffset.UnixEpoch);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        Assert.Empty(reading.Errors);
        ProxyConfiguration configuration = reading.Configuration!;
        Assert.Equal(header == "yes" ? "172.31.235.188/32" : null, configuration.ProxyProtocol is { } from ? string.Join(' ', from.From) : null);
        Assert.Equal(readOnly == "0" ? null : "172.31.235.141:6381", configuration.ReadOnly is { } reads ? string.Join(' ', reads.Listen) : null);
        Assert.Equal(readOnly != "0", Payload(settings).Contains("\nREDIS_HA_PORTS='6381'\n", StringComparison.Ordinal));
    }

    private static string Payload(StackSettings settings) =>
        NodePayload.Of(PayloadInputs.Proxy() with { Options = settings.ProxyOptions }).ApplyScript;

    private static JsonObject Document(StackSettings settings) => (JsonObject)JsonNode.Parse(PayloadInputs.FileOf(Payload(settings), "proxy.json"))!;

    private static JsonNode? At(JsonObject json, string path) => path.Split('.').Aggregate((JsonNode?)json, (node, name) => node?[name]);

    private static IEnumerable<(string Path, string Value)> Leaves(JsonObject section, string prefix = "") => section.SelectMany(member =>
        member.Value is JsonObject inner ? Leaves(inner, $"{prefix}{member.Key}.") : [($"{prefix}{member.Key}", member.Value!.ToJsonString())]);
}
