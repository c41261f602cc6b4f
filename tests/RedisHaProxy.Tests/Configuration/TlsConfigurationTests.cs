// The TLS keys of proxy.json: what is read, and what is said about each thing that is wrong with a certificate.

using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using RedisHaProxy.Configuration;
using RedisHaProxy.Tests.Tls;

namespace RedisHaProxy.Tests.Configuration;

public sealed class TlsConfigurationTests : IDisposable
{
    private const string Nodes = """ "redis": { "nodes": { "a": "127.0.0.2:6379" } } """;

    private const string Tls = """{ "tls": { "listen": ["127.0.0.1:6380"], "certificateFile": "a.crt", "keyFile": "a.key" }, """ + Nodes + "}";

    private readonly TemporaryFolder _folder = new();
    private readonly TestAuthority _authority = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_full_file_is_read_as_written()
    {
        Write("a", _authority.Issue("proxy"));
        Write("b", _authority.Issue("own", forClient: true));
        _folder.Write("ca.crt", _authority.Pem + "\n" + new TestAuthority("Other").Pem);
        var reading = Read($$"""
            { "listen": ["127.0.0.1:6379"],
              "tls": { "listen": ["127.0.0.1:6380"], "certificateFile": "a.crt", "keyFile": "a.key", "clientCaFile": "ca.crt", "minimumVersion": "1.3" },
              "redis": { "nodes": { "a": "127.0.0.2:6379" }, "tls": { "caFile": "ca.crt", "serverName": "redis.example", "certificateFile": "b.crt", "keyFile": "b.key" } },
              "sentinel": { "master": "m", "nodes": ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"], "tls": { "caFile": "ca.crt" } },
              "admin": { "listen": "127.0.0.1:1936", "tls": { "certificateFile": "a.crt", "keyFile": "a.key" } } }
            """);

        Assert.Empty(reading.Errors);
        Assert.Empty(reading.Warnings);
        var c = reading.Configuration!;
        Assert.Equal([IPEndPoint.Parse("127.0.0.1:6380")], c.Tls!.Listen);
        Assert.Equal("CN=proxy", c.Tls.Identity.Certificate.Subject);
        Assert.True(c.Tls.Identity.Certificate.HasPrivateKey);
        Assert.Equal(SslProtocols.Tls13, c.Tls.Versions);
        Assert.Equal(2, c.Tls.ClientAuthorities!.Count);
        Assert.Equal("redis.example", c.Redis.Tls!.ServerName);
        Assert.Equal("CN=own", c.Redis.Tls.Identity!.Certificate.Subject);
        Assert.Equal(2, c.Redis.Tls.Authorities.Count);
        Assert.Null(c.Sentinel!.Tls!.ServerName);
        Assert.Null(c.Sentinel.Tls.Identity);
        Assert.Equal(c.Tls.Identity.Fingerprint, c.Admin!.Tls!.Fingerprint);
    }

    [Fact]
    public void Without_listen_every_client_speaks_TLS()
    {
        Write("a", _authority.Issue("proxy"));
        var reading = Read(Tls);
        Assert.Empty(reading.Errors);
        Assert.Empty(reading.Configuration!.Listen);
        Assert.Equal(SslProtocols.Tls12 | SslProtocols.Tls13, reading.Configuration.Tls!.Versions);
        Assert.Null(reading.Configuration.Tls.ClientAuthorities);
    }

    [Fact]
    public void Further_certificates_of_the_file_are_sent_along()
    {
        var certificate = _authority.Issue("proxy");
        Write("a", certificate);
        _folder.Write("a.crt", certificate.ExportCertificatePem() + "\n" + _authority.Pem);
        Assert.Equal(["CN=Test authority"], Read(Tls).Configuration!.Tls!.Identity.Intermediates.Select(i => i.Subject));
    }

    [Fact]
    public void An_expired_certificate_is_a_warning_and_an_early_one_an_error()
    {
        Write("a", _authority.Issue("proxy", fromDays: -20, untilDays: -10));
        var late = Read(Tls);
        Assert.NotNull(late.Configuration);
        Assert.Contains("tls.certificateFile: ", Assert.Single(late.Warnings).ToString(), StringComparison.Ordinal);
        Assert.Contains("a.crt has expired at ", late.Warnings[0].Cause, StringComparison.Ordinal);

        Write("a", _authority.Issue("proxy", fromDays: 10, untilDays: 20));
        Assert.Contains("a.crt is not valid before ", Assert.Single(Read(Tls).Errors).Cause, StringComparison.Ordinal);
        Assert.Empty(ConfigurationReader.Read(_folder.Write("proxy.json", Tls), TestAuthority.Time(15)).Errors);
    }

    [Theory]
    [InlineData("a.crt", null, "tls.certificateFile", "a.crt does not exist")]
    [InlineData("a.crt", "nothing", "tls.certificateFile", "a.crt holds no certificate")]
    [InlineData("a.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "tls.certificateFile", "a.crt holds a damaged certificate")]
    [InlineData("a.key", null, "tls.keyFile", "a.key does not exist")]
    [InlineData("a.key", "nothing", "tls.keyFile", "a.key holds no private key")]
    [InlineData("a.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----", "tls.keyFile", "a.key is encrypted")]
    [InlineData("a.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "tls.keyFile", "a.key is not the key of the certificate in ")]
    [InlineData("a.key", "other", "tls.keyFile", "a.key is not the key of the certificate in ")]
    public void What_is_wrong_with_a_file_is_said_once(string file, string? content, string key, string cause)
    {
        Write("a", _authority.Issue("proxy"));
        if (content is null)
        {
            File.Delete(Path.Combine(_folder.Path, file));
        }
        else
        {
            _folder.Write(file, content == "other" ? TestAuthority.KeyPem(_authority.Issue("other")) : content);
        }

        var error = Assert.Single(Read(Tls).Errors);
        Assert.Equal(key, error.Key);
        Assert.Contains(cause, error.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void The_permissions_of_a_key_file_are_looked_at_as_those_of_a_password_file()
    {
        Write("a", _authority.Issue("proxy"));
        File.SetUnixFileMode(Path.Combine(_folder.Path, "a.key"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.EndsWith("a.key can be read by every user; chmod 600 it", Assert.Single(Read(Tls).Warnings).Cause, StringComparison.Ordinal);
        File.SetUnixFileMode(Path.Combine(_folder.Path, "a.key"), UnixFileMode.UserRead | UnixFileMode.OtherWrite);
        Assert.Contains("a.key can be written by every user", Assert.Single(Read(Tls).Errors).Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "tls": { "certificateFile": "a.crt", "keyFile": "a.key" }, "listen": ["127.0.0.1:1"], """ + Nodes
        + "}", "tls.listen: missing; at least one \"ADDRESS:PORT\" is required")]
    [InlineData("""{ "tls": { "listen": ["127.0.0.1:6379"], "certificateFile": "a.crt", "keyFile": "a.key" }, "listen": ["127.0.0.1:6379"], """ + Nodes
        + "}", "tls.listen: 127.0.0.1:6379 is an address of listen")]
    [InlineData("""{ "tls": { "listen": ["127.0.0.2:6379"], "certificateFile": "a.crt", "keyFile": "a.key" }, """ + Nodes
        + "}", "redis.nodes.a: 127.0.0.2:6379 is an address of listen")]
    [InlineData("""{ "tls": { "listen": ["127.0.0.1:1"], "certificateFile": "a.crt" }, """ + Nodes + "}", "tls.keyFile: missing; it is required")]
    [InlineData("""{ "tls": { "listen": ["127.0.0.1:1"], "certificateFile": "a.crt", "keyFile": "a.key", "minimumVersion": "1.1" }, """ + Nodes
        + "}", "tls.minimumVersion: \"1.1\" is not accepted; one of 1.2, 1.3 is expected")]
    [InlineData("""{ "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "127.0.0.2:6379" }, "tls": {} } }""", "redis.tls.caFile: missing; it is required")]
    [InlineData("""{ "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "127.0.0.2:6379" }, "tls": { "caFile": "a.crt", "keyFile": "a.key" } } }""",
        "redis.tls.keyFile: has no effect without redis.tls.certificateFile")]
    [InlineData("""{ "listen": ["127.0.0.1:1"], "admin": { "socket": "s", "tls": { "certificateFile": "a.crt", "keyFile": "a.key" } }, """ + Nodes
        + "}", "admin.tls: has no effect without admin.listen")]
    public void Wrong_combinations_are_said(string file, string message)
    {
        Write("a", _authority.Issue("proxy"));
        Assert.Contains(message, Assert.Single(Read(file).Errors).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_reload_takes_another_certificate_and_leaves_the_listeners()
    {
        Write("a", _authority.Issue("proxy"));
        var old = Read(Tls).Configuration!;
        Assert.Empty(ConfigurationChanges.Between(old, Read(Tls).Configuration!).Applied);

        Write("a", _authority.Issue("proxy"));
        var changes = ConfigurationChanges.Between(old, Read(Tls.Replace("6380", "6381", StringComparison.Ordinal)).Configuration!);
        Assert.Equal(["tls.certificateFile", "tls.keyFile"], changes.Applied);
        Assert.Equal(["tls.listen"], changes.NeedRestart);
        Assert.Equal(old.Tls!.Listen, changes.InForce.Tls!.Listen);
        Assert.NotEqual(old.Tls.Identity.Fingerprint, changes.InForce.Tls.Identity.Fingerprint);
    }

    [Fact]
    public void A_section_that_comes_or_goes_needs_a_restart()
    {
        Write("a", _authority.Issue("proxy"));
        var with = Read(Tls).Configuration!;
        var without = Read("""{ "listen": ["127.0.0.1:6379"], """ + Nodes + "}").Configuration!;
        foreach (var (old, read) in new[] { (with, without), (without, with) })
        {
            var changes = ConfigurationChanges.Between(old, read);
            Assert.Empty(changes.Applied);
            Assert.Contains("tls.certificateFile", changes.NeedRestart);
            Assert.Equal(old.Tls, changes.InForce.Tls);
        }
    }

    private void Write(string name, X509Certificate2 certificate)
    {
        _folder.Write($"{name}.crt", certificate.ExportCertificatePem());
        _folder.Write($"{name}.key", TestAuthority.KeyPem(certificate));
    }

    private ConfigurationReading Read(string content) => ConfigurationReader.Read(_folder.Write("proxy.json", content));
}
