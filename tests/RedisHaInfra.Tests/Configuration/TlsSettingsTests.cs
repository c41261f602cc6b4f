// TLS with clients: what is refused, and what becomes of it.

using System.Text;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Nodes;
using RedisHaProxy.Configuration;

namespace RedisHaInfra.Tests.Configuration;

public sealed class TlsSettingsTests
{
    private static readonly (string Certificate, string Key) Good = Issue("one");

    private static readonly (string Certificate, string Key) Other = Issue("two");

    [Fact]
    public void A_certificate_that_is_given_is_what_the_proxy_shows()
    {
        StackSettings settings = Read(
            ("clientTls", "yes"), ("tlsCertificate", Good.Certificate), ("tlsPrivateKey", Good.Key), ("tlsClientCa", Other.Certificate));

        Assert.Equal(Good.Certificate, settings.Tls!.Certificate);
        Assert.Equal(Good.Key, settings.Tls.Key!.Reveal());
        ProxyConfiguration proxy = Proxy(settings, new TlsFiles(Good.Certificate, Good.Key, Other.Certificate));
        Assert.Equal("172.31.235.141:6380", Assert.Single(proxy.Tls!.Listen).ToString());
        Assert.Contains("CN=redis-ha one", proxy.Tls.Identity.Certificate.Subject, StringComparison.Ordinal);
        Assert.Contains("CN=redis-ha two", Assert.Single(proxy.Tls.ClientAuthorities!).Subject, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_only_sessions_over_TLS_have_a_port_of_their_own()
    {
        StackSettings settings = Read(("clientTls", "required"), ("readOnlyTlsPort", "6382"));
        ProxyConfiguration proxy = Proxy(settings, new TlsFiles(Good.Certificate, Good.Key, null));

        Assert.Empty(proxy.ReadOnly!.Listen);
        Assert.Equal("172.31.235.141:6382", Assert.Single(proxy.ReadOnly.TlsListen).ToString());
        Assert.Null(proxy.Tls!.ClientAuthorities);
    }

    [Fact]
    public void Required_closes_the_plain_port_to_clients_and_leaves_it_to_the_bastion()
    {
        string[] ToBalancer(params (string Key, string? Value)[] more) =>
        [
            .. SecurityRules.For(Read([.. SecurityRulesTests.Lists, .. more]).Network)
                .Where(rule => rule is { Group: SecurityGroup.LoadBalancer, Direction: TrafficDirection.In }).Select(rule => $"{rule.Port} {rule.Peer}"),
        ];

        Assert.Equal(["6379 bastion", "6380 10.0.0.0/8", "6380 192.168.0.0/16", "6380 bastion"], ToBalancer(("clientTls", "required")).Order());
        Assert.Equal(["6379 10.0.0.0/8", "6379 192.168.0.0/16", "6379 bastion"], ToBalancer().Order());
        Assert.Equal(6, ToBalancer(("clientTls", "yes")).Length);
    }

    [Theory]
    [InlineData("tlsPort", "1936", "that of the proxies' pages")]
    [InlineData("tlsPort", "80", "from 1024 to 10239")]
    [InlineData("readOnlyTlsPort", "6380", "6380 is that of other sessions")]
    [InlineData("tlsCertificate", "x", "in PEM")]
    [InlineData("tlsClientCa", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "in PEM")]
    public void What_cannot_be_is_told(string key, string value, string words)
    {
        Assert.Contains(words, Assert.Single(Problems(("clientTls", "yes"), (key, value)), problem => problem.Key == key).Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void Certificate_and_key_belong_together()
    {
        Assert.Contains("both or none", Assert.Single(Problems(("clientTls", "yes"), ("tlsCertificate", Good.Certificate))).Rule, StringComparison.Ordinal);
        Assert.Contains("both or none", Assert.Single(Problems(("clientTls", "yes"), ("tlsPrivateKey", Good.Key))).Rule, StringComparison.Ordinal);
        SettingProblem problem = Assert.Single(Problems(("clientTls", "yes"), ("tlsCertificate", Good.Certificate), ("tlsPrivateKey", Other.Key)));
        Assert.Equal(("tlsPrivateKey", "[secret]"), (problem.Key, problem.Value));
        Assert.DoesNotContain(Other.Key.Split('\n')[1], problem.ToString(), StringComparison.Ordinal);
        Assert.Contains("in PEM", Assert.Single(Problems(("clientTls", "yes"), ("tlsCertificate", Good.Certificate + Good.Key)), wrong =>
            wrong.Key == "tlsCertificate").Rule, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tlsPort", "7000")]
    [InlineData("readOnlyTlsPort", "6382")]
    [InlineData("tlsClientCa", null)]
    public void Without_TLS_nothing_of_it_is_taken(string key, string? value) =>
        Assert.Contains("together with clientTls only", Assert.Single(Problems((key, value ?? Good.Certificate))).Rule, StringComparison.Ordinal);

    [Fact]
    public void A_plain_read_only_port_does_not_go_with_TLS_alone() =>
        Assert.Contains("use readOnlyTlsPort", Assert.Single(Problems(("clientTls", "required"), ("readOnlyPort", "6381"))).Rule, StringComparison.Ordinal);

    [Fact]
    public void The_pages_have_a_certificate_and_key_of_their_own()
    {
        StackSettings settings = Read(("adminTls", "yes"), ("adminTlsCertificate", Good.Certificate), ("adminTlsPrivateKey", Good.Key));

        Assert.Equal((Good.Certificate, Good.Key), (settings.AdminTls!.Certificate, settings.AdminTls.Key!.Reveal()));
        Assert.Contains("CN=redis-ha one", Proxy(settings, new TlsFiles(Good.Certificate, Good.Key, null)).Admin!.Tls!.Certificate.Subject,
            StringComparison.Ordinal);
        Assert.Null(Read().AdminTls);
        Assert.Contains("both or none", Assert.Single(Problems(("adminTls", "yes"), ("adminTlsPrivateKey", Good.Key))).Rule, StringComparison.Ordinal);
        Assert.Contains("used together with adminTls = yes only", Assert.Single(Problems(
            ("adminTlsCertificate", Good.Certificate), ("adminTlsPrivateKey", Good.Key)), problem => problem.Key == "adminTlsCertificate").Rule,
            StringComparison.Ordinal);
        SettingProblem problem = Assert.Single(Problems(("adminTls", "yes"), ("adminTlsCertificate", Good.Certificate), ("adminTlsPrivateKey", Other.Key)));
        Assert.Equal(("adminTlsPrivateKey", "[secret]"), (problem.Key, problem.Value));
    }

    private static (string Certificate, string Key) Issue(string name) =>
        new PrivateAuthority($"0123456789abcdefghijklmnopqrstuv {name}", name)
            .Issue(["172.31.235.188"], [], new DateTimeOffset(2026, 11, 29, 0, 0, 0, TimeSpan.Zero));

    private static StackSettings Read(params (string Key, string? Value)[] changes) => StackSettings.Read(Source(changes));

    private static IReadOnlyList<SettingProblem> Problems(params (string Key, string? Value)[] changes) =>
        Assert.Throws<SettingsException>(() => StackSettings.Read(Source(changes))).Problems;

    private static SettingsSource Source((string Key, string? Value)[] changes) =>
        new(GoodSettings.With(changes.ToDictionary(change => change.Key, change => change.Value)), ["sshPrivateKey", "tlsPrivateKey", "adminTlsPrivateKey"]);

    // What the proxy makes of its files, read as on the machine.
    private static ProxyConfiguration Proxy(StackSettings settings, TlsFiles files)
    {
        bool isAdmin = settings.AdminTls is not null;
        ProxyNodeInputs inputs = PayloadInputs.Proxy() with { Options = settings.ProxyOptions };
        string script = NodePayload.Of(isAdmin ? inputs with { AdminTls = files } : inputs with { Tls = files }).ApplyScript;
        string folder = Directory.CreateTempSubdirectory("redis-ha-").FullName;
        try
        {
            string[] more = files.ClientAuthorities is null ? [] : ["clients-ca.crt"];
            string own = isAdmin ? "admin" : "tls";
            foreach (string name in new[] { "redis.password", "sentinel.password", $"{own}.crt", $"{own}.key" }.Concat(more))
            {
                File.WriteAllText(Path.Combine(folder, name), PayloadInputs.FileOf(script, name));
            }
            File.WriteAllText(Path.Combine(folder, "admin.password"), "secret\n");
            byte[] json = Encoding.UTF8.GetBytes(PayloadInputs.FileOf(script, "proxy.json"));
            ConfigurationReading reading = ConfigurationReader.ReadContent(
                Path.Combine(folder, "proxy.json"), json, new DateTimeOffset(2026, 11, 29, 0, 0, 0, TimeSpan.Zero));
            Assert.Empty(reading.Errors);
            return reading.Configuration!;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
