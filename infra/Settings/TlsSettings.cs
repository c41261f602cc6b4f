// TLS with clients: a certificate that is given, or one of the stack's own authority.

namespace RedisHaInfra.Settings;

/// <summary>The certificate for clients.</summary>
/// <param name="Certificate">The certificate and those of authorities between it and the root, in PEM; null for the stack's own authority.</param>
/// <param name="Key">Its private key, in PEM; null with the stack's own authority.</param>
/// <param name="ClientAuthorities">The authorities of clients' certificates, in PEM; null when clients need none.</param>
public sealed record TlsSettings(string? Certificate, SecretText? Key, string? ClientAuthorities)
{
    /// <summary>Reads the settings; null without TLS.</summary>
    internal static TlsSettings? Read(SettingsReader reader)
    {
        (string Certificate, SecretText Key)? given = CertificateSettings.Pair(reader, Setting.TlsCertificate, Setting.TlsPrivateKey,
            "the proxies' certificate, followed by those of authorities, in PEM; nothing for the stack's own");
        string? authorities = CertificateSettings.Pem(reader, Setting.TlsClientCa,
            "certificates of the authorities that sign clients' certificates, in PEM; nothing to ask for none");
        bool isOn = reader.Choice(Setting.ClientTls) != "no";
        CertificateSettings.OnlyWhenOn(reader, isOn, "used together with clientTls only", Setting.ClientTls,
            Setting.TlsCertificate, Setting.TlsPrivateKey, Setting.TlsClientCa);
        return isOn ? new TlsSettings(given?.Certificate, given?.Key, authorities) : null;
    }
}
