// Reads certificates and keys from PEM files (RFC 7468) and says in one line what is wrong with one. A private key is a secret:
// its file's permissions are looked at as those of a password file.

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace RedisHaProxy.Configuration;

/// <summary>Loads certificates, keys and lists of authorities.</summary>
internal static class CertificateFile
{
    // A list of all public authorities has a quarter of this.
    private const int MaxBytes = 1 << 20;

    // Certificates that anybody would send along; more is the wrong file.
    private const int MaxChain = 10;

    /// <summary>All certificates of a file; null, and an error, when there are none.</summary>
    public static X509Certificate2Collection? ReadCertificates(string file, out string? error)
    {
        if (ReadText(file, out error) is not { } content)
        {
            return null;
        }

        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(content.Text);
        }
        catch (CryptographicException)
        {
            error = $"{file} holds a damaged certificate";
            return null;
        }

        if (certificates.Count == 0)
        {
            error = $"{file} holds no certificate; a PEM file with \"-----BEGIN CERTIFICATE-----\" is expected";
            return null;
        }

        return certificates;
    }

    /// <summary>
    /// A certificate (the first of its file, the others are sent along) with its key; null, and errors with the file that each
    /// is about, when there is none.
    /// </summary>
    public static TlsIdentity? ReadIdentity(string certificateFile, string keyFile, DateTimeOffset now, CertificateFindings findings)
    {
        X509Certificate2Collection? certificates = ReadCertificates(certificateFile, out findings.CertificateError);
        string? key = ReadKey(keyFile, findings);
        if (certificates is null || key is null)
        {
            return null;
        }

        if (certificates.Count > MaxChain)
        {
            findings.CertificateError = $"{certificateFile} holds {certificates.Count} certificates; "
                + $"the proxy's own and at most {MaxChain - 1} of authorities are expected";
            return null;
        }

        X509Certificate2 first = certificates[0];
        if (CertificateText.NotBefore(first) > now)
        {
            findings.CertificateError = $"{certificateFile} is not valid before {CertificateText.Time(CertificateText.NotBefore(first))}, "
                + $"and it is {CertificateText.Time(now)}";
            return null;
        }

        if (CertificateText.NotAfter(first) < now)
        {
            findings.CertificateWarning = $"{certificateFile} has expired at {CertificateText.Time(CertificateText.NotAfter(first))}: "
                + $"whoever verifies it refuses the connection; replace it";
        }

        try
        {
            var own = X509Certificate2.CreateFromPem(first.ExportCertificatePem(), key);
            certificates.RemoveAt(0);
            return new TlsIdentity(own, certificates);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            findings.KeyError = $"{keyFile} is not the key of the certificate in {certificateFile} ({first.Subject}); RSA and ECDSA keys are supported";
            return null;
        }
    }

    private static string? ReadKey(string file, CertificateFindings findings)
    {
        if (ReadText(file, out findings.KeyError) is not var (text, mode))
        {
            return null;
        }

        if ((mode & UnixFileMode.OtherWrite) != 0)
        {
            findings.KeyError = $"{file} can be written by every user; chmod 600 it, and make a new key";
            return null;
        }

        if ((mode & UnixFileMode.OtherRead) != 0)
        {
            findings.KeyWarning = $"{file} can be read by every user; chmod 600 it";
        }

        if (text.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            findings.KeyError = $"{file} is encrypted; a key without a passphrase is expected, guarded by the file's permissions";
            return null;
        }

        if (!text.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            findings.KeyError = $"{file} holds no private key; a PEM file with \"-----BEGIN PRIVATE KEY-----\" is expected";
            return null;
        }

        return text;
    }

    private static (string Text, UnixFileMode Mode)? ReadText(string file, out string? error)
    {
        if (SecretFile.ReadBytes(file, MaxBytes, out UnixFileMode mode, out error) is not { } bytes)
        {
            return null;
        }

        if (bytes.Length > MaxBytes)
        {
            error = $"{file} is longer than {MaxBytes} bytes; this is not a PEM file";
            return null;
        }

        return (Encoding.Latin1.GetString(bytes), mode);
    }
}

/// <summary>What is wrong with a certificate or its key, or worth attention.</summary>
internal sealed class CertificateFindings
{
#pragma warning disable CA1051, SA1401 // filled by reference
    public string? CertificateError;
    public string? KeyError;
#pragma warning restore CA1051, SA1401

    public string? CertificateWarning { get; set; }

    public string? KeyWarning { get; set; }
}
