// TLS with clients: a certificate that is given, or one of the stack's own authority.

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RedisHaInfra.Settings;

/// <summary>The certificate for clients.</summary>
/// <param name="Certificate">The certificate and those of authorities between it and the root, in PEM; null for the stack's own authority.</param>
/// <param name="Key">Its private key, in PEM; null with the stack's own authority.</param>
/// <param name="ClientAuthorities">The authorities of clients' certificates, in PEM; null when clients need none.</param>
public sealed record TlsSettings(string? Certificate, SecretText? Key, string? ClientAuthorities)
{
    // Larger files are mistakes, and every machine gets them in a command.
    private const int MostCharacters = 65_536;

    /// <summary>Reads the settings; null without TLS.</summary>
    internal static TlsSettings? Read(SettingsReader reader)
    {
        string? certificate = Pem(reader, Setting.TlsCertificate,
            "the proxies' certificate, followed by those of authorities, in PEM; nothing for the stack's own");
        string? key = reader.Secret(Setting.TlsPrivateKey);
        string? authorities = Pem(reader, Setting.TlsClientCa,
            "certificates of the authorities that sign clients' certificates, in PEM; nothing to ask for none");
        bool isOn = reader.Choice(Setting.ClientTls) != "no";
        foreach (Setting setting in new[] { Setting.TlsCertificate, Setting.TlsPrivateKey, Setting.TlsClientCa })
        {
            reader.RequireOr(string.Empty, isOn || reader.Text(setting) is null, setting, "used together with clientTls only", Setting.ClientTls);
        }
        reader.Require((reader.Text(Setting.TlsCertificate) is null) == (key is null), key is null ? Setting.TlsPrivateKey : Setting.TlsCertificate,
            "tlsCertificate and tlsPrivateKey, both or none", Setting.TlsCertificate, Setting.TlsPrivateKey);
        if (certificate is not null && key is not null && !reader.Failed(Setting.TlsPrivateKey))
        {
            CheckKey(reader, certificate, key);
        }
        return isOn ? new TlsSettings(certificate, key is null ? null : new SecretText(Lines(key)), authorities) : null;
    }

    private static void CheckKey(SettingsReader reader, string certificate, string key)
    {
        bool fits = false;
        try
        {
            using var own = X509Certificate2.CreateFromPem(certificate, key);
            fits = true;
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            // Said below, without a word of the key.
        }
        reader.Require(fits, Setting.TlsPrivateKey, "the private key of the first certificate in tlsCertificate, RSA or ECDSA, in PEM and without passphrase");
    }

    // One certificate or more, and nothing that a file in a shell script could not hold.
    private static string? Pem(SettingsReader reader, Setting setting, string rule)
    {
        if (reader.Text(setting) is not { } text)
        {
            return null;
        }
        var certificates = new X509Certificate2Collection();
        try
        {
            if (text.Length <= MostCharacters && text.All(c => c is '\n' or '\r' or >= ' ' and <= '~'))
            {
                certificates.ImportFromPem(text);
            }
        }
        catch (CryptographicException)
        {
            certificates.Clear();
        }
        reader.Require(certificates.Count > 0 && !text.Contains("PRIVATE KEY", StringComparison.Ordinal), setting, rule);
        return reader.Failed(setting) ? null : string.Concat(certificates.Select(one => one.ExportCertificatePem() + "\n"));
    }

    private static string Lines(string text) => text.Trim().ReplaceLineEndings("\n") + "\n";
}
