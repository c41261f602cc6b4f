// The TLS keys of proxy.json: files are read and checked together with the file that names them, so that a certificate that
// does not fit is an error of "check", "run" and "reload" alike.

using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace RedisHaProxy.Configuration;

internal static partial class ConfigurationReader
{
    private static readonly PeerSettings RedisPeer = new(
        Setting.RedisTlsCaFile, Setting.RedisTlsServerName, Setting.RedisTlsCertificateFile, Setting.RedisTlsKeyFile);

    private static readonly PeerSettings SentinelPeer = new(
        Setting.SentinelTlsCaFile, Setting.SentinelTlsServerName, Setting.SentinelTlsCertificateFile, Setting.SentinelTlsKeyFile);

    private static (TlsConfiguration? Configuration, IReadOnlyList<IPEndPoint> Listen, FilePosition? ListenAt) ReadTls(
        SectionReader section, string folder, DateTimeOffset now, ProblemList problems)
    {
        if (!section.Present)
        {
            return (null, [], null);
        }

        IReadOnlyList<IPEndPoint> listen = section.Addresses(Setting.TlsListen, local: true);
        TlsIdentity? identity = ReadIdentity(section, Setting.TlsCertificateFile, Setting.TlsKeyFile, required: true, folder, now, problems);
        X509Certificate2Collection? authorities = ReadAuthorities(section, Setting.TlsClientCaFile, required: false, folder, problems);
        SslProtocols versions = section.Choice(Setting.TlsMinimumVersion);
        TlsConfiguration? configuration = identity is null ? null
            : new TlsConfiguration { Listen = listen, Identity = identity, ClientAuthorities = authorities, Versions = versions };
        return (configuration, listen, section.PositionOf(Setting.TlsListen));
    }

    private static TlsPeerConfiguration? ReadPeer(SectionReader section, PeerSettings keys, string folder, DateTimeOffset now, ProblemList problems)
    {
        if (!section.Present)
        {
            return null;
        }

        X509Certificate2Collection? authorities = ReadAuthorities(section, keys.CaFile, required: true, folder, problems);
        TlsIdentity? identity = ReadIdentity(section, keys.CertificateFile, keys.KeyFile, required: false, folder, now, problems);
        return new TlsPeerConfiguration { Authorities = authorities ?? [], ServerName = section.Word(keys.ServerName), Identity = identity };
    }

    private static TlsIdentity? ReadAdminTls(SectionReader admin, IPEndPoint? listen, string folder, DateTimeOffset now, ProblemList problems)
    {
        SectionReader section = admin.Section(Setting.AdminTls);
        if (!section.Present)
        {
            return null;
        }

        if (listen is null && !admin.Has(Setting.AdminListen))
        {
            problems.Error(section.Position, Setting.AdminTls.Path, "has no effect without admin.listen; add it, or remove the section");
        }

        return ReadIdentity(section, Setting.AdminTlsCertificateFile, Setting.AdminTlsKeyFile, required: true, folder, now, problems);
    }

    private static X509Certificate2Collection? ReadAuthorities(SectionReader section, Setting setting, bool required, string folder, ProblemList problems)
    {
        if (section.FilePath(setting, required) is not var (path, position))
        {
            return null;
        }

        X509Certificate2Collection? authorities = CertificateFile.ReadCertificates(SecretFile.Resolve(path, folder), out string? error);
        if (error is not null)
        {
            problems.Error(position, setting.Path, error);
        }

        return authorities;
    }

    private static TlsIdentity? ReadIdentity(
        SectionReader section, Setting certificateFile, Setting keyFile, bool required, string folder, DateTimeOffset now, ProblemList problems)
    {
        (string Path, FilePosition Position)? certificate = section.FilePath(certificateFile, required);
        (string Path, FilePosition Position)? key = section.FilePath(keyFile, required);
        foreach ((Setting given, Setting missing) in (ReadOnlySpan<(Setting, Setting)>)[(certificateFile, keyFile), (keyFile, certificateFile)])
        {
            if (!required && section.Has(given) && !section.Has(missing))
            {
                problems.Error(section.PositionOf(given), given.Path, $"has no effect without {missing.Path}; add it, or remove the key");
            }
        }

        if (certificate is not var (certificatePath, certificateAt) || key is not var (keyPath, keyAt))
        {
            return null;
        }

        var findings = new CertificateFindings();
        TlsIdentity? identity = CertificateFile.ReadIdentity(SecretFile.Resolve(certificatePath, folder), SecretFile.Resolve(keyPath, folder), now, findings);
        Report(findings.CertificateError, certificateAt, certificateFile, problems.Error);
        Report(findings.KeyError, keyAt, keyFile, problems.Error);
        Report(findings.CertificateWarning, certificateAt, certificateFile, problems.Warn);
        Report(findings.KeyWarning, keyAt, keyFile, problems.Warn);
        return identity;
    }

    private static void Report(string? finding, FilePosition at, Setting setting, Action<FilePosition?, string, string> how)
    {
        if (finding is not null)
        {
            how(at, setting.Path, finding);
        }
    }

    private sealed record PeerSettings(Setting CaFile, Setting ServerName, Setting CertificateFile, Setting KeyFile);
}
