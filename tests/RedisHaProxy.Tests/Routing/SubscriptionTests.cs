// The subscription to the Sentinels' events: with exactly the documented rights it stands, and what it lacks is named.

using System.Text;
using System.Text.RegularExpressions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;
using RedisHaProxy.Tests.Configuration;
using RedisHaProxy.Tests.Forwarding;
using RedisHaProxy.Tests.Hosting;

namespace RedisHaProxy.Tests.Routing;

public sealed partial class SubscriptionTests
{
    private const string User = "rp-documented";

    private static string Document => File.ReadAllText(Path.Combine(Repository.Root, "docs", "proxy-configuration.md"));

    [Fact]
    public void The_documents_name_the_rights_that_the_program_names()
    {
        Assert.Equal(NeededRights.Node, Rights("redis.user"));
        Assert.Equal(NeededRights.Sentinel, Rights("sentinel.user"));
        Assert.Contains(string.Join(' ', SentinelEvents.Channels.Select(c => $"`&{c}`")), Document.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task With_the_documented_rights_all_is_well_and_each_missing_one_is_named()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisDeployment deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 1, Sentinels = 1, Quorum = 1 });
        string[] rights = Rights("sentinel.user").Split(' ');
        string[] channels = [.. rights.Where(r => r != "&*"), .. SentinelEvents.Channels.Select(c => $"&{c}")];
        foreach (string[] enough in (string[][])[rights, channels])
        {
            await GrantAsync(deployment, enough);
            await using var router = new RunningRouter(Configuration(deployment));
            await Eventually.HoldsAsync(
                () => router.Router.Snapshot() is { Decision.Rule: RuleId.R1 } s && s.Sentinels[0] is { Health: ServerHealth.Up, Events: ServerHealth.Up },
                () => $"{router.Router.Snapshot().Sentinels[0]}\n{router.Log}");
            Assert.DoesNotContain(router.Log.Lines, l => l.Contains("Warning", StringComparison.Ordinal));
        }

        foreach (string missing in rights.Append("&+selected-slave"))
        {
            await GrantAsync(deployment, [.. (missing is ['&', '+', ..] ? channels : rights).Where(r => r != missing)]);
            string name = missing == "&*" ? "channels" : missing.TrimStart('+', '&');
            await using var router = new RunningRouter(Configuration(deployment));
            await Eventually.HoldsAsync(
                () => router.Router.Snapshot().Sentinels[0] is var s && (s.Health == ServerHealth.NotPermitted || s.Events == ServerHealth.NotPermitted)
                    && $"{s.Error} {s.EventsError}".Contains(name, StringComparison.Ordinal),
                () => $"{missing}: {router.Router.Snapshot().Sentinels[0]}\n{router.Log}");
            await router.Log.HasAsync("Warning", name, NeededRights.Sentinel);
        }

        await GrantAsync(deployment, [.. rights.Where(r => r != "&*")]);
        using var files = new TemporaryFolder();
        files.Write("sentinel.password", "password");
        string file = files.Write("proxy.json", $$"""
            { "listen": ["127.0.0.1:1"], "redis": { "nodes": { "redis1": "{{deployment.Nodes[0].EndPoint}}" } },
              "sentinel": { "master": "{{RedisDeployment.MasterName}}", "nodes": ["{{deployment.Sentinels[0].EndPoint}}"], "user": "{{User}}", "passwordFile": "sentinel.password" } }
            """);
        ProcessResult check = await Hosting.ProxyProcess.RunAsync("check", file, "--connect");
        Assert.Equal(1, check.ExitCode);
        Assert.Contains("its events are not heard: forbids a command (NOPERM", check.Output, StringComparison.Ordinal);
        Assert.Contains(NeededRights.Sentinel, check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_Sentinel_that_ends_every_subscription_is_told_from_one_that_does_not_answer()
    {
        await using var sentinel = new PlainServer(async socket =>
        {
            byte[] buffer = new byte[4096];
            for (int n; (n = await socket.ReceiveAsync(buffer)) > 0;)
            {
                if (buffer.AsSpan(0, n).IndexOf("SUBSCRIBE"u8) >= 0)
                {
                    socket.Close(0);
                    return;
                }

                bool asksNames = buffer.AsSpan(0, n).IndexOf("REPLICAS"u8) >= 0;
                await socket.SendAllAsync(Answer + (asksNames ? "*0\r\n*0\r\n" : ""));
            }
        });
        var configuration = new ProxyConfiguration
        {
            Listen = [],
            Redis = new RedisConfiguration { Nodes = [new RedisNode("redis1", new(System.Net.IPAddress.Loopback, 1))] },
            Sentinel = new SentinelConfiguration { Master = "mymaster", Nodes = [sentinel.EndPoint] },
        };
        await using var router = new RunningRouter(configuration);
        await Eventually.HoldsAsync(
            () => router.Router.Snapshot().Sentinels[0] is { Health: ServerHealth.Up, Events: ServerHealth.ClosesAtOnce },
            () => $"{router.Router.Snapshot().Sentinels[0]}\n{router.Log}");
        await router.Log.HasAsync("its events are not heard");
        Assert.Single(router.Log.Lines, l => l.Contains("its events are not heard", StringComparison.Ordinal));
    }

    private static readonly string Answer =
        Bulks("name", "mymaster", "ip", "127.0.0.1", "port", "1", "flags", "master", "config-epoch", "1", "last-ok-ping-reply", "10",
        "down-after-milliseconds", "5000", "quorum", "1") + "$16\r\nsentinel_tilt:0\n\r\n";

    private static string Bulks(params string[] words)
    {
        var text = new StringBuilder($"*{words.Length}\r\n");
        foreach (string word in words)
        {
            text.Append($"${word.Length}\r\n{word}\r\n");
        }

        return text.ToString();
    }

    private static ProxyConfiguration Configuration(RedisDeployment deployment)
    {
        ProxyConfiguration plain = RunningRouter.ConfigurationFor(deployment);
        return plain with { Sentinel = plain.Sentinel! with { Credentials = new RedisCredentials(User, "password") } };
    }

    private static Task<object?> GrantAsync(RedisDeployment deployment, string[] rights) =>
        deployment.Sentinels[0].CommandAsync(["ACL", "SETUSER", User, "reset", "on", ">password", .. rights]);

    // The first code in the row of a key that looks like rights; a table's cell escapes "|".
    private static string Rights(string key)
    {
        string row = Document.Split('\n').Single(l => l.StartsWith($"| `{key}` |", StringComparison.Ordinal));
        return Code().Match(row).Groups[1].Value.Replace("\\|", "|", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"needs `(\+[^`]*)`")]
    private static partial Regex Code();
}
