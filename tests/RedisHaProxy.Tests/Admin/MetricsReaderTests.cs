// The scraper's account on a running proxy: it opens the metrics and nothing else, and comes, changes and goes by a reload.

using System.Net;
using System.Net.Http.Headers;
using System.Text;
using RedisHaProxy.Tests.Hosting;

namespace RedisHaProxy.Tests.Admin;

public sealed class MetricsReaderTests
{
    // Everything that AdminEndpoints answers to people, HAProxy's names among them, and what nobody has.
    private static readonly string[] Others =
    [
        "/", "/stats", "/stats;csv", "/stats.json", "/stats/events", "/timeline", "/timeline.txt", "/explain", "/explain.txt", "/haproxy?stats", "/haproxy;csv",
        "/metrics/", "/metrics;csv", "//metrics", "/METRICS", "/stats/../stats", "/nothing", "/control/drain", "/control/status",
    ];

    [Fact]
    public async Task It_reads_the_metrics_and_is_refused_everywhere_else()
    {
        await using var proxy = await RunningProxy.StartAsync(proxy => Configure(proxy, """, "metricsPasswordFile": "metrics.password" """));

        Assert.Equal(HttpStatusCode.OK, await AskAsync(proxy, "/metrics", "metrics", "numbers"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(proxy, "/metrics", "metrics", "numbers-before"));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(proxy, "/metrics", "admin", "numbers"));
        Assert.Equal(HttpStatusCode.Unauthorized, await proxy.StatusAsync("/metrics"));
        foreach (string path in Others)
        {
            Assert.Equal((path, HttpStatusCode.Forbidden), (path, await AskAsync(proxy, path, "metrics", "numbers")));
        }

        foreach (string path in new[] { "/metrics", "/stats.json" })
        {
            Assert.Equal(HttpStatusCode.OK, await AskAsync(proxy, path, "admin", RunningProxy.Password));
        }

        Assert.DoesNotContain("numbers", proxy.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_comes_changes_and_goes_by_a_reload()
    {
        await using var proxy = await RunningProxy.StartAsync(proxy => Configure(proxy, string.Empty));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(proxy, "/metrics", "metrics", "numbers"));

        await ReloadAsync(proxy, """, "metricsPasswordFile": "metrics.password", "metricsUser": "scraper" """);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(proxy, "/metrics", "scraper", "numbers"));

        proxy.Write("metrics.password", "other\n");
        await ReloadAsync(proxy, """, "metricsPasswordFile": "metrics.password", "metricsUser": "scraper" """);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(proxy, "/metrics", "scraper", "numbers"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(proxy, "/metrics", "scraper", "other"));

        await ReloadAsync(proxy, string.Empty);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(proxy, "/metrics", "scraper", "other"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(proxy, "/metrics", "admin", RunningProxy.Password));
    }

    private static async Task ReloadAsync(RunningProxy proxy, string further)
    {
        Write(proxy, further);
        var result = await proxy.VerbAsync("reload");
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
    }

    private static async Task<HttpStatusCode> AskAsync(RunningProxy proxy, string path, string user, string password)
    {
        // As written: no client tidies the path up.
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{proxy.Admin}{path}",
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
        using var response = await proxy.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return response.StatusCode;
    }

    private static void Configure(RunningProxy proxy, string further)
    {
        proxy.Write("admin.password", RunningProxy.Password);
        proxy.Write("metrics.password", "numbers\nnumbers-before\n");
        Write(proxy, further);
    }

    private static void Write(RunningProxy proxy, string further) => proxy.Write("proxy.json", $$"""
        { "listen": ["{{proxy.EndPoint}}"], "redis": { "nodes": { "redis1": "127.0.0.1:1" } },
          "admin": { "listen": "{{proxy.Admin}}", "passwordFile": "admin.password", "socket": "control.sock"{{further}} } }
        """);
}
