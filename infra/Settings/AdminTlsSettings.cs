// TLS of the proxies' pages and metrics: a certificate that is given, or one of the stack's own authority.

namespace RedisHaInfra.Settings;

/// <summary>The certificate of the pages. Health checks are answered without TLS as well, so the load balancer's check stays as it is.</summary>
/// <param name="Certificate">The certificate and those of authorities between it and the root, in PEM; null for the stack's own authority.</param>
/// <param name="Key">Its private key, in PEM; null with the stack's own authority.</param>
public sealed record AdminTlsSettings(string? Certificate, SecretText? Key)
{
    /// <summary>Reads the settings; null without TLS.</summary>
    internal static AdminTlsSettings? Read(SettingsReader reader)
    {
        (string Certificate, SecretText Key)? given = CertificateSettings.Pair(reader, Setting.AdminTlsCertificate, Setting.AdminTlsPrivateKey,
            "the certificate of the proxies' pages, followed by those of authorities, in PEM; nothing for the stack's own");
        bool isOn = reader.Choice(Setting.AdminTls) == "yes";
        CertificateSettings.OnlyWhenOn(reader, isOn, "used together with adminTls = yes only", Setting.AdminTls,
            Setting.AdminTlsCertificate, Setting.AdminTlsPrivateKey);
        return isOn ? new AdminTlsSettings(given?.Certificate, given?.Key) : null;
    }
}
