// What a page of a proxy answers to somebody within one of the lab's networks.

using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using RedisHaLab.Cluster;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>An answer.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Type">The media type.</param>
/// <param name="Body">The body.</param>
internal sealed record PageAnswer(HttpStatusCode Status, string? Type, string Body)
{
    /// <summary>Asks for a page.</summary>
    /// <param name="network">The namespace of who asks.</param>
    /// <param name="page">The page.</param>
    /// <param name="credentials">USER:PASSWORD; null for none.</param>
    /// <param name="authority">Whom to believe over TLS, in PEM.</param>
    /// <exception cref="CheckFailedException">Nobody answers, or without a certificate of that authority for the address.</exception>
    public static async Task<PageAnswer> GetAsync(string network, Uri page, string? credentials, string authority)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(authority);
        using var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy },
            ConnectCallback = async (context, _) => new NetworkStream(
                await NetworkNamespace.Named(network).ConnectAsync(
                    new IPEndPoint(IPAddress.Parse(context.DnsEndPoint.Host), context.DnsEndPoint.Port), TimeSpan.FromSeconds(2)),
                ownsSocket: true),
        };
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(5) };
        using var request = new HttpRequestMessage(HttpMethod.Get, page);
        if (credentials is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));
        }

        try
        {
            using var response = await client.SendAsync(request);
            return new PageAnswer(response.StatusCode, response.Content.Headers.ContentType?.MediaType, await response.Content.ReadAsStringAsync());
        }
        catch (HttpRequestException e)
        {
            throw new CheckFailedException($"{page}: {e.InnerException?.Message ?? e.Message}");
        }
    }
}
