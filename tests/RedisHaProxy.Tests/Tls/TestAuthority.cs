// A certificate authority of one test, and what it signs.

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Tls;

internal sealed class TestAuthority
{
    private const string ServerPurpose = "1.3.6.1.5.5.7.3.1";
    private const string ClientPurpose = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _root;

    public TestAuthority(string name = "Test authority")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _root = request.CreateSelfSigned(Time(-1000), Time(1000));
    }

    public X509Certificate2Collection Authorities => [X509CertificateLoader.LoadCertificate(_root.RawData)];

    public string Pem => _root.ExportCertificatePem();

    /// <summary>Whether a certificate is one of this authority's.</summary>
    public bool HasSigned(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(Authorities);
        return chain.Build(certificate);
    }

    /// <summary>A moment so many days from now.</summary>
    public static DateTimeOffset Time(double days) => DateTimeOffset.UtcNow.AddDays(days);

    /// <summary>A certificate with its key: for 127.0.0.1, unless a DNS name is given; for servers, for a client, or (null) for both.</summary>
    public X509Certificate2 Issue(string subject, string? dnsName = null, double fromDays = -1, double untilDays = 100, bool? forClient = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={subject}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (dnsName is null)
        {
            names.AddIpAddress(IPAddress.Loopback);
        }
        else
        {
            names.AddDnsName(dnsName);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(Purposes(forClient), false));
        using var certificate = request.Create(_root, Time(fromDays), Time(untilDays), RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }

    public TlsIdentity Identity(string subject, string? dnsName = null, double untilDays = 100) => new(Issue(subject, dnsName, untilDays: untilDays), []);

    private static OidCollection Purposes(bool? forClient) => forClient switch
    {
        true => [new Oid(ClientPurpose)],
        false => [new Oid(ServerPurpose)],
        null => [new Oid(ServerPurpose), new Oid(ClientPurpose)],
    };

    /// <summary>The key of a certificate as a PEM file has it.</summary>
    public static string KeyPem(X509Certificate2 certificate)
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        return key.ExportPkcs8PrivateKeyPem();
    }
}
