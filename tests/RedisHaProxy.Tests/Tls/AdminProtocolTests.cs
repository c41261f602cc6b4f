// Callers of the admin server that speak the other protocol than its port: they are told, and so is the log, once.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using RedisHaProxy.Tests.Forwarding;
using RedisHaProxy.Tests.Hosting;

namespace RedisHaProxy.Tests.Tls;

public sealed class AdminProtocolTests
{
    [Fact]
    public async Task HTTP_at_the_HTTPS_port_is_answered_for_health_checks_alone_and_logged_once()
    {
        var authority = new TestAuthority();
        using var https = new SocketsHttpHandler();
        https.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => authority.HasSigned((X509Certificate2)certificate!);
        await using var proxy = await RunningProxy.StartAsync(
            proxy =>
            {
                X509Certificate2 certificate = authority.Issue("proxy");
                proxy.Write("proxy.crt", certificate.ExportCertificatePem());
                proxy.Write("proxy.key", TestAuthority.KeyPem(certificate));
                Configure(proxy, """, "tls": { "certificateFile": "proxy.crt", "keyFile": "proxy.key" }""");
            },
            https: https);
        string password = Convert.ToBase64String(Encoding.ASCII.GetBytes($"admin:{RunningProxy.Password.Trim()}"));
        // The second request of one connection is not judged by the first.
        Assert.Equal(["200"], Statuses(await AnswerAsync(proxy, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")));
        Assert.Single(Statuses(await AnswerAsync(proxy, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")), status => status is "200" or "503");
        Assert.DoesNotContain("Administration: ", proxy.Log, StringComparison.Ordinal);
        foreach (string path in new[] { "/stats", "/metrics", "/stats.json", "/nothing", "/" })
        {
            string answer = await AnswerAsync(proxy, $"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {password}\r\n\r\n");
            Assert.Equal(["400"], Statuses(answer));
            Assert.Contains("this port speaks HTTPS", answer, StringComparison.Ordinal);
        }

        await Eventually.HoldsAsync(() => proxy.Log.Contains("HTTP without TLS for more than a health check", StringComparison.Ordinal), () => proxy.Log);
        Assert.Single(proxy.Log.Split('\n'), l => l.Contains("Administration: ", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
    }

    [Fact]
    public async Task TLS_at_the_HTTP_port_is_logged_and_a_connection_without_a_byte_is_not()
    {
        await using var proxy = await RunningProxy.StartAsync(proxy => Configure(proxy, ""));
        (await ConnectAsync(proxy)).Dispose();
        using Socket client = await ConnectAsync(proxy);
        await using var tls = new SslStream(new NetworkStream(client));
        Exception? failure = await Record.ExceptionAsync(() => tls.AuthenticateAsClientAsync("127.0.0.1").WaitAsync(Bound.Wait));
        Assert.True(failure is AuthenticationException or IOException, $"{failure}");
        await Eventually.HoldsAsync(() => proxy.Log.Contains("speaks TLS, and admin.tls is not set", StringComparison.Ordinal), () => proxy.Log);
        Assert.Single(proxy.Log.Split('\n'), l => l.Contains("Administration: ", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
    }

    private static async Task<string> AnswerAsync(RunningProxy proxy, string request)
    {
        using Socket client = await ConnectAsync(proxy);
        await client.SendAllAsync(request);
        using var stream = new NetworkStream(client);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadToEndAsync().WaitAsync(Bound.Wait);
    }

    private static IEnumerable<string> Statuses(string answer) =>
        answer.Split('\n').Where(line => line.StartsWith("HTTP/1.1 ", StringComparison.Ordinal)).Select(line => line.Split(' ')[1]);

    private static async Task<Socket> ConnectAsync(RunningProxy proxy)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(proxy.Admin).WaitAsync(Bound.Wait);
        return socket;
    }

    private static void Configure(RunningProxy proxy, string tls)
    {
        proxy.Write("admin.password", RunningProxy.Password);
        proxy.Write("proxy.json", $$"""
            { "listen": ["{{proxy.EndPoint}}"], "redis": { "nodes": { "redis1": "127.0.0.1:1" } },
              "admin": { "listen": "{{proxy.Admin}}", "passwordFile": "admin.password"{{tls}} } }
            """);
    }
}
