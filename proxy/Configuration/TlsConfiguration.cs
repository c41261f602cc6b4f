// TLS settings after reading: certificates are loaded, keys match them. They are replaced as a whole by a reload.

using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RedisHaProxy.Configuration;

/// <summary>A certificate with its private key, and the certificates of authorities that are sent along.</summary>
/// <param name="Certificate">The certificate with its key.</param>
/// <param name="Intermediates">Further certificates of its file, in file order.</param>
public sealed record TlsIdentity(X509Certificate2 Certificate, X509Certificate2Collection Intermediates)
{
    /// <summary>Tells one content of the files from another.</summary>
    public string Fingerprint { get; } = CertificateText.Fingerprint([Certificate, .. Intermediates]);

    /// <summary>Tells one key from another; made of the public part.</summary>
    public string KeyFingerprint { get; } = Convert.ToHexString(SHA256.HashData(Certificate.PublicKey.ExportSubjectPublicKeyInfo()));

    /// <summary>The last moment at which it is valid.</summary>
    public DateTimeOffset NotAfter { get; } = CertificateText.NotAfter(Certificate);

    /// <summary>Equal content of the files is equal, wherever and whenever it was read.</summary>
    public bool Equals(TlsIdentity? other) => other is not null && Fingerprint == other.Fingerprint;

    /// <inheritdoc/>
    public override int GetHashCode() => Fingerprint.GetHashCode(StringComparison.Ordinal);
}

/// <summary>Section "tls": where and how clients are accepted over TLS.</summary>
public sealed record TlsConfiguration
{
    /// <summary>Addresses on which clients are accepted over TLS; at least one.</summary>
    public required IReadOnlyList<IPEndPoint> Listen { get; init; }

    /// <summary>What the proxy proves its identity with.</summary>
    public required TlsIdentity Identity { get; init; }

    /// <summary>The authorities that sign clients' certificates; null asks clients for none.</summary>
    public X509Certificate2Collection? ClientAuthorities { get; init; }

    /// <summary>The accepted versions: 1.2 and 1.3, or 1.3 alone.</summary>
    public SslProtocols Versions { get; init; } = SslProtocols.Tls12 | SslProtocols.Tls13;
}

/// <summary>Sections "redis.tls" and "sentinel.tls": how the proxy connects over TLS, and whom it believes.</summary>
public sealed record TlsPeerConfiguration
{
    /// <summary>The authorities that sign the servers' certificates; no others are believed.</summary>
    public required X509Certificate2Collection Authorities { get; init; }

    /// <summary>The name that every server's certificate must have; null asks for the address that is connected to.</summary>
    public string? ServerName { get; init; }

    /// <summary>What the proxy proves its own identity with; null without.</summary>
    public TlsIdentity? Identity { get; init; }

    /// <summary>Equal content of the files is equal, wherever and whenever it was read.</summary>
    public bool Equals(TlsPeerConfiguration? other) =>
        other is not null && ServerName == other.ServerName && Equals(Identity, other.Identity)
        && CertificateText.Fingerprint(Authorities) == CertificateText.Fingerprint(other.Authorities);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(ServerName, Identity, Authorities.Count);
}
