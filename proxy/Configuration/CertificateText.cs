// What messages, comparisons and metrics say of a certificate.

using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RedisHaProxy.Configuration;

/// <summary>Certificates in words and numbers.</summary>
internal static class CertificateText
{
    /// <summary>The last moment at which a certificate is valid.</summary>
    public static DateTimeOffset NotAfter(X509Certificate2 certificate) => new(certificate.NotAfter.ToUniversalTime(), TimeSpan.Zero);

    /// <summary>The first moment at which it is valid.</summary>
    public static DateTimeOffset NotBefore(X509Certificate2 certificate) => new(certificate.NotBefore.ToUniversalTime(), TimeSpan.Zero);

    /// <summary>"2026-11-25 22:00:00 UTC".</summary>
    public static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>The names and addresses that it is for: those of the subject alternative name (RFC 5280, 4.2.1.6), else the subject.</summary>
    public static string Names(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => address.ToString())))
            .ToList();
        return names.Count > 0 ? string.Join(", ", names) : certificate.Subject;
    }

    /// <summary>Equal for equal certificates in equal order only.</summary>
    public static string Fingerprint(IEnumerable<X509Certificate2> certificates)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (X509Certificate2 certificate in certificates)
        {
            hash.AppendData(certificate.RawData);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
