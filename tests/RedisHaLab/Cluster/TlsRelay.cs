// Sessions with a Redis node that speaks TLS, for clients of this program that do not: one connection on this machine's loopback address,
// passed on over TLS from within one of the lab's networks.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using RedisHaProcesses;

namespace RedisHaLab.Cluster;

/// <summary>A relay for one connection.</summary>
internal static class TlsRelay
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Opens it; it ends with the connection, or when nobody has come in time.</summary>
    /// <param name="network">The namespace to connect from.</param>
    /// <param name="target">The node.</param>
    /// <param name="authority">Whom to believe, in PEM.</param>
    /// <exception cref="IOException">The node does not answer, or its certificate is not of that authority or not for its address.</exception>
    public static async Task<IPEndPoint> OpenAsync(NetworkNamespace network, IPEndPoint target, string authority)
    {
        Socket socket;
        try
        {
            socket = await network.ConnectAsync(target, Patience);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            throw new IOException($"connect to {target}: {e.Message}", e);
        }

        var far = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            using var limit = new CancellationTokenSource(Patience);
            await far.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = target.Address.ToString(),
                    CertificateChainPolicy = new X509ChainPolicy
                    {
                        TrustMode = X509ChainTrustMode.CustomRootTrust,
                        CustomTrustStore = { X509Certificate2.CreateFromPem(authority) },
                        RevocationMode = X509RevocationMode.NoCheck,
                    },
                },
                limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or AuthenticationException)
        {
            await far.DisposeAsync();
            throw new IOException($"TLS with {target}: {e.Message}", e);
        }

        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _ = RunAsync(listener, far);
        return (IPEndPoint)listener.LocalEndpoint;
    }

    private static async Task RunAsync(TcpListener listener, SslStream far)
    {
        try
        {
            await using (far)
            {
                using var limit = new CancellationTokenSource(Patience);
                using var client = await listener.AcceptTcpClientAsync(limit.Token);
                listener.Stop();
                await using var near = client.GetStream();
                await Task.WhenAny(near.CopyToAsync(far), far.CopyToAsync(near));
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Either end is gone, and so is the connection.
        }
        finally
        {
            listener.Dispose();
        }
    }
}
