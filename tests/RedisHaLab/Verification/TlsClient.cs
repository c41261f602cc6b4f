// A client over TLS: it trusts one authority, checks the name or address that it connects to, and has a certificate where it needs one.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using RedisHaInfra.Settings;
using RedisHaLab.Cluster;
using RedisHaLab.Network;
using RedisHaLab.Provider;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>Connects over TLS.</summary>
internal sealed class TlsClient(ClusterView cluster, StackSettings settings)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private TlsSettings Tls => settings.Tls ?? throw new CheckFailedException("the stack has no TLS");

    /// <summary>It is served with the certificate that the stack has, and that certificate is valid for it.</summary>
    public async Task<string> ServedAsync()
    {
        using var session = await OpenAsync(hasCertificate: Tls.ClientAuthorities is not null);
        var answer = await AskAsync(session, "PING");
        CheckList.Require(answer == "+PONG", $"PING over TLS was answered: {answer}");
        using var shown = new X509Certificate2(session.RemoteCertificate!);
        if (Tls.Certificate is { } given)
        {
            using var wanted = X509Certificate2.CreateFromPem(given);
            CheckList.Require(shown.Thumbprint == wanted.Thumbprint, $"the proxy shows the certificate {shown.Thumbprint}, {wanted.Thumbprint} was given");
        }

        return $"{Host}, {session.SslProtocol}, {(Tls.Certificate is null ? "a certificate of the stack's own authority" : "the given certificate")} until "
            + $"{shown.NotAfter:yyyy-MM-dd}";
    }

    /// <summary>Without a certificate of its own it is not served.</summary>
    public async Task<string> RefusedAsync()
    {
        try
        {
            using var session = await OpenAsync(hasCertificate: false);
            throw new CheckFailedException($"a client without a certificate was served: {await AskAsync(session, "PING")}");
        }
        catch (Exception e) when (ClusterView.IsRefusal(e) || e is AuthenticationException)
        {
            return $"refused: {e.Message}";
        }
    }

    /// <summary>A session that has logged in.</summary>
    /// <param name="hasCertificate">Whether the client shows a certificate.</param>
    /// <exception cref="IOException">It is refused.</exception>
    /// <exception cref="AuthenticationException">The certificates do not fit.</exception>
    public async Task<SslStream> OpenAsync(bool hasCertificate)
    {
        var namespaceOfClients = NetworkNamespace.Named(cluster.Lab.Paths.Namespace(VcnNetwork.ClientRole));
        var socket = await namespaceOfClients.ConnectAsync(IPEndPoint.Parse(cluster.Stack.TlsEndpoint), Patience);
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            using var limit = new CancellationTokenSource(Patience);
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPem(cluster.Stack.CertificateAuthority.Length > 0 ? cluster.Stack.CertificateAuthority
                : await File.ReadAllTextAsync(GivenCertificates.Authority(cluster.Lab.Paths), limit.Token));
            var own = GivenCertificates.Client(cluster.Lab.Paths);
            await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = Host,
                CertificateChainPolicy = policy,
                ClientCertificates = hasCertificate ? [X509Certificate2.CreateFromPemFile(own, own)] : null,
            }, limit.Token);
            var entered = await AskAsync(stream, "AUTH", cluster.Password);
            return entered == "+OK" ? stream : throw new IOException($"AUTH over TLS was answered: {entered}");
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>A command whose answer is one line.</summary>
    /// <exception cref="IOException">The session is gone.</exception>
    public static async Task<string> AskAsync(SslStream session, params string[] words)
    {
        using var limit = new CancellationTokenSource(Patience);
        await session.WriteAsync(RespConnection.Encode(words), limit.Token);
        var line = new StringBuilder();
        var next = new byte[1];
        while (await session.ReadAsync(next, limit.Token) == 1)
        {
            if (next[0] == '\n')
            {
                return line.ToString().TrimEnd('\r');
            }

            line.Append((char)next[0]);
        }

        throw new IOException("the session was closed");
    }

    private string Host => settings.Network.EndpointName ?? cluster.Endpoint.Address.ToString();
}
