// The whole proxy as a process, with TLS everywhere: real Redis and Sentinels that ask for its certificate, common clients, HTTPS.

using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography.X509Certificates;
using RedisHaProxy.Tests.Configuration;
using RedisHaProxy.Tests.Forwarding;
using RedisHaProxy.Tests.Hosting;
using StackExchange.Redis;

namespace RedisHaProxy.Tests.Tls;

public sealed class WholeProxyTests
{
    [SkippableFact]
    public async Task Clients_nodes_Sentinels_and_the_operator_speak_TLS()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        using var files = new TemporaryFolder();
        var authority = new TestAuthority();
        string ca = files.Write("ca.crt", authority.Pem);
        Write(files.Write, "node", authority.Issue("node", forClient: null)); // Sentinels are the nodes' clients, too
        string[] settings =
        [
            $"tls-ca-cert-file {ca}", $"tls-cert-file {files.Path}/node.crt", $"tls-key-file {files.Path}/node.key", "tls-auth-clients yes",
                "tls-replication yes",
        ];
        var node = new IPEndPoint(IPAddress.Loopback, RedisProcess.FreePort());
        await using var redis = await RedisProcess.StartServerAsync(settings: [.. settings.Take(3), "tls-auth-clients yes", Line($"tls-port {node.Port}")]);
        var sentinels = new List<(RedisProcess Process, IPEndPoint Tls)>();
        try
        {
            for (int i = 0; i < 3; i++)
            {
                var tls = new IPEndPoint(IPAddress.Loopback, RedisProcess.FreePort());
                sentinels.Add((await RedisProcess.StartSentinelAsync(
                    [.. settings, Line($"tls-port {tls.Port}"),
                        Line($"sentinel monitor mymaster 127.0.0.1 {node.Port} 2"), "sentinel down-after-milliseconds mymaster 5000"]), tls));
            }

            using var https = new SocketsHttpHandler();
            https.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => authority.HasSigned((X509Certificate2)certificate!);
            await using var proxy = await RunningProxy.StartAsync(
                proxy =>
                {
                    File.Copy(ca, Path.Combine(Path.GetDirectoryName(proxy.ConfigurationFile)!, "ca.crt"));
                    Write(proxy.Write, "own", authority.Issue("own", forClient: true));
                    Write(proxy.Write, "proxy", authority.Issue("proxy", untilDays: 10));
                    proxy.Write("admin.password", RunningProxy.Password);
                    proxy.Write("proxy.json", $$"""
                        { "tls": { "listen": ["{{proxy.EndPoint}}"], "certificateFile": "proxy.crt", "keyFile": "proxy.key" },
                          "redis": { "nodes": { "redis1": "{{node}}" }, "tls": { "caFile": "ca.crt", "certificateFile": "own.crt", "keyFile": "own.key" } },
                          "sentinel": { "master": "mymaster", "nodes": [{{string.Join(", ", sentinels.Select(s => $"\"{s.Tls}\""))}}], "tls": { "caFile": "ca.crt", "certificateFile": "own.crt", "keyFile": "own.key" } },
                          "admin": { "listen": "{{proxy.Admin}}", "passwordFile": "admin.password", "socket": "control.sock", "tls": { "certificateFile": "proxy.crt", "keyFile": "proxy.key" } },
                          "timeouts": { "drainDelay": "0s", "drain": "0s" } }
                        """);
                },
                https: https);
            await Eventually.HoldsAsync(async () => await proxy.StatusAsync("readyz") == HttpStatusCode.OK, () => $"the proxy routes; its log:\n{proxy.Log}");
            await Eventually.HoldsAsync(
                async () => (await proxy.GetAsync("explain")).Contains("\"rule\": \"R1\"", StringComparison.Ordinal), () =>
                    "the Sentinels have said who is master");

            // A client library, large values both ways.
            var options = ConfigurationOptions.Parse($"{proxy.EndPoint},ssl=true,sslHost=127.0.0.1");
            options.CertificateValidation += (_, certificate, _, _) => authority.HasSigned((X509Certificate2)certificate!);
            await using (ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(options))
            {
                IDatabase database = connection.GetDatabase();
                byte[] large = new byte[20_000_000];
                new Random(5).NextBytes(large);
                await database.StringSetAsync("large", large);
                byte[] copy = (byte[])(await database.StringGetAsync("large"))!;
                Assert.True(large.AsSpan().SequenceEqual(copy));

                // Redis' own client, which compares the address with the certificate.
                Assert.Equal("20000000\n", await RedisCliAsync(proxy.EndPoint, ca));

                // The certificate ends soon: the operator is told, changes it, and the session goes on.
                string old = await proxy.GetAsync("metrics");
                Assert.Contains("redis_ha_proxy_certificate_not_after_timestamp_seconds{use=\"admin\"} ", old, StringComparison.Ordinal);
                Assert.InRange(NotAfter(old), TestAuthority.Time(9.9).ToUnixTimeSeconds(), TestAuthority.Time(10.1).ToUnixTimeSeconds());
                Assert.Contains("The certificate for clients (CN=proxy) expires in 9 days, at ", Squeezed((await proxy.VerbAsync("status")).Output),
                    StringComparison.Ordinal);

                // A key that does not fit changes nothing.
                proxy.Write("proxy.key", TestAuthority.KeyPem(authority.Issue("another")));
                ProcessResult refused = await proxy.VerbAsync("reload");
                Assert.NotEqual(0, refused.ExitCode);
                Assert.Contains("tls.keyFile: ", refused.Output + refused.Error, StringComparison.Ordinal);

                Write(proxy.Write, "proxy", authority.Issue("proxy of today"));
                proxy.Signal(PosixSignal.SIGHUP);
                await Eventually.HoldsAsync(
                    async () => NotAfter(await proxy.GetAsync("metrics")) > TestAuthority.Time(99).ToUnixTimeSeconds(), () =>
                        $"the new certificate is in force; log:\n{proxy.Log}");
                Assert.DoesNotContain("expires in", Squeezed((await proxy.VerbAsync("status")).Output), StringComparison.Ordinal);
                Assert.Equal(20_000_000, await database.StringLengthAsync("large"));
                Assert.Equal("20000000\n", await RedisCliAsync(proxy.EndPoint, ca));
            }

            ProcessResult check = await Hosting.ProxyProcess.RunAsync("check", proxy.ConfigurationFile, "--connect");
            Assert.True(check.ExitCode == 0, check.Output + check.Error);
            Assert.Contains("certificate for 127.0.0.1 until ", check.Output, StringComparison.Ordinal);
            Assert.Contains($"https://{proxy.Admin} ", check.Output, StringComparison.Ordinal);
        }
        finally
        {
            foreach (var (process, _) in sentinels)
            {
                await process.DisposeAsync();
            }
        }
    }

    private static void Write(Func<string, string, string> write, string name, X509Certificate2 certificate)
    {
        write($"{name}.crt", certificate.ExportCertificatePem());
        write($"{name}.key", TestAuthority.KeyPem(certificate));
    }

    private static void Write(Func<string, string, UnixFileMode, string> write, string name, X509Certificate2 certificate) =>
        Write((file, content) => write(file, content, UnixFileMode.UserRead | UnixFileMode.UserWrite), name, certificate);

    private static long NotAfter(string metrics) =>
        long.Parse(metrics.Split("certificate_not_after_timestamp_seconds{use=\"clients\"} ")[1].Split('\n')[0], CultureInfo.InvariantCulture);

    // The table of status breaks its lines.
    private static string Squeezed(string text) => string.Join(' ', text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries));

    private static async Task<string> RedisCliAsync(IPEndPoint endPoint, string ca)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(
            "redis-cli", Line($"-h 127.0.0.1 -p {endPoint.Port} --tls --cacert {ca} strlen large"))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Bound.Wait);
        await process.WaitForExitAsync().WaitAsync(Bound.Wait);
        return output + await process.StandardError.ReadToEndAsync();
    }

    private static string Line(FormattableString line) => line.ToString(CultureInfo.InvariantCulture);
}
