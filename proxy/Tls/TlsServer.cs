// The server's side of TLS, towards clients and operators. A reload replaces the certificate for the next handshakes; sessions
// that exist go on.

using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tls;

/// <summary>What is served with: certificate, versions, and whose clients are let in.</summary>
internal sealed class TlsServer
{
    /// <summary>How long a handshake may take.</summary>
    public static readonly TimeSpan HandshakeLimit = TimeSpan.FromSeconds(5);

    private Settings _settings;

    public TlsServer(
        TlsIdentity identity, SslProtocols versions = SslProtocols.Tls12 | SslProtocols.Tls13, X509Certificate2Collection? clientAuthorities = null) =>
        _settings = new Settings(identity, versions, clientAuthorities);

    /// <summary>Takes other settings for the handshakes to come.</summary>
    public void Use(TlsIdentity identity, SslProtocols versions = SslProtocols.Tls12 | SslProtocols.Tls13, X509Certificate2Collection? clientAuthorities = null)
    {
        Settings now = Volatile.Read(ref _settings);
        if (!ReferenceEquals(now.Identity, identity) || now.Versions != versions || !ReferenceEquals(now.ClientAuthorities, clientAuthorities))
        {
            Volatile.Write(ref _settings, new Settings(identity, versions, clientAuthorities));
        }
    }

    /// <summary>The options of one handshake.</summary>
    /// <param name="verification">Knows afterwards what was wrong with a client's certificate; null when clients are asked for none.</param>
    public SslServerAuthenticationOptions CreateOptions(out PeerVerification? verification)
    {
        Settings now = Volatile.Read(ref _settings);
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = now.Context,
            EnabledSslProtocols = now.Versions,
            AllowRenegotiation = false,
        };
        verification = null;
        if (now.ClientAuthorities is { } authorities)
        {
            verification = new PeerVerification(authorities, isServer: false, name: null);
            options.ClientCertificateRequired = true;
            options.CertificateChainPolicy = verification.CreatePolicy();
            options.RemoteCertificateValidationCallback = verification.Verify;
        }

        return options;
    }

    private sealed class Settings(TlsIdentity identity, SslProtocols versions, X509Certificate2Collection? clientAuthorities)
    {
        public TlsIdentity Identity { get; } = identity;

        public SslProtocols Versions { get; } = versions;

        public X509Certificate2Collection? ClientAuthorities { get; } = clientAuthorities;

        public SslStreamCertificateContext Context { get; } = SslStreamCertificateContext.Create(identity.Certificate, identity.Intermediates, offline: true);
    }
}
