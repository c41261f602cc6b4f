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
        string? certificate = CertificateSettings.Pem(reader, Setting.TlsCertificate,
            "the proxies' certificate, followed by those of authorities, in PEM; nothing for the stack's own");
        string? key = reader.Secret(Setting.TlsPrivateKey);
        string? authorities = CertificateSettings.Pem(reader, Setting.TlsClientCa,
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
            CertificateSettings.CheckKey(reader, Setting.TlsPrivateKey, Setting.TlsCertificate, certificate, key);
        }
        return isOn ? new TlsSettings(certificate, key is null ? null : new SecretText(CertificateSettings.Lines(key)), authorities) : null;
    }
}
