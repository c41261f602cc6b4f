// TLS of redis-server and Sentinel, towards each other and the proxies: certificates that are given, or those of an authority of the stack.

using System.Collections.Immutable;
using System.Security.Cryptography.X509Certificates;

namespace RedisHaInfra.Settings;

/// <summary>The certificate of the Redis nodes.</summary>
/// <param name="Certificate">The certificate and those of authorities between it and the root, in PEM; null for the stack's own authority.</param>
/// <param name="Key">Its private key, in PEM; null with the stack's own authority.</param>
/// <param name="Authority">The authorities that nodes and proxies believe, in PEM; null with the stack's own authority.</param>
public sealed record RedisTlsSettings(string? Certificate, SecretText? Key, string? Authority)
{
    private static readonly ImmutableArray<Setting> Files = [Setting.RedisTlsCertificate, Setting.RedisTlsPrivateKey, Setting.RedisTlsCa];

    /// <summary>Reads the settings; null without TLS.</summary>
    internal static RedisTlsSettings? Read(SettingsReader reader, NetworkSettings network)
    {
        string? certificate = CertificateSettings.Pem(reader, Setting.RedisTlsCertificate,
            "the Redis nodes' certificate, followed by those of authorities, in PEM; nothing for the stack's own");
        string? key = reader.Secret(Setting.RedisTlsPrivateKey);
        string? authority = CertificateSettings.Pem(reader, Setting.RedisTlsCa,
            "certificates of the authorities that sign the Redis nodes' certificate, in PEM; nothing for the stack's own");
        bool isOn = reader.Choice(Setting.RedisTls) == "yes";
        bool[] given = [reader.Text(Setting.RedisTlsCertificate) is not null, key is not null, reader.Text(Setting.RedisTlsCa) is not null];
        foreach ((Setting setting, bool isGiven) in Files.Zip(given))
        {
            reader.RequireOr(string.Empty, isOn || !isGiven, setting, "used together with redisTls = yes only", Setting.RedisTls);
            reader.Require(isGiven || given.All(each => !each), setting, "redisTlsCertificate, redisTlsPrivateKey and redisTlsCa, all or none", [.. Files]);
        }
        if (certificate is not null && key is not null && !reader.Failed(Setting.RedisTlsPrivateKey))
        {
            CertificateSettings.CheckKey(reader, Setting.RedisTlsPrivateKey, Setting.RedisTlsCertificate, certificate, key);
            using var own = X509Certificate2.CreateFromPem(certificate);
            NodeAddress? missing = network.Redis.FirstOrDefault(node => !own.MatchesHostname(node.Address, allowWildcards: false, allowCommonName: false));
            reader.Require(missing is null, Setting.RedisTlsCertificate,
                $"a certificate with the addresses of all Redis nodes as IP addresses; {missing?.Address} is not one of them", Setting.RedisAddresses);
        }
        return isOn ? new RedisTlsSettings(certificate, key is null ? null : new SecretText(CertificateSettings.Lines(key)), authority) : null;
    }
}
