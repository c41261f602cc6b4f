// The client's side of TLS, towards Redis and Sentinel: always with verification. A reload replaces the settings for the next
// connections; those that exist go on.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tls;

/// <summary>Makes TLS connections out of TCP connections.</summary>
internal sealed class TlsClient
{
    private Settings _settings;

    public TlsClient(TlsPeerConfiguration configuration) => _settings = new Settings(configuration);

    /// <summary>The client of a section; null for null.</summary>
    public static TlsClient? Of(TlsPeerConfiguration? configuration) => configuration is null ? null : new TlsClient(configuration);

    /// <summary>Takes other settings for the connections to come.</summary>
    public void Use(TlsPeerConfiguration configuration)
    {
        if (!ReferenceEquals(Volatile.Read(ref _settings).Configuration, configuration))
        {
            Volatile.Write(ref _settings, new Settings(configuration));
        }
    }

    /// <summary>Does the handshake. The stream owns the socket.</summary>
    /// <param name="socket">A connected socket.</param>
    /// <param name="endPoint">Where it is connected to: without a configured name, its certificate must have this address.</param>
    /// <param name="cancel">Bounds the handshake.</param>
    /// <exception cref="TlsException">No agreement, or the server's certificate is not good.</exception>
    /// <exception cref="SocketException">The connection ended.</exception>
    public async Task<SslStream> AuthenticateAsync(Socket socket, IPEndPoint endPoint, CancellationToken cancel)
    {
        Settings settings = Volatile.Read(ref _settings);
        string name = settings.Configuration.ServerName ?? endPoint.Address.ToString();
        var verification = new PeerVerification(settings.Configuration.Authorities, isServer: true, name);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = name,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateChainPolicy = verification.CreatePolicy(),
            RemoteCertificateValidationCallback = verification.Verify,
            ClientCertificateContext = settings.Identity,
            AllowRenegotiation = false,
        };
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            await stream.AuthenticateAsClientAsync(options, cancel);
            return stream;
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            await stream.DisposeAsync();
            throw Translate(e, verification.Problem);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>A stream's error as the socket's, when that was the cause, otherwise as TLS's.</summary>
    public static Exception Translate(Exception e, string? problem = null)
    {
        if (problem is not null)
        {
            return new TlsException(problem, e) { IsCertificate = true };
        }

        return e is IOException { InnerException: SocketException socketError } ? socketError
            : e is IOException && e.InnerException is null ? new SocketException((int)SocketError.ConnectionReset) // the end of the stream
            : new TlsException(TlsException.Cause(e), e);
    }

    private sealed class Settings(TlsPeerConfiguration configuration)
    {
        public TlsPeerConfiguration Configuration { get; } = configuration;

        public SslStreamCertificateContext? Identity { get; } = configuration.Identity is { } identity
            ? SslStreamCertificateContext.Create(identity.Certificate, identity.Intermediates, offline: true)
            : null;
    }
}
