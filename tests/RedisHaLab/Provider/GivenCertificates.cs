// Certificates that a company's own authority gives: one for the proxies, another one at each call, and one for a client.

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RedisHaInfra.Settings;
using RedisHaLab.Host;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>The files of that authority, in the lab's state.</summary>
internal static class GivenCertificates
{
    // ITU-T X.509 and RFC 5280, section 4.2.1.12.
    private const string ForServers = "1.3.6.1.5.5.7.3.1", ForClients = "1.3.6.1.5.5.7.3.2";

    /// <summary>The authority's certificate, which clients trust.</summary>
    public static string Authority(LabPaths paths) => Path.Combine(Folder(paths), "authority.crt");

    /// <summary>A client's certificate, with its private key in the same file.</summary>
    public static string Client(LabPaths paths) => Path.Combine(Folder(paths), "client.pem");

    /// <summary>Gives the stack another certificate of the authority, and lets it ask clients for theirs.</summary>
    /// <param name="paths">The lab.</param>
    /// <param name="settings">The settings.</param>
    public static void AddTo(LabPaths paths, Dictionary<string, string> settings)
    {
        paths.EnsureStateDirectory();
        Directory.CreateDirectory(Folder(paths), FileModes.SecretDirectory);
        using var authority = EnsureAuthority(paths);
        if (!File.Exists(Client(paths)))
        {
            var (certificate, key) = Issue(authority, "a client", ForClients, names: null);
            FileModes.WriteSecret(Client(paths), certificate + key);
        }

        settings.TryAdd("clientTls", "yes");
        var network = StackSettings.Read(new SettingsSource(settings)).Network;
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Parse(network.LoadBalancerAddress));
        if (network.EndpointName is { } name)
        {
            names.AddDnsName(name);
        }

        (settings["tlsCertificate"], settings["tlsPrivateKey"]) = Issue(authority, "redis of the lab", ForServers, names);
        settings["tlsClientCa"] = authority.ExportCertificatePem() + "\n";
    }

    private static string Folder(LabPaths paths) => Path.Combine(paths.StateDirectory, "certificates");

    private static X509Certificate2 EnsureAuthority(LabPaths paths)
    {
        var keyFile = Authority(paths) + ".key";
        if (File.Exists(Authority(paths)))
        {
            return X509Certificate2.CreateFromPemFile(Authority(paths), keyFile);
        }

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=an authority of the lab", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(10));
        FileModes.WriteSecret(keyFile, key.ExportPkcs8PrivateKeyPem() + "\n");
        File.WriteAllText(Authority(paths), authority.ExportCertificatePem() + "\n");
        return authority;
    }

    private static (string Certificate, string Key) Issue(X509Certificate2 authority, string subject, string purpose, SubjectAlternativeNameBuilder? names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        if (names is not null)
        {
            request.CertificateExtensions.Add(names.Build());
        }

        using var certificate = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddYears(1),
            RandomNumberGenerator.GetBytes(16));
        return (certificate.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem() + "\n");
    }
}
