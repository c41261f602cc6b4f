// The certificate authority of a stack: it signs the one certificate that the proxies show to clients. Nothing of it is random: key, serial
// number and signature follow from the stack's seed, so that a run changes the certificate only when it is time or when its names change.

using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace RedisHaInfra.Nodes;

/// <summary>What the proxies need for TLS with clients.</summary>
/// <param name="Certificate">The certificate and those of authorities between it and the root, in PEM.</param>
/// <param name="Key">Its private key in PEM: a secret.</param>
/// <param name="ClientAuthorities">The authorities of clients' certificates, in PEM; null when clients need none.</param>
public sealed record TlsFiles(string Certificate, string Key, string? ClientAuthorities)
{
    /// <summary>Hides the key.</summary>
    public override string ToString() => nameof(TlsFiles);
}

/// <summary>An authority on P-256, for one stack.</summary>
/// <param name="seed">A secret of at least 32 random characters.</param>
/// <param name="stack">The stack's name, for people who look at the certificate.</param>
internal sealed class PrivateAuthority(string seed, string stack)
{
    /// <summary>The next certificate is due at the first run after so many days.</summary>
    public const int PeriodDays = 90;

    /// <summary>A certificate holds so long, counted from the beginning of its period: many runs may be left out.</summary>
    public const int ValidDays = 398;

    // Whoever trusts an authority has copied it: it outlives the stack.
    private static readonly DateTimeOffset From = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Until = new(2056, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly BigInteger _key = P256.Derive(seed, "redis-ha certificate authority");

    private X500DistinguishedName Name => new($"CN=redis-ha {stack} authority");

    /// <summary>Its own certificate, which clients trust, in PEM. Not secret.</summary>
    public string Certificate()
    {
        PublicKey key = PublicKeyOf(_key);
        var request = new CertificateRequest(Name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(key, false));
        return Sign(request, From.AddDays(-1), Until, "authority");
    }

    /// <summary>The certificate and key of those who are connected to.</summary>
    /// <param name="addresses">The addresses that clients may connect to.</param>
    /// <param name="names">The names that clients may connect to.</param>
    /// <param name="now">The time of the run.</param>
    /// <param name="holder">Whose it is: each holder has a key of its own.</param>
    public (string Certificate, string Key) Issue(
        IReadOnlyList<string> addresses, IReadOnlyList<string> names, DateTimeOffset now, string holder = "the proxies")
    {
        int period = Math.Max(0, (int)((now - From).TotalDays / PeriodDays));
        // A day before, for clocks that are behind.
        DateTimeOffset notBefore = From.AddDays((period * PeriodDays) - 1);
        BigInteger d = P256.Derive(seed, $"redis-ha certificate of {holder} {period}");
        PublicKey key = PublicKeyOf(d);
        var request = new CertificateRequest(new X500DistinguishedName($"CN=redis-ha {stack}"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1", "serverAuth")], false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(key, false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(
            new X509SubjectKeyIdentifierExtension(PublicKeyOf(_key), false)));
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (string address in addresses)
        {
            alternatives.AddIpAddress(System.Net.IPAddress.Parse(address));
        }
        foreach (string name in names)
        {
            alternatives.AddDnsName(name);
        }
        request.CertificateExtensions.Add(alternatives.Build());
        using var own = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = P256.Bytes(d), Q = P256.PublicPoint(d) });
        return (Sign(request, notBefore, notBefore.AddDays(ValidDays), $"{period} {string.Join(' ', addresses)} {string.Join(' ', names)}"),
            own.ExportPkcs8PrivateKeyPem() + "\n");
    }

    private string Sign(CertificateRequest request, DateTimeOffset notBefore, DateTimeOffset notAfter, string what)
    {
        // RFC 5280, section 4.1.2.2: positive, at most 20 bytes, unique for the authority.
        byte[] serial = HKDF.DeriveKey(HashAlgorithmName.SHA256, P256.Bytes(_key), 16, info: Encoding.UTF8.GetBytes($"redis-ha serial number {what}"));
        serial[0] = (byte)((serial[0] & 0x7f) | 0x40);
        using X509Certificate2 certificate = request.Create(Name, new Signatures(_key), notBefore, notAfter, serial);
        return certificate.ExportCertificatePem() + "\n";
    }

    // An uncompressed point on P-256 (RFC 5480).
    private static PublicKey PublicKeyOf(BigInteger d)
    {
        ECPoint point = P256.PublicPoint(d);
        return new PublicKey(new Oid("1.2.840.10045.2.1"), new AsnEncodedData([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
            new AsnEncodedData([4, .. point.X!, .. point.Y!]));
    }

    private sealed class Signatures(BigInteger d) : X509SignatureGenerator
    {
        // ecdsa-with-SHA256, 1.2.840.10045.4.3.2 (RFC 5758).
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm) =>
            [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) => P256.Sign(d, SHA256.HashData(data));

        protected override PublicKey BuildPublicKey() => PublicKeyOf(d);
    }
}
