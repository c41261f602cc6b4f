// Further ports for clients, and the PROXY protocol: at the load balancer, in the rules, in the outputs.

using System.Security.Cryptography.X509Certificates;
using Pulumi;
using Pulumi.Utilities;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class ClientPortTests
{
    [Fact]
    public async Task A_read_only_port_has_a_listener_and_backends_of_its_own()
    {
        StackRun run = await StackRun.Of(new Dictionary<string, string?> { ["readOnlyPort"] = "6381" });
        RecordedResource set = run.Cloud.One(Types.BackendSet, "proxies-read-only");
        RecordedResource listener = run.Cloud.One(Types.Listener, "redis-read-only");

        Assert.Equal((6381.0, "proxies-read-only", "TCP", false),
            (listener["port"], listener.Text("defaultBackendSetName"), listener.Text("protocol"), listener["isPpv2enabled"]));
        Assert.Equal((6381.0, 6381.0), (set["backends.0.port"], set["backends.1.port"]));
        Assert.Equal((1936.0, "/healthz"), (set["healthChecker.port"], set.Text("healthChecker.urlPath")));
        Assert.Equal(6379.0, run.Cloud.One(Types.BackendSet, "proxies")["backends.0.port"]);
        Assert.Equal("172.31.235.188:6381", await Value(run.Stack.ReadOnlyEndpoint));
        Assert.Contains("**172.31.235.188:6381**", await Value(run.Stack.Readme), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_the_PROXY_protocol_every_listener_sends_the_header()
    {
        StackRun run = await StackRun.Of(new Dictionary<string, string?> { ["readOnlyPort"] = "6381", ["proxyProtocol"] = "yes" });

        Assert.Equal([true, true], run.Cloud.All(Types.Listener).Select(listener => listener["isPpv2enabled"]));
        Assert.Equal(string.Empty, await Value((await StackRun.Of()).Stack.ReadOnlyEndpoint));
    }

    [Fact]
    public async Task With_TLS_clients_get_an_endpoint_and_an_authority_to_trust_and_the_key_stays_secret()
    {
        StackRun run = await StackRun.Of(new Dictionary<string, string?> { ["clientTls"] = "required", ["readOnlyTlsPort"] = "6382" });

        Assert.Equal(["redis", "redis-read-only-tls", "redis-tls"],
            run.Cloud.All(Types.Listener).Select(listener => listener.Name).Order(StringComparer.Ordinal));
        Assert.Equal("172.31.235.188:6380", await Value(run.Stack.TlsEndpoint));
        Assert.Equal("172.31.235.188:6382", await Value(run.Stack.ReadOnlyTlsEndpoint));
        Assert.StartsWith("-----BEGIN CERTIFICATE-----\n", await Value(run.Stack.CertificateAuthority), StringComparison.Ordinal);
        Assert.Contains("connect to **172.31.235.188:6380** with a password and over TLS", await Value(run.Stack.Readme), StringComparison.Ordinal);
        // A second run makes the same certificate: nothing is rolled out.
        StackRun again = await run.Again(new Dictionary<string, string?> { ["clientTls"] = "required", ["readOnlyTlsPort"] = "6382" });
        Assert.Equal(run.Cloud.One(Types.Command, "proxy1-ready")["stdin"], again.Cloud.One(Types.Command, "proxy1-ready")["stdin"]);
    }

    [Fact]
    public async Task Pages_over_TLS_have_a_certificate_for_the_proxies_and_leave_the_balancers_check_as_it_is()
    {
        StackRun plain = await StackRun.Of(new Dictionary<string, string?> { ["monitoringNetworks"] = """["10.0.9.0/24"]""" });
        StackRun run = await StackRun.Of(new Dictionary<string, string?> { ["monitoringNetworks"] = """["10.0.9.0/24"]""", ["adminTls"] = "yes" });
        string payload = run.Cloud.One(Types.Command, "proxy2-ready").Text("stdin");
        using var certificate = X509Certificate2.CreateFromPem(
            payload.AsSpan(payload.IndexOf("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal)));

        Assert.All(["172.31.235.141", "172.31.235.142", "127.0.0.1", "localhost"], name => Assert.True(certificate.MatchesHostname(name), name));
        Assert.Equal("https://127.0.0.1:1936/stats", await Value(run.Stack.StatsPage));
        Assert.Contains("https://172.31.235.141:1936/metrics", await Value(run.Stack.Readme), StringComparison.Ordinal);
        Assert.StartsWith("-----BEGIN CERTIFICATE-----\n", await Value(run.Stack.AdminAuthority), StringComparison.Ordinal);
        Assert.Equal(string.Empty, await Value(run.Stack.CertificateAuthority));
        Assert.Equal(Check(plain), Check(run));
        // Together with TLS for clients there is one authority, and two certificates.
        StackRun both = await StackRun.Of(new Dictionary<string, string?> { ["adminTls"] = "yes", ["clientTls"] = "yes" });
        Assert.Equal(await Value(both.Stack.AdminAuthority), await Value(both.Stack.CertificateAuthority));
        Assert.Equal(2, both.Cloud.One(Types.Command, "proxy2-ready").Text("stdin").Split("-----BEGIN CERTIFICATE-----").Length - 1);

        static IReadOnlyList<string> Check(StackRun run) =>
            [.. run.Cloud.All(Types.BackendSet).SelectMany(set => SecrecyTests.Texts(set["healthChecker"]!, string.Empty))
                .Select(pair => $"{pair.Path} {pair.Text}")];
    }

    [Fact]
    public async Task The_certificate_names_what_clients_connect_to()
    {
        StackRun run = await StackRun.Of(new Dictionary<string, string?> { ["clientTls"] = "yes", ["endpointName"] = "redis.example.internal" });
        string payload = run.Cloud.One(Types.Command, "proxy1-ready").Text("stdin");
        using var certificate = X509Certificate2.CreateFromPem(
            payload.AsSpan(payload.IndexOf("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal)));

        Assert.All(["redis.example.internal", "172.31.235.188", "localhost"], name => Assert.True(certificate.MatchesHostname(name), name));
        Assert.False(certificate.MatchesHostname("other.example.internal"));
    }

    [Fact]
    public void The_rules_open_the_port_on_the_same_ways_as_the_first()
    {
        string[] Rules(params (string Key, string? Value)[] more) =>
            [.. SecurityRules.For(GoodSettings.Read([.. SecurityRulesTests.Lists, .. more]).Network)
                .Select(rule => $"{rule.Group} {rule.Direction} {rule.Port} {rule.Peer}")];

        Assert.Equal(
            Rules().Where(rule => rule.Contains(" 6379 ", StringComparison.Ordinal) && !rule.Contains("edis", StringComparison.Ordinal))
                .Select(rule => rule.Replace(" 6379 ", " 6381 ", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
            Rules(("readOnlyPort", "6381")).Except(Rules()).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("6379", "6379 is that of other sessions")]
    [InlineData("1936", "1936 is that of the proxies' pages")]
    [InlineData("443", "a port from 1024 to 10239")]
    [InlineData("10240", "a whole number from 0 to 10239")]
    public void A_port_that_something_else_has_is_refused(string port, string words)
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("readOnlyPort", port)));

        Assert.Contains(words, problem.Rule, StringComparison.Ordinal);
    }

    private static Task<T> Value<T>(Output<T> output) => OutputUtilities.GetValueAsync(output);
}
