// What the probes see on real servers: credentials, rights, loading, and how many connections they hold.

using System.Globalization;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class ObservationRealTests
{
    private static readonly string[] Users =
    [
        "user rp-health on >health resetkeys resetchannels -@all +ping +role +info",
        "user no-role on >health resetkeys resetchannels -@all +ping +info",
        "user default on >client ~* &* +@all",
    ];

    [SkippableTheory]
    [InlineData("rp-health", "wrong", ServerHealth.WrongPassword, "Check redis.user and redis.passwordFile")]
    [InlineData(null, null, ServerHealth.PasswordRequired, "Set redis.passwordFile")]
    [InlineData("no-role", "health", ServerHealth.NotPermitted, "ACL SETUSER <redis.user> +ping +role +info")]
    public async Task Refused_credentials_and_missing_rights_are_states_with_advice_and_a_back_off(
        string? user, string? password, ServerHealth health, string advice)
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisProcess node = await RedisProcess.StartServerAsync(Users, password: null);
        await using var router = new RunningRouter(Single(node, password is null ? null : new RedisCredentials(user, password)));
        await Eventually.HoldsAsync(
            () => router.Router.Snapshot().Nodes[0].Health == health, () => $"{health}; {router.Router.Snapshot().Nodes[0].Health}\n{router.Log}");
        await router.Log.HasAsync(advice);
        Assert.Single(router.Log.Lines, l => l.Contains(advice, StringComparison.Ordinal));
        Assert.DoesNotContain(router.Log.Lines, l => password is not null && l.Contains($"{password} ", StringComparison.Ordinal));
        Assert.NotEqual(GateMode.Open, router.Forwarder.Last.Mode);
    }

    [SkippableFact]
    public async Task The_least_rights_suffice_and_one_connection_is_held()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisProcess node = await RedisProcess.StartServerAsync(Users);
        await using var router = new RunningRouter(Single(node, new RedisCredentials("rp-health", "health")));
        await router.OpensToAsync(node);
        Assert.Equal(RuleId.R2, router.Router.Snapshot().Decision.Rule);
        using RespConnection connection = await RespConnection.ConnectAsync(node.EndPoint, "client");
        for (int i = 0; i < 20; i++)
        {
            string clients = (string)(await connection.CommandAsync("CLIENT", "LIST"))!;
            Assert.Single(clients.Split('\n'), l => l.Contains("user=rp-health", StringComparison.Ordinal));
        }

        // One round of three commands each 50 ms, give or take what the machine does.
        TimeSpan from = router.Router.Snapshot().At;
        long rounds = await RoundsAsync(connection);
        await Eventually.HoldsAsync(() => router.Router.Snapshot().At - from > TimeSpan.FromSeconds(1), () => "a second passes");
        long more = await RoundsAsync(connection) - rounds;
        Assert.InRange(more, 2, (long)(1.5 * ((router.Router.Snapshot().At - from) / TimeSpan.FromMilliseconds(50))));

        // A promotion does this to all connections.
        await connection.CommandAsync("CLIENT", "KILL", "USER", "rp-health");
        int orders = router.Forwarder.Orders.Count;
        TimeSpan killedAt = router.Router.Snapshot().At;
        await Eventually.HoldsAsync(() => router.Router.Snapshot().Nodes[0].Answer!.Value.SentAt > killedAt, () => "it answers again");
        Assert.All(router.Forwarder.Orders.Skip(orders), order => Assert.Equal("redis1", order.Target?.Name)); // at most a stall of a busy machine
    }

    [SkippableFact]
    public async Task A_loading_server_is_no_master_until_it_has_loaded()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        // 100 us for each of 20,000 keys: two seconds of loading, in which ROLE answers as if nothing were wrong.
        await using RedisProcess node = await RedisProcess.StartServerAsync(["key-load-delay 100", "loading-process-events-interval-bytes 1024"]);
        await node.CommandAsync("DEBUG", "POPULATE", "20000");
        await node.CommandAsync("SAVE");
        await using var router = new RunningRouter(Single(node, null));
        await router.OpensToAsync(node);
        await node.RestartWithoutWaitingAsync();
        await Eventually.HoldsAsync(() => router.Router.Snapshot().Nodes[0].Health == ServerHealth.Loading, () => $"loading is seen\n{router.Log}");
        Assert.Null(router.Forwarder.Last.Target);
        Assert.Equal(NodeState.Unknown, router.Router.Snapshot().Nodes[0].State);
        await Eventually.HoldsAsync(() => router.Forwarder.Last.Mode == GateMode.Open, () => $"it has loaded\n{router.Log}");
        await router.Log.HasAsync("redis1 is Loading");
    }

    [SkippableFact]
    public async Task Sentinels_with_credentials_are_watched_with_the_least_rights()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisDeployment deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { AsProduct = true });
        ProxyConfiguration plain = RunningRouter.ConfigurationFor(deployment);
        ProxyConfiguration configuration = plain with
        {
            Redis = plain.Redis with { Credentials = new RedisCredentials("rp-health", deployment.Accounts.Health) },
            Sentinel = plain.Sentinel! with { Credentials = new RedisCredentials("rp-sentinel", deployment.Accounts.SentinelWatch) },
        };
        await using (var router = new RunningRouter(configuration))
        {
            await router.OpensToAsync(deployment.Nodes[0]);
            await Eventually.HoldsAsync(
                () => router.Router.Snapshot() is { Decision.Rule: RuleId.R1 } snapshot
                    && snapshot.Sentinels.All(s => s.Vote is { Node: 0, Fresh: true, Leased: true }),
                () => $"all Sentinels vote\n{router.Log}");
            Assert.DoesNotContain(router.Log.Lines, l => l.Contains("Warning", StringComparison.Ordinal));

            // The subscription is there: an event reaches the router without a poll of its own making.
            using RespConnection sentinel = await deployment.Sentinels[0].ConnectAsync();
            await Eventually.HoldsAsync(
                async () => ((string)(await sentinel.CommandAsync("CLIENT", "LIST"))!).Split('\n')
                    .Count(l => l.Contains("user=rp-sentinel", StringComparison.Ordinal)) == 2
                    && ((string)(await sentinel.CommandAsync("CLIENT", "LIST"))!).Contains($"sub={SentinelEvents.Channels.Length} ", StringComparison.Ordinal),
                () => "one connection asks, one is subscribed");
        }

        ProxyConfiguration wrong =
            configuration with { Sentinel = configuration.Sentinel! with { Credentials = new RedisCredentials("rp-sentinel", "wrong"), Master = "mymaster" } };
        await using (var router = new RunningRouter(wrong))
        {
            // Without the Sentinels the followers are the evidence.
            await router.OpensToAsync(deployment.Nodes[0]);
            await Eventually.HoldsAsync(
                () => router.Router.Snapshot() is { Decision.Rule: RuleId.R2 } s && s.Sentinels.All(each => each.Health == ServerHealth.WrongPassword),
                () => router.Log.ToString());
        }

        ProxyConfiguration unknown = configuration with { Sentinel = configuration.Sentinel! with { Master = "another" } };
        await using (var router = new RunningRouter(unknown))
        {
            await Eventually.HoldsAsync(() => router.Router.Snapshot().Sentinels.All(s => s.Health == ServerHealth.UnknownMaster), () => router.Log.ToString());
            await router.Log.HasAsync("Check sentinel.master against the names in SENTINEL MASTERS");
        }
    }

    private static async Task<long> RoundsAsync(RespConnection connection)
    {
        string stats = (string)(await connection.CommandAsync("INFO", "commandstats"))!;
        string role = stats.Split("\r\n").Single(l => l.StartsWith("cmdstat_role:", StringComparison.Ordinal));
        return long.Parse(role["cmdstat_role:calls=".Length..role.IndexOf(',', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
    }

    private static ProxyConfiguration Single(RedisProcess node, RedisCredentials? credentials) => new()
    {
        Listen = [],
        Redis = new RedisConfiguration { Nodes = [new RedisNode("redis1", node.EndPoint)], Credentials = credentials },
    };
}
